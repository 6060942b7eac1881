"""Background processes: another command line of livecli that goes on after this one, and that can be ended by port.

A process is found by its port: its response to `/healthz` has its process ID, in the header PID_HEADER. Files
named after the port list the addresses of the processes that were started, so that one can be ended without naming it.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import FileError
from .file_lock import lock

PID_HEADER = "X-Livecli-Pid"
"""The header of the response to `/healthz` that has the process ID."""

WORKER_PID_HEADER = "X-Livecli-Worker-Pid"
"""The header with the process that has responded, where that is another one."""

ASK_SECONDS = 5.0
"""The time that a process has to answer `/healthz`."""

END_SECONDS = 10.0
"""The time that a process has to end after SIGTERM."""

# The words of the command line come through a pipe, because other users can read those of a process.
_PROGRAM = "import json, sys; from livecli.__main__ import main; sys.exit(main(json.load(sys.stdin)))"


@dataclass(frozen=True)
class BackgroundProcess:
    """A process that was started. `output` is what it wrote before it closed standard output.

    `log` has its standard error. `status` is its exit status, None while it is running.
    """

    output: str
    log: Path
    status: int | None


def start(argv: Sequence[str], folder: Path) -> BackgroundProcess:
    """Start a command line of livecli as a process of its own session, and wait until it closes standard output.

    Its standard error goes to a new file in `folder`. Raises FileError where that cannot be written.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(prefix="serve-", suffix=".log", dir=folder)
    except OSError as error:
        raise FileError(f"cannot write in {folder}: {error.strerror}") from error
    detached: dict[str, Any] = {"start_new_session": True}
    if sys.platform == "win32":
        detached = {"creationflags": subprocess.DETACHED_PROCESS | subprocess.CREATE_NEW_PROCESS_GROUP}
    # -P: the current folder is not searched for modules.
    command = [sys.executable, "-P", "-c", _PROGRAM]
    with open(descriptor, "wb") as log:  # noqa: PTH123 - a descriptor has no path
        # The lock is that of the open file, which the process has too: it lasts until the process ends.
        lock(log.fileno())
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, **detached)
    assert process.stdin is not None
    assert process.stdout is not None
    with process.stdin:
        process.stdin.write(json.dumps(list(argv)).encode())
    with process.stdout:
        output = process.stdout.read().decode()
    # A process that has failed closes its standard output too, a moment before it ends.
    status = None if output else process.wait()
    # It is not a child that anything waits for.
    process.returncode = process.returncode or 0
    return BackgroundProcess(output, Path(name), status)


def pid_at(address: str) -> int | None:
    """The process ID of the emulator that listens at `127.0.0.1:8765`, None where there is none."""
    import http.client

    try:
        connection = http.client.HTTPConnection(address, timeout=ASK_SECONDS)
    except http.client.InvalidURL:
        return None
    try:
        connection.request("GET", "/healthz")
        pid = connection.getresponse().headers.get(PID_HEADER, "")
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()
    return int(pid) if pid.isdecimal() else None


def end(address: str, pid: int) -> bool:
    """End the process, and wait until its port is free. False where it does not end within END_SECONDS.

    Raises FileError where it belongs to another user.
    """
    try:
        os.kill(pid, signal.SIGTERM)
    except ProcessLookupError:
        return True
    except PermissionError as error:
        raise FileError(f"process {pid} at {address} belongs to another user") from error
    deadline = time.monotonic() + END_SECONDS
    while pid_at(address) == pid:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def complete_log(folder: Path, address: str) -> str:
    """The log of a listed process that is ending, once it has ended. Empty where it has no log."""
    try:
        file = _file(folder, address).with_suffix(".log").open(errors="replace")
    except FileNotFoundError:
        return ""
    deadline = time.monotonic() + END_SECONDS
    with file:
        while time.monotonic() < deadline:
            with suppress(BlockingIOError):
                lock(file.fileno())
                break
            time.sleep(0.02)
        return file.read()


def note(folder: Path, address: str, started: BackgroundProcess) -> Path:
    """List a process that listens at `address`. Returns its log, which is named after the port now."""
    listed = _file(folder, address)
    log = started.log.replace(listed.with_suffix(".log"))
    listed.write_text(address)
    return log


def addresses(folder: Path) -> list[str]:
    """The addresses of the listed processes that are running. The others are removed from the list."""
    listed = [path.read_text() for path in sorted(folder.glob("*")) if path.name.isdecimal()]
    running = [address for address in listed if pid_at(address) is not None]
    for address in set(listed) - set(running):
        forget(folder, address)
    return running


def forget(folder: Path, address: str) -> None:
    """Remove a process from the list, and its log."""
    _file(folder, address).unlink(missing_ok=True)
    _file(folder, address).with_suffix(".log").unlink(missing_ok=True)


def _file(folder: Path, address: str) -> Path:
    return folder / address.rpartition(":")[2]
