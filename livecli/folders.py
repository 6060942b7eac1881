"""Where livecli keeps what outlives a run, each thing where this system keeps its kind. Owns platformdirs."""

from __future__ import annotations

from pathlib import Path

from .errors import FileError


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
    import platformdirs

    try:
        folder: Path = getattr(platformdirs, f"user_{kind}_path")("livecli", appauthor=False)
    except RuntimeError:
        folder = Path()
    if not folder.is_absolute():  # so do older versions of platformdirs tell it
        raise FileError("there is no home folder to keep anything in", hint=f"set HOME, or {variable}")
    return folder
