"""The user's editor, which $VISUAL or $EDITOR names, on a temporary file."""

from __future__ import annotations

import asyncio
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from ..errors import FileError
from .text_files import decode_text

EDITORS = ("editor", "nano", "vi", "notepad")
"""The editors that are tried where the environment names none."""

KEYBOARD_SIGNALS = [getattr(signal, name) for name in ("SIGINT", "SIGQUIT") if hasattr(signal, name)]
"""The signals that a key sends to all processes of a terminal's foreground."""


async def edit_text(text: str) -> str:
    """The text as the user has changed it, without a line feed at its end. Returns when the editor has ended.

    Ctrl-C and Ctrl-\\ are for the editor meanwhile. Must be awaited in the main thread. Raises FileError where the
    editor cannot be run, ends with a failure (as of `:cq`), leaves no file, or writes no UTF-8 text.
    """
    command = os.environ.get("VISUAL") or os.environ.get("EDITOR") or next(filter(shutil.which, EDITORS), "vi")
    try:
        with tempfile.TemporaryDirectory(prefix="livecli-", ignore_cleanup_errors=True) as folder:
            path = Path(folder) / "message.md"
            path.write_text(text, encoding="utf-8")
            if status := await _status(_start(command, path)):
                raise FileError(f"the editor {command} ended with status {status}: the message is as it was")
            return decode_text("what the editor has written", path.read_bytes()).removesuffix("\n")
    except OSError as error:
        raise FileError(f"the message cannot be edited in a temporary file: {error.strerror}") from error


def _start(command: str, path: Path) -> subprocess.Popen[bytes]:
    # Standard output may be a file; standard error is the terminal.
    terminal = sys.__stderr__.fileno() if sys.__stderr__ is not None else None
    try:
        return subprocess.Popen([*shlex.split(command), str(path)], stdout=terminal)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise FileError(f"cannot run the editor {command}: {reason}", hint="EDITOR names another one") from error


async def _status(editor: subprocess.Popen[bytes]) -> int:
    """The exit status of the editor."""
    # After the start: a signal that is ignored before it is ignored by the editor as well.
    handlers = [(number, signal.signal(number, signal.SIG_IGN)) for number in KEYBOARD_SIGNALS]
    try:
        return await asyncio.get_running_loop().run_in_executor(None, editor.wait)
    finally:
        for number, handler in handlers:
            signal.signal(number, handler)
