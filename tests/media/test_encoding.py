"""Replies in other formats than WAV, read again by libsndfile, and what becomes of them when something fails."""

import asyncio
import os
import stat
import sys
import threading
import wave
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

from livecli.errors import FileError, UsageError
from livecli.media.encoding import ENCODINGS, FORMATS, encode, encode_alone, reply_format
from livecli.media.reply import ReplyWriter, open_reply
from tests.cases import in_one_test

CONTAINERS = {
    "flac": ("FLAC", "PCM_16"),
    "ogg": ("OGG", "VORBIS"),
    "opus": ("OGG", "OPUS"),
    "mp3": ("MP3", "MPEG_LAYER_III"),
}


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name != "home")


def written(path: Path, pcm: bytes, rate: int) -> ReplyWriter:
    reply = open_reply(str(path))
    for start in range(0, len(pcm), 4_000):
        reply.write(pcm[start : start + 4_000], rate)
    return reply


@pytest.mark.parametrize("rate", [8_000, 16_000, 22_050, 24_000, 48_000])
@pytest.mark.parametrize("extension", CONTAINERS)
def test_the_extension_chooses_the_format(tmp_path: Path, tone, extension: str, rate: int) -> None:
    path = tmp_path / f"r.{extension}"
    reply = written(path, tone(1.5, rate), rate)
    assert names(tmp_path) == ["r.partial.wav"]
    reply.commit()
    assert names(tmp_path) == [path.name]
    info = soundfile.info(str(path))
    assert (info.format, info.subtype, info.channels) == (*CONTAINERS[extension], 1)
    assert info.samplerate == (48_000 if extension == "opus" else rate)
    assert info.duration == pytest.approx(1.5, abs=0.1)
    samples, _ = soundfile.read(str(path), dtype="float64")
    middle = samples[info.samplerate // 2 :][: info.samplerate // 2]
    original = np.frombuffer(tone(1.5, rate), "<i2") / 32768
    assert np.argmax(np.abs(np.fft.rfft(middle))) * 2 == 440
    assert np.sqrt(np.mean(middle**2)) == pytest.approx(np.sqrt(np.mean(original**2)), rel=0.02), "as loud as it came"
    assert reply.file_bytes == path.stat().st_size


def test_libsndfile_writes_a_file_by_itself(tmp_path: Path) -> None:
    blocks = [bytes(3_000), bytes(5_000)]
    encode_alone(blocks, 16_000, ENCODINGS["flac"], tmp_path / "sound")
    assert len(soundfile.read(str(tmp_path / "sound"))[0]) == 4_000
    with pytest.raises(FileError, match="cannot encode the sound as PCM_16: ") as raised:
        encode_alone(blocks, 16_000, ENCODINGS["flac"], tmp_path / "none" / "sound")
    assert "TMPDIR" in (raised.value.hint or "")


def test_flac_loses_nothing(tmp_path: Path) -> None:
    pcm = np.random.default_rng(1).integers(-32768, 32767, 200_001, "<i2").tobytes()
    written(tmp_path / "r.FLAC", pcm, 24_000).commit()
    samples, rate = soundfile.read(str(tmp_path / "r.FLAC"), dtype="int16")
    assert (samples.tobytes(), rate) == (pcm, 24_000)


@pytest.mark.parametrize(
    ("extension", "rate", "taken"),
    [("mp3", 7_000, 8_000), ("mp3", 96_000, 48_000), ("mp3", 40_000, 44_100), ("flac", 7_000, 7_000)],
)
def test_a_rate_that_a_format_does_not_have_is_resampled(tmp_path: Path, tone, extension, rate, taken) -> None:
    path = tmp_path / f"r.{extension}"
    written(path, tone(1, rate), rate).commit()
    info = soundfile.info(str(path))
    assert (info.samplerate, info.duration) == (taken, pytest.approx(1, abs=0.1))


def test_audio_that_libsndfile_does_not_take_is_an_error_of_the_file(tmp_path: Path) -> None:
    reply = written(tmp_path / "r.flac", bytes(4_000), 2_000_000)
    with pytest.raises(FileError, match=r"cannot encode the sound as PCM_16: "):
        reply.commit()
    assert reply.abandon() == tmp_path / "r.partial.wav"
    assert names(tmp_path) == ["r.partial.wav"]


@pytest.mark.parametrize(
    ("path", "message", "hint"),
    [
        ("note.txt", "a reply cannot be written as .txt", "-o note.wav"),
        ("a/reply", "the reply a/reply has no extension", "-o a/reply.wav"),
        ("reply.aiff", "a reply cannot be written as .aiff", "-o reply.wav"),
        (".wav", "the reply .wav has no extension", "-o .wav.wav"),
    ],
)
def test_any_other_extension_is_refused(tmp_path: Path, path: str, message: str, hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        open_reply(path)
    assert caught.value.message == message
    assert caught.value.hint == f"the extension is one of wav flac ogg opus mp3 pcm: {hint}"
    assert names(tmp_path) == []


@in_one_test(
    ("path", "raw", "kind"),
    [
        ("x.WAV", False, "wav"),
        ("x.Mp3", False, "mp3"),
        ("x.pcm", False, "pcm"),
        ("x.pcm", True, "pcm"),
        ("x.raw", True, "pcm"),
        ("x", True, "pcm"),
    ],
)
def test_formats_of_names(path: str, raw: bool, kind: str) -> None:
    assert reply_format(path, raw=raw) == kind


@pytest.mark.parametrize("extension", [each for each in FORMATS if each != "pcm"])
def test_bare_pcm_under_the_name_of_another_format_is_refused(extension: str) -> None:
    with pytest.raises(UsageError, match=rf"bare PCM, which x\.{extension} does not say") as caught:
        reply_format(f"x.{extension}", raw=True)
    assert caught.value.hint == "-o x.pcm"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no FIFOs")
def test_a_pipe_is_not_encoded(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.mp3")
    reader = os.open(tmp_path / "pipe.mp3", os.O_RDONLY | os.O_NONBLOCK)
    with pytest.raises(UsageError, match="is no regular file, and only WAV and PCM") as caught:
        open_reply(str(tmp_path / "pipe.mp3"))
    os.close(reader)
    assert caught.value.hint == f"livecli send ... -o - | ffmpeg -i - -f mp3 {tmp_path}/pipe.mp3"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no FIFOs")
@pytest.mark.parametrize(("name", "header"), [("pipe.pcm", 0), ("pipe.wav", 44), ("pipe", 44)])
def test_a_pipe_by_its_extension(tmp_path: Path, name: str, header: int) -> None:
    os.mkfifo(tmp_path / name)
    reader = os.open(tmp_path / name, os.O_RDONLY | os.O_NONBLOCK)
    reply = open_reply(str(tmp_path / name))
    reply.write(b"abcd", 24_000)
    assert len(os.read(reader, 1000)) == header + 4
    reply.commit()
    os.close(reader)


@pytest.mark.parametrize("extension", CONTAINERS)
def test_a_full_disk_leaves_the_wav_and_the_older_reply(tmp_path: Path, python, tone, extension: str) -> None:
    pytest.importorskip("resource")
    path = tmp_path / f"r.{extension}"
    path.write_bytes(b"older")
    (tmp_path / "pcm").write_bytes(np.random.default_rng(1).integers(-20_000, 20_000, 48_000, "<i2").tobytes())
    code = (
        "import sys, resource\nfrom pathlib import Path\nfrom livecli.media.reply import *\n"
        "reply = open_reply(sys.argv[1])\n"
        "reply.write(Path(sys.argv[2]).read_bytes(), 24000)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (3000, 3000))\n"
        "try:\n    reply.commit()\n"
        "except FileError as error: print(error)\n"
        "print(reply.abandon(), reply.is_complete)"
    )
    ran = python(code, path, tmp_path / "pcm")
    assert ran.stdout.decode().splitlines() == [
        f"cannot write {path}: File too large",
        f"{tmp_path}/r.partial.wav False",
    ]
    assert path.read_bytes() == b"older"
    assert names(tmp_path) == sorted(["pcm", "r.partial.wav", path.name])
    with wave.open(str(tmp_path / "r.partial.wav")) as kept:
        assert kept.getnframes() == 48_000


def test_the_reply_is_on_disk_before_its_wav_is_gone(tmp_path: Path, tone, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[tuple[str, list[str]]] = []

    def watched(descriptor: int) -> None:
        kind = "folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file"
        synced.append((kind, names(tmp_path)))

    reply = written(tmp_path / "r.mp3", tone(0.5, 24_000), 24_000)
    monkeypatch.setattr(os, "fsync", watched)
    reply.commit()
    assert synced == [
        ("file", ["r.partial.wav"]),
        ("file", ["r.partial.mp3", "r.partial.wav"]),
        ("folder", ["r.mp3", "r.partial.wav"]),
        ("folder", ["r.mp3"]),
    ]


async def test_a_conversion_is_given_up_when_its_task_is_cancelled(tmp_path, tone, monkeypatch) -> None:
    loop, begun, goes_on = asyncio.get_running_loop(), asyncio.Event(), threading.Event()

    def slow(blocks: Iterator[bytes], *others) -> None:
        def waiting() -> Iterator[bytes]:
            for block in blocks:
                loop.call_soon_threadsafe(begun.set)
                assert goes_on.wait(20)
                yield block

        encode(waiting(), *others)

    monkeypatch.setattr("livecli.media.reply.encode", slow)
    reply = written(tmp_path / "r.opus", tone(4, 24_000), 24_000)
    async with asyncio.timeout(20):
        committing = asyncio.create_task(reply.commit_async())
        await begun.wait()
        assert names(tmp_path) == ["r.partial.opus", "r.partial.wav"]
        committing.cancel()
        loop.call_later(0.05, goes_on.set)
        with pytest.raises(asyncio.CancelledError):
            await committing
    assert not reply.is_complete
    assert reply.abandon() == tmp_path / "r.partial.wav"
    assert names(tmp_path) == ["r.partial.wav"]


def test_a_link_in_the_place_of_the_converted_file_is_not_followed(tmp_path: Path, tone) -> None:
    (tmp_path / "victim").write_bytes(b"mine")
    (tmp_path / "r.partial.mp3").symlink_to("victim")
    written(tmp_path / "r.mp3", tone(0.5, 24_000), 24_000).commit()
    assert (tmp_path / "victim").read_bytes() == b"mine"
    assert names(tmp_path) == ["r.mp3", "victim"]


@pytest.mark.skipif(sys.platform != "linux", reason="the peak of memory is read from /proc")
def test_memory_is_constant_in_the_length(tmp_path: Path, python) -> None:
    code = (
        "import sys, re\nfrom pathlib import Path\nfrom livecli.media.reply import *\n"
        "reply = open_reply(sys.argv[1])\n"
        "for _ in range(int(sys.argv[2])): reply.write(bytes(48_000), 24000)\n"
        "reply.commit()\n"
        "print(re.search(r'VmHWM:\\s+(\\d+)', Path('/proc/self/status').read_text())[1])"
    )
    short, long = (int(python(code, tmp_path / "r.mp3", seconds).stdout) for seconds in (5, 200))
    assert long - short < 4_000, "9 MB of sound"
