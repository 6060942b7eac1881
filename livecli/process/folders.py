"""Folders for files that outlive a run, atomic writes, the order of names. The only importer of platformdirs."""

from __future__ import annotations

import errno
import os
import re
import sys
import time
from contextlib import suppress
from pathlib import Path

from ..errors import FileError
from .file_lock import ATTEMPTS, is_at, lock

# Without locks, a temporary file that was written to longer ago than this is not in use: a write takes milliseconds.
ABANDONED_SECONDS = 3600.0


def state_folder() -> Path:
    """Folder for files that livecli can make again, such as certificates and the history. It may not exist yet.

    `$XDG_STATE_HOME/livecli`, else `~/.local/state/livecli` on Linux and its counterparts elsewhere. Raises FileError
    for a user without a home folder, or with an empty HOME.
    """
    return _folder("state", "XDG_STATE_HOME")


def config_folder() -> Path:
    """Folder for what the user has stored, such as the API key. It may not exist yet.

    `$XDG_CONFIG_HOME/livecli`, else `~/.config/livecli` on Linux and its counterparts elsewhere. Raises FileError
    for a user without a home folder, or with an empty HOME.
    """
    return _folder("config", "XDG_CONFIG_HOME")


def _folder(kind: str, variable: str) -> Path:
    if os.environ.get("HOME") == "" and not Path(os.environ.get(variable, "").strip()).is_absolute():
        # `~` would be the root of the file system, in which root may write.
        raise FileError("HOME is empty", hint=f"set HOME, or {variable}")
    try:
        folder = _config_on_linux() if kind == "config" and sys.platform == "linux" else _by_platformdirs(kind)
    except RuntimeError:
        folder = Path()
    # Older versions of platformdirs return a relative path where there is no home folder.
    if not folder.is_absolute():
        raise FileError("there is no home folder", hint=f"set HOME, or {variable}")
    return folder


def _by_platformdirs(kind: str) -> Path:
    import platformdirs

    folder: Path = getattr(platformdirs, f"user_{kind}_path")("livecli", appauthor=False)
    return folder


def _config_on_linux() -> Path:
    """The folder of platformdirs, without loading it: `send` looks here for a key, and that would cost milliseconds."""
    variable = Path(os.environ.get("XDG_CONFIG_HOME", "").strip())
    return (variable if variable.is_absolute() else Path("~/.config").expanduser()) / "livecli"


def natural_key(name: str) -> tuple[list[str | int], str]:
    """The key that sorts file names by the value of the numbers in them: q2 comes before q10."""
    parts = re.split(r"([0-9]+)", name)
    # The numbers stand at the odd places.
    return [int(part) if place % 2 else part for place, part in enumerate(parts)], name


def is_file(path: str | Path) -> bool:
    """Whether `path` is a regular file that can be looked at: Path.is_file raises for a name that is too long."""
    return os.path.isfile(path)  # noqa: PTH113


def write_atomically(path: Path, content: bytes, *, mode: int = 0o600, keep_existing: bool = False) -> None:
    """Write `content` to `path` as a whole: other processes see the old file or the new one, never a part of one.

    The content is on disk before it has its name, and the name when this returns, so that a crash leaves one of the two
    as well. The file has the permissions `mode` from its first moment under that name. A write that is killed may leave
    its temporary file, which only the user can read; the next one removes it. With `keep_existing` a file that exists
    stays as it is, even if another process made it a moment ago. Raises OSError.
    """
    remove_abandoned(path)
    descriptor, temporary = _new_temporary(path)
    try:
        with open(descriptor, "wb") as file:  # noqa: PTH123 - a descriptor has no path
            file.write(content)
            file.flush()
            os.fsync(descriptor)
            if sys.platform == "win32":
                # An open file cannot be renamed there.
                file.close()
            temporary.chmod(mode)
            if not keep_existing or not _exists_or_linked(temporary, path):
                temporary.replace(path)
        sync_folder(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """Wait until the names of the files in `folder` are on disk, where the system can do that. Raises OSError."""
    # Windows opens no folders.
    if sys.platform == "win32":
        return
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except PermissionError:
        # The user may write in the folder, but not read it.
        return
    try:
        os.fsync(descriptor)
    except OSError as error:
        # These say that the file system cannot sync a folder.
        if error.errno not in (errno.EINVAL, errno.ENOTSUP, errno.ENOSYS):
            raise
    finally:
        os.close(descriptor)


def temporary_files(path: Path) -> list[Path]:
    """The temporary files that interrupted calls of `write_atomically` left for `path`. Raises OSError."""
    return sorted(path.parent.glob(f"{_temporary_prefix(path)}*"))


def remove_abandoned(path: Path) -> None:
    """Remove the temporary files for `path` whose writers were killed: those without a lock.

    Where there are no locks, they are removed after ABANDONED_SECONDS. A file that cannot be removed stays.
    """
    for temporary in temporary_files(path):
        with suppress(OSError):
            descriptor = os.open(temporary, os.O_WRONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
            try:
                is_abandoned = lock(descriptor) or time.time() - os.fstat(descriptor).st_mtime > ABANDONED_SECONDS
                if is_abandoned and sys.platform != "win32":
                    temporary.unlink()
            finally:
                os.close(descriptor)
            if is_abandoned and sys.platform == "win32":
                # An open file cannot be removed there, so that one in use stays.
                temporary.unlink()


def _new_temporary(path: Path) -> tuple[int, Path]:
    """A new temporary file for `path`, with a lock, without which `remove_abandoned` may remove it at once."""
    # Loaded here, because most runs write no such file.
    import tempfile

    for _ in range(ATTEMPTS):
        descriptor, name = tempfile.mkstemp(prefix=_temporary_prefix(path), dir=path.parent)
        with suppress(BlockingIOError):
            if not lock(descriptor) or is_at(descriptor, Path(name)):
                return descriptor, Path(name)
        os.close(descriptor)
        Path(name).unlink(missing_ok=True)
    descriptor, name = tempfile.mkstemp(prefix=_temporary_prefix(path), dir=path.parent)
    return descriptor, Path(name)


def _temporary_prefix(path: Path) -> str:
    return f".{path.name}-"


def _exists_or_linked(temporary: Path, path: Path) -> bool:
    """Link `path` to `temporary` unless it exists. False where it does not exist afterwards: the file system has no
    hard links."""
    try:
        path.hardlink_to(temporary)
    except OSError:
        return path.exists()
    return True
