"""The state that a worker process of the emulator shares with the others, through a channel to the first process.

A session stays in the process that has its connection. A handle that this process does not know is asked for in the
others, and the process that has the session hands it over, with all of its handles.
"""

from __future__ import annotations

import asyncio
import io
import pickle
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from typing import IO, Any, cast

from ..process.channel import Channel
from ..protocol import close_reasons
from ..protocol.close_reasons import Refusal
from .access import CredentialError, UpgradeRefusal
from .ephemeral_tokens import EphemeralToken
from .expectations import ExpectedCall, ScriptCheck, TurnExpectations
from .message_log import LogStream, MessageLog
from .options import EmulatorOptions
from .session import open_spool
from .shared_state import Headers, SharedState

POLL_SECONDS, END_POLLS = 0.01, 25
"""A session whose handle another process asks for has 0.25 s to end, and is looked at this often.

A client that has lost its connection may be back, by way of another process, before this one has seen the end.
"""

MAX_UNSENT_BYTES = 16 * 1024 * 1024
"""The lines of logs that may wait for a process that does not take them. Further ones are left out."""

CHECKED = ("note_connection", "note_turn", "note_close", "note_use", "note_call", "note_response")
"""The methods of a ScriptCheck that ForwardedCheck calls in the first process."""


class WorkerState(SharedState):
    """The state of an emulator as a worker has it. `first_pid` is the first process."""

    def __init__(self, channel: Channel, options: EmulatorOptions, first_pid: int) -> None:
        super().__init__(options.required)
        self._channel = channel
        self.worker_pid, self.pid = self.pid, first_pid
        # What is not of one session, but of the whole process, is not handed over with a session.
        self._of_process = {"script": options.script, "check": options.check}
        self._merged = MessageLog()
        self._lines: list[str] = []
        self._left_out = 0

    async def next_number(self) -> int:
        return cast(int, await self._channel.call("next_number"))

    async def create_token(self, path: str, headers: Headers, body: bytes) -> tuple[str, UpgradeRefusal | None]:
        return cast(tuple[str, UpgradeRefusal | None], await self._channel.call("create_token", path, headers, body))

    async def token_in(self, path: str, headers: Headers) -> EphemeralToken | None:
        return cast(EphemeralToken | None, await self._channel.call("token_in", path, headers))

    async def use_token(self, name: str, *, resumes: bool) -> CredentialError | None:
        return cast(CredentialError | None, await self._channel.call("use_token", name, resumes=resumes))

    async def find_session(self, handle: str) -> None:
        if handle in self.sessions:
            return
        match await self._channel.call("find_session", handle):
            case bytes(data):
                self.sessions.put(_Unpickler(io.BytesIO(data), self._of_process).load())
            case True:
                raise Refusal(1011, close_reasons.INTERNAL_ERROR)

    async def hand_over(self, handle: str) -> bytes | bool:
        """The session of a handle, for another process; True where it has a connection, False where it is not here."""
        for _ in range(END_POLLS):
            if not self.sessions.is_in_use(handle):
                break
            await asyncio.sleep(POLL_SECONDS)
        if handle not in self.sessions or self.sessions.is_in_use(handle):
            return handle in self.sessions
        session = self.sessions.take(handle)
        data = io.BytesIO()
        _Pickler(data, self._of_process).dump(session)
        session.close()
        return data.getvalue()

    async def log_stream(self, head: bytes) -> LogStream:
        await self._channel.call("stream_lines")
        return self._merged.stream(head)

    def log(self, line: str) -> None:
        """Write a line to the log of the emulator."""
        if self._has_room():
            self._channel.tell("log", line)

    def want_lines(self) -> None:
        """Send the lines of the message log to the first process, from now on."""
        if self._take_line not in self.messages.sinks:
            self.messages.sinks.append(self._take_line)

    def write_lines(self, lines: list[str]) -> None:
        """Write lines of the whole emulator to the clients of `GET /log` that this process has."""
        for line in lines:
            for sink in [*self._merged.sinks]:
                sink(line)

    def _has_room(self) -> bool:
        """Whether the first process takes lines. It does not while its standard error is held up, as by a terminal."""
        if self._channel.unsent_bytes > MAX_UNSENT_BYTES:
            self._left_out += 1
            return False
        if self._left_out:
            self._channel.tell("warn", f"{self._left_out} lines of the logs are left out, because they were held up")
            self._left_out = 0
        return True

    def _take_line(self, line: str) -> None:
        if not self._has_room():
            return
        # The lines of one round of the event loop are one message.
        if not self._lines:
            asyncio.get_running_loop().call_soon(self.send_lines)
        self._lines.append(line)

    def send_lines(self) -> None:
        """Send the lines that wait."""
        lines, self._lines = self._lines, []
        if lines:
            self._channel.tell("lines", lines)


@dataclass
class ForwardedCheck(ScriptCheck):
    """The check of a script in a worker: what it notes is noted by the check of the first process."""

    channel: Channel | None = None

    def note_connection(self) -> None:
        self._tell("note_connection")

    def note_turn(self) -> None:
        self._tell("note_turn")

    def note_close(self, code: int) -> None:
        self._tell("note_close", code)

    def note_use(self, turn: TurnExpectations, text: str, audio_seconds: float) -> None:
        self._tell("note_use", turn, text, audio_seconds)

    def note_call(self, expected: ExpectedCall) -> None:
        self._tell("note_call", expected)

    def note_response(self, expected: ExpectedCall, actual: str, *, held: bool) -> None:
        self._tell("note_response", expected, actual, held=held)

    def _tell(self, name: str, *arguments: Any, **named: Any) -> None:
        assert self.channel is not None, "as it was created"
        self.channel.tell(name, *arguments, **named)


class _Pickler(pickle.Pickler):
    """Writes a session, without the objects `of_process`, which each process has of its own."""

    def __init__(self, file: IO[bytes], of_process: Mapping[str, object]) -> None:
        super().__init__(file, pickle.HIGHEST_PROTOCOL)
        self._names = {id(each): name for name, each in of_process.items() if each is not None}

    def persistent_id(self, obj: Any) -> str | None:
        return self._names.get(id(obj))

    def reducer_override(self, obj: Any) -> Any:
        if isinstance(obj, tempfile.SpooledTemporaryFile):
            obj.seek(0)
            return _spool_with, (obj.read(),)
        return NotImplemented


class _Unpickler(pickle.Unpickler):
    """Reads what a _Pickler wrote."""

    def __init__(self, file: IO[bytes], of_process: Mapping[str, object]) -> None:
        super().__init__(file)
        self._of_process = of_process

    def persistent_load(self, pid: Any) -> object:
        return self._of_process[pid]


def _spool_with(data: bytes) -> IO[bytes]:
    spool = open_spool()
    spool.write(data)
    return spool
