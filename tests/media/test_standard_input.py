"""Standard input and other pipes: read as they arrive, in a thread, whatever they carry."""

from __future__ import annotations

import asyncio
import io
import os
import struct
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
import soundfile

from livecli.errors import FileError, UsageError
from livecli.media.file_source import SAMPLE, open_source
from livecli.media.wav import wav_header

PATIENCE_SECONDS = 20.0
READ = """
import asyncio, sys
from livecli.media.file_source import open_source
from livecli.errors import FileError

async def main():
    with open_source("-") as source:
        size = sum([len(block) async for block in source])
        print(size, source.seconds, source.description)

try:
    asyncio.run(main())
except FileError as error:
    print(error)
"""


def encoded(samples: np.ndarray, rate: int, container: str, subtype: str) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, samples, rate, format=container, subtype=subtype)
    return file.getvalue()


def hum(seconds: float, rate: int) -> np.ndarray:
    """With noise, so that Ogg does not hold all of it in one page."""
    noise = np.random.default_rng(3).uniform(-0.3, 0.3, round(rate * seconds))
    return noise + 0.5 * np.sin(2 * np.pi * 200 * np.arange(len(noise)) / rate)


def write_and_close(descriptor: int, data: bytes) -> None:
    with os.fdopen(descriptor, "wb") as pipe:
        pipe.write(data)


@pytest.mark.parametrize(
    ("container", "subtype", "rate"),
    [
        ("WAV", "PCM_16", 16000),
        ("WAV", "FLOAT", 16000),
        ("WAV", "PCM_16", 48000),
        ("WAVEX", "PCM_24", 44100),
        ("AIFF", "PCM_16", 16000),
        ("AU", "PCM_16", 22050),
        ("OGG", "VORBIS", 44100),
        ("OGG", "OPUS", 48000),
    ],
)
async def test_the_first_block_is_there_long_before_the_pipe_closes(
    stdin_pipe, pcm_of, container: str, subtype: str, rate: int
) -> None:
    data = encoded(hum(5, rate), rate, container, subtype)
    half = min(len(data) // 2, 32_000)  # what a pipe holds
    with open_source("-") as source:
        assert (source.name, source.seconds) == ("-", None)
        stdin_pipe(data[:half])
        blocks = aiter(source)
        first = await asyncio.wait_for(anext(blocks), PATIENCE_SECONDS)
        assert 0 < len(first) <= half
        writer = threading.Thread(target=lambda: (stdin_pipe(data[half:]), stdin_pipe(None)))
        writer.start()
        rest = await pcm_of(blocks)
        writer.join(PATIENCE_SECONDS)
    assert (len(first) + len(rest)) / 32000 == pytest.approx(5, abs=0.03)
    assert (source.description is None) == ((rate, subtype) == (16000, "PCM_16"))


@pytest.mark.parametrize(("container", "subtype"), [("FLAC", "PCM_16"), ("CAF", "PCM_16"), ("RF64", "PCM_16")])
async def test_what_has_to_be_sought_in_is_spooled(stdin_pipe, pcm_of, container: str, subtype: str) -> None:
    samples = np.random.default_rng(1).integers(-9000, 9000, 9001, dtype=np.int16)
    stdin_pipe(encoded(samples, 16000, container, subtype))
    stdin_pipe(None)
    with open_source("-") as source:
        assert await pcm_of(source) == samples.tobytes()


async def test_an_mp3_is_spooled(stdin_pipe, pcm_of) -> None:
    stdin_pipe(encoded(hum(2, 16000), 16000, "MP3", "MPEG_LAYER_III"))
    stdin_pipe(None)
    with open_source("-") as source:
        assert len(await pcm_of(source)) / 32000 == pytest.approx(2, abs=0.1)


@pytest.mark.parametrize("channels", [1, 2])
async def test_a_header_that_leaves_its_sizes_open(stdin_pipe, pcm_of, channels: int) -> None:
    samples = np.random.default_rng(2).integers(-9000, 9000, 5000, dtype=np.int16)
    fmt = struct.pack("<HHIIHH", 1, channels, 16000, 32000 * channels, 2 * channels, 16)
    stdin_pipe(b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0" + fmt + b"data\0\0\0\0" + np.repeat(samples, channels).tobytes())
    stdin_pipe(None)
    with open_source("-") as source:
        assert await pcm_of(source) == samples.tobytes()


async def test_bare_pcm_passes_as_it_comes_whatever_the_writes_are(stdin_pipe, pcm_of) -> None:
    with open_source("-", raw_rate=16000) as source:
        blocks = aiter(source)
        stdin_pipe(b"abc")
        assert await asyncio.wait_for(anext(blocks), PATIENCE_SECONDS) == b"ab"
        stdin_pipe(b"d")
        assert await asyncio.wait_for(anext(blocks), PATIENCE_SECONDS) == b"cd"
        stdin_pipe(b"efg")
        stdin_pipe(None)
        assert await pcm_of(blocks) == b"ef"
    assert source.description is None


async def test_chunks_after_the_samples_are_not_sent(stdin_pipe, pcm_of) -> None:
    stdin_pipe(wav_header(16000, 4) + b"abcdLIST\x04\0\0\0INFO")
    stdin_pipe(None)
    with open_source("-") as source:
        assert await pcm_of(source) == b"abcd"


async def test_a_pipe_that_says_nothing_blocks_neither_opening_nor_the_loop(stdin_pipe) -> None:
    source = open_source("-")
    waiting = asyncio.ensure_future(anext(aiter(source)))
    for _ in range(100):
        await asyncio.sleep(0)
    assert not waiting.done()
    source.close()  # while a thread is reading
    stdin_pipe(wav_header(16000, 4) + b"abcd")
    assert await asyncio.wait_for(waiting, PATIENCE_SECONDS) == b"abcd"
    with pytest.raises(StopAsyncIteration):
        await asyncio.wait_for(anext(aiter(source)), PATIENCE_SECONDS)


async def test_leaving_in_the_middle_of_a_conversion(stdin_pipe) -> None:
    with open_source("-") as source:
        stdin_pipe(encoded(hum(0.2, 48000), 48000, "WAV", "PCM_16"))
        assert await asyncio.wait_for(anext(aiter(source)), PATIENCE_SECONDS)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "standard input is empty"),
        (b"hello\n" * 1000, "standard input is text and not audio"),
        (wav_header(16000, 0), "no samples"),
        (b"fLaC" + bytes(1000), "standard input is not audio"),
    ],
)
async def test_what_cannot_be_sent_is_an_error(stdin_pipe, pcm_of, data: bytes, message: str) -> None:
    stdin_pipe(data)
    stdin_pipe(None)
    with pytest.raises(FileError, match=message), open_source("-") as source:
        await pcm_of(source)


async def test_a_pipe_may_have_been_set_not_to_block(stdin_pipe, pcm_of) -> None:
    if not hasattr(os, "set_blocking"):
        pytest.skip("os.set_blocking is not there")
    os.set_blocking(sys.stdin.fileno(), False)
    with open_source("-", raw_rate=16000) as source:
        waiting = asyncio.ensure_future(anext(aiter(source)))
        for _ in range(100):
            await asyncio.sleep(0)
        stdin_pipe(b"ab")
        assert await asyncio.wait_for(waiting, PATIENCE_SECONDS) == b"ab"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="os.mkfifo is not there")
async def test_a_named_pipe_is_waited_for_only_when_it_is_read(tmp_path: Path, pcm_of) -> None:
    path = tmp_path / "fifo"
    os.mkfifo(path)
    with open_source(str(path)) as source:
        writer = threading.Thread(target=path.write_bytes, args=(Path(SAMPLE).read_bytes(),))
        writer.start()
        assert len(await pcm_of(source)) == 71_200
        writer.join(PATIENCE_SECONDS)


def test_a_file_as_standard_input_has_a_length(tmp_path: Path, python) -> None:
    with Path(SAMPLE).open("rb") as stdin:
        assert python(READ, stdin=stdin).stdout == b"71200 2.225 None\n"
    soundfile.write(tmp_path / "in.flac", hum(1, 48000), 48000)
    with (tmp_path / "in.flac").open("rb") as stdin:
        assert python(READ, stdin=stdin).stdout.decode().startswith("32000 1.0 48 kHz mono FLAC")


@pytest.mark.skipif(sys.platform == "win32", reason="needs a POSIX shell")
def test_closed_standard_input(python) -> None:
    close = "import os; os.close(0)\nimport sys; sys.stdin = None\n"
    assert python(close + READ, stdin=-3).stdout == b"standard input is closed\n"


def test_a_terminal_is_no_input(monkeypatch: pytest.MonkeyPatch) -> None:
    pty = pytest.importorskip("pty")
    leader, follower = pty.openpty()
    with os.fdopen(leader, "wb"), os.fdopen(follower) as terminal:
        monkeypatch.setattr(sys, "stdin", terminal)
        with pytest.raises(UsageError, match="terminal"):
            open_source("-")


async def test_what_sox_and_ffmpeg_write_into_pipes(stdin_pipe, pcm_of, tool) -> None:
    made = [tool("sox", SAMPLE, "-t", kind, "-").stdout for kind in ("wav", "aiff", "au")]
    made += [tool("ffmpeg", "-i", SAMPLE, "-f", kind, "-").stdout for kind in ("wav", "aiff", "au")]
    for data in made:
        incoming, outgoing = os.pipe()
        os.dup2(incoming, sys.stdin.fileno())
        os.close(incoming)
        writer = threading.Thread(target=write_and_close, args=(outgoing, data))
        writer.start()
        with open_source("-") as source:
            assert await pcm_of(source) == Path(SAMPLE).read_bytes()[44:]
        writer.join(PATIENCE_SECONDS)
