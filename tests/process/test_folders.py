"""Folders for files that outlive a run, and files that are written as a whole, whatever happens meanwhile."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
import time
from contextlib import nullcontext
from pathlib import Path

import platformdirs
import pytest

from livecli.errors import FileError
from livecli.process import folders
from livecli.process.folders import (
    config_folder,
    natural_key,
    state_folder,
    sync_folder,
    temporary_files,
    write_atomically,
)

posix = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no permission bits")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "kept").mkdir()
    return tmp_path / "kept" / "file.json"


def names(path: Path) -> list[str]:
    return [each.name for each in path.parent.iterdir()]


def test_a_file_is_written_and_replaced(path: Path) -> None:
    write_atomically(path, b"first, and longer")
    write_atomically(path, b"second")
    assert path.read_bytes() == b"second"
    assert names(path) == ["file.json"]


@posix
@pytest.mark.parametrize("umask", [0o000, 0o077])
@pytest.mark.parametrize("mode", [0o600, 0o644])
def test_its_mode_does_not_depend_on_the_umask(path: Path, mode: int, umask: int) -> None:
    before = os.umask(umask)
    try:
        write_atomically(path, b"", mode=mode)
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == mode


@posix
def test_the_content_is_on_disk_before_it_has_its_name(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path.write_bytes(b"old")
    seen: list[tuple[bytes, list[bytes], int]] = []
    fsync = os.fsync

    def watched(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            assert os.path.samestat(os.fstat(descriptor), path.parent.stat())
            seen.append((path.read_bytes(), [], stat.S_IMODE(path.stat().st_mode)))
        else:
            [temporary] = temporary_files(path)
            mode = stat.S_IMODE(temporary.stat().st_mode)
            seen.append((path.read_bytes(), [temporary.read_bytes()], mode))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", watched)
    write_atomically(path, b"new", mode=0o644)
    assert seen == [(b"old", [b"new"], 0o600), (b"new", [], 0o644)], "then its name is on disk, too"


@posix
@pytest.mark.parametrize(("number", "raised"), [(errno.EINVAL, False), (errno.EIO, True)])
def test_a_file_system_that_cannot_sync_a_folder_is_no_error(
    path: Path, number: int, raised: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(descriptor: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="error") if raised else nullcontext():
        sync_folder(path.parent)


# --- what a killed write left

WRITE = """
import os, sys
from pathlib import Path
from livecli.process.folders import write_atomically
def stop(descriptor):
    print(flush=True)
    sys.stdin.readline()
os.fsync = stop
write_atomically(Path(sys.argv[1]), b"secret")
"""


@posix
@pytest.mark.parametrize("killed", [True, False])
def test_the_next_write_removes_what_a_killed_one_left_and_nothing_that_is_in_use(path: Path, killed: bool) -> None:
    command = [sys.executable, "-c", WRITE, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as writing:
        assert writing.stdin
        assert writing.stdout
        writing.stdout.readline()
        assert len(temporary_files(path)) == 1
        if killed:
            writing.kill()
            writing.wait(20)
        write_atomically(path, b"new")
        assert len(temporary_files(path)) == (0 if killed else 1)
        assert path.read_bytes() == b"new"
        if not killed:
            # Once for the file, once for the folder.
            writing.stdin.write(b"\n\n")
            writing.stdin.close()
            assert writing.wait(20) == 0
            assert path.read_bytes() == b"secret"
    assert names(path) == ["file.json"]


@posix
def test_without_locks_only_an_old_temporary_file_is_removed(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folders, "lock", lambda descriptor: False)
    old, fresh = path.with_name(".file.json-old"), path.with_name(".file.json-fresh")
    for left in (old, fresh):
        left.write_bytes(b"secret")
    os.utime(old, (0, time.time() - folders.ABANDONED_SECONDS - 60))
    write_atomically(path, b"new")
    assert temporary_files(path) == [fresh]


@posix
def test_on_a_file_system_whose_inode_numbers_change_files_are_written(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folders, "is_at", lambda descriptor, path: False)
    write_atomically(path, b"new")
    assert path.read_bytes() == b"new"
    assert names(path) == ["file.json"]


@posix
def test_neither_a_link_nor_a_fifo_among_them_does_harm(path: Path) -> None:
    victim = path.with_name("victim")
    victim.write_bytes(b"kept")
    path.with_name(".file.json-link").symlink_to(victim)
    os.mkfifo(path.with_name(".file.json-fifo"))
    write_atomically(path, b"new")
    assert (victim.read_bytes(), path.read_bytes()) == (b"kept", b"new")


@pytest.mark.parametrize("function", ["fsync", "replace"])
def test_a_failure_leaves_the_old_file_and_no_other(path: Path, function: str, monkeypatch: pytest.MonkeyPatch) -> None:
    path.write_bytes(b"old")

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, function, fail)
    with pytest.raises(OSError, match="No space left"):
        write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert names(path) == ["file.json"]


@pytest.mark.parametrize("hard_links", [True, False])
def test_an_existing_file_is_kept_where_that_is_asked(
    path: Path, hard_links: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    if not hard_links:
        monkeypatch.setattr(os, "link", refuse)
    write_atomically(path, b"first", keep_existing=True)
    write_atomically(path, b"second", keep_existing=True)
    assert path.read_bytes() == b"first"
    assert names(path) == ["file.json"]


def test_a_missing_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        write_atomically(tmp_path / "nowhere" / "file", b"")


def test_temporary_files_are_those_of_this_file_alone(path: Path) -> None:
    for name in (".file.json-k2j4", ".other.json-k2j4", "file.json-k2j4", "file.json"):
        (path.parent / name).touch()
    assert temporary_files(path) == [path.parent / ".file.json-k2j4"]


linux = pytest.mark.skipif(sys.platform != "linux", reason="the folders of Linux")
FOLDERS = [(state_folder, "XDG_STATE_HOME", ".local/state"), (config_folder, "XDG_CONFIG_HOME", ".config")]


@linux
@pytest.mark.parametrize(("folder", "variable", "default"), FOLDERS)
def test_the_folder_is_that_of_the_variable_or_in_the_home(folder, variable, default, monkeypatch, tmp_path) -> None:
    assert folder() == Path.home() / default / "livecli"
    monkeypatch.setenv(variable, str(tmp_path))
    assert folder() == tmp_path / "livecli"
    assert not folder().exists()


@linux
@pytest.mark.parametrize("value", ["", " ", "relative", "/absolute"])
def test_the_config_folder_is_that_of_platformdirs(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", value)
    assert config_folder() == platformdirs.user_config_path("livecli", appauthor=False)


@linux
@pytest.mark.parametrize(("folder", "variable", "default"), FOLDERS)
def test_a_user_without_a_home_is_told_which_variable_to_set(folder, variable, default, monkeypatch) -> None:
    def no_home(self: Path) -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "expanduser", no_home)
    monkeypatch.setattr(folders, "_by_platformdirs", lambda kind: Path("~") / kind)
    with pytest.raises(FileError, match="there is no home folder") as caught:
        folder()
    assert caught.value.hint == f"set HOME, or {variable}"


@posix
@pytest.mark.parametrize(("folder", "variable", "default"), FOLDERS)
def test_an_empty_home_is_not_the_root_of_the_file_system(folder, variable, default, monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("HOME", "")
    for value in (None, "", "relative"):
        if value is not None:
            monkeypatch.setenv(variable, value)
        with pytest.raises(FileError, match="HOME is empty") as caught:
            folder()
        assert caught.value.hint == f"set HOME, or {variable}"
    if sys.platform == "linux":
        monkeypatch.setenv(variable, str(tmp_path))
        assert folder() == tmp_path / "livecli"


def test_numbers_in_file_names_are_sorted_by_their_value() -> None:
    names = ["a", "q1", "q01", "q2", "q2b", "q10", "1-2", "1-10", "10", "", "q²"]
    assert sorted(names, key=natural_key) == ["", "1-2", "1-10", "10", "a", "q01", "q1", "q2", "q2b", "q10", "q²"]
