"""Real files of every kind, read as 16 kHz mono PCM16."""

from __future__ import annotations

import os
import struct
import wave
from pathlib import Path

import numpy as np
import pytest
import soundfile

from livecli.errors import FileError
from livecli.media.file_source import SAMPLE, open_source
from livecli.media.wav import wav_header

LOSSLESS = ["WAV", "WAVEX", "RF64", "W64", "AIFF", "AU", "CAF", "FLAC"]
READ = """
import asyncio, sys
from livecli.media.file_source import open_source

async def main():
    with open_source(sys.argv[1]) as source:
        return sum([len(block) async for block in source])

size = asyncio.run(main())
"""


def sweep(rate: int, seconds: float = 1.0, channels: int = 1) -> np.ndarray:
    """A tone at 300 Hz in every channel, its amplitude one half."""
    mono = 0.5 * np.sin(2 * np.pi * 300 * np.arange(round(rate * seconds)) / rate)
    return np.repeat(mono[:, None], channels, axis=1)


def test_the_sample_is_in_the_format_that_is_sent() -> None:
    with wave.open(SAMPLE) as file:
        assert file.getparams()[:3] == (1, 2, 16000)
        assert file.getnframes() / 16000 == pytest.approx(2.225)


async def test_what_a_source_says_of_itself(pcm_of) -> None:
    with wave.open(SAMPLE) as file, open_source(SAMPLE) as source:
        assert (source.name, source.rate) == (SAMPLE, 16000)
        assert (source.seconds, source.description) == (2.225, None)
        assert await pcm_of(source) == file.readframes(1 << 20)


def test_a_plain_wav_loads_neither_numpy_nor_soundfile(python) -> None:
    heavy = "print(size, sorted({'numpy', 'soundfile', 'soxr'} & set(sys.modules)))"
    assert python(READ + heavy, SAMPLE).stdout.split(maxsplit=1) == [b"71200", b"[]\n"]


@pytest.mark.parametrize("container", LOSSLESS)
async def test_16_bit_samples_survive_any_lossless_container(tmp_path: Path, pcm_of, container: str) -> None:
    samples = np.random.default_rng(1).integers(-32768, 32768, 40_001, dtype=np.int16)
    path = tmp_path / "in"
    soundfile.write(path, samples, 16000, format=container, subtype="PCM_16")
    with open_source(str(path)) as source:
        assert source.description is None
        assert source.seconds == 40_001 / 16000
        assert await pcm_of(source) == samples.tobytes()


@pytest.mark.parametrize(
    ("rate", "channels", "container", "subtype", "description"),
    [
        (8000, 1, "WAV", "PCM_16", "8 kHz mono WAV → 16 kHz mono"),
        (11025, 1, "WAV", "PCM_U8", "11.025 kHz mono 8-bit WAV → 16 kHz mono 16-bit"),
        (16000, 2, "WAV", "PCM_16", "16 kHz stereo WAV → 16 kHz mono"),
        (16000, 1, "WAV", "FLOAT", "16 kHz mono 32-bit float WAV → 16 kHz mono 16-bit"),
        (22050, 1, "AIFF", "PCM_16", "22.05 kHz mono AIFF → 16 kHz mono"),
        (44100, 2, "FLAC", "PCM_16", "44.1 kHz stereo FLAC → 16 kHz mono"),
        (44100, 2, "MP3", "MPEG_LAYER_III", "44.1 kHz stereo MP3 → 16 kHz mono"),
        (44100, 1, "OGG", "VORBIS", "44.1 kHz mono Ogg → 16 kHz mono"),
        (48000, 2, "OGG", "OPUS", "48 kHz stereo Opus → 16 kHz mono"),
        (48000, 6, "WAVEX", "PCM_24", "48 kHz 6-channel 24-bit WAV → 16 kHz mono 16-bit"),
        (8000, 1, "WAV", "ALAW", "8 kHz mono A-law WAV → 16 kHz mono 16-bit"),
        (96000, 1, "CAF", "PCM_32", "96 kHz mono 32-bit CAF → 16 kHz mono 16-bit"),
        (192000, 6, "WAV", "DOUBLE", "192 kHz 6-channel 64-bit float WAV → 16 kHz mono 16-bit"),
    ],
)
async def test_every_rate_width_and_channel_count(
    tmp_path: Path, pcm_of, rate: int, channels: int, container: str, subtype: str, description: str
) -> None:
    path = tmp_path / "in"
    soundfile.write(path, sweep(rate, 1.5, channels), rate, format=container, subtype=subtype)
    with open_source(str(path)) as source:
        assert source.description == description
        assert source.seconds == pytest.approx(1.5, abs=0.001)
        heard = np.frombuffer(await pcm_of(source), "<i2") / 32768
    assert len(heard) == pytest.approx(24_000, abs=4)
    middle = slice(8000, 16000)
    assert np.sqrt(np.mean((heard[middle] - sweep(16000, 1.5)[middle, 0]) ** 2)) < 0.02


async def test_the_mean_of_the_channels_is_sent(tmp_path: Path, pcm_of) -> None:
    left, right = np.array([1000, -2000, 32767], np.int16), np.array([3000, 2000, 32767], np.int16)
    path = tmp_path / "stereo.wav"
    soundfile.write(path, np.stack([left, right], 1), 16000)
    with open_source(str(path)) as source:
        assert np.frombuffer(await pcm_of(source), "<i2").tolist() == [2000, 0, 32767]


async def test_numbers_that_are_no_sound_are_silenced_and_loud_ones_clipped(tmp_path: Path, pcm_of) -> None:
    path = tmp_path / "wild.wav"
    wild = np.array([np.nan, np.inf, -np.inf, 7.5, -1e38, 0.5], np.float32)
    soundfile.write(path, np.stack([wild, wild], 1), 16000, subtype="FLOAT")
    with open_source(str(path)) as source:
        assert np.frombuffer(await pcm_of(source), "<i2").tolist() == [0, 0, 0, 32767, -32768, 16384]


@pytest.mark.parametrize("sizes", [(0, 0), (36, 0), (0xFFFFFFFF, 0xFFFFFFFF), (0x7FFFF024, 0x7FFFF000), (9036, 9000)])
@pytest.mark.parametrize("channels", [1, 2])
async def test_a_header_that_was_never_finished_hides_no_sample(
    tmp_path: Path, pcm_of, sizes: tuple[int, int], channels: int
) -> None:
    samples = np.random.default_rng(2).integers(-9000, 9000, 2000, dtype=np.int16)
    fmt = struct.pack("<HHIIHH", 1, channels, 16000, 32000 * channels, 2 * channels, 16)
    head = struct.pack("<4sI8sI16s4sI", b"RIFF", sizes[0], b"WAVEfmt ", 16, fmt, b"data", sizes[1])
    path = tmp_path / "killed.wav"
    path.write_bytes(head + np.repeat(samples, channels).tobytes())
    with open_source(str(path)) as source:
        assert source.seconds == 2000 / 16000
        assert await pcm_of(source) == samples.tobytes()


async def test_other_chunks_and_half_a_sample_are_not_sent(tmp_path: Path, pcm_of) -> None:
    path = tmp_path / "tagged.wav"
    path.write_bytes(wav_header(16000, 6) + b"abcdef" + b"LIST" + struct.pack("<I", 4) + b"INFO")
    with open_source(str(path)) as source:
        assert (await pcm_of(source), source.seconds) == (b"abcdef", 3 / 16000)
    path.write_bytes(wav_header(16000, 100) + b"abcdefg")
    with open_source(str(path)) as source:
        assert (await pcm_of(source), source.seconds) == (b"abcdef", 3 / 16000)


async def test_bare_pcm_in_a_file(tmp_path: Path, pcm_of, tone) -> None:
    path = tmp_path / "in.pcm"
    path.write_bytes(tone(0.5, 24000))
    with open_source(str(path), raw_rate=24000) as source:
        assert (source.seconds, source.description) == (0.5, "24 kHz mono raw PCM → 16 kHz mono")
        assert len(await pcm_of(source)) == pytest.approx(16000, abs=4)
    with pytest.raises(FileError, match="not audio") as refused:
        open_source(str(path))
    assert "--raw" in (refused.value.hint or "")


async def test_an_mp3_without_a_length_is_read_to_its_end(tmp_path: Path, pcm_of, tool) -> None:
    """Its quiet second half has the lower bit rate, from whose first frame libsndfile guesses the length."""
    loud = np.random.default_rng(3).uniform(-0.9, 0.9, 48000)
    soundfile.write(tmp_path / "in.wav", np.concatenate([loud, np.zeros(48000 * 9)]), 48000)
    quality = ("-codec:a", "libmp3lame", "-q:a", "2", "-write_xing", "0")
    tool("ffmpeg", "-i", tmp_path / "in.wav", *quality, tmp_path / "in.mp3")
    with open_source(str(tmp_path / "in.mp3")) as source:
        assert source.seconds is None
        assert len(await pcm_of(source)) / 32000 == pytest.approx(10, abs=0.1)


async def test_a_flac_of_unknown_length(tmp_path: Path, pcm_of, tool) -> None:
    path = tmp_path / "streamed.flac"
    path.write_bytes(tool("ffmpeg", "-i", SAMPLE, "-f", "flac", "-").stdout)
    with open_source(str(path)) as source, wave.open(SAMPLE) as sample:
        assert source.seconds is None
        assert await pcm_of(source) == sample.readframes(1 << 20)


async def test_a_truncated_flac_is_an_error_that_names_it(tmp_path: Path, pcm_of) -> None:
    path = tmp_path / "cut.flac"
    soundfile.write(path, np.random.default_rng(4).uniform(-0.5, 0.5, 80_000), 16000)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(FileError, match=r"cannot read .*cut\.flac to its end"), open_source(str(path)) as source:
        await pcm_of(source)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("empty.wav", b"", "is empty"),
        ("silent.wav", wav_header(16000, 0), "no samples"),
        ("notes.txt", b"hello\n" * 1000, "is text and not audio"),
        ("half.wav", b"RIFF\x24\0\0\0WAVEfmt ", "is not audio"),
    ],
)
def test_what_cannot_be_sent_is_known_at_once(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(FileError, match=message) as refused:
        open_source(str(path))
    assert name in refused.value.message


@pytest.mark.parametrize("rate", [16_000, 44_100])
async def test_a_file_that_was_cut_off_is_sent_with_a_warning(tmp_path: Path, pcm_of, rate: int) -> None:
    whole, cut = tmp_path / "whole.wav", tmp_path / "cut.wav"
    soundfile.write(whole, sweep(rate), rate, subtype="PCM_16")
    cut.write_bytes(whole.read_bytes()[: 44 + rate])
    for path, warning in ((whole, None), (cut, f"{cut} is cut off: it has 0.50 s of 1.00 s")):
        with open_source(str(path)) as source:
            assert len(await pcm_of(source)) / 32_000 == pytest.approx(1.0 if warning is None else 0.5, abs=0.001)
            assert source.warning == warning


@pytest.mark.parametrize(
    ("rate", "subtype", "share", "warns"),
    [
        (16_000, "PCM_16", 1.0, False),
        (16_000, "PCM_16", 0.5, True),
        (22_050, "PCM_16", 1.0, False),
        (22_050, "PCM_16", 0.5, True),
        (8_000, "ULAW", 0.5, True),
        # A block of ADPCM holds a header too, so that its bytes state no length.
        (16_000, "MS_ADPCM", 1.0, False),
    ],
)
async def test_a_pipe_that_was_cut_off_is_sent_with_a_warning(
    tmp_path: Path, stdin_pipe, pcm_of, rate: int, subtype: str, share: float, warns: bool
) -> None:
    soundfile.write(tmp_path / "whole.wav", sweep(rate), rate, subtype=subtype)
    data = (tmp_path / "whole.wav").read_bytes()
    stdin_pipe(data[: int(len(data) * share)])
    stdin_pipe(None)
    with open_source("-") as source:
        await pcm_of(source)
        assert source.warning == ("standard input is cut off: it has 0.50 s of 1.00 s" if warns else None)


@pytest.mark.parametrize("size", [0, 0x7FFFF000, 0xFFFFFFFF])
async def test_a_header_that_states_no_length_is_no_reason_for_a_warning(tmp_path: Path, pcm_of, size: int) -> None:
    path = tmp_path / "in.wav"
    path.write_bytes(wav_header(16_000, 0)[:40] + struct.pack("<I", size) + bytes(32_000))
    with open_source(str(path)) as source:
        assert len(await pcm_of(source)) == 32_000
        assert source.warning is None


ELSE = "livecli send --sample sends a bundled question, --text WORDS a text"


@pytest.mark.parametrize(
    ("name", "message", "hint"),
    [
        ("hello", "there is no file hello", "to send words: livecli send --text hello"),
        ("wo ist das?", "there is no file wo ist das?", "to send words: livecli send --text 'wo ist das?'"),
        ("question.wav", "there is no file question.wav", ELSE),
        ("calls/question", "there is no file calls/question", ELSE),
        ("a/b.wav", "there is no file a/b.wav", ELSE),
        ("Meating 1.WAV", "there is no file Meating 1.WAV", "did you mean 'meeting 1.wav'?"),
        ("meeting 1", "there is no file meeting 1", "did you mean 'meeting 1.wav'?"),
        ("./meeting 1.flac", "there is no file ./meeting 1.flac", "did you mean 'meeting 1.wav'?"),
        (
            "https://example.org/a.wav?b=1&c=2",
            "https://example.org/a.wav?b=1&c=2 is a URL, not a file",
            "curl -sL 'https://example.org/a.wav?b=1&c=2' | livecli send -",
        ),
    ],
)
def test_a_name_that_is_no_files(tmp_path: Path, monkeypatch, name: str, message: str, hint: str | None) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "meeting 1.wav").touch()
    (tmp_path / "question").mkdir()
    with pytest.raises(FileError) as refused:
        open_source(name)
    assert (refused.value.message, refused.value.hint) == (message, hint)


def test_no_file_and_a_folder(tmp_path: Path) -> None:
    with pytest.raises(FileError, match=r"there is no file .*nothing\.wav"):
        open_source(str(tmp_path / "nothing.wav"))
    with pytest.raises(FileError, match="is a folder"):
        open_source(str(tmp_path))


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_an_unreadable_file(tmp_path: Path) -> None:
    path = tmp_path / "secret.wav"
    path.touch(mode=0)
    with pytest.raises(FileError, match="Permission denied"):
        open_source(str(path))


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="/proc is not there to measure with")
@pytest.mark.parametrize("container", ["wav", "flac"])
def test_memory_does_not_grow_with_the_length(tmp_path: Path, python, container: str) -> None:
    """Two minutes of stereo at 44.1 kHz are 21 MB; an hour was measured by hand."""
    minute = np.random.default_rng(5).integers(-9000, 9000, (44100 * 60, 2), dtype=np.int16)
    peak = "print(next(line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM')))"
    peaks = []
    for name, repeats, frames in (("short", 1, 88_200), ("long", 2, len(minute))):
        path = tmp_path / f"{name}.{container}"
        with soundfile.SoundFile(path, "w", 44100, 2) as file:
            for _ in range(repeats):
                file.write(minute[:frames])
        peaks.append(int(python(READ + peak, path).stdout))
    assert peaks[1] - peaks[0] < 10_000
