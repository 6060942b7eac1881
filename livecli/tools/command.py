"""Runs the command of a tool: the arguments are JSON on its standard input, its standard output is the result.

No shell is involved. The command has a process session of its own, so that Ctrl-C at the terminal does not reach it,
and so that it can be killed together with all processes that it started.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from ..credentials.credential import CREDENTIAL_VARIABLES
from ..process.child import kill_session
from ..protocol.codec.proto_json import is_too_deep
from ..protocol.messages import Json
from .toolbox import Tool

MAX_OUTPUT_BYTES = 512 * 1024
"""The length of a result: about the 128,000 tokens of a model's context."""

MAX_STDERR_BYTES = 4096
"""The length of the kept end of standard error."""

OPEN_OUTPUT_SECONDS = 0.25
"""How long output is read after the command has ended, when a process in the background still has it open."""

KILL_SECONDS = 1.0
"""How long a killed command is waited for."""

BASE_VARIABLES = frozenset(
    {
        *("PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LANGUAGE", "TZ", "TMPDIR", "TERM"),
        # On Windows many programs do not start without these.
        *("SYSTEMROOT", "WINDIR", "COMSPEC", "PATHEXT", "TEMP", "TMP", "USERPROFILE"),
    }
)
"""Environment variables that each command inherits, beside those whose name begins with LC_."""


def environment(tool: Tool, environ: Mapping[str, str]) -> dict[str, str]:
    """The environment of the tool's command, given that of this process."""
    inherited = {
        name: value
        for name, value in environ.items()
        if name in BASE_VARIABLES or name.startswith("LC_") or name in tool.inherit
    }
    return {**inherited, **tool.env}


def inherit_problem(name: str, environ: Mapping[str, str]) -> str | None:
    """The reason why a command must not inherit a variable, None if there is none."""
    if name in CREDENTIAL_VARIABLES:
        return f"{name} is a credential of livecli, which no tool inherits"
    if name.upper().endswith("_PROXY") and "@" in environ.get(name, ""):
        return f"{name} has the password of a proxy, which no tool inherits"
    return None


@dataclass(frozen=True)
class Outcome:
    """The result of a call. `response` is sent to the model, `stderr` is the end of the command's standard error."""

    response: Json
    failed: bool = False
    stderr: str = ""


def failure(reason: str, stderr: str = "") -> Outcome:
    """The outcome of a call that failed, with the response `{"error": reason}`."""
    return Outcome({"error": reason}, failed=True, stderr=stderr)


async def run(tool: Tool, args: Json) -> Outcome:
    """Run the tool's command. It is killed after the tool's timeout, and when this is cancelled.

    A cancellation takes effect once the process is created and has been killed. asyncio itself, when it is cancelled
    while it creates a process, kills that process alone, and then waits for the end of pipes that other processes,
    which the command has started by then, may hold open.
    """
    process = _Process()
    running = asyncio.ensure_future(_run(process, tool, args))
    cancelled = None
    while not running.done():
        try:
            await asyncio.wait([running])
        except asyncio.CancelledError as error:
            cancelled = error
            process.stop()
    if cancelled is not None:
        raise cancelled
    return running.result()


async def _run(process: _Process, tool: Tool, args: Json) -> Outcome:
    try:
        await asyncio.get_running_loop().subprocess_exec(
            lambda: process, *tool.command, env=environment(tool, os.environ), start_new_session=True
        )
    except OSError as error:
        return failure(f"cannot run {tool.command[0]}: {error.strerror}")
    try:
        async with asyncio.timeout(tool.timeout_seconds):
            await process.communicate(json.dumps(args).encode() + b"\n")
    except TimeoutError:
        return failure(f"killed after {tool.timeout_seconds:g} s without a result", process.stderr)
    finally:
        await process.end()
    return process.outcome


class _Process(asyncio.SubprocessProtocol):
    """A running command, with its output so far."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._output = bytearray()
        self._stderr = b""
        self._stdin_is_open = True
        self._exited = asyncio.Event()
        self._done = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.SubprocessTransport)
        self._transport = transport

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        if fd == 2:
            self._stderr = (self._stderr + data)[-MAX_STDERR_BYTES:]
        elif not self._is_too_long:
            self._output += data
        if self._is_too_long:
            self._done.set()

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:
        self._stdin_is_open = self._stdin_is_open and fd != 0

    def process_exited(self) -> None:
        self._exited.set()
        self._loop.call_later(OPEN_OUTPUT_SECONDS, self._done.set)

    def connection_lost(self, exc: Exception | None) -> None:
        self._done.set()

    def stop(self) -> None:
        """Wait for no more of the command: `communicate` returns."""
        self._done.set()

    async def communicate(self, data: bytes) -> None:
        """Write `data` to standard input, and wait until the command has ended, its output is too long, or `stop`."""
        stdin: Any = self._transport.get_pipe_transport(0)
        stdin.write(data)
        # The pipe is closed after the data was written.
        stdin.close()
        await self._done.wait()

    async def end(self) -> None:
        """Kill the command, and all processes that it started, unless it has ended."""
        try:
            if not self._exited.is_set():
                kill_session(self._transport.get_pid(), self._transport.kill)
                with suppress(TimeoutError):
                    async with asyncio.timeout(KILL_SECONDS):
                        await self._exited.wait()
        finally:
            # A process that inherited standard input may never read it, so the rest is discarded.
            if self._stdin_is_open:
                stdin: Any = self._transport.get_pipe_transport(0)
                stdin.abort()
            self._transport.close()

    @property
    def _is_too_long(self) -> bool:
        return len(self._output) > MAX_OUTPUT_BYTES

    @property
    def stderr(self) -> str:
        """The end of the command's standard error."""
        return self._stderr.decode(errors="replace")

    @property
    def outcome(self) -> Outcome:
        """The result of the command, which has ended or exceeded MAX_OUTPUT_BYTES."""
        if self._is_too_long:
            return failure(f"killed after more than {MAX_OUTPUT_BYTES // 1024} KiB of output", self.stderr)
        status = self._transport.get_returncode() or 0
        if status == 0:
            return Outcome(_response(self._output.decode(errors="replace").strip()), stderr=self.stderr)
        reason = f"exit status {status}" if status > 0 else f"killed by {_signal_name(-status)}"
        lines = self.stderr.strip().splitlines()
        return failure(f"{reason}: {lines[-1].strip()}" if lines else reason, self.stderr)


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _response(text: str) -> Json:
    """A JSON object as it is, other output as `{"output": ...}`.

    It is never empty, because the newest models refuse an empty response.
    """
    value = _json(text)
    if isinstance(value, dict) and value:
        return value
    return {"output": "(nothing)" if value is None or value in ("", {}) else value}


def _json(text: str) -> Any:
    """The value of `text` if it is JSON that can be sent to the service, else the text itself."""
    try:
        value = json.loads(text)
        sendable = json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    except (ValueError, RecursionError):
        return text
    return text if is_too_deep(sendable) else value
