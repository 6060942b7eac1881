"""Recordings on a disk that is fast, slow and full, and of a process that is killed."""

from __future__ import annotations

import os
import sys
import threading
from collections import Counter
from pathlib import Path

import pytest

from livecli.errors import FileError
from livecli.recording import writer
from livecli.recording.format import REDACTED, By, Direction, Header, read_live
from livecli.recording.redaction import Redactor
from livecli.recording.writer import DiskThread, LiveFile, Recorder


def test_a_session_is_written_and_read(tmp_path: Path) -> None:
    path, warnings = tmp_path / "run.live", list[str]()
    with DiskThread(warnings.append) as disk:
        recorder = Recorder(LiveFile(path, disk), Redactor())
        for at in (10.0, 20.0):
            recorder.begin(Header(model="m"), at)
            recorder.frame(Direction.CLIENT, b'{"setup": {}}', at + 0.5, is_binary=False)
            recorder.frame(Direction.SERVER, b'{"setupComplete": {}}', at + 1, is_binary=True)
        recorder.close(1000, "bye", By.SERVER, 22.0)
        recorder.close(1000, "twice", By.SERVER, 23.0)
    first, second = read_live(path.read_bytes()).connections
    assert [(frame.at, frame.is_binary) for frame in second.frames] == [(0.5, False), (1.0, True)]
    assert first.close is not None
    assert (first.close.code, first.close.by, first.close.at) == (1006, By.NETWORK, 10.0)
    assert second.close is not None
    assert (second.close.code, second.close.reason, second.close.at) == (1000, "bye", 2.0)
    assert warnings == []
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no flock")
def test_two_sessions_are_not_recorded_in_one_file(tmp_path: Path) -> None:
    path, warnings = tmp_path / "run.live", list[str]()
    with DiskThread(warnings.append) as disk:
        first, second = (Recorder(LiveFile(path, disk), Redactor()) for _ in range(2))
        for number, recorder in enumerate((first, second), 1):
            recorder.begin(Header(), 0.0)
            recorder.frame(Direction.CLIENT, b'{"setup": {"number": %d}}' % number, 1.0)
        written = threading.Event()
        disk.put(written.set)
        assert written.wait(20)
        with pytest.raises(FileError, match=r"run\.live: another session is recorded there"):
            LiveFile(path, disk)
        first.end()
        second.end()
    assert warnings == [f"cannot write {path}: another session is recorded there; the recording ends here"]
    assert [frame.data for frame in read_live(path.read_bytes()).frames] == [b'{"setup": {"number": 1}}']
    with DiskThread(pytest.fail) as disk:
        LiveFile(path, disk)


def test_a_frame_after_the_close_is_left_out(tmp_path: Path) -> None:
    """It may be under way from one side when the other one closes; the descriptor may be another file's by then."""
    path = tmp_path / "run.live"
    with DiskThread(pytest.fail) as disk:
        recorder = Recorder(LiveFile(path, disk), Redactor())
        recorder.begin(Header(), 0.0)
        recorder.frame(Direction.CLIENT, b'{"setup": {}}', 1.0)
        recorder.close(1000, "", By.CLIENT, 2.0)
        recorder.end()
        recorder.frame(Direction.SERVER, b'{"setupComplete": {}}', 2.0)
    assert len([*read_live(path.read_bytes()).frames]) == 1


def test_a_recording_is_emptied_or_continued(tmp_path: Path) -> None:
    path = tmp_path / "run.live"
    for append, connections in ((False, 1), (True, 2), (False, 1)):
        with DiskThread(pytest.fail) as disk:
            recorder = Recorder(LiveFile(path, disk, append=append), Redactor())
            recorder.begin(Header(), 0.0)
            recorder.end()
        assert len(read_live(path.read_bytes()).connections) == connections


def test_a_slow_disk_delays_no_frame_and_is_told_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writes, go_on, warnings = os.write, threading.Event(), list[str]()

    def slow_write(descriptor: int, data: bytes) -> int:
        assert go_on.wait(10)
        return writes(descriptor, data)

    monkeypatch.setattr(os, "write", slow_write)
    monkeypatch.setattr(writer, "MAX_WAITING_BYTES", 500 + 3 * (500 + 300))
    with DiskThread(warnings.append) as disk:
        recorder = Recorder(LiveFile(tmp_path / "run.live", disk), Redactor())
        recorder.begin(Header(), 0.0)
        for _ in range(10):
            recorder.frame(Direction.CLIENT, b'{"a": "%s"}' % (291 * b"x"), 0.0)
        waiting = disk.waiting
        for _ in range(10_000):
            recorder.frame(Direction.SERVER, b"{}", 1.0)
        assert disk.waiting == waiting, "what is left out takes no memory"
        go_on.set()
        recorder.close(1000, "", By.CLIENT, 2.0)
    assert warnings == ["the disk is too slow: frames are left out of the recording"]
    frames = [*read_live((tmp_path / "run.live").read_bytes()).frames]
    assert [frame.data == REDACTED for frame in frames[:10]] == 3 * [False] + 7 * [True]
    assert Counter(frame.direction for frame in frames) == {Direction.CLIENT: 10, Direction.SERVER: 10_000}


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
def test_a_full_disk_ends_the_recording_and_is_told_once() -> None:
    warnings: list[str] = []
    with DiskThread(warnings.append) as disk:
        recorder = Recorder(LiveFile(Path("/dev/full"), disk), Redactor())
        recorder.begin(Header(), 0.0)
        recorder.frame(Direction.CLIENT, b"{}", 0.0)
    assert warnings == ["cannot write /dev/full: No space left on device; the recording ends here"]


def test_a_file_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    with DiskThread(pytest.fail) as disk, pytest.raises(FileError, match=r"cannot write .*: Is a directory"):
        LiveFile(tmp_path, disk)


def test_a_recording_that_exists_is_kept_until_there_is_another_one(tmp_path: Path) -> None:
    path = tmp_path / "run.live"
    path.write_text("kept")
    with DiskThread(pytest.fail) as disk:
        recorder = Recorder(LiveFile(path, disk), Redactor())
        recorder.end()
    assert path.read_text() == "kept"
    with DiskThread(pytest.fail) as disk:
        Recorder(LiveFile(path, disk), Redactor()).begin(Header(), 0.0)
    assert path.read_text() == '{"livecli": 1}\n'


@pytest.mark.parametrize("append", [False, True])
def test_a_file_is_never_without_its_header(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, append: bool) -> None:
    path, writes, seen = tmp_path / "run.live", os.write, list[bool]()

    def write(descriptor: int, data: bytes) -> int:
        seen.append(path.exists())
        return writes(descriptor, data[:5])

    monkeypatch.setattr(os, "write", write)
    with DiskThread(pytest.fail) as disk:
        recorder = Recorder(LiveFile(path, disk, append=append), Redactor())
        recorder.begin(Header(), 0.0)
        recorder.frame(Direction.CLIENT, b"{}", 0.0)
    assert path.read_text() == '{"livecli": 1}\n[0.0, ">", {}]\n'
    assert seen == 3 * [False] + 3 * [True]
    assert [each.name for each in tmp_path.glob("run*")] == ["run.live"]


def test_what_was_cut_off_is_removed_before_a_recording_is_continued(tmp_path: Path) -> None:
    path = tmp_path / "run.live"
    path.write_text('{"livecli": 1}\n[0.0, ">", {"set')
    with DiskThread(pytest.fail) as disk:
        Recorder(LiveFile(path, disk, append=True), Redactor()).begin(Header(), 0.0)
    assert path.read_text() == 2 * '{"livecli": 1}\n'


def test_a_folder_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with DiskThread(pytest.fail) as disk, pytest.raises(FileError, match=r"cannot write .*: No such file or directory"):
        LiveFile(tmp_path / "none" / "run.live", disk)


def test_the_end_waits_as_long_as_the_thread_gets_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "CLOSE_SECONDS", 0.5)
    go_on, warnings = threading.Event(), list[str]()
    with DiskThread(warnings.append) as disk:
        for _ in range(5):
            disk.put(lambda: threading.Event().wait(0.15) and None)
    assert warnings == []
    with DiskThread(warnings.append) as disk:
        disk.put(lambda: go_on.wait(10) and None)
    go_on.set()
    assert warnings == ["the disk is too slow: the end of the recording is missing"]
