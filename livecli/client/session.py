"""One session over one connection: LiveProtocol joined to a socket, from the client's side.

`connection` has the socket. `connect_errors` has the errors before there is a session, and this module those that end
one.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Self

import msgspec
from websockets.exceptions import ConnectionClosed

from ..errors import DeadlineError, LivecliError, ProtocolError, ServerError
from ..process.tasks import collapse_exception_group
from ..protocol import events
from ..protocol.close_reasons import NORMAL_CLOSE
from ..protocol.codec import setup_json
from ..protocol.elision import PieceElision, secrets_in, without_secrets
from ..protocol.endpoint import Endpoint
from ..protocol.machine import LiveProtocol, Side, State
from ..report.reporter import Reporter
from .connection import CLOSE_SECONDS, PONG_SECONDS, Connection

if TYPE_CHECKING:
    from ..protocol.close_cause import CloseContext


class Timings(msgspec.Struct, eq=False):
    """Seconds that each step took, None where it was not taken."""

    connect: float | None = None
    setup: float | None = None


class Session:
    """One open session. `send` sends an event, iteration yields the events received, `close` ends the session.

    `session_id` is the service's name for it (Vertex AI only); `opened_at` is on the event loop's clock; `messages`
    counts the frames received. `secrets` are removed from everything received.

    It has more than twelve attributes: half of them are facts for its users, the others its parts, each of which is
    used for every message.
    """

    def __init__(
        self, connection: Connection, endpoint: Endpoint, reporter: Reporter, secrets: Sequence[str] = ()
    ) -> None:
        self.endpoint = endpoint
        self._clock = asyncio.get_running_loop().time
        self.opened_at = self._clock()
        self.timings = Timings()
        self.session_id: str | None = None
        self.messages = 0
        self.close_code: int | None = None
        self.close_reason: str | None = None
        self.secrets, self._handle = secrets, ""
        self._elision = PieceElision(secrets)
        self._connection, self._outlet = connection, connection.outlet
        self._protocol = LiveProtocol(Side.CLIENT, endpoint.platform)
        self._received: deque[events.Event] = deque()
        self._reporter = reporter
        self._is_watched = reporter.wants_events or reporter.wants_frames
        # With None the library tells text frames from binary ones, and decodes them.
        self._decode = None if reporter.wants_frames else False

    async def send(self, event: events.Event) -> None:
        """Send `event`; waits while the server is slow to take it.

        Raises ProtocolError where it may not be sent now, ServerError and its subclasses where the session has ended.
        """
        await self.send_all((event,))

    async def send_all(self, outgoing: Sequence[events.Event]) -> None:
        """As `send`, for several events in order: one message each, and a single write where the server keeps up."""
        frames = self.encode(outgoing)
        if self.takes:
            self.write(frames)
        else:
            await self.push(frames)
        self.report(outgoing, frames)

    @property
    def setup(self) -> events.Setup:
        """The setup that was sent. Only once the session is set up."""
        assert self._protocol.setup is not None
        return self._protocol.setup

    @property
    def takes(self) -> bool:
        """Whether the connection is open and its socket takes more, so that `write` need not wait."""
        return self._outlet.takes

    def encode(self, outgoing: Sequence[events.Event]) -> Sequence[bytes]:
        """The frames of these events. Raises ProtocolError where one of them may not be sent now."""
        return self._protocol.send_each(outgoing)

    def write(self, frames: Sequence[bytes]) -> None:
        """Send frames at once. Only while the session `takes` them."""
        self._outlet.write(frames)

    async def until_room(self) -> None:
        """Wait while the socket is full. Returns too where the session has ended."""
        await self._connection.until_room()

    async def push(self, frames: Sequence[bytes]) -> None:
        """Send frames, and wait while the server is slow. Raises ServerError and its subclasses where it has closed."""
        try:
            await self._connection.send_all(frames)
            return
        except ConnectionClosed as error:
            closed = error
        # Outside of the `except` clause, where the exception, which may quote a secret, would become the context.
        raise self._ended(closed)

    def report(self, outgoing: Sequence[events.Event], frames: Sequence[bytes]) -> None:
        """Tell the reporter what was sent. Raises what the reporter raises."""
        if not self._is_watched:
            return
        reporter, at = self._reporter, self._clock() - self.opened_at
        if not reporter.wants_every:
            outgoing, frames = outgoing[-1:], frames[-1:]
        for event, frame in zip(outgoing, frames, strict=True):
            if reporter.wants_frames:
                reporter.frame("sent", without_secrets(frame, self.secrets), at)
            reporter.event("sent", event, at)

    async def receive(self) -> events.Event:
        """The next event that the service sends.

        Raises ServerError, AuthError or QuotaError where it closes the session, ProtocolError where its message cannot
        be understood.
        """
        while not self._received:
            try:
                frame = await self._connection.recv(decode=self._decode)
            except ConnectionClosed as error:
                closed = error
                break
            self.messages += 1
            self._received.extend(self._decoded(frame))
            for event in self._received:
                self._reporter.event("received", event, self._clock() - self.opened_at)
                if isinstance(event, events.ResumptionUpdate):
                    self._handle = event.handle or self._handle
        else:
            return self._received.popleft()
        raise self._ended(closed)

    def _decoded(self, data: bytes | str) -> Sequence[events.Event]:
        """The events in a frame, without secrets. The frame is reported, also where it cannot be understood."""
        frame = data.encode() if isinstance(data, str) else data
        shown = frame = without_secrets(frame, self.secrets)
        try:
            received, shown = self._elision.elided(self._protocol.receive(frame), frame)
            return received
        finally:
            if self._reporter.wants_frames:
                at = self._clock() - self.opened_at
                self._reporter.frame("received", shown, at, is_binary=isinstance(data, bytes))

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> events.Event:
        """As `receive`; ends where the service closes the session normally (1000)."""
        try:
            return await self.receive()
        except ServerError as error:
            if error.close_code == NORMAL_CLOSE:
                raise StopAsyncIteration from error
            raise

    async def set_up(self, setup: events.Setup, timeout_seconds: float) -> None:
        """Send `setup` and wait for SetupComplete. Events that come before it are kept for `receive`."""
        loop = asyncio.get_running_loop()
        started = loop.time()
        self._handle = handle_in(setup)
        early: list[events.Event] = []
        await self.send(setup)
        try:
            async with asyncio.timeout(timeout_seconds) as silence:
                while not isinstance(event := await self.receive(), events.SetupComplete):
                    early.append(event)
                    silence.reschedule(loop.time() + timeout_seconds)
        except TimeoutError as error:
            raise DeadlineError(
                f"the server did not complete the setup within {timeout_seconds:g} s",
                hint="is the model served here? `--dry-run` shows the setup; --idle-timeout gives it longer",
            ) from error
        self._received.extendleft(reversed([event, *early]))
        self.session_id = event.session_id
        self.timings.setup = loop.time() - started

    def disable_pong_timeout(self) -> None:
        """Wait for no more pongs: they arrive behind events that a slow consumer has not taken yet."""
        self._connection.disable_pong_timeout()

    async def close(self) -> None:
        """End the session with a normal close (1000)."""
        try:
            # The library's close waits without bound where the server takes no more bytes.
            async with asyncio.timeout(2 * CLOSE_SECONDS):
                await self._connection.close()
        except TimeoutError:
            self._connection.abort()
        self._note_close("sent")

    async def leave(self, take: Callable[[events.ResumptionUpdate], None]) -> None:
        """As `close`. Handles that the service gives until it has received the close are passed to `take`.

        A handle that comes after any other event would include that event, which is not delivered, so it is not passed
        on.
        """
        async with collapse_exception_group(), asyncio.TaskGroup() as tasks:
            tasks.create_task(self.close())
            try:
                while isinstance(event := await self.receive(), events.ResumptionUpdate):
                    take(event)
                # The close is behind the events that are still to be received.
                while True:
                    await self.receive()
            except LivecliError:
                return

    def _note_close(self, direction: str) -> None:
        if self.close_code is None:
            self.close_code, self.close_reason = self._connection.close_code, self._connection.close_reason
            for secret in self._quoted(self.close_reason or ""):
                self.close_reason = (self.close_reason or "").replace(secret, "…")
            self._reporter.closed(direction, self.close_code, self.close_reason, self._clock() - self.opened_at)

    def _ended(self, closed: ConnectionClosed) -> LivecliError:
        """The error for a closed connection, with `closed` as its cause, and without the secrets that it quotes."""
        self._note_close("received" if closed.rcvd_then_sent or closed.sent is None else "sent")
        error = self._close_error(closed)
        error.__cause__ = closed
        for secret in self._quoted(closed.rcvd.reason if closed.rcvd else ""):
            error.elide(secret)
        return error

    def _close_error(self, closed: ConnectionClosed) -> LivecliError:
        ours = closed.sent if closed.sent and not closed.rcvd_then_sent else None
        if ours and ours.code == 1011:
            message = f"the server has not answered a ping for {PONG_SECONDS} s"
            return DeadlineError(message, hint="try again", retry="resume")
        if ours and ours.code in (1002, 1007, 1009):
            what = "a message over 16 MiB" if ours.code == 1009 else f"what WebSocket does not allow: {ours.reason}"
            return ProtocolError(f"the server sent {what}")
        from ..protocol.close_table import explain

        code = closed.rcvd.code if closed.rcvd else 1006
        return explain(code, closed.rcvd.reason if closed.rcvd else "", self._close_context())

    def _quoted(self, reason: str) -> list[str]:
        return secrets_in(reason, (*self.secrets, self._handle))

    def _close_context(self) -> CloseContext:
        from ..protocol.close_cause import CloseContext

        protocol, endpoint = self._protocol, self.endpoint
        is_active = protocol.state is State.ACTIVE
        return CloseContext(
            endpoint.platform,
            endpoint.model,
            endpoint.location,
            protocol.setup,
            is_active,
            endpoint.version,
            self._clock() - self.opened_at,
        )


def handle_in(setup: events.Setup) -> str:
    """The handle with which `setup` resumes a session; empty where it begins one."""
    match setup_json(setup):
        case {"sessionResumption": {"handle": str(handle)}}:
            return handle
    return ""
