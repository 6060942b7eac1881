"""What was typed in earlier chats, kept where only the user can read it."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path

from prompt_toolkit.history import FileHistory, History, InMemoryHistory

from ..errors import FileError
from ..process.folders import state_folder

NAME = "chat-history"
LARGEST_BYTES = 1 << 20
"""Of a longer history the older half is forgotten."""


class PromptHistory(FileHistory):
    """A disk that is full is no reason to stop talking."""

    def store_string(self, string: str) -> None:
        with suppress(OSError):
            super().store_string(string)


def history() -> History:
    """The user's; where that cannot be kept, one for as long as the chat lasts."""
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
            raise FileError(f"{path} is no file")
        if os.name != "nt" and stat.S_IMODE(mode) != 0o600:
            os.fchmod(file, 0o600)
    finally:
        os.close(file)


def _shorten(path: Path) -> None:
    if path.stat().st_size > LARGEST_BYTES:
        kept = path.read_bytes()[-LARGEST_BYTES // 2 :]
        path.write_bytes(kept[kept.find(b"\n\n#") + 1 :])
