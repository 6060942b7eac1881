"""One connection: a conversation joined to a socket, with the clock and the files that it needs.

Two tasks stand around one `LiveProtocol(Side.SERVER)`: one reads, one asks the conversation what to say and sends it,
so a slow reader slows its own answers down and nothing else. Everything that a client can do wrong ends in the close of
its connection.
"""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
import time
import uuid
from datetime import UTC, datetime
from typing import IO

from websockets.exceptions import ConnectionClosed
from websockets.protocol import State

from ..errors import ProtocolError
from ..protocol import events
from ..protocol.close_reasons import Refusal
from ..protocol.codec import decode_client, decode_server
from ..protocol.machine import LiveProtocol, Side
from .access import Service, session_refusal
from .core.conversation import EmulatedSession
from .core.handles import HandleStore
from .core.response import Message
from .core.utterance import BYTES_PER_SECOND
from .ephemeral_tokens import EphemeralToken
from .fault_injector import FaultInjector
from .log import Log
from .options import EmulatorOptions
from .replay import Replay
from .websocket import EmulatorConnection

HELD_IN_MEMORY_BYTES = 20 * BYTES_PER_SECOND
"""Of an utterance; the rest goes into an unlinked temporary file."""

CLOSE_SECONDS = 5.0
"""How long a client may take to answer a close: on a busy machine it is late, and would miss the reason."""

INTERNAL_ERROR = "Internal error encountered."


class _Left(Exception):
    """The client has closed, and is not spoken to any more."""


class ServerSession:
    """`sessions` are what all of an emulator's connections can resume.

    `unwelcome` is why the service will not talk to this client, if it will not. It is told once the client has said
    something: one that is still sending its setup would see a lost connection instead of the reason. So it is with the
    ephemeral `token` that the client shows, if it shows one.
    """

    def __init__(
        self,
        socket: EmulatorConnection,
        service: Service,
        options: EmulatorOptions,
        sessions: HandleStore,
        *,
        log: Log,
        unwelcome: Refusal | None = None,
        token: EphemeralToken | None = None,
    ) -> None:
        self._socket = socket
        self._log = log
        self._unwelcome = unwelcome
        self._token = token
        self._protocol = LiveProtocol(Side.SERVER, service.platform)
        self._conversation: EmulatedSession | Replay
        if options.play is None:
            self._conversation = _conversation(service, options, sessions, log)
        else:
            self._conversation = Replay(options.play, speed=options.play_speed, log=log)
        self._troubles = FaultInjector(options.faults, socket, self._protocol, log)
        self._heard = asyncio.Event()
        self._taken = asyncio.Event()
        log(f"connected: {service.platform} {service.version}")

    async def run(self) -> None:
        """Until either side closes."""
        try:
            await self._talk()
        except* (ConnectionClosed, _Left):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(CLOSE_SECONDS):
                    await self._read_away()  # the end of the connection is behind what was said over it
            self._log(f"closed: {self._socket.close_code} {self._socket.close_reason or ''}".rstrip())
        except* Refusal as refusals:
            await self._refuse(refusals)
        except* OSError as errors:  # the disk is full, or there are too many open files
            self._log(f"failed: {errors.exceptions[0]}")
            await self._close(1011, INTERNAL_ERROR)

    async def _talk(self) -> None:
        try:
            async with asyncio.TaskGroup() as tasks:
                self._troubles.begin(tasks)
                tasks.create_task(self._read())
                tasks.create_task(self._write())
        finally:
            self._conversation.close(time.monotonic())  # before the client hears of it: it may resume at once

    async def _read(self) -> None:
        while True:
            frame = await self._socket.recv(decode=False)
            if self._unwelcome is not None:
                raise self._unwelcome
            said = self._understood(frame)
            self._show_token(said)
            await self._troubles.heard(said)
            self._conversation.receive_message(said, time.monotonic())
            if self._conversation.has_output:
                self._heard.set()
            while not self._conversation.accepts_input:
                self._taken.clear()
                await self._taken.wait()

    async def _write(self) -> None:
        while True:
            frame = await self._next_frame()
            self._taken.set()
            if frame is None:
                await self._until_there_may_be_more()
            elif frame:
                if self._socket.state is State.CLOSING:
                    raise _Left  # the library's `send` would wait for the rest to be read, and whoever reads for us
                await self._socket.send(frame)
                await self._troubles.after(frame)
                await asyncio.sleep(0)  # a socket with room never waits: let the others run

    def _show_token(self, said: list[events.Event]) -> None:
        """Once, to open the session; to go on with one takes no further use of it."""
        match said:
            case [events.Setup(body), *_] if self._token is not None:
                resumption = body.session_resumption
                resumes = resumption is not None and bool(resumption.handle)
                objection = self._token.objection_to(datetime.now(UTC), resumes=resumes)
                self._token = None
                if objection:
                    raise session_refusal(objection)

    def _understood(self, frame: bytes) -> list[events.Event]:
        # What a recording says passes no protocol of ours, so that does not know how far the session has come.
        return decode_client(frame) if isinstance(self._conversation, Replay) else self._protocol.receive(frame)

    async def _next_frame(self) -> bytes | None:
        """What goes over the wire next; None where there is nothing, nothing at all where a fault swallows it."""
        if isinstance(self._conversation, Replay):
            frame = self._conversation.next_frame(time.monotonic())
            return frame and (frame if await self._troubles.before(_message_in(frame)) else b"")
        message = self._conversation.next_message(time.monotonic())
        if message is None:
            return None
        return self._protocol.send(*message) if await self._troubles.before(message) else b""

    async def _until_there_may_be_more(self) -> None:
        """The client has said something, or it is time for what was put off."""
        self._heard.clear()
        at = self._conversation.wake_at
        if at is None:
            await self._heard.wait()
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(at - time.monotonic()):
                await self._heard.wait()

    async def _refuse(self, refusals: BaseExceptionGroup[Refusal]) -> None:
        refusal = refusals.exceptions[0]
        assert isinstance(refusal, Refusal)
        self._log(f"refused: {refusal.code} {refusal.reason}")
        await self._close(refusal.code, refusal.reason)

    async def _close(self, code: int, reason: str) -> None:
        """Close, and read away what the client still sends: its own close comes behind that."""
        reading = asyncio.create_task(self._read_away())
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_SECONDS):
                await self._socket.close(code, reason)
        self._socket.abort()
        await reading

    async def _read_away(self) -> None:
        with contextlib.suppress(ConnectionClosed):
            while True:
                await self._socket.recv(decode=False)


def _message_in(frame: bytes) -> Message:
    """What a recorded frame says, as far as we understand it: the service may have said anything."""
    try:
        return decode_server(frame)
    except ProtocolError:
        return []


def _conversation(service: Service, options: EmulatorOptions, sessions: HandleStore, log: Log) -> EmulatedSession:
    """What the emulator was told about all sessions, for this one."""
    return EmulatedSession(
        service.platform,
        service.version,
        behaviour=options.behaviour(),
        new_session_id=lambda: str(uuid.uuid4()),
        open_spool=_spool,
        log=log,
        realtime=options.realtime,
        models=options.models,
        sessions=sessions,
        limits=options.limits,
    )


def _spool() -> IO[bytes]:
    return tempfile.SpooledTemporaryFile(max_size=HELD_IN_MEMORY_BYTES)
