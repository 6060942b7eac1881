"""Locks on open files: who has one, when it ends, and which files are not opened."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from livecli.errors import FileError
from livecli.process import file_lock
from livecli.process.file_lock import is_at, lock, open_locked

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no flock")

HOLD = """
import sys
from pathlib import Path
from livecli.process.file_lock import open_locked
open_locked(Path(sys.argv[1]), hint="")
print(flush=True)
sys.stdin.readline()
"""


def test_a_file_is_created_and_an_existing_one_is_not_emptied(tmp_path: Path) -> None:
    path = tmp_path / "f"
    made = open_locked(path, hint="")
    os.write(made.descriptor, b"abc")
    os.close(made.descriptor)
    found = open_locked(path, hint="")
    os.close(found.descriptor)
    assert (made.is_new, found.is_new) == (True, False)
    assert path.read_bytes() == b"abc"


def test_the_holder_is_named_and_its_death_ends_the_lock(tmp_path: Path) -> None:
    path = tmp_path / "f"
    with subprocess.Popen([sys.executable, "-c", HOLD, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout
        holder.stdout.readline()
        with pytest.raises(FileError) as caught:
            open_locked(path, hint="-o names another file")
        holder.kill()
        holder.wait(20)
    process = f"process {holder.pid}" if sys.platform == "linux" else "another process"
    assert caught.value.message == f"cannot write {path}: {process} is writing it"
    assert caught.value.hint == "-o names another file"
    os.close(open_locked(path, hint="").descriptor)


def test_a_holder_that_the_system_does_not_tell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_lock, "_LOCKS", tmp_path / "missing")
    held = open_locked(tmp_path / "f", hint="")
    with pytest.raises(FileError, match="another process is writing it"):
        open_locked(tmp_path / "f", hint="")
    os.close(held.descriptor)


def test_a_child_process_does_not_keep_the_lock(tmp_path: Path) -> None:
    held = open_locked(tmp_path / "f", hint="")
    code = "print(flush=True); input()"
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", code], close_fds=False, **pipes) as child:
        child.stdout.readline()
        os.close(held.descriptor)
        os.close(open_locked(tmp_path / "f", hint="").descriptor)
        child.communicate(b"\n", timeout=20)


def test_a_file_that_was_renamed_before_it_was_locked_is_not_the_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As by a run that ends between the opening of its partial file by another run, and the lock."""
    path, renamed = tmp_path / "f", tmp_path / "g"
    path.write_bytes(b"done")

    def rename_first(descriptor: int) -> bool:
        if not renamed.exists():
            path.rename(renamed)
        return lock(descriptor)

    monkeypatch.setattr(file_lock, "lock", rename_first)
    opened = open_locked(path, hint="")
    assert is_at(opened.descriptor, path)
    assert not is_at(opened.descriptor, renamed)
    os.close(opened.descriptor)
    assert (path.read_bytes(), renamed.read_bytes()) == (b"", b"done")


def test_at_most_one_has_the_lock_while_others_rename_and_remove_the_file(tmp_path: Path) -> None:
    path, inside, worst, refused = tmp_path / "f", 0, 0, 0
    count = threading.Lock()

    def take(number: int) -> None:
        nonlocal inside, worst, refused
        for turn in range(200):
            try:
                opened = open_locked(path, hint="")
            except FileError:
                refused += 1
                continue
            with count:
                inside += 1
                worst = max(worst, inside)
            time.sleep(0)  # another thread runs
            with count:
                inside -= 1
            path.rename(tmp_path / f"done{number}") if turn % 2 else path.unlink()
            os.close(opened.descriptor)

    threads = [threading.Thread(target=take, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive()
    assert worst == 1
    assert refused < 800


def test_a_file_system_without_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import fcntl

    def refuse(*_: object) -> None:
        raise OSError(37, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    opened = [open_locked(tmp_path / "f", hint="") for _ in range(2)]
    for each in opened:
        os.close(each.descriptor)
    assert [(each.is_new, each.is_locked) for each in opened] == [(True, False), (False, False)]


def test_a_file_system_whose_inode_numbers_change_has_no_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_lock, "is_at", lambda descriptor, path: False)
    opened = open_locked(tmp_path / "f", hint="")
    os.close(opened.descriptor)
    assert not opened.is_locked


@pytest.mark.parametrize("kind", ["link", "dangling", "fifo", "read fifo", "folder", "device"])
def test_only_a_regular_file_is_opened(tmp_path: Path, kind: str) -> None:
    path, victim, reader = tmp_path / "f", tmp_path / "victim", -1
    if kind == "link":
        victim.write_bytes(b"kept")
    if kind in ("link", "dangling"):
        path.symlink_to(victim)
    elif kind == "folder":
        path.mkdir()
    elif kind == "device":
        path.symlink_to("/dev/null")
    else:
        os.mkfifo(path)
        reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK) if kind == "read fifo" else -1
    what = "no regular file" if kind in ("fifo", "read fifo", "folder") else "a symbolic link"
    with pytest.raises(FileError, match=re.escape(f"cannot write {path}: it is {what}")) as caught:
        open_locked(path, hint="choose")
    assert caught.value.hint == "choose"
    assert victim.read_bytes() == b"kept" if kind == "link" else not victim.exists()
    if reader >= 0:
        os.close(reader)


def test_a_missing_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        open_locked(tmp_path / "nowhere" / "f", hint="")
