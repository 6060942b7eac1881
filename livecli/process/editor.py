"""The user's editor, which $VISUAL or $EDITOR names, on a temporary file."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from ..errors import FileError
from .text_files import decode_text

EDITORS = ("editor", "nano", "vi", "notepad")
"""The editors that are tried where the environment names none."""


def edit_text(text: str) -> str:
    """The text as the user has changed it, without a line feed at its end. Returns when the editor has ended.

    Raises FileError where the editor cannot be run, ends with a failure (as of `:cq`), or writes no UTF-8 text.
    """
    command = os.environ.get("VISUAL") or os.environ.get("EDITOR") or next(filter(shutil.which, EDITORS), "vi")
    with tempfile.TemporaryDirectory(prefix="livecli-") as folder:
        path = Path(folder) / "message.md"
        path.write_text(text, encoding="utf-8")
        try:
            # Standard output may be a file; standard error is the terminal.
            terminal = sys.__stderr__.fileno() if sys.__stderr__ is not None else None
            status = subprocess.call([*shlex.split(command), str(path)], stdout=terminal)
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise FileError(f"cannot run the editor {command}: {reason}", hint="EDITOR names another one") from error
        if status:
            raise FileError(f"the editor {command} ended with status {status}: the message is as it was")
        return decode_text(str(path), path.read_bytes()).removesuffix("\n")
