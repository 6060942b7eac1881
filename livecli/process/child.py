"""Somebody else's program, run to its end: it has our standard streams and gets our signals, and its status is ours."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence

from ..errors import CannotRun

FORWARDED = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]


async def run_child(command: Sequence[str], environment: Mapping[str, str]) -> int:
    """Run `command` and return its exit status, 128 + n where signal n ended it. Raises CannotRun where it is none.

    From its start on, signals are the child's: they do not end us, its end does.
    """
    child = _start(command, environment)
    _forward_signals_to(child)  # one that has just arrived, too: the loop has not looked at it yet
    try:
        # In a thread of ours: asyncio's own watcher and its send_signal can take the status from one another.
        status = await asyncio.get_running_loop().run_in_executor(None, child.wait)
    except asyncio.CancelledError:
        child.terminate()
        raise
    return 128 - status if status < 0 else status


def _start(command: Sequence[str], environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(command, env=environment)
    except OSError as error:
        missing = isinstance(error, FileNotFoundError)
        raise CannotRun(f"cannot run {command[0]}: {error.strerror}", exit_status=127 if missing else 126) from error


def _forward_signals_to(child: subprocess.Popen[bytes]) -> None:
    loop = asyncio.get_running_loop()

    def forward(number: int) -> None:
        if not (number == signal.SIGINT and _foreground()):
            child.send_signal(number)

    with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):  # where `running.run` cannot either
        for number in FORWARDED:
            if signal.getsignal(number) is not signal.SIG_IGN:  # as under nohup, and the child ignores it likewise
                loop.add_signal_handler(number, forward, number)


def _foreground() -> bool:
    """Whether Ctrl-C at a terminal reaches us: then it reaches the child as well, which must not get it twice."""
    try:
        terminal = os.open(os.ctermid(), os.O_RDONLY)
    except OSError:
        return False
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()
    except OSError:
        return False
    finally:
        os.close(terminal)
