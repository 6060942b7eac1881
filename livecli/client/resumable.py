"""A session that outlives its connections: it says and hears what `Session` does, over as many as it takes.

Where a connection is lost, or about to end, the next one is opened after it and goes on with the session (`Resumption`
says from where). What was said since that point is said again, and what was heard since is taken back, since it will
come again: nothing is lost, and nothing counts twice.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass

from ..errors import LivecliError, ServerError
from ..protocol import events
from ..protocol.endpoint import Endpoint
from ..report.reporter import Reporter, Retry
from .resumption import Resumption
from .retry import Pause, ReconnectBudget, sleep_for_retry, with_retries
from .session import Session

# How long connections last, and when one is to be left. Pure: time is an argument, in seconds.
CONNECTION_SECONDS = 600.0
"""How long a connection lasts, as far as is known before the service says it (documented)."""
SHORTEST_SECONDS = 1.0
"""... whatever the service says."""
LASTING_SECONDS = 30.0
"""A connection that lasted so long was worth opening, whatever was said over it."""


class ConnectionLifetime:
    """Of one connection after the other; `seconds` is how long one lasts.

    `leave_at` is when to look for a moment to leave this one, None where it is not about to end; `leaving` is whether
    that has come.
    """

    def __init__(self) -> None:
        self.seconds = CONNECTION_SECONDS
        self.leave_at: float | None = None
        self.leaving = False
        self._began_at = 0.0

    def begin(self, now: float) -> None:
        """A connection has been opened."""
        self._began_at, self.leave_at, self.leaving = now, None, False

    def warn(self, now: float, left_seconds: float) -> None:
        """The service will end it so soon. Half of that is left for what is under way."""
        self.leave_at = now + left_seconds / 2
        self._learn(now + left_seconds)

    def leave(self) -> None:
        """It is time."""
        self.leave_at, self.leaving = None, True

    def expire(self, now: float) -> None:
        """The service has ended it because of its age."""
        self._learn(now)

    def has_lasted(self, now: float) -> bool:
        """Whether it was worth opening, whatever was said over it."""
        return now - self._began_at > LASTING_SECONDS

    def _learn(self, ends_at: float) -> None:
        self.seconds = max(ends_at - self._began_at, SHORTEST_SECONDS)


Open = Callable[[events.Setup, float | None], AbstractAsyncContextManager[Session]]
"""Opens a session with this setup; the number is when the first connection was opened, on the loop's clock."""


@dataclass(frozen=True)
class Checkpoint:
    """Received from a session: all that came before stays, whatever becomes of the connection."""


@dataclass(frozen=True)
class Rewind:
    """Received from a session over a new connection: what came since the last checkpoint will come again."""


Received = events.Event | Checkpoint | Rewind


class ResumableSession:
    """Made by `client.open.open_line`. One task has to call `receive` all the time.

    That task learns of a lost connection after all that came over it, and opens the next one; `send` waits for that.
    `first` is the first connection's session, `connections` how many there were, `life` how long they last. `moving`
    is whether the next one is being opened, `moved_at` when that, or sending again, last made progress. `retries`
    bounds the attempts at a connection, and how often one may be lost without any progress; None is no bound. `pause`
    waits before each attempt. The tasks that the session needs are made with `start`.

    It has more than twelve attributes because a session and the connection that is being replaced share one state.
    """

    def __init__(
        self,
        opened: Open,
        resumption: Resumption,
        reporter: Reporter,
        retries: int | None,
        pause: Pause | None = None,
        *,
        start: Callable[[Coroutine[None, None, None]], asyncio.Task[None]],
    ) -> None:
        self.resumption, self.connections = resumption, 0
        self.first: Session
        self._start = start
        self._received: deque[Received] = deque()  # to be returned by `receive` before anything else
        self._repeats = False  # from the next `receive` on, what the service does not know is sent again
        self._session: Session
        self.life = ConnectionLifetime()
        self._clock = asyncio.get_running_loop().time
        self._opened, self._reporter, self._pause = opened, reporter, pause or sleep_for_retry
        self._stack = AsyncExitStack()
        self._over = self._patient = self._cramped = False
        self._gained, self.losses = (0, 0), ReconnectBudget(retries)  # how far it was when this connection began
        self._failure: Exception | None = None
        self.moving, self.moved_at = False, 0.0
        self._saying = asyncio.Lock()
        self._caught_up = asyncio.Event()  # clear while the service is told again what was said before
        self._repeating: asyncio.Task[None] | None = None

    @property
    def endpoint(self) -> Endpoint:
        """Where it is."""
        return self._session.endpoint

    @property
    def messages(self) -> int:
        """Frames received, over all connections."""
        return self._session.messages

    @property
    def close_code(self) -> int | None:
        """The close code of the last connection, None while that is open."""
        return self._session.close_code

    async def open(self) -> None:
        """The first connection. Raises as `open_session` does, once the retries are used up."""
        self.first = await with_retries(self._dial_on, self.losses.most, self._reporter.retrying, self._pause)
        await self._repeat(self.first, self.resumption.begin())  # a conversation that there was before

    async def send(self, event: events.Event) -> None:
        """As `Session.send`; while the connection is lost it waits for the next one."""
        if not self.write((event,)):
            await self.send_all((event,))

    def write(self, said: Sequence[events.Event]) -> bool:
        """As `send_all`, where that need not wait; False, and nothing is said, where it has to."""
        session = self._session
        if self._failure is not None or not self._caught_up.is_set() or self._saying.locked() or not session.takes:
            return False
        frames = session.encode(said)
        session.write(frames)
        # A reporter may raise. What was sent is noted by then.
        self._note(said)
        session.report(said, frames)
        return True

    async def send_all(self, said: Sequence[events.Event]) -> None:
        """As `Session.send_all`; while the connection is lost it waits for the next one."""
        if self._failure is not None:
            raise self._failure
        # The service counts messages in the order in which they are noted here.
        async with self._saying:
            session, direct = self._session, self._caught_up.is_set()
            # An event that may not be sent now is refused before it is noted, also while there is no connection.
            frames = session.encode(said)
            self._note(said)
            if direct:
                try:
                    await session.push(frames)
                except LivecliError:
                    if session.close_code is None:
                        raise
                    if session is self._session and self._failure is None:
                        self._caught_up.clear()
                else:
                    session.report(said, frames)
                    return
        await self._caught_up.wait()
        if self._failure is not None:
            raise self._failure

    def _note(self, said: Sequence[events.Event]) -> None:
        if not self.resumption.say(said) and not self._cramped:
            self._cramped = True
            self._reporter.warning("no room to keep what is said: should the connection be lost, so is the session")

    async def receive(self) -> Received:
        """As `Session.receive`, with checkpoints and rewinds. Raises where the session cannot be resumed."""
        while not self._received:
            if self._repeats:
                self._repeats = False
                self._repeating = self._start(self._repeat_or_fail(self._session, self.resumption.begin()))
            try:
                event = await self._next(self._session)
            except LivecliError as error:
                await self._go_on(error)
                continue
            if event is not None:
                self._follow(event)
            if self.life.leaving and self.resumption.complete and self._fruitful and not self._over:
                # An event that is not included in a handle comes again over the next connection.
                try:
                    await self._go_on(None)
                except LivecliError:
                    # A checkpoint that came while the old connection was left goes first: the next call raises.
                    if not self._received:
                        raise
            elif event is not None:
                if not self._received:
                    return event
                self._received.append(event)
        return self._received.popleft()

    async def _next(self, session: Session) -> events.Event | None:
        """None where it is time to leave the connection."""
        if self.life.leave_at is None:
            return await session.receive()
        try:
            async with asyncio.timeout_at(self.life.leave_at):
                return await session.receive()
        except TimeoutError:
            self.life.leave()
            return None

    def be_patient(self) -> None:
        """As `Session.be_patient`, for every connection."""
        self._patient = True
        self._session.be_patient()

    def settle(self) -> None:
        """All that was wanted is there: a connection that is lost from now on is not missed."""
        self._over = True

    async def leave(self) -> bool:
        """As `close`, once no task receives any more. Whether the service gave a handle until it heard of the close."""
        self.settle()
        await self._session.leave(self._follow)
        return Checkpoint() in self._received

    async def close(self) -> None:
        """End the session with a normal close (1000)."""
        self.settle()
        try:
            await self._stop_repeating()
            await self._stack.aclose()
        finally:
            self.resumption.close()

    def _follow(self, event: events.Event) -> None:
        if isinstance(event, events.GoAway):
            self.life.warn(self._clock(), event.time_left_seconds)
        elif isinstance(event, events.ResumptionUpdate) and self.resumption.update(event):
            self._received.append(Checkpoint())
            if self.life.leave_at is not None and not self.resumption.unsaid:
                self.life.leave()

    @property
    def _fruitful(self) -> bool:
        """Whether this connection has brought the session forward, or has at least lasted."""
        return self.resumption.gained > self._gained or self.life.has_lasted(self._clock())

    async def _go_on(self, error: LivecliError | None) -> None:
        """Open the next connection: this one is lost because of `error`, or (None) given up in time."""
        if self._failure is not None:
            raise self._failure
        self._caught_up.clear()
        self.moving = True
        try:
            await self._reopen(error)
        except BaseException as failure:
            self._failure = failure if isinstance(failure, LivecliError) else error
            if self._failure is not None:
                self._caught_up.set()
            raise
        finally:
            self.moving, self.moved_at = False, self._clock()
        # What is to be sent again may change while the rewind is dealt with, so sending begins after that.
        self._repeats = True

    async def _reopen(self, error: LivecliError | None) -> None:
        said = self.resumption.said
        pause = self._pause_after(error) if error is not None else None
        await self._stop_repeating()
        if error is None:
            await self._session.leave(self._follow)
        await self._stack.aclose()  # the old one first: a handle does not open a second connection
        again = self.resumption.unsaid - (self.resumption.said - said)
        if pause is not None:
            self._reporter.retrying(pause)
            await self._pause(pause)
        await with_retries(self._dial_on, self.losses.most, self._reporter.retrying, self._pause)
        # Not before there is a next connection: without one, what came is all that there is.
        self._received.append(Rewind())
        self._reporter.resumed(self.connections, error, again)
        if error is not None and again and not self.resumption.transparent:
            self._reporter.remark("the connection was lost: what has no answer yet is sent again")

    def _pause_after(self, error: LivecliError) -> Retry | None:
        """As `Losses.after`. Raises `error` where the session cannot be gone on with."""
        if self._over or error.retry == "never" or not self.resumption.possible:
            raise error
        if error.close_code == 1011 and error.retry == "resume":  # it was too old, and nothing was said ahead
            self.life.expire(self._clock())
        return self.losses.after(error, fruitful=self._fruitful)

    async def _dial_on(self) -> Session:
        try:
            return await self._dial(self.resumption.setup())
        except ServerError as error:
            if error.retry != "never" or not self.resumption.forget_handle():
                raise
        return await self._dial(self.resumption.setup())

    async def _dial(self, setup: events.Setup) -> Session:
        stack, began_at = AsyncExitStack(), self.first.opened_at if self.connections else None
        session = await stack.enter_async_context(self._opened(setup, began_at))
        session.messages += self.messages if self.connections else 0
        self._stack, self._session = stack, session
        self.connections, self._gained = self.connections + 1, self.resumption.gained
        self.life.begin(self._clock())
        if self._patient:
            session.be_patient()
        return session

    async def _repeat(self, session: Session, said: Iterator[events.Event]) -> None:
        """Say again what the session does not know. Where the connection is lost meanwhile, `receive` hears of it.

        Raises what else there is in the way, such as a FileError of what is to be said.
        """
        for event in said:
            try:
                await session.send(event)
            except LivecliError:
                if session.close_code is None:
                    raise
                return
            self.moved_at = self._clock()
        self._caught_up.set()

    async def _repeat_or_fail(self, session: Session, said: Iterator[events.Event]) -> None:
        """As `_repeat`, in a task: what that raises, `send` and `receive` raise from now on."""
        try:
            await self._repeat(session, said)
        except Exception as error:  # noqa: BLE001 - it is raised where somebody waits
            self._failure = self._failure or error
            self._caught_up.set()
            await session.close()  # which ends a `receive` that is under way

    async def _stop_repeating(self) -> None:
        if self._repeating is not None:
            self._repeating.cancel()
            await asyncio.wait([self._repeating])
