"""Where livecli keeps what outlives a run, each thing where this system keeps its kind. Owns platformdirs."""

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
