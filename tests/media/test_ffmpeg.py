"""Decoding of files that libsndfile does not read with a real ffmpeg, and the errors for files that neither reads."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

from livecli.errors import FileError
from livecli.media.ffmpeg import how_to_install
from livecli.media.file_source import SAMPLE, open_source
from tests.needs import needs

TWO_TONES = "sine=f=300:r=44100:d=2[a];sine=f=1000:r=44100:d=2[b];[a][b]amerge"


@pytest.fixture
def made(tmp_path: Path, tool):
    """A file that ffmpeg makes, by default two seconds of a tone in each of two channels."""

    def make(name: str, *arguments: str, source: str = TWO_TONES) -> Path:
        path = tmp_path / name
        tool("ffmpeg", "-v", "error", "-f", "lavfi", "-i", source, *arguments, path)
        return path

    return make


def tones(pcm: bytes) -> list[int]:
    """The two loudest frequencies of a second of sound."""
    samples = np.frombuffer(pcm, "<i2")[8_000:24_000]
    return sorted(int(hertz) for hertz in np.argsort(np.abs(np.fft.rfft(samples)))[-2:])


@pytest.mark.parametrize(
    ("name", "arguments", "description"),
    [
        ("memo.m4a", [], "44.1 kHz stereo AAC (ffmpeg) → 16 kHz mono 16-bit"),
        ("page.webm", [], "48 kHz stereo OPUS (ffmpeg) → 16 kHz mono 16-bit"),
        ("raw.aac", [], "44.1 kHz stereo AAC (ffmpeg) → 16 kHz mono 16-bit"),
        ("old.wma", [], "44.1 kHz stereo WMAV2 (ffmpeg) → 16 kHz mono 16-bit"),
        ("disc.ac3", [], "44.1 kHz stereo AC3 (ffmpeg) → 16 kHz mono 16-bit"),
        ("packed.wv", [], "44.1 kHz stereo WAVPACK (ffmpeg) → 16 kHz mono 16-bit"),
        ("packed.tta", [], "44.1 kHz stereo TTA (ffmpeg) → 16 kHz mono 16-bit"),
        ("16k.m4a", ["-ar", "16000", "-ac", "1"], "16 kHz mono AAC (ffmpeg) → 16 kHz mono 16-bit"),
    ],
)
async def test_a_file_of_any_format(made, pcm_of, name: str, arguments: list[str], description: str) -> None:
    with open_source(str(made(name, *arguments))) as source:
        assert source.description == description
        assert source.seconds == pytest.approx(2.0, abs=0.1)
        pcm = await pcm_of(source)
    assert len(pcm) / 32_000 == pytest.approx(2.0, abs=0.1)
    assert tones(pcm) == [300, 1000]
    assert source.warning is None


async def test_the_sound_of_a_film(tmp_path: Path, pcm_of, tool) -> None:
    path = tmp_path / "-film:1.mp4"
    tool("ffmpeg", "-v", "error", "-f", "lavfi", "-i", "color=s=64x64:d=2", "-i", SAMPLE, f"file:{path}")
    with open_source(str(path)) as source:
        assert len(await pcm_of(source)) / 32_000 == pytest.approx(2.2, abs=0.1)


@pytest.mark.parametrize("name", ["memo.m4a", "page.webm", "old.wma"])
async def test_the_same_through_a_pipe(made, pcm_of, stdin_pipe, name: str) -> None:
    stdin_pipe(made(name).read_bytes())
    stdin_pipe(None)
    with open_source("-") as source:
        assert tones(await pcm_of(source)) == [300, 1000]


async def test_a_pipe_is_decoded_while_it_arrives(made, stdin_pipe) -> None:
    data = made("page.webm", "-t", "60", source="sine=f=300:d=60").read_bytes()
    # Less than a pipe holds.
    stdin_pipe(data[:60_000])
    with open_source("-") as source:
        assert await anext(aiter(source))
        stdin_pipe(None)


@pytest.mark.parametrize(
    ("name", "keep", "problem"),
    [
        ("memo.m4a", 4_000, "cannot read {}, which is MP4 audio (m4a): moov atom not found"),
        ("film.mp4", None, "cannot read {}, which is MP4 audio (m4a): there is no sound in it"),
        ("page.webm", 40, "cannot read {}, which is WebM or Matroska: File ended prematurely at pos. 40 (0x28)"),
    ],
)
def test_a_file_that_ffmpeg_cannot_read(made, name: str, keep: int | None, problem: str) -> None:
    path = made(name, source="color=s=64x64:d=1" if name == "film.mp4" else TWO_TONES)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(FileError) as caught:
        open_source(str(path))
    assert caught.value.message == problem.format(path)


async def test_a_damaged_file_is_sent_with_a_warning(made, pcm_of) -> None:
    path = made("memo.m4a", "-movflags", "faststart")
    path.write_bytes(path.read_bytes()[:-8_000])
    with open_source(str(path)) as source:
        assert 0.5 < len(await pcm_of(source)) / 32_000 < 1.9
    assert (source.warning or "").startswith(f"{path} is damaged: ")


@pytest.mark.parametrize("seed", range(5))
def test_random_bytes_and_zeros_are_no_audio(tmp_path: Path, seed: int) -> None:
    needs("ffmpeg")
    path = tmp_path / "noise"
    path.write_bytes(np.random.default_rng(seed).bytes(20_000) if seed else bytes(20_000))
    with pytest.raises(FileError, match="noise is not audio that livecli can read: Format not recognised"):
        open_source(str(path))


async def test_a_failure_in_the_middle_is_an_error_after_the_samples(tmp_path, monkeypatch, made, pcm_of) -> None:
    """Of a program that is found as ffmpeg, and breaks off."""
    path = made("memo.m4a")
    real = shutil.which("ffmpeg")
    program = tmp_path / "ffmpeg"
    broken = f'"{real}" "$@" 2>/dev/null | head -c 100000\necho "[error] the disk is on fire" >&2\nexit 3\n'
    program.write_text(f"#!/bin/sh\n{broken}")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with (
        open_source(str(path)) as source,
        pytest.raises(FileError, match=r"cannot read .*memo\.m4a to its end: the disk is on fire"),
    ):
        await pcm_of(source)


def test_a_program_that_cannot_be_run(tmp_path: Path, monkeypatch, made) -> None:
    path = made("memo.m4a")
    (tmp_path / "ffmpeg").write_text("#!/no/such/shell\n")
    (tmp_path / "ffmpeg").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(FileError, match=f"cannot run {tmp_path}/ffmpeg: "):
        open_source(str(path))


@pytest.mark.parametrize(
    ("installer", "command"),
    [("apt-get", "sudo apt-get install ffmpeg"), ("brew", "brew install ffmpeg"), (None, "ffmpeg.org/download.html")],
)
def test_the_command_that_installs_it_here(tmp_path: Path, monkeypatch, installer: str | None, command: str) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    if installer:
        (tmp_path / installer).touch(0o755)
    assert how_to_install() == command


@pytest.mark.skipif(sys.platform != "linux", reason="the peak of memory is read from /proc")
def test_memory_does_not_grow_with_the_length(made, tmp_path: Path, tool, python) -> None:
    code = """
import asyncio, sys
from livecli.media.file_source import open_source
async def main():
    with open_source(sys.argv[1]) as source:
        return sum([len(block) async for block in source])
asyncio.run(main())
print(next(line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM')))
"""
    two_seconds, two_minutes = made("2.m4a", source="sine=f=300:r=44100:d=2"), tmp_path / "120.m4a"
    tool("ffmpeg", "-v", "error", "-stream_loop", "59", "-i", two_seconds, "-c", "copy", two_minutes)
    short, long = (int(python(code, path).stdout) for path in (two_seconds, two_minutes))
    assert long - short < 4_000, "10 MB of sound"
