"""Advisory locks on open files, which end when the file is closed or its process dies, and files that hold one.

The lock is `flock`, which belongs to an open file: two runs in one process exclude each other as two processes do. It
does not exist on Windows and on some network file systems.
"""

from __future__ import annotations

import os
import stat
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ..errors import FileError

# A link is not followed, and neither a FIFO without a reader nor a terminal changes the process that opens it.
SAFE_FLAGS = sum(getattr(os, name, 0) for name in ("O_NOFOLLOW", "O_NONBLOCK", "O_NOCTTY", "O_CLOEXEC", "O_BINARY"))

# A file that is another one after each of so many attempts is on a file system whose inode numbers are not stable. A
# lock does not tell there which file it belongs to.
ATTEMPTS = 100

# Linux lists each lock with the process that took it.
_LOCKS = Path("/proc/locks")


@dataclass(frozen=True)
class LockedFile:
    """An open file. `is_new` says that it was created, `is_locked` is False where the file system has no locks."""

    descriptor: int
    is_new: bool
    is_locked: bool


def open_locked(path: Path, *, hint: str) -> LockedFile:
    """Open the regular file `path` for writing, and lock it. It is created where it does not exist, and not emptied.

    Raises FileError where another process has the lock, and where `path` is no regular file, both with this `hint`;
    OSError where it cannot be opened.
    """
    was_created = False
    for _ in range(ATTEMPTS):
        descriptor, is_new = _open_regular(path, hint)
        was_created = was_created or is_new
        try:
            is_locked = lock(descriptor)
        except BlockingIOError as error:
            pid = _holder(descriptor)
            os.close(descriptor)
            process = "another process" if pid is None else f"process {pid}"
            raise FileError(f"cannot write {path}: {process} is writing it", hint=hint) from error
        # Another process may have renamed or removed the file before it gave the lock up.
        if not is_locked or is_at(descriptor, path):
            return LockedFile(descriptor, is_new, is_locked)
        os.close(descriptor)
    descriptor, is_new = _open_regular(path, hint)
    return LockedFile(descriptor, was_created or is_new, is_locked=False)


def lock(descriptor: int) -> bool:
    """Lock an open file. Returns False where its file system has no locks.

    Raises BlockingIOError where another open file has the lock.
    """
    if sys.platform == "win32":
        return False
    import fcntl

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise
    except OSError:
        return False
    return True


def is_at(descriptor: int, path: Path) -> bool:
    """Whether `path` still is the open file. On Windows an open file can be neither renamed nor removed."""
    if sys.platform == "win32":
        return True
    try:
        return os.path.samestat(os.fstat(descriptor), path.lstat())
    except FileNotFoundError:
        return False


def _open_regular(path: Path, hint: str) -> tuple[int, bool]:
    """The descriptor, and whether the file was created. Raises FileError unless it is a regular file."""
    with suppress(FileExistsError):
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | SAFE_FLAGS, 0o666), True
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | SAFE_FLAGS, 0o666)
    except OSError:
        with suppress(FileNotFoundError):
            _check_regular(path, path.lstat(), hint)
        raise
    try:
        _check_regular(path, os.fstat(descriptor), hint)
    except FileError:
        os.close(descriptor)
        raise
    return descriptor, False


def _check_regular(path: Path, status: os.stat_result, hint: str) -> None:
    if not stat.S_ISREG(status.st_mode):
        kind = "a symbolic link" if stat.S_ISLNK(status.st_mode) else "no regular file"
        raise FileError(f"cannot write {path}: it is {kind}", hint=hint)


def _holder(descriptor: int) -> int | None:
    """The process that has the lock; None where the system does not tell."""
    status = os.fstat(descriptor)
    file = f"{os.major(status.st_dev):02x}:{os.minor(status.st_dev):02x}:{status.st_ino}"
    try:
        locks = _LOCKS.read_text()
    except OSError:
        return None
    for line in locks.splitlines():
        match line.split():
            case [_, "FLOCK", _, _, pid, locked, *_] if locked == file and pid.isdecimal() and pid != "0":
                return int(pid)
    return None
