"""Data on standard output: whole and at once, or an error that says why not. Reply audio goes by `audio.reply`."""

from __future__ import annotations

import os
import sys

from ..errors import FileError, OutputClosed


def write_out(text: str) -> None:
    """Write `text`. Raises OutputClosed where nobody reads it any more, FileError where it cannot be written."""
    if sys.stdout is None:
        raise FileError("standard output is closed")
    try:
        try:
            sys.stdout.write(text)
        except UnicodeEncodeError:  # a locale without the character; Python's other stream escapes it, too
            sys.stdout.write(text.encode(sys.stdout.encoding, "backslashreplace").decode(sys.stdout.encoding))
        sys.stdout.flush()
    except OSError as error:
        raise cannot_write(error) from error


def cannot_write(error: OSError) -> FileError:
    """The error for standard output that failed so. What Python still holds for it goes nowhere from now on."""
    try:  # noqa: SIM105 - importing contextlib would be a tenth of `--version`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or it would fail once more at exit
    except OSError:
        pass  # a stand-in for standard output, which has no descriptor
    if isinstance(error, BrokenPipeError):
        return OutputClosed("whoever read standard output has gone")
    return FileError(f"cannot write standard output: {error.strerror}")
