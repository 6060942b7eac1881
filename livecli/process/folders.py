"""The folders where livecli keeps files between runs, and how it writes such a file. Owns platformdirs."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from ..errors import FileError


def state_folder() -> Path:
    """What can be made again, but should stay: certificates. It need not be there yet.

    `$XDG_STATE_HOME/livecli`, else `~/.local/state/livecli` on Linux and its like elsewhere. Raises FileError for a
    user without a home, who would find it in the current folder.
    """
    return _folder("state", "XDG_STATE_HOME")


def config_folder() -> Path:
    """What the user gave us to keep: the API key. It need not be there yet.

    `$XDG_CONFIG_HOME/livecli`, else `~/.config/livecli` on Linux and its like elsewhere. Raises FileError as
    `state_folder` does.
    """
    return _folder("config", "XDG_CONFIG_HOME")


def _folder(kind: str, variable: str) -> Path:
    try:
        folder = _config_on_linux() if kind == "config" and sys.platform == "linux" else _platform_s(kind)
    except RuntimeError:
        folder = Path()
    if not folder.is_absolute():  # so do older versions of platformdirs tell it
        raise FileError("there is no home folder to keep anything in", hint=f"set HOME, or {variable}")
    return folder


def _platform_s(kind: str) -> Path:
    import platformdirs

    folder: Path = getattr(platformdirs, f"user_{kind}_path")("livecli", appauthor=False)
    return folder


def _config_on_linux() -> Path:
    """What platformdirs would say. A `send` may look here for a key, and loading that costs some milliseconds."""
    named = Path(os.environ.get("XDG_CONFIG_HOME", "").strip())
    return (named if named.is_absolute() else Path("~/.config").expanduser()) / "livecli"


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
