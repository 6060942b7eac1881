"""The emulator's log: one line for each connection and turn, and for each error on the emulator's own side."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable

from ..process.stdio import one_line

Log = Callable[[str], None]
"""Takes one line, without its line end."""

MAX_LINE_CHARACTERS = 1_000
"""The length at which lines are cut, because a peer may have sent most of one."""


def no_log(line: str) -> None:
    """The log that discards its lines."""


def safe_line(text: str) -> str:
    """`text` as one line of limited length that a terminal can show: a peer may have sent any part of it."""
    return one_line(text[:MAX_LINE_CHARACTERS])


def library_logger(log: Log) -> logging.Logger:
    """A logger for websockets that writes errors to `log`, with a traceback where the emulator itself failed."""
    logger = logging.Logger("livecli.emulator", logging.ERROR)
    logger.addHandler(_LogHandler(log))
    return logger


class _LogHandler(logging.Handler):
    def __init__(self, log: Log) -> None:
        super().__init__()
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        self._log(safe_line(f"{record.getMessage()}: {error!r}" if error else record.getMessage()))
        # Only the tasks of a session raise groups, and nothing that a client does leaves them as one: this is a bug.
        if isinstance(error, BaseExceptionGroup):
            for line in "".join(traceback.format_exception(error)).splitlines():
                self._log(safe_line(line))
