"""The client's end of a session: LiveProtocol joined to a socket.

The socket itself is `connection`'s. What can go wrong before there is a session is told in `upgrade`; what ends one is
told here.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from websockets.exceptions import ConnectionClosed

from ..errors import DeadlineError, LivecliError, ProtocolError, ServerError
from ..protocol import events
from ..protocol.codec import setup_json
from ..protocol.endpoint import Endpoint
from ..protocol.machine import LiveProtocol, Side, State
from ..report.reporter import Reporter
from .connection import CLOSE_SECONDS, PONG_SECONDS, Connection

if TYPE_CHECKING:
    from ..protocol.close_cause import CloseContext


# What a peer quotes of what it was trusted with, and how that is left out. Pure.
SHORTEST = 8
"""What has fewer characters is no secret, and may stand anywhere."""


def secrets_in(text: str, secrets: Iterable[str]) -> list[str]:
    """The secrets in `text`, and the beginning of one with which it ends: a close reason is cut at 123 bytes."""
    found = []
    for secret in secrets:
        if len(secret) < SHORTEST:
            continue
        whole = [secret] if secret in text else []
        starts = (secret[:end] for end in range(min(len(secret), len(text)), SHORTEST - 1, -1))
        found += whole or [start for start in starts if text.endswith(start)][:1]
    return found


def without_secrets(frame: bytes, secrets: Iterable[str]) -> bytes:
    """`frame`, of which what comes of it can be told to anybody."""
    for secret in secrets:
        if len(secret) >= SHORTEST and (quoted_bytes := secret.encode()) in frame:
            frame = frame.replace(quoted_bytes, "…".encode())
    return frame


@dataclass(eq=False, repr=False)
class Timings:
    """Seconds that each step took, None where it was not taken."""

    connect: float | None = None
    setup: float | None = None


class Session:
    """One open session. `send` says something, iterating yields what the service says; `close` ends it.

    `session_id` is the service's name for it (Vertex only); `opened_at` is on the event loop's clock; `messages` counts
    the frames received. `secrets` are left out of all that the service says.
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
        self._secrets, self._handle = secrets, ""
        self._connection, self._outlet = connection, connection.outlet
        self._protocol = LiveProtocol(Side.CLIENT, endpoint.platform)
        self._received: deque[events.Event] = deque()
        self._reporter = reporter
        self._is_watched = reporter.wants_events or reporter.wants_frames

    async def send(self, event: events.Event) -> None:
        """Say `event`; waits while the server is slow to take it.

        Raises ProtocolError where it may not be said now, ServerError and its kin where the session has ended.
        """
        await self.send_all((event,))

    async def send_all(self, said: Sequence[events.Event]) -> None:
        """As `send`, for several events in order: one message each, and a single write where the server keeps up."""
        frames = self.encode(said)
        if self.takes:
            self.write(frames)
        else:
            await self.push(frames)
        self.report(said, frames)

    @property
    def takes(self) -> bool:
        """Whether the server keeps up, so that `write` need not wait."""
        return self._outlet.takes

    def encode(self, said: Sequence[events.Event]) -> Sequence[bytes]:
        """The frames of these events. Raises ProtocolError where one may not be sent now."""
        return self._protocol.send_each(said)

    def write(self, frames: Sequence[bytes]) -> None:
        """Send frames at once. Only while the session `takes` them."""
        self._outlet.write(frames)

    async def push(self, frames: Sequence[bytes]) -> None:
        """Send frames, and wait for the server where it is slow. Raises ServerError and its kin where it has closed."""
        try:
            await self._connection.send_all(frames)
        except ConnectionClosed as closed:
            raise self._ended(closed) from closed

    def report(self, said: Sequence[events.Event], frames: Sequence[bytes]) -> None:
        """Report what was sent. Raises what the reporter raises."""
        if not self._is_watched:
            return
        reporter, at = self._reporter, self._clock() - self.opened_at
        if not reporter.wants_every:
            said, frames = said[-1:], frames[-1:]
        for event, frame in zip(said, frames, strict=True):
            if reporter.wants_frames:
                reporter.frame("sent", frame, at)
            reporter.event("sent", event, at)

    async def receive(self) -> events.Event:
        """The next thing the service says.

        Raises ServerError, AuthError or QuotaError where it closes the session, ProtocolError where it says what
        cannot be understood.
        """
        while not self._received:
            try:
                frame = await self._connection.recv(decode=False)
            except ConnectionClosed as closed:
                raise self._ended(closed) from closed
            frame = without_secrets(frame, self._secrets)
            self.messages += 1
            if self._reporter.wants_frames:
                self._reporter.frame("received", frame, self._clock() - self.opened_at)
            self._received.extend(self._protocol.receive(frame))
            for event in self._received:
                self._reporter.event("received", event, self._clock() - self.opened_at)
                if isinstance(event, events.ResumptionUpdate):
                    self._handle = event.handle or self._handle
        return self._received.popleft()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> events.Event:
        """As `receive`; ends where the service closes the session normally (1000)."""
        try:
            return await self.receive()
        except ServerError as error:
            if error.close_code == 1000:
                raise StopAsyncIteration from error
            raise

    async def set_up(self, setup: events.Setup, timeout_seconds: float) -> None:
        """Say `setup` and wait for SetupComplete. What else comes before it is kept for `receive`."""
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

    def be_patient(self) -> None:
        """Whoever takes what is received may be slow, and pongs come behind that: none is waited for any more."""
        self._connection.ping_timeout = None

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
        """As `close`. Until the service hears of it, it may give handles that include more: `take` has those."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.close())
            with suppress(LivecliError):
                while isinstance(event := await self.receive(), events.ResumptionUpdate):
                    take(event)
                # Any other event comes again over the next connection. The close is behind it.
                while True:
                    await self.receive()

    def _note_close(self, direction: str) -> None:
        if self.close_code is None:
            self.close_code, self.close_reason = self._connection.close_code, self._connection.close_reason
            for secret in self._quoted(self.close_reason or ""):
                self.close_reason = (self.close_reason or "").replace(secret, "…")
            self._reporter.closed(direction, self.close_code, self.close_reason, self._clock() - self.opened_at)

    def _ended(self, closed: ConnectionClosed) -> LivecliError:
        self._note_close("received" if closed.rcvd_then_sent or closed.sent is None else "sent")
        ours = closed.sent if closed.sent and not closed.rcvd_then_sent else None
        if ours and ours.code == 1011:
            silent = DeadlineError(f"the server has not answered a ping for {PONG_SECONDS} s", hint="try again")
            silent.retry = "resume"
            return silent
        if ours and ours.code in (1002, 1007, 1009):
            what = "a message over 16 MiB" if ours.code == 1009 else f"what WebSocket does not allow: {ours.reason}"
            return ProtocolError(f"the server sent {what}")
        from ..protocol.close_table import explain

        code = closed.rcvd.code if closed.rcvd else 1006
        error = explain(code, closed.rcvd.reason if closed.rcvd else "", self._situation())
        for secret in self._quoted(closed.rcvd.reason if closed.rcvd else ""):
            error.elide(secret)
        return error

    def _quoted(self, reason: str) -> list[str]:
        return secrets_in(reason, (*self._secrets, self._handle))

    def _situation(self) -> CloseContext:
        from ..protocol.close_cause import CloseContext

        said, where = self._protocol, self.endpoint
        return CloseContext(where.platform, where.model, where.location, said.setup, said.state is State.ACTIVE)


def handle_in(setup: events.Setup) -> str:
    """The handle with which `setup` goes on with a session; empty where it begins one."""
    match setup_json(setup):
        case {"sessionResumption": {"handle": str(handle)}}:
            return handle
    return ""
