"""The command of a tool, run for one call: the arguments are JSON on its standard input, what it prints is the result.

No shell runs it. It has a session of its own, so that Ctrl-C and its end are ours to give, and everything that it has
started can be killed with it.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from ..protocol.codec.proto_json import is_too_deep
from ..protocol.messages import Json
from .toolbox import Tool

MAX_OUTPUT_BYTES = 512 * 1024
"""As much as a model's context of 128,000 tokens holds."""
KEPT_STDERR_BYTES = 4096
LEFT_OPEN_SECONDS = 0.25
"""How long after its end output is read that a program in the background still holds open."""
KILLED_SECONDS = 1.0

WITHHELD = ("LIVECLI_ACCESS_TOKEN", "GOOGLE_API_KEY", "GEMINI_API_KEY")
"""What livecli authenticates with: a command that does what a model says must not be able to tell it."""


@dataclass(frozen=True)
class Outcome:
    """What the model is told; whether that is a failure; and the last of what was said on standard error."""

    response: Json
    failed: bool = False
    noise: str = ""


def failure(reason: str, noise: str = "") -> Outcome:
    """What went wrong, as the API wants it told."""
    return Outcome({"error": reason}, failed=True, noise=noise)


async def run(tool: Tool, args: Json) -> Outcome:
    """Run the tool's command to its end, and at most for its timeout. When cancelled, the command is killed."""
    program = _Program()
    environment = {name: value for name, value in os.environ.items() if name not in WITHHELD}
    try:
        await asyncio.get_running_loop().subprocess_exec(
            lambda: program, *tool.command, env=environment, start_new_session=True
        )
    except OSError as error:
        return failure(f"cannot run {tool.command[0]}: {error.strerror}")
    try:
        async with asyncio.timeout(tool.timeout_seconds):
            await program.answer(json.dumps(args).encode() + b"\n")
    except TimeoutError:
        return failure(f"not done after {tool.timeout_seconds:g} s, and killed", program.noise)
    finally:
        await program.end()
    return program.outcome


class _Program(asyncio.SubprocessProtocol):
    """One process: what it has said so far, and whether it is done."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._output = bytearray()
        self._errors = b""
        self._listens = True  # standard input is open
        self._exited = asyncio.Event()
        self._done = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.SubprocessTransport)
        self._transport = transport

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        if fd == 2:
            self._errors = (self._errors + data)[-KEPT_STDERR_BYTES:]
        elif not self._too_much:
            self._output += data
        if self._too_much:
            self._done.set()

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:
        self._listens = self._listens and fd != 0

    def process_exited(self) -> None:
        self._exited.set()
        self._loop.call_later(LEFT_OPEN_SECONDS, self._done.set)

    def connection_lost(self, exc: Exception | None) -> None:
        self._done.set()

    async def answer(self, data: bytes) -> None:
        """Hand it `data`, and wait for its end: or for more output than is taken."""
        stdin: Any = self._transport.get_pipe_transport(0)
        stdin.write(data)
        stdin.close()  # once that is written
        await self._done.wait()

    async def end(self) -> None:
        """It, and whatever it has started, runs no longer, unless it came to its end by itself."""
        try:
            if not self._exited.is_set():
                with suppress(ProcessLookupError, PermissionError):
                    self._kill()
                with suppress(TimeoutError):
                    async with asyncio.timeout(KILLED_SECONDS):
                        await self._exited.wait()
        finally:
            if self._listens:  # whoever has inherited the other end may never read
                stdin: Any = self._transport.get_pipe_transport(0)
                stdin.abort()
            self._transport.close()

    def _kill(self) -> None:
        if sys.platform == "win32":
            self._transport.kill()
        else:
            os.killpg(self._transport.get_pid(), signal.SIGKILL)

    @property
    def _too_much(self) -> bool:
        return len(self._output) > MAX_OUTPUT_BYTES

    @property
    def noise(self) -> str:
        """The last of what it said on standard error."""
        return self._errors.decode(errors="replace")

    @property
    def outcome(self) -> Outcome:
        """What came of it."""
        if self._too_much:
            return failure(f"more than {MAX_OUTPUT_BYTES // 1024} KiB of output, and killed", self.noise)
        status = self._transport.get_returncode() or 0
        if status == 0:
            return Outcome(_response(self._output.decode(errors="replace").strip()), noise=self.noise)
        how = f"exit status {status}" if status > 0 else f"killed by {_signal_name(-status)}"
        lines = self.noise.strip().splitlines()
        return failure(f"{how}: {lines[-1].strip()}" if lines else how, self.noise)


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _response(text: str) -> Json:
    """An object as it is; anything else as `output`. It is never empty: the newest models must not get that."""
    value = _json(text)
    if isinstance(value, dict) and value:
        return value
    return {"output": "(nothing)" if value is None or value in ("", {}) else value}


def _json(text: str) -> Any:
    """What `text` says if it is JSON that can be passed on, else the text itself."""
    try:
        value = json.loads(text)
        sendable = json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    except (ValueError, RecursionError):
        return text
    return text if is_too_deep(sendable) else value
