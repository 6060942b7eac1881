"""Child process: a command that runs with the standard streams of this process, gets its signals, and ends it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence

from ..errors import CannotRun

FORWARDED_SIGNALS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]


async def run_child(command: Sequence[str], environment: Mapping[str, str]) -> int:
    """Run `command` and return its exit status, 128 + n where signal n ended it.

    From the start of the child on, signals are forwarded to it and do not end this process. Raises CannotRun where the
    command cannot be started.
    """
    child = _start(command, environment)
    # The loop has not handled a signal that arrived during the start, so that one is forwarded, too.
    _forward_signals_to(child)
    try:
        # The child is awaited in a thread: asyncio's child watcher and `send_signal` race for its status.
        status = await asyncio.get_running_loop().run_in_executor(None, child.wait)
    except asyncio.CancelledError:
        child.terminate()
        raise
    return 128 - status if status < 0 else status


def kill_session(pid: int, kill: Callable[[], None]) -> None:
    """Kill the process `pid`, which leads a session, with all processes of that. On Windows `kill` kills it alone."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if sys.platform == "win32":
            kill()
        else:
            os.killpg(pid, signal.SIGKILL)


def _start(command: Sequence[str], environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(command, env=environment)
    except OSError as error:
        missing = isinstance(error, FileNotFoundError)
        raise CannotRun(f"cannot run {command[0]}: {error.strerror}", exit_status=127 if missing else 126) from error


def _forward_signals_to(child: subprocess.Popen[bytes]) -> None:
    loop = asyncio.get_running_loop()

    def forward(number: int) -> None:
        if not (number == signal.SIGINT and _is_in_foreground()):
            child.send_signal(number)

    # Windows' loop has no signal handlers, and only the main thread may set them.
    with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):
        for number in FORWARDED_SIGNALS:
            # A signal that is ignored, as under nohup, is ignored by the child as well.
            if signal.getsignal(number) is not signal.SIG_IGN:
                loop.add_signal_handler(number, forward, number)


def _is_in_foreground() -> bool:
    """Whether Ctrl-C in the terminal reaches this process. It reaches the child, too, which must not get it twice."""
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
