"""A question that is put to the user at the terminal while a run goes on."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from pathlib import Path
from typing import TextIO

from ..complaint import one_line
from ..protocol.messages import FunctionCall
from ..report import Reporter

LOOKS_SECONDS = 0.1
"""How often a reader looks whether anybody still waits for the answer."""


class Terminal:
    """Asks at the terminal, whatever standard input and output are. `reporter` lets it have that meanwhile."""

    def __init__(self, terminal: TextIO, reporter: Reporter) -> None:
        self._terminal = terminal
        self._reporter = reporter

    async def confirm(self, call: FunctionCall) -> bool:
        """Whether `call`, which was shown, may run: anything but y or yes is no."""
        self._reporter.interlude(True)
        unwanted = threading.Event()
        try:
            self._write(f"run {one_line(call.name)}? [y/N] ")
            answer = await asyncio.to_thread(self._read, unwanted)
            if not answer.endswith("\n"):
                self._write("\n")
            return answer.strip().lower() in ("y", "yes")
        except asyncio.CancelledError:
            self._write("\n")
            raise
        finally:
            unwanted.set()
            self._reporter.interlude(False)

    def _write(self, text: str) -> None:
        self._terminal.write(text)
        self._terminal.flush()

    def _read(self, unwanted: threading.Event) -> str:
        """A line; nothing where the terminal is closed, or nobody wants it any more."""
        if sys.platform != "win32":
            import select

            while not select.select([self._terminal], [], [], LOOKS_SECONDS)[0]:
                if unwanted.is_set():
                    return ""
        try:
            return os.read(self._terminal.fileno(), 4096).decode(errors="replace")
        except OSError:
            return ""


def open_terminal() -> TextIO | None:
    """The terminal that this process belongs to; None where nobody sits at one."""
    if sys.platform == "win32":
        return sys.stdin if sys.stdin.isatty() else None
    try:
        return Path("/dev/tty").open("r+", encoding="utf-8", errors="replace")
    except OSError:
        return None
