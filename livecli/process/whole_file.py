"""A file that is written as a whole: it is either complete or as it was before.

A link stays one, and the file that it leads to is written. A device or a pipe is written straight through.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable
from pathlib import Path

from ..errors import FileError


def write_whole(path: str, parts: Iterable[bytes]) -> None:
    """Write a file that only the user can read. Raises FileError where it cannot be written."""
    target = Path(os.path.realpath(path))
    is_special = target.exists() and not (target.is_file() or target.is_dir())
    partial = target if is_special else target.with_name(f"{target.name}.partial")
    try:
        with open(partial, "wb", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
            file.writelines(parts)
        if not is_special:
            partial.replace(target)
    except OSError as error:
        raise FileError(f"cannot write {path}: {error.strerror}") from error
    finally:
        if not is_special:
            partial.unlink(missing_ok=True)


def check_writable(path: str) -> None:
    """Raises FileError where `write_whole` could not write this file."""
    target = Path(os.path.realpath(path))
    folder = target.parent
    if target.is_dir():
        problem = errno.EISDIR
    elif not folder.is_dir():
        problem = errno.ENOTDIR if folder.exists() else errno.ENOENT
    elif not os.access(folder, os.W_OK) or (target.exists() and not os.access(target, os.W_OK)):
        problem = errno.EACCES
    else:
        return
    raise FileError(f"cannot write {path}: {os.strerror(problem)}")
