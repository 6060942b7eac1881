"""The decoder by itself: what it finds, and the errors for what it does not decode."""

from __future__ import annotations

import io
import os
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import soundfile

from livecli.errors import FileError
from livecli.media.decoding import decode
from livecli.media.wav import read_wav_head


def decoded(path: Path):
    """What is found in a file, and all of its samples."""
    with ExitStack() as held:
        stream = held.enter_context(io.FileIO(path))
        head = read_wav_head(stream.read)
        sound = decode(stream, head, path.stat().st_size, path.name, held)
        return sound, np.frombuffer(b"".join(sound.blocks), "<i2")


def piped(data: bytes):
    """The same through a pipe, which must hold all of the data."""
    read_end, write_end = os.pipe()
    os.write(write_end, data)
    os.close(write_end)
    with ExitStack() as held:
        stream = held.enter_context(io.FileIO(read_end))
        head = read_wav_head(partial(read_exactly, stream))
        sound = decode(stream, head, None, "standard input", held)
        return sound, np.frombuffer(b"".join(sound.blocks), "<i2")


def read_exactly(stream: io.FileIO, size: int) -> bytes:
    data = b""
    while len(data) < size and (more := stream.read(size - len(data))):
        data += more
    return data


def written(path: Path, container: str, subtype: str, *, rate: int = 8000, channels: int = 1) -> Path:
    ramp = np.repeat(np.arange(-2000, 2000, dtype=np.int16)[:, None], channels, axis=1)
    # libsndfile does not scale integers that are written as floats.
    samples = ramp / 32768 if subtype == "FLOAT" else ramp
    soundfile.write(path, samples, rate, format=container, subtype=subtype)
    return path


RAMP = list(range(-2000, 2000))


@pytest.mark.parametrize(
    ("container", "subtype", "name", "encoding"),
    [
        ("WAV", "PCM_16", "WAV", ""),
        ("WAV", "PCM_24", "WAV", "24-bit"),
        ("WAV", "FLOAT", "WAV", "32-bit float"),
        ("WAVEX", "PCM_16", "WAV", ""),
        ("FLAC", "PCM_16", "FLAC", ""),
        ("AIFF", "PCM_16", "AIFF", ""),
        ("CAF", "PCM_32", "CAF", "32-bit"),
    ],
)
def test_lossless_samples_and_the_name_of_the_format(tmp_path, container, subtype, name, encoding) -> None:
    path = written(tmp_path / "in", container, subtype, channels=2)
    sound, samples = decoded(path)
    assert (sound.container, sound.encoding, sound.rate, sound.channels) == (name, encoding, 8000, 2)
    assert sound.seconds == 0.5
    assert samples.tolist() == RAMP


@pytest.mark.parametrize(("container", "subtype"), [("WAV", "PCM_24"), ("AU", "PCM_16"), ("FLAC", "PCM_16")])
def test_a_pipe_gives_the_same_samples(tmp_path: Path, container: str, subtype: str) -> None:
    sound, samples = piped(written(tmp_path / "in", container, subtype).read_bytes())
    assert samples.tolist() == RAMP
    assert sound.rate == 8000


@pytest.mark.parametrize("subtype", ["VORBIS", "OPUS"])
def test_ogg_is_named_by_its_codec(tmp_path: Path, subtype: str) -> None:
    sound, samples = decoded(written(tmp_path / "in", "OGG", subtype, rate=48_000))
    assert sound.container == {"VORBIS": "Ogg", "OPUS": "Opus"}[subtype]
    assert len(samples) == 4000


def test_a_channel_that_is_silent_halves_the_sound(tmp_path: Path) -> None:
    samples = np.zeros((100, 2), np.int16)
    samples[:, 0] = 1000
    soundfile.write(tmp_path / "in", samples, 8000, format="FLAC", subtype="PCM_16")
    assert set(decoded(tmp_path / "in")[1].tolist()) == {500}


def test_values_that_are_no_samples_are_silence_and_loud_ones_are_clipped(tmp_path: Path) -> None:
    values = np.array([np.nan, np.inf, -np.inf, 3.0, -3.0, 0.5])
    soundfile.write(tmp_path / "in", values, 8000, format="WAV", subtype="DOUBLE")
    assert decoded(tmp_path / "in")[1].tolist() == [0, 0, 0, 32767, -32768, 16384]


@pytest.mark.parametrize(
    ("data", "message", "hint"),
    [
        (b"\0\0\0\x20ftypM4A ", "in is MP4 audio (m4a), which needs ffmpeg", "ffmpeg.org/download.html"),
        (b"\x1a\x45\xdf\xa3" + bytes(40), "in is WebM or Matroska, which needs ffmpeg", "ffmpeg.org/download.html"),
        (b"\xff\xf1\x50\x80" + bytes(40), "in is raw AAC, which needs ffmpeg", "ffmpeg.org/download.html"),
        (b"some text" * 10, "in is text and not audio", "to send its words: livecli send --text @in"),
        ("größer\n".encode(), "in is text and not audio", "to send its words: livecli send --text @in"),
        (
            bytes(range(128, 228)),
            "in is not audio that livecli can read: Format not recognised",
            "if it is bare 16-bit PCM: livecli send - --raw 16000 < in",
        ),
    ],
)
def test_other_files_are_refused_by_name_without_ffmpeg(tmp_path, monkeypatch, data, message, hint) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    (tmp_path / "in").write_bytes(data)
    with pytest.raises(FileError) as caught:
        decoded(tmp_path / "in")
    assert (caught.value.message, caught.value.hint) == (message, hint)


@pytest.mark.parametrize(
    ("data", "message", "hint"),
    [
        (b"some text" * 10, "standard input is text and not audio", "to send its words: livecli send --text -"),
        (
            bytes(range(128, 228)),
            "standard input is not audio that livecli can read: Format not recognised",
            "if it is bare 16-bit PCM: livecli send - --raw 16000",
        ),
    ],
)
def test_other_bytes_in_a_pipe_are_refused(data: bytes, message: str, hint: str) -> None:
    with pytest.raises(FileError) as caught:
        piped(data)
    assert (caught.value.message, caught.value.hint) == (message, hint)


def test_a_file_that_ends_in_the_middle_is_an_error_after_its_samples(tmp_path: Path) -> None:
    path = tmp_path / "in"
    noise = np.random.default_rng(1).integers(-3000, 3000, 5 * 16_000, dtype=np.int16)
    soundfile.write(path, noise, 16_000, format="FLAC", subtype="PCM_16")
    path.write_bytes(path.read_bytes()[:-40_000])
    with ExitStack() as held:
        stream = held.enter_context(io.FileIO(path))
        head = read_wav_head(stream.read)
        blocks = decode(stream, head, path.stat().st_size, "in", held).blocks
        first = next(blocks)
        with pytest.raises(FileError, match="cannot read in to its end"):
            list(blocks)
    assert np.array_equal(np.frombuffer(first, "<i2"), noise[: len(first) // 2])
