"""The reply while it arrives: what is on the disk at every moment, and after each way to end."""

from __future__ import annotations

import asyncio
import os
import stat
import subprocess
import sys
import tempfile
import threading
import wave
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from livecli.errors import FileError
from livecli.media import reply as reply_module
from livecli.media.reply import open_reply, same_file
from livecli.media.resample import Resampler
from livecli.process import file_lock

OPEN = "import sys\nfrom livecli.media.reply import open_reply\nfrom livecli.errors import *\n"


def content(path: Path) -> tuple[int, bytes]:
    """Rate and samples, as the standard library reads them."""
    with wave.open(str(path)) as file:
        assert (file.getnchannels(), file.getsampwidth()) == (1, 2)
        return file.getframerate(), file.readframes(1 << 24)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name != "home")


@given(st.lists(st.binary(max_size=40), min_size=1), st.sampled_from(["r.wav", "r.pcm", "r"]))
def test_the_file_is_a_valid_prefix_after_every_write(chunks: list[bytes], name: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        reply = open_reply(f"{folder}/{name}", raw=name != "r.wav")
        partial, final = Path(folder, "r.partial.wav"), Path(folder, name)
        arrived = b""
        for chunk in chunks:
            reply.write(chunk, 24000)
            arrived += chunk
            samples = arrived[: len(arrived) & ~1]
            if samples:
                assert content(partial) == (24000, samples)
            assert not final.exists()
        reply.commit()
        assert names(Path(folder)) == ([name] if samples else [])
        if samples:
            assert (content(final)[1] if name == "r.wav" else final.read_bytes()) == samples
            assert reply.file_bytes == final.stat().st_size


def test_a_reply_replaces_an_older_one_only_when_it_is_complete(tmp_path: Path) -> None:
    final = tmp_path / "r.wav"
    final.write_bytes(b"older")
    reply = open_reply(str(final))
    reply.write(b"abcd", 24000)
    assert final.read_bytes() == b"older"
    reply.commit()
    assert content(final) == (24000, b"abcd")
    assert names(tmp_path) == ["r.wav"]
    assert reply.abandon() is None
    assert names(tmp_path) == ["r.wav"]


def test_after_a_failure_what_came_stays_beside_an_older_reply(tmp_path: Path) -> None:
    final = tmp_path / "r.wav"
    final.write_bytes(b"older")
    reply = open_reply(str(final))
    reply.write(b"abcde", 24000)
    assert reply.abandon() == tmp_path / "r.partial.wav"
    assert final.read_bytes() == b"older"
    assert content(tmp_path / "r.partial.wav") == (24000, b"abcd")


@pytest.mark.parametrize("end", ["commit", "abandon"])
def test_without_audio_nothing_is_touched(tmp_path: Path, end: str) -> None:
    reply = open_reply(str(tmp_path / "r.wav"))
    assert (tmp_path / "r.partial.wav").read_bytes() == b"", "it keeps the name for this run"
    reply.write(b"", 24000)
    reply.write(b"x", 24000)  # half a sample is none
    assert getattr(reply, end)() is None
    assert names(tmp_path) == []


@pytest.mark.parametrize("end", ["commit", "abandon"])
def test_without_audio_an_earlier_partial_reply_is_kept(tmp_path: Path, end: str) -> None:
    (tmp_path / "r.partial.wav").write_bytes(b"from an earlier failure")
    assert getattr(open_reply(str(tmp_path / "r.wav")), end)() is None
    assert (tmp_path / "r.partial.wav").read_bytes() == b"from an earlier failure"


@pytest.mark.parametrize("end", ["commit", "abandon"])
def test_an_empty_partial_file_of_a_killed_run_is_removed(tmp_path: Path, end: str) -> None:
    (tmp_path / "r.partial.wav").touch()
    assert getattr(open_reply(str(tmp_path / "r.wav")), end)() is None
    assert names(tmp_path) == []


@pytest.mark.parametrize("end", ["commit", "abandon"])
def test_a_reply_that_was_taken_back_is_none(tmp_path: Path, end: str) -> None:
    reply = open_reply(str(tmp_path / "r.wav"))
    start = reply.mark()
    reply.write(b"abcd", 24000)
    assert reply.rewind(start)
    assert getattr(reply, end)() is None
    assert names(tmp_path) == []


def test_new_audio_takes_the_place_of_an_earlier_partial_reply(tmp_path: Path) -> None:
    (tmp_path / "r.partial.wav").write_bytes(b"from an earlier failure" * 100)
    reply = open_reply(str(tmp_path / "r.wav"))
    reply.write(b"abcd", 24000)
    reply.commit()
    assert content(tmp_path / "r.wav") == (24000, b"abcd")
    assert names(tmp_path) == ["r.wav"]


def test_the_first_rate_is_the_files_and_others_are_resampled_into_it(tmp_path: Path, tone) -> None:
    reply = open_reply(str(tmp_path / "r.wav"))
    for rate in (24000, 48000, 24000, 16000):
        for block in range(10):
            reply.write(tone(1, rate)[block * rate // 5 : (block + 1) * rate // 5], rate)
    reply.commit()
    rate, pcm = content(tmp_path / "r.wav")
    samples = np.frombuffer(pcm, "<i2")
    assert rate == 24000
    assert len(samples) == pytest.approx(4 * 24000, abs=8)
    for second in range(4):
        spectrum = np.abs(np.fft.rfft(samples[second * 24000 :][:24000]))
        assert np.argmax(spectrum) == 440


def test_a_partial_reply_ends_with_the_resampled_tail(tmp_path: Path, tone) -> None:
    reply = open_reply(str(tmp_path / "r.wav"))
    reply.write(tone(0.5, 24000), 24000)
    reply.write(tone(0.5, 16000), 16000)
    partial = reply.abandon()
    assert partial
    assert len(content(partial)[1]) == pytest.approx(48_000, abs=8)


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    link = tmp_path / "r.wav"
    link.symlink_to(tmp_path / "real" / "x.wav")
    reply = open_reply(str(link))
    reply.write(b"abcd", 24000)
    reply.commit()
    assert link.is_symlink()
    assert content(tmp_path / "real" / "x.wav") == (24000, b"abcd")


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("missing/r.wav", "there is no folder"),
        (".", "it is a folder"),
        ("file/r.wav", "Not a directory"),
        ("n" * 250 + ".wav", "File name too long"),
        ("loop.wav", "Too many levels of symbolic links"),
    ],
)
def test_a_place_that_cannot_be_written_is_known_at_once(tmp_path: Path, path: str, message: str) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "loop.wav").symlink_to("loop.wav")
    before = names(tmp_path)
    with pytest.raises(FileError, match=message):
        open_reply(str(tmp_path / path))
    assert names(tmp_path) == before


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="/proc is not there")
def test_a_folder_in_which_even_root_may_not_write() -> None:
    with pytest.raises(FileError, match=r"cannot write /proc/r\.wav: "):
        open_reply("/proc/r.wav")


def test_a_killed_run_leaves_what_had_come(tmp_path: Path) -> None:
    code = OPEN + "reply = open_reply(sys.argv[1])\nwhile True: reply.write(bytes(range(256)), 24000); print()"
    run = subprocess.Popen([sys.executable, "-c", code, tmp_path / "r.wav"], stdout=subprocess.PIPE)
    assert run.stdout
    with run, run.stdout:
        for _ in range(50):
            assert run.stdout.readline()
        run.kill()
    rate, samples = content(tmp_path / "r.partial.wav")
    assert (rate, names(tmp_path)) == (24000, ["r.partial.wav"])
    assert len(samples) >= 50 * 256
    assert samples == (bytes(range(256)) * (len(samples) // 256 + 1))[: len(samples)]


def test_a_full_disk_keeps_what_fitted(tmp_path: Path, python) -> None:
    pytest.importorskip("resource")
    code = OPEN + (
        "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (1001, 1001))\n"
        "reply = open_reply(sys.argv[1])\n"
        "try:\n    while True: reply.write(b'abcdef' * 20, 24000)\n"
        "except FileError as error: print(error)\n"
        "print(reply.abandon())"
    )
    message, left = python(code, tmp_path / "r.wav").stdout.decode().splitlines()
    assert message == f"cannot write {tmp_path}/r.wav: File too large"
    assert left == f"{tmp_path}/r.partial.wav"
    assert content(Path(left)) == (24000, (b"abcdef" * 200)[:956])
    assert Path(left).stat().st_size == 1000


def test_an_output_that_is_the_input(tmp_path: Path) -> None:
    source, link, hard = tmp_path / "q.wav", tmp_path / "link.wav", tmp_path / "hard.wav"
    source.touch()
    link.symlink_to(source)
    hard.hardlink_to(source)
    partial = tmp_path / "r.partial.wav"
    partial.touch()
    for output in (source, link, hard, tmp_path / "home" / ".." / "q.wav"):
        assert same_file(str(output), str(source))
    assert same_file(str(tmp_path / "r.wav"), str(partial))
    assert same_file(str(tmp_path / "r.mp3"), str(partial))
    (tmp_path / "r.partial.mp3").touch()
    assert same_file(str(tmp_path / "r.mp3"), str(tmp_path / "r.partial.mp3"))
    assert not same_file(str(tmp_path / "new.wav"), str(source))
    assert not same_file("-", str(source))
    assert not same_file(str(source), "-")


def test_half_a_sample_is_no_audio_and_does_not_set_the_rate(tmp_path: Path) -> None:
    reply = open_reply(str(tmp_path / "r.wav"))
    reply.write(b"x", 8000)
    assert not reply.has_audio
    reply.write(b"abcd", 24000)
    assert reply.has_audio
    reply.commit()
    assert content(tmp_path / "r.wav") == (24000, b"abcd")


# --- two replies of one name


def test_a_second_reply_of_the_name_is_refused_until_the_first_is_over(tmp_path: Path) -> None:
    path = str(tmp_path / "r.wav")
    first = open_reply(path)
    with pytest.raises(FileError, match=r"r\.partial\.wav: (another )?process.* is writing it") as caught:
        open_reply(path)
    assert caught.value.hint == "-o names another file"
    first.write(b"abcd", 24000)
    first.commit()
    second = open_reply(path)
    second.write(b"efgh", 24000)
    second.commit()
    assert content(tmp_path / "r.wav") == (24000, b"efgh")
    assert names(tmp_path) == ["r.wav"]


@pytest.mark.parametrize("why", ["no locks", "inode numbers change"])
def test_without_locks_the_second_reply_has_a_partial_file_of_its_own(
    tmp_path: Path, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if why == "no locks":
        monkeypatch.setattr(file_lock, "lock", lambda descriptor: False)
    else:
        monkeypatch.setattr(file_lock, "is_at", lambda descriptor, path: False)
        monkeypatch.setattr(reply_module, "is_at", lambda descriptor, path: False)
    path = str(tmp_path / "r.wav")
    first, second = open_reply(path), open_reply(path)
    first.write(b"abcd", 24000)
    second.write(b"efghij", 24000)
    [own] = [name for name in names(tmp_path) if name != "r.partial.wav"]
    assert own.endswith(".partial.wav"), "a folder as input leaves it out"
    first.commit()
    assert content(tmp_path / "r.wav") == (24000, b"abcd")
    second.commit()
    assert content(tmp_path / "r.wav") == (24000, b"efghij"), "the last one wins, whole"
    assert names(tmp_path) == ["r.wav"]


def test_a_partial_file_that_another_run_has_taken_meanwhile_is_not_renamed(tmp_path: Path) -> None:
    partial = tmp_path / "r.partial.wav"
    reply = open_reply(str(tmp_path / "r.wav"))
    reply.write(b"abcd", 24000)
    partial.unlink()
    partial.write_bytes(b"of another run")
    with pytest.raises(FileError, match="was removed meanwhile"):
        reply.commit()
    reply.abandon()
    assert partial.read_bytes() == b"of another run"
    assert names(tmp_path) == ["r.partial.wav"]


# --- on disk


def test_the_reply_is_on_disk_before_it_has_its_name_and_the_name_before_it_is_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[tuple[str, list[str]]] = []

    def watched(descriptor: int) -> None:
        status = os.fstat(descriptor)
        kind = "folder" if stat.S_ISDIR(status.st_mode) else f"{status.st_size} bytes"
        synced.append((kind, names(tmp_path)))

    reply = open_reply(str(tmp_path / "r.wav"))
    reply.write(b"abcd", 24000)
    monkeypatch.setattr(os, "fsync", watched)
    reply.commit()
    assert synced == [("48 bytes", ["r.partial.wav"]), ("folder", ["r.wav"])]


async def test_a_commit_goes_to_its_end_when_its_task_is_cancelled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop, goes_on = asyncio.get_running_loop(), threading.Event()
    begun = asyncio.Event()

    def slow(descriptor: int) -> None:
        loop.call_soon_threadsafe(begun.set)
        assert goes_on.wait(20)

    reply = open_reply(str(tmp_path / "r.wav"))
    reply.write(b"abcd", 24000)
    monkeypatch.setattr(os, "fsync", slow)
    async with asyncio.timeout(20):
        committing = asyncio.create_task(reply.commit_async())
        await begun.wait()
        assert not reply.is_complete
        committing.cancel()
        goes_on.set()
        with pytest.raises(asyncio.CancelledError):
            await committing
    assert reply.is_complete
    assert reply.abandon() is None
    assert content(tmp_path / "r.wav") == (24000, b"abcd")


def test_a_large_chunk_is_resampled_in_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = []
    push = Resampler.push
    monkeypatch.setattr(Resampler, "push", lambda self, pcm: sizes.append(len(pcm)) or push(self, pcm))
    reply = open_reply(str(tmp_path / "r.wav"))
    reply.write(bytes(2), 96_000)
    reply.write(bytes(1 << 20), 48_000)
    reply.commit()
    assert max(sizes) == 64 * 1024, "in one piece, the largest message would become gigabytes"
    assert len(content(tmp_path / "r.wav")[1]) == 2 + (2 << 20)
