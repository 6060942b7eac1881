"""The prompt history of earlier chats, in a file that only the user can read."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path

from prompt_toolkit.history import FileHistory, History, InMemoryHistory

from ...errors import FileError
from ...process.folders import state_folder

NAME = "chat-history"
MAX_BYTES = 1 << 20
"""A history that is longer loses its older half."""


class PromptHistory(FileHistory):
    """A history file. An entry that cannot be written, as on a full disk, is dropped without an error."""

    def store_string(self, string: str) -> None:
        with suppress(OSError):
            super().store_string(string)


def open_history() -> History:
    """The user's history file, or a history in memory when there can be no such file."""
    try:
        folder = state_folder()
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = folder / NAME
        _make_private(path)
        _shorten(path)
    except (OSError, FileError):
        return InMemoryHistory()
    return PromptHistory(path)


def _make_private(path: Path) -> None:
    file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        mode = os.fstat(file).st_mode
        if not stat.S_ISREG(mode):
            raise FileError(f"{path} is not a regular file")
        if os.name != "nt" and stat.S_IMODE(mode) != 0o600:
            os.fchmod(file, 0o600)
    finally:
        os.close(file)


def _shorten(path: Path) -> None:
    if path.stat().st_size > MAX_BYTES:
        kept = path.read_bytes()[-MAX_BYTES // 2 :]
        path.write_bytes(kept[kept.find(b"\n\n#") + 1 :])
