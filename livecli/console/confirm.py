"""The terminal question of `--confirm`: may this function call run?"""

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

POLL_SECONDS = 0.1
"""The time after which the reading thread checks whether the answer is still needed."""


class ConfirmationTerminal:
    """Asks at a terminal, whose descriptors are independent of standard input and output.

    `reporter.interlude` keeps live displays away during a question.
    """

    def __init__(self, input_fd: int, output_fd: int, reporter: Reporter) -> None:
        self._input_fd, self._output_fd = input_fd, output_fd
        self._reporter = reporter

    async def confirm(self, call: FunctionCall) -> bool:
        """Whether `call` may run: "y" and "yes" allow it, every other answer denies it.

        The call is shown whole. What was typed before the question is discarded. A terminal that was closed denies.
        """
        self._reporter.interlude(True)
        abandoned = threading.Event()
        try:
            discard_typed(self._input_fd)
            self._write(f"run {formatting.whole_function_call(call.name, call.args)}? [y/N] ")
            answer = await asyncio.to_thread(self._read_line, abandoned)
            if not answer.endswith("\n"):
                self._end_line()
            return answer.strip().lower() in ("y", "yes")
        except OSError:
            return False
        except asyncio.CancelledError:
            self._end_line()
            raise
        finally:
            abandoned.set()
            self._reporter.interlude(False)

    def _write(self, text: str) -> None:
        data = text.encode()
        while data:
            data = data[os.write(self._output_fd, data) :]

    def _end_line(self) -> None:
        # A terminal that was closed has no line to end.
        with suppress(OSError):
            self._write("\n")

    def _read_line(self, abandoned: threading.Event) -> str:
        """One line; empty when the terminal is closed or the question is abandoned."""
        if sys.platform != "win32":
            import select

            ready = None
            while not ready:
                ready = select.select([self._input_fd], [], [], POLL_SECONDS)[0]
                # Input that arrives after the question was abandoned is left for the next question.
                if abandoned.is_set():
                    return ""
        try:
            return os.read(self._input_fd, 4096).decode(errors="replace")
        except OSError:
            return ""


def discard_typed(input_fd: int) -> None:
    """Discard what was typed at a terminal and not read yet. Raises OSError where it cannot be discarded."""
    if sys.platform == "win32":
        import msvcrt

        while msvcrt.kbhit():
            msvcrt.getwch()
        return
    import termios

    try:
        termios.tcflush(input_fd, termios.TCIFLUSH)
    except termios.error as error:
        raise OSError(*error.args) from error


@contextmanager
def open_terminal() -> Iterator[tuple[int, int] | None]:
    """The descriptors (input, output) of this process's terminal during the block; None without a terminal."""
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
