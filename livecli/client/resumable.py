"""A session that outlives its connections: it sends and receives as `Session` does, over as many as it takes.

When a connection is lost, or about to end, the next one is opened after it and resumes the session (`Resumption` says
from where). What was sent since that point is sent again, and what was received since then is taken back, since it
comes again: nothing is lost, and nothing counts twice.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack

import msgspec

from ..errors import LivecliError, ProtocolError, ServerError
from ..protocol import events
from ..protocol.close_reasons import NORMAL_CLOSE, OPERATION_ABORTED
from ..protocol.endpoint import Endpoint
from ..report.reporter import Reporter, Retry
from .resumption import Resumption
from .retry import Admit, Pause, ReconnectBudget, pauses, sleep_for_retry, with_retries
from .session import Session

# How long a connection lasts, as far as is known before the service says it (documented).
CONNECTION_SECONDS = 600.0

# The shortest lifetime that is assumed, whatever the service says.
SHORTEST_SECONDS = 1.0

# A connection that lasted so long was worth opening, whatever was sent over it.
LASTING_SECONDS = 30.0


class ConnectionLifetime:
    """How long connections last, and when to leave one. No I/O: time is an argument, in seconds.

    `seconds` is how long one lasts. `leave_at` is when to look for a moment to leave the present one, None where it is
    not about to end; `leaving` is whether that time has come.
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
        """The service will end the connection in `left_seconds`. Half of that is left for what is under way."""
        self.leave_at = now + left_seconds / 2
        self._learn(now + left_seconds)

    def leave(self) -> None:
        """The time to leave has come."""
        self.leave_at, self.leaving = None, True

    def expire(self, now: float) -> None:
        """The service has ended the connection because of its age."""
        self._learn(now)

    def has_lasted(self, now: float) -> bool:
        """Whether the connection was worth opening, whatever was sent over it."""
        return now - self._began_at > LASTING_SECONDS

    def _learn(self, ends_at: float) -> None:
        self.seconds = max(ends_at - self._began_at, SHORTEST_SECONDS)


Open = Callable[[events.Setup, float | None], AbstractAsyncContextManager[Session]]
"""Opens a session with this setup; the number is when the first connection was opened, on the loop's clock."""


class Connections:
    """The connections of one session, opened one after another. `current` is the last, `count` how many there were.

    `budget` bounds the attempts at a connection, and how often one may be lost without a gain. `pause` is awaited
    before each further attempt.
    """

    def __init__(
        self, opened: Open, resumption: Resumption, reporter: Reporter, retries: int | None, pause: Pause | None
    ) -> None:
        self.first: Session
        self.current: Session
        self.count = 0
        self.lifetime, self.budget = ConnectionLifetime(), ReconnectBudget(retries)
        self._opened, self._resumption, self._reporter = opened, resumption, reporter
        self._pause = pause or sleep_for_retry
        self._stack = AsyncExitStack()
        self._ignores_pongs = False
        self._gained_before = (0, 0)  # `Resumption.gained` when the current connection was opened

    @property
    def is_fruitful(self) -> bool:
        """Whether the current connection has brought the session forward, or has at least lasted."""
        now = asyncio.get_running_loop().time()
        return self._resumption.gained > self._gained_before or self.lifetime.has_lasted(now)

    async def open(self) -> None:
        """Open the next connection. Raises as `open_session` does, once the retries are used up."""
        await with_retries(self._resume_or_begin_anew, self.budget.most, self._reporter.retrying, self._pause)

    async def close(self) -> None:
        """Close the current connection."""
        await self._stack.aclose()

    def disable_pong_timeout(self) -> None:
        """As `Session.disable_pong_timeout`, for every connection."""
        self._ignores_pongs = True
        self.current.disable_pong_timeout()

    async def wait(self, retry: Retry) -> None:
        """Wait before the next attempt. The reporter is told beforehand."""
        self._reporter.retrying(retry)
        await self._pause(retry)

    async def _resume_or_begin_anew(self) -> None:
        # The service refuses a session that an earlier run still has open, for as long as it does.
        is_earlier_runs = self.count == 0
        try:
            await self._connect(self._resumption.setup())
        except ServerError as error:
            if not (is_earlier_runs or error.retry == "never") or not self._resumption.forget_handle():
                raise
        else:
            return
        if is_earlier_runs:
            self._reporter.remark("the session cannot be resumed: a new one is given the text of the conversation")
        await self._connect(self._resumption.setup())

    async def _connect(self, setup: events.Setup) -> None:
        stack, began_at = AsyncExitStack(), self.first.opened_at if self.count else None
        session = await stack.enter_async_context(self._opened(setup, began_at))
        if self.count:
            session.messages += self.current.messages
        else:
            self.first = session
        self._stack, self.current = stack, session
        self.count, self._gained_before = self.count + 1, self._resumption.gained
        self.lifetime.begin(asyncio.get_running_loop().time())
        if self._ignores_pongs:
            session.disable_pong_timeout()


class Checkpoint(msgspec.Struct, frozen=True):
    """Everything received so far is final: a lost connection takes none of it back."""


class Rewind(msgspec.Struct, frozen=True):
    """Everything received since the last Checkpoint is taken back, and comes again over the next connection.

    What was sent since then is sent again once `receive` is called the next time: until then `Resumption.drop` can
    leave out what is of no use any more.
    """


Received = events.Event | Checkpoint | Rewind


class ResumableSession:
    """Opened by `client.open.open_resumable`. One task has to call `receive` all the time.

    That task learns of a lost connection, after everything that came over it, and opens the next one; `send` waits for
    that. `lifetime` is how long connections last. `moving` is whether the next one is being opened, and `moved_at` when
    that, or sending again what the service does not have, last made progress. `retries` bounds the attempts at a
    connection, and how often one may be lost without a gain; None is no bound. `pause` waits before each further
    attempt, and `admit` before each further connection. `ends` is whether a normal close (1000) ends
    the session, and not only the connection. `start` makes the task that sends again what the service does not have.

    It has more than twelve attributes because sending and receiving share what is known of a lost connection.
    """

    def __init__(
        self,
        opened: Open,
        resumption: Resumption,
        reporter: Reporter,
        retries: int | None,
        pause: Pause | None = None,
        admit: Admit | None = None,
        *,
        start: Callable[[Coroutine[None, None, None]], asyncio.Task[None]],
    ) -> None:
        self.resumption = resumption
        self.ends: Callable[[], bool] = lambda: False
        self.moving, self.moved_at = False, 0.0
        # Whether the session was resumed, and no event of a turn has come since.
        self.just_resumed = False
        self._connections = Connections(opened, resumption, reporter, retries, pause)
        self.lifetime = self._connections.lifetime
        self._reporter, self._start, self._admit = reporter, start, admit
        self._received: deque[Received] = deque()  # returned by `receive` before anything else
        self._failure: Exception | None = None
        self._reconnects, self._has_warned = True, False
        self._sending = asyncio.Lock()
        # Clear while a connection is replaced, until everything sent before has been sent again over the next one.
        self._caught_up = asyncio.Event()
        self._repeats = False  # whether the next `receive` begins to send again
        self._repeating: asyncio.Task[None] | None = None

    @property
    def endpoint(self) -> Endpoint:
        """Where the session is."""
        return self._connections.current.endpoint

    @property
    def setup(self) -> events.Setup:
        """The setup of the last connection."""
        return self._connections.current.setup

    @property
    def first(self) -> Session:
        """The first connection's session."""
        return self._connections.first

    @property
    def connections(self) -> int:
        """How many connections there were."""
        return self._connections.count

    @property
    def messages(self) -> int:
        """Frames received, over all connections."""
        return self._connections.current.messages

    @property
    def close_code(self) -> int | None:
        """The close code of the last connection, None while that is open."""
        return self._connections.current.close_code

    async def open(self) -> None:
        """Open the first connection. Raises as `open_session` does, once the retries are used up."""
        await self._connections.open()
        # The history of a conversation that there was before is sent first.
        await self._repeat(self.first, self.resumption.begin())

    def retry_without_bound(self) -> None:
        """From now on a connection is tried again for as long as it takes."""
        self._connections.budget.most = None

    async def send(self, event: events.Event) -> None:
        """As `Session.send`; while the connection is lost it waits for the next one."""
        if not self.write((event,)):
            await self.send_all((event,))

    def write(self, outgoing: Sequence[events.Event]) -> bool:
        """As `send_all`, where that need not wait. Returns False, having sent nothing, where it would have to."""
        session = self._connections.current
        is_direct = self._failure is None and self._caught_up.is_set() and not self._sending.locked()
        if not is_direct or not session.takes:
            return False
        frames = session.encode(outgoing)
        session.write(frames)
        # A reporter may raise. What was sent is kept by then.
        self._keep(outgoing)
        session.report(outgoing, frames)
        return True

    async def send_all(self, outgoing: Sequence[events.Event]) -> None:
        """As `Session.send_all`; while the connection is lost it waits for the next one."""
        if self._failure is not None:
            raise self._failure
        # The service counts messages in the order in which they are kept here. So they are kept once there is room to
        # send them all in one go: a caller that is cancelled while it waits leaves none that was not sent.
        async with self._sending:
            await self._connections.current.until_room()
            session, is_direct = self._connections.current, self._caught_up.is_set()
            # An event that may not be sent now is refused before it is kept, also while there is no connection.
            frames = session.encode(outgoing)
            self._keep(outgoing)
            if is_direct:
                try:
                    await session.push(frames)
                except LivecliError:
                    if session.close_code is None:
                        raise
                    if session is self._connections.current and self._failure is None:
                        self._caught_up.clear()
                else:
                    session.report(outgoing, frames)
                    return
        await self._caught_up.wait()
        if self._failure is not None:
            raise self._failure

    def _keep(self, outgoing: Sequence[events.Event]) -> None:
        if not self.resumption.add(outgoing) and not self._has_warned:
            self._has_warned = True
            self._reporter.warning("no room to keep what is sent: if the connection is lost, so is the session")

    async def receive(self) -> Received:
        """As `Session.receive`, with Checkpoint and Rewind among the events.

        Raises only where the session cannot be resumed.
        """
        if self._repeats:
            self._repeats = False
            self._repeating = self._start(self._repeat_or_fail(self._connections.current, self.resumption.begin()))
        while True:
            received = self._received.popleft() if self._received else await self._receive()
            # An event that no handle includes comes again over the next connection.
            if self.lifetime.leaving and self._may_leave and (received is None or isinstance(received, events.Event)):
                await self._reconnect(None)
            elif received is not None:
                return received

    async def _receive(self) -> Received | None:
        """The next event, Checkpoint or Rewind; None once it is time to leave the connection."""
        session, lifetime = self._connections.current, self.lifetime
        try:
            if lifetime.leave_at is None:
                event = await session.receive()
            else:
                async with asyncio.timeout_at(lifetime.leave_at):
                    event = await session.receive()
        except TimeoutError:
            lifetime.leave()
            return None
        except LivecliError as error:
            await self._reconnect(error)
            return self._received.popleft()
        if not event.of_session:
            self.just_resumed = False
        if not event.of_session or not self._follow(event):
            if self._failure is not None:
                raise self._failure
            return event
        self._received.append(event)
        return Checkpoint()

    def disable_pong_timeout(self) -> None:
        """As `Session.disable_pong_timeout`, for every connection."""
        self._connections.disable_pong_timeout()

    def stop_reconnecting(self) -> None:
        """Everything is there that was asked for: a connection that is lost from now on is not replaced."""
        self._reconnects = False

    async def leave(self) -> bool:
        """As `close`, once no task receives any more. Returns whether the service gave a handle meanwhile."""
        self.stop_reconnecting()
        await self._connections.current.leave(self._note_handle)
        return Checkpoint() in self._received

    async def close(self) -> None:
        """End the session with a normal close (1000)."""
        self.stop_reconnecting()
        try:
            await self._stop_repeating()
            await self._connections.close()
        finally:
            self.resumption.close()
            self._fail(ServerError("the session is closed"))

    def _follow(self, event: events.Event) -> bool:
        """Note what the service says of the session. Returns whether everything received so far is final."""
        if isinstance(event, events.GoAway):
            self.lifetime.warn(asyncio.get_running_loop().time(), event.time_left_seconds)
        elif isinstance(event, events.ResumptionUpdate) and self._take_update(event):
            if self.lifetime.leave_at is not None and not self.resumption.unconfirmed:
                self.lifetime.leave()
            return True
        return False

    def _take_update(self, update: events.ResumptionUpdate) -> bool:
        """As `Resumption.update`. Warns of the first index that cannot be true, or fails where one was relied on."""
        resumption = self.resumption
        was_refuted = resumption.is_refuted
        is_new = resumption.update(update)
        if resumption.is_refuted and not was_refuted:
            wrong = f"the service confirms message {update.last_consumed:,}, which contradicts what was sent to it"
            if resumption.has_relied:
                self._fail(ProtocolError(f"{wrong}: a part of the request may be lost, or sent twice"))
            else:
                self._reporter.warning(f"{wrong}: its confirmations are not used any more")
        return is_new

    def _note_handle(self, event: events.ResumptionUpdate) -> None:
        if self._follow(event):
            self._received.append(Checkpoint())

    @property
    def _may_leave(self) -> bool:
        """Whether another connection would go on where this one is."""
        return self.resumption.complete and self._connections.is_fruitful and self._reconnects

    async def _reconnect(self, error: LivecliError | None) -> None:
        """Open the next connection: this one is lost because of `error`, or (None) left in time.

        Appends a Rewind to what `receive` returns, behind a Checkpoint for each handle that came while it was left.
        """
        if self._failure is not None:
            raise self._failure
        self._caught_up.clear()
        self.moving = True
        try:
            await self._replace_connection(error)
        except BaseException as failure:
            known = failure if isinstance(failure, LivecliError) else error
            if known is not None:
                self._fail(known)
            # The Checkpoint of a handle that came meanwhile is returned first; the next `receive` raises.
            if not (self._received and isinstance(failure, LivecliError)):
                raise
        finally:
            self.moving, self.moved_at = False, asyncio.get_running_loop().time()

    async def _replace_connection(self, error: LivecliError | None) -> None:
        connections, resumption = self._connections, self.resumption
        last = resumption.last
        retry = self._retry_after(error) if error is not None else None
        await self._stop_repeating()
        if error is None:
            await connections.current.leave(self._note_handle)
            if self._failure is not None:
                raise self._failure
            # A handle that came meanwhile may have been refused with its index.
            if not resumption.possible:
                raise ServerError("the connection was about to end, and the session cannot be resumed")
        # The old connection is closed first: a handle does not open a second one.
        await connections.close()
        again = resumption.unconfirmed - (resumption.last - last)
        await (connections.wait(retry) if retry is not None else self._pace())
        await connections.open()
        self.just_resumed = resumption.handle is not None
        # Not before there is another connection: without one, what came is all that there is.
        self._received.append(Rewind())
        self._repeats = True
        if error is not None and error.close_reason == OPERATION_ABORTED:
            # Only an idle connection was lost: users report such closes after 86 to 198 s without a turn (2026).
            error = None
        self._reporter.resumed(connections.count, error, again)
        if error is not None and again and not resumption.transparent:
            self._reporter.remark("the connection was lost: what has no answer yet is sent again")

    async def _pace(self) -> None:
        """Wait a moment before the next connection: many may be lost at the same time, and one again and again."""
        await asyncio.sleep(next(pauses()))
        if self._admit is not None:
            await self._admit()

    def _retry_after(self, error: LivecliError) -> Retry | None:
        """As `ReconnectBudget.after`. Raises `error` where the session cannot be resumed."""
        if not self._reconnects or error.retry == "never" or not self.resumption.possible:
            raise error
        if error.close_code == NORMAL_CLOSE and self.ends():
            raise error
        # The service closes so where a connection was too old, and no GoAway announced it.
        if error.close_code == 1011 and error.retry == "resume":
            self.lifetime.expire(asyncio.get_running_loop().time())
        return self._connections.budget.after(error, fruitful=self._connections.is_fruitful)

    async def _repeat(self, session: Session, outgoing: Iterator[events.Event]) -> None:
        """Send again what the service does not have. A connection that is lost meanwhile is left to `receive`.

        Raises other errors, such as a FileError of the buffer.
        """
        for event in outgoing:
            try:
                await session.send(event)
            except LivecliError:
                if session.close_code is None:
                    raise
                return
            self.moved_at = asyncio.get_running_loop().time()
        self._caught_up.set()

    async def _repeat_or_fail(self, session: Session, outgoing: Iterator[events.Event]) -> None:
        """As `_repeat`, in a task of its own: what that raises, `send` and `receive` raise from now on."""
        try:
            await self._repeat(session, outgoing)
        except Exception as error:  # noqa: BLE001 - `send` and `receive` raise it
            self._fail(error)
            # This ends a `receive` that is under way.
            await session.close()

    def _fail(self, error: Exception) -> None:
        self._failure = self._failure or error
        self._caught_up.set()

    async def _stop_repeating(self) -> None:
        if self._repeating is not None:
            self._repeating.cancel()
            await asyncio.wait([self._repeating])
