"""What the emulator tells: a line for each connection and turn, and whatever goes wrong on its own side."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable

Log = Callable[[str], None]
"""Takes a line, without its end."""

MAX_LINE_CHARACTERS = 1_000


def silent(line: str) -> None:
    """The log of whoever wants none."""


def printable(line: str) -> str:
    """What the peer sent is hostile until escaped: no control character reaches a log."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in line[:MAX_LINE_CHARACTERS])


def errors_as_lines(log: Log) -> logging.Logger:
    """websockets' complaints as lines of ours; with a traceback where the fault is on this side."""

    class Lines(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            error = record.exc_info[1] if record.exc_info else None
            log(printable(f"{record.getMessage()}: {error!r}" if error else record.getMessage()))
            if isinstance(error, BaseExceptionGroup):  # out of a session's tasks: nothing that a client did
                for line in "".join(traceback.format_exception(error)).splitlines():
                    log(printable(line))

    logger = logging.Logger("livecli.emulator", logging.ERROR)
    logger.addHandler(Lines())
    return logger
