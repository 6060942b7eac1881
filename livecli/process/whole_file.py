"""A file that is written as a whole: it is either complete or as it was before.

A link stays one, and the file that it leads to is written. A device or a pipe is written straight through.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from ..errors import FileError


def write_whole(path: str, parts: Iterable[bytes]) -> None:
    """Write a file that only the user can read. Raises FileError where it cannot be written."""
    target, partial = _places(path)
    is_special = target == partial
    try:
        with open(partial, "wb", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
            file.writelines(parts)
        if not is_special:
            partial.replace(target)
    except OSError as error:
        raise FileError(f"cannot write {path}: {error.strerror}") from error
    finally:
        if not is_special:
            with suppress(OSError):
                partial.unlink(missing_ok=True)


def _places(path: str) -> tuple[Path, Path]:
    """The file that is written, and the one that is renamed to it at the end: the same where it is no regular file."""
    target = Path(os.path.realpath(path))
    partial = target.with_name(f"{target.name}.partial")
    try:
        mode = target.stat().st_mode
    except OSError:
        return target, partial
    return target, partial if stat.S_ISREG(mode) or stat.S_ISDIR(mode) else target


def _is_too_long(path: Path) -> bool:
    try:
        path.lstat()
    except OSError as error:
        return error.errno == errno.ENAMETOOLONG
    return False


def check_writable(path: str) -> None:
    """Raises FileError where `write_whole` could not write this file."""
    target, partial = _places(path)
    folder = target.parent
    if _is_too_long(partial):
        problem = errno.ENAMETOOLONG
    elif target.is_dir():
        problem = errno.EISDIR
    elif not folder.is_dir():
        problem = errno.ENOTDIR if folder.exists() else errno.ENOENT
    elif not os.access(folder, os.W_OK) or (target.exists() and not os.access(target, os.W_OK)):
        problem = errno.EACCES
    else:
        return
    raise FileError(f"cannot write {path}: {os.strerror(problem)}")
