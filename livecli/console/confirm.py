"""A question that is put to the user at the terminal while a run goes on."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from ..protocol.messages import FunctionCall
from ..report.reporter import Reporter
from . import formatting

LOOKS_SECONDS = 0.1
"""How often a reader looks whether anybody still waits for the answer."""


class ConfirmationTerminal:
    """Asks at the terminal, whatever standard input and output are. `reporter` lets it have that meanwhile."""

    def __init__(self, reads: int, writes: int, reporter: Reporter) -> None:
        self._reads, self._writes = reads, writes
        self._reporter = reporter

    async def confirm(self, call: FunctionCall) -> bool:
        """Whether `call` may run: anything but y or yes is no."""
        self._reporter.interlude(True)
        unwanted = threading.Event()
        try:
            self._write(f"run {formatting.call(call.name, call.args)}? [y/N] ")
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
        with suppress(OSError):  # it was closed: then there is no answer either
            os.write(self._writes, text.encode())

    def _read(self, unwanted: threading.Event) -> str:
        """A line; nothing where the terminal is closed, or nobody wants it any more."""
        if sys.platform != "win32":
            import select

            ready = None
            while not ready:
                ready = select.select([self._reads], [], [], LOOKS_SECONDS)[0]
                if unwanted.is_set():  # what is there now answers the next question
                    return ""
        try:
            return os.read(self._reads, 4096).decode(errors="replace")
        except OSError:
            return ""


@contextmanager
def open_terminal() -> Iterator[tuple[int, int] | None]:
    """What to read from and to write to at the terminal of this process during the block; None where there is none."""
    if sys.platform == "win32":
        yield (0, 2) if sys.stdin.isatty() else None
        return
    try:
        terminal = os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError:
        yield None
        return
    try:
        yield terminal, terminal
    finally:
        os.close(terminal)
