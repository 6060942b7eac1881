"""Worker processes: further processes of one command line, each with a channel to the first.

They are started by spawning, not by fork, so threads and locks of the first process do not matter. What a worker is to
do comes through the channel, because other users can read the words of its command line.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from ..errors import FileError, UsageError

MAX_PROCESSES = 256

# -P: the current folder is not searched for modules.
_COMMAND = [sys.executable, "-P", "-c"]
_PROGRAM = "import sys; from livecli.__main__ import start_worker; sys.exit(start_worker({entry!r}, {end}))"


@dataclass(frozen=True)
class Worker:
    """A process that was started, and this end of the channel to it."""

    process: subprocess.Popen[bytes]
    end: socket.socket


def start(entry: str, descriptors: Sequence[int] = ()) -> Worker:
    """Start a process that runs the function `entry` ("package.module:function") with its end of a channel.

    It inherits standard error and, except on Windows, `descriptors`, under the same numbers. Ctrl-C and SIGHUP, which
    reach all processes of a terminal, do not reach it: this process ends it, or it ends when the channel does. Raises
    FileError where the system does not allow another process.
    """
    try:
        here, there = socket.socketpair()
        with there:
            try:
                return Worker(_spawned(entry, there, descriptors), here)
            except BaseException:
                here.close()
                raise
    except OSError as error:
        raise FileError(f"cannot start a process: {error.strerror}", hint="use fewer --processes") from error


def _spawned(entry: str, end: socket.socket, descriptors: Sequence[int]) -> subprocess.Popen[bytes]:
    command = [*_COMMAND, _PROGRAM.format(entry=entry, end=end.fileno())]
    if sys.platform == "win32":
        group = subprocess.CREATE_NEW_PROCESS_GROUP
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, creationflags=group)
        assert process.stdin is not None
        with process.stdin:
            process.stdin.write(end.share(process.pid))
        return process
    # A process inherits the signals that are blocked.
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGHUP})
    try:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            pass_fds=[end.fileno(), *descriptors],
        )
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)


def channel_end(number: int) -> socket.socket:
    """In a worker process: its end of the channel, by the file descriptor that it has in the first process."""
    if sys.platform == "win32":
        # Windows passes a socket on as data, which only this process can use.
        return socket.fromshare(sys.stdin.buffer.read())
    return socket.socket(fileno=number)


def ending(status: int) -> str:
    """How a process has ended, in words, from its exit status."""
    if status >= 0:
        return f"has ended with status {status}"
    try:
        return f"was ended by {signal.Signals(-status).name}"
    except ValueError:
        return f"was ended by signal {-status}"


def process_count(text: str) -> int:
    """The value of `--processes`: a number, or `auto` for one on each core. Raises UsageError."""
    if text == "auto":
        return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
    if not text.isdecimal() or not 1 <= int(text) <= MAX_PROCESSES:
        raise UsageError(
            f"--processes {text} is not a number of processes",
            hint=f"it is 1 to {MAX_PROCESSES}, or auto: one on each core",
        )
    return int(text)
