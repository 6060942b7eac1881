"""Folders for files that outlive a run, and atomic writes. The only module that imports platformdirs."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from ..errors import FileError


def state_folder() -> Path:
    """Folder for files that livecli can make again, such as certificates and the history. It may not exist yet.

    `$XDG_STATE_HOME/livecli`, else `~/.local/state/livecli` on Linux and its counterparts elsewhere. Raises FileError
    for a user without a home folder.
    """
    return _folder("state", "XDG_STATE_HOME")


def config_folder() -> Path:
    """Folder for what the user has stored, such as the API key. It may not exist yet.

    `$XDG_CONFIG_HOME/livecli`, else `~/.config/livecli` on Linux and its counterparts elsewhere. Raises FileError
    for a user without a home folder.
    """
    return _folder("config", "XDG_CONFIG_HOME")


def _folder(kind: str, variable: str) -> Path:
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


def write_atomically(path: Path, content: bytes, *, mode: int = 0o600, keep_existing: bool = False) -> None:
    """Write `content` to `path` as a whole: other processes see the old file or the new one, never a part of one.

    The content is on disk before it has its name, so that a crash leaves one of the two as well. The file has the
    permissions `mode` from its first moment under that name. A write that is killed may leave its temporary file,
    which only the user can read; `temporary_files` finds it. With `keep_existing` a file that exists stays as it is,
    even if another process made it a moment ago. Raises OSError.
    """
    # Loaded here, because most runs write no such file.
    import tempfile

    descriptor, name = tempfile.mkstemp(prefix=_temporary_prefix(path), dir=path.parent)
    try:
        with open(descriptor, "wb") as file:  # noqa: PTH123 - a descriptor has no path
            file.write(content)
            file.flush()
            os.fsync(descriptor)
        temporary = Path(name)
        temporary.chmod(mode)
        if not keep_existing or not _exists_or_linked(temporary, path):
            temporary.replace(path)
    finally:
        Path(name).unlink(missing_ok=True)


def temporary_files(path: Path) -> list[Path]:
    """The temporary files that interrupted calls of `write_atomically` left for `path`. Raises OSError."""
    return sorted(path.parent.glob(f"{_temporary_prefix(path)}*"))


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
