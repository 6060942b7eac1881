"""A session on a connection: joins a conversation, which has no I/O, to a socket, the clock and files.

One task receives, another one takes the next message from the conversation and sends it, so a client that reads slowly
delays its own answers and nothing else. Every error of a client ends in the close of its connection.
"""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
import time
import uuid
from collections.abc import Callable, Sequence
from typing import IO

import msgspec
from websockets.exceptions import ConnectionClosed
from websockets.protocol import State

from ..errors import ProtocolError
from ..media.speech.recognizer import MAX_BYTES, Recognizer, RecognizerError
from ..protocol import events, messages
from ..protocol.close_reasons import INTERNAL_ERROR, Refusal
from ..protocol.codec import decode_client, decode_server, encode_server
from ..protocol.machine import LiveProtocol, Side
from ..recording.format import Direction
from .access import Service, session_refusal
from .core.conversation import EmulatedSession
from .core.handles import HandleStore
from .core.response import Message, ScriptedClose
from .core.synthesis import Synthesis, Synthesize
from .core.utterance import BYTES_PER_SECOND, Recognize, Utterance
from .ephemeral_tokens import EphemeralToken
from .fault_injector import FaultInjector
from .faults import Faults
from .log import Log, safe_line
from .observer import ClosedBy, SessionObserver
from .options import EmulatorOptions
from .replay import ConnectionLost, Replay
from .shared_state import SharedState
from .websocket import EmulatorConnection

UTTERANCE_MEMORY_BYTES = 20 * BYTES_PER_SECOND
"""The size from which an utterance is kept in an unlinked temporary file."""

CLOSE_SECONDS = 5.0
"""The time that a client has to answer a close: a client that is cut off earlier may not see the reason."""


class _ClientClosed(Exception):
    """The client has sent a close frame, so nothing more is sent."""


class ServerSession:
    """One session of the emulator, from the end of the upgrade to the close.

    `shared` has the tokens, and the sessions that can be resumed. `refusal` closes the session because of its
    credential; it is sent after the client's first message, as a client that is still sending its setup would see a
    lost connection instead of the reason. The ephemeral `token` of the upgrade request is used at the setup for the
    same reason. With a `recognizer` it understands speech.
    """

    def __init__(
        self,
        socket: EmulatorConnection,
        service: Service,
        options: EmulatorOptions,
        shared: SharedState,
        *,
        log: Log,
        observers: Sequence[SessionObserver] = (),
        refusal: Refusal | None = None,
        token: EphemeralToken | None = None,
        recognizer: Recognizer | None = None,
    ) -> None:
        self._socket = socket
        self._shared = shared
        self._log = log
        self._observers = observers
        self._frame_observers = [observer for observer in observers if observer.wants_frames]
        self._refusal = refusal
        self._token = token
        self._service = service
        self._protocol = LiveProtocol(Side.SERVER, service.platform)
        self._faults = FaultInjector(options.faults.on_connection(socket.number), socket, self._protocol, log)
        self._conversation: EmulatedSession | Replay
        if options.replay is None:
            inject = self._faults.begin_answer
            synthesize = self._synthesize if options.speaks else None
            recognize = self._recognize if recognizer else None
            self._conversation = _conversation(
                service, options, shared.sessions, log, self._note_heard, inject, synthesize, recognize
            )
        else:
            self._conversation = options.replay.session(log)
        self._received = asyncio.Event()
        self._sent = asyncio.Event()
        self._tasks: asyncio.TaskGroup | None = None
        self._recognizer = recognizer

    async def run(self) -> None:
        """Run the session until either side closes."""
        try:
            await self._run_tasks()
        except* (ConnectionClosed, ConnectionLost, _ClientClosed):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(CLOSE_SECONDS):
                    await self._discard_input()  # the end of the connection comes after the frames that were not read
            ended_here = self._socket.protocol.close_sent and not self._socket.protocol.close_rcvd_then_sent
            by = ClosedBy.SERVER if ended_here else ClosedBy.CLIENT
            self._note_closed(by, self._socket.close_code or 1006, self._socket.close_reason or "")
        except* Refusal as refusals:
            _forget_frames(refusals)
            await self._refuse(refusals)
        except* OSError as errors:  # the disk is full, or there are too many open files
            _forget_frames(errors)
            self._log(f"failed: {errors.exceptions[0]}")
            self._note_closed(ClosedBy.SERVER, 1011, INTERNAL_ERROR)
            await self._close(1011, INTERNAL_ERROR)

    async def _run_tasks(self) -> None:
        try:
            async with asyncio.TaskGroup() as tasks:
                self._tasks = tasks
                self._faults.begin(tasks)
                tasks.create_task(self._read())
                tasks.create_task(self._write())
        finally:
            # This comes before the close frame, because the client may resume the session as soon as it receives that.
            self._conversation.close(time.monotonic())
            # The garbage collector does not run at exit, and soxr reports resamplers that are left then as leaks.
            del self._conversation

    async def _read(self) -> None:
        while True:
            # With None the library tells text frames from binary ones, and decodes them.
            data = await self._socket.recv(decode=None if self._frame_observers else False)
            frame = data.encode() if isinstance(data, str) else data
            for each in self._frame_observers:
                each.frame(Direction.CLIENT, frame, is_binary=isinstance(data, bytes))
            if self._refusal is not None:
                raise self._refusal
            message = self._decode(frame)
            match message:
                case [events.Setup(setup)]:
                    message = [events.Setup(await self._effective_setup(setup))]
            for observer in self._observers:
                observer.received(message)
            await self._faults.received(message)
            self._conversation.receive_message(message, time.monotonic())
            if self._conversation.has_output:
                self._received.set()
            while not self._conversation.accepts_input:
                self._sent.clear()
                await self._sent.wait()

    async def _write(self) -> None:
        while True:
            frame = await self._next_frame()
            self._sent.set()
            if frame is None:
                await self._wait_for_more()
            elif frame:
                # websockets' `send` would wait for the end of the connection, and `_read` may not be reading.
                if self._socket.state is State.CLOSING:
                    raise _ClientClosed
                await self._socket.send(frame)
                for each in self._frame_observers:
                    each.frame(Direction.SERVER, frame, is_binary=True)
                await self._faults.after(frame)
                await asyncio.sleep(0)  # `send` does not yield while the socket takes more, and other tasks have to run

    async def _effective_setup(self, setup: messages.Setup) -> messages.Setup:
        """The setup of the session, from the client's. Raises Refusal where the ephemeral token does not open it."""
        own = msgspec.structs.replace(setup, model=self._service.resource_name(setup.model))
        token, self._token = self._token, None
        effective = token.effective_setup(own) if token else own
        resumption = effective.session_resumption
        handle = resumption.handle if resumption is not None else None
        if token and (error := await self._shared.use_token(token.name, resumes=bool(handle))):
            raise session_refusal(error)
        if handle:
            await self._shared.find_session(handle)
        if effective != own:
            self._log("the ephemeral token changes the setup")
        return effective

    def _decode(self, frame: bytes) -> list[events.Event]:
        # A recording's frames are not sent through the LiveProtocol, so it does not know the state of the session.
        return decode_client(frame) if isinstance(self._conversation, Replay) else self._protocol.receive(frame)

    async def _next_frame(self) -> bytes | None:
        """The frame to send next; None where there is none, empty where a fault drops it."""
        if isinstance(self._conversation, Replay):
            try:
                frame = self._conversation.next_frame(time.monotonic())
            except ConnectionLost:
                self._socket.abort()
                raise
            if not frame:
                return frame
            recorded = _server_message(frame)
            message = await self._faults.before(recorded)
            self._note_sent(message)
            if message is None or message == recorded:
                return b"" if message is None else frame
            return encode_server(message, self._protocol.platform)
        message = self._conversation.next_message(time.monotonic())
        if message is None:
            return None
        self._protocol.model_role = self._conversation.model_role
        message = await self._faults.before(message)
        self._note_sent(message)
        return b"" if message is None else self._protocol.send(*message)

    async def _wait_for_more(self) -> None:
        """Wait until a message of the client, or the time, may have made another frame due."""
        self._received.clear()
        at = self._conversation.wake_at
        if at is None:
            await self._received.wait()
            return
        # A timer costs a third of `asyncio.timeout`, and a burst needs one for nearly every frame.
        timer = asyncio.get_running_loop().call_later(at - time.monotonic(), self._received.set)
        try:
            await self._received.wait()
        finally:
            timer.cancel()

    def _synthesize(self, synthesis: Synthesis) -> None:
        """Make words speech, while the session goes on, and then have the answer continue."""
        assert self._tasks is not None, "an answer begins while the session runs"
        self._tasks.create_task(self._make_speech(synthesis))

    async def _make_speech(self, synthesis: Synthesis) -> None:
        from . import speech_synthesis

        await speech_synthesis.make(synthesis, self._log)
        self._received.set()

    def _recognize(self, utterance: Utterance) -> None:
        """Recognize an utterance, while the session goes on, and then have it answered."""
        assert self._tasks is not None, "speech ends while the session runs"
        pcm = b"".join(utterance.blocks()) if utterance.length_bytes <= MAX_BYTES else b""
        self._tasks.create_task(self._find_words(utterance, pcm))

    async def _find_words(self, utterance: Utterance, pcm: bytes) -> None:
        """Note the words of an utterance. They stay unknown where it is too long, and where PocketSphinx fails."""
        assert self._recognizer is not None, "only a session that hears recognizes"
        try:
            if pcm:
                found = await self._recognizer.recognize(pcm)
                utterance.recognized = found.words
                if found.spotted and found.words != found.decoded:
                    self._log(safe_line(f"spotted “{found.words}”, decoded “{found.decoded}”"))
        except RecognizerError as error:
            self._log(f"cannot recognize speech: {error}")
        utterance.is_in_recognition = False
        self._received.set()

    def _note_sent(self, message: Message | None) -> None:
        for observer in self._observers:
            observer.sent(message or [])

    def _note_heard(self, utterance: str) -> None:
        for observer in self._observers:
            observer.heard(utterance)

    def _note_closed(self, by: ClosedBy, code: int, reason: str) -> None:
        for observer in self._observers:
            observer.closed(by, code, reason)

    async def _refuse(self, refusals: BaseExceptionGroup[Refusal]) -> None:
        refusal = refusals.exceptions[0]
        assert isinstance(refusal, Refusal)
        by = ClosedBy.SCRIPT if isinstance(refusal, ScriptedClose) else ClosedBy.SERVER
        self._note_closed(by, refusal.code, refusal.reason)
        await self._close(refusal.code, refusal.reason)

    async def _close(self, code: int, reason: str) -> None:
        """Close, and discard what the client still sends, because its own close comes after that."""
        reading = asyncio.create_task(self._discard_input())
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_SECONDS):
                await self._socket.close(code, reason)
        self._socket.abort()
        await reading

    async def _discard_input(self) -> None:
        with contextlib.suppress(ConnectionClosed):
            while True:
                await self._socket.recv(decode=False)


def _forget_frames(group: BaseExceptionGroup[Exception]) -> None:
    """Remove the frames, which refer to the conversation, from exceptions: a group and its own frame form a cycle."""
    for error in group.exceptions:
        error.__traceback__ = None


def _server_message(frame: bytes) -> Message:
    """The message in a recorded frame, empty where livecli does not know it."""
    try:
        return decode_server(frame)
    except ProtocolError:
        return []


def _conversation(
    service: Service,
    options: EmulatorOptions,
    sessions: HandleStore,
    log: Log,
    heard: Callable[[str], None],
    inject: Callable[[Faults], None],
    synthesize: Synthesize | None,
    recognize: Recognize | None,
) -> EmulatedSession:
    """A conversation with the emulator's options."""
    return EmulatedSession(
        service.platform,
        service.version,
        behaviour=options.behaviour(),
        new_session_id=lambda: str(uuid.uuid4()),
        open_spool=open_spool,
        log=log,
        heard=heard,
        inject=inject,
        synthesize=synthesize,
        recognize=recognize,
        pace=options.pace,
        models=options.models,
        sessions=sessions,
        limits=options.limits,
    )


def open_spool() -> IO[bytes]:
    return tempfile.SpooledTemporaryFile(max_size=UTTERANCE_MEMORY_BYTES)
