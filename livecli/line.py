"""A session that outlives its connections: it says and hears what `Session` does, over as many as it takes.

Where a connection is lost, or about to end, the next one is opened after it and goes on with the session (`Resumption`
says from where). What was said since that point is said again, and what was heard since is taken back, since it will
come again: nothing is lost, and nothing counts twice.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, suppress

from .client import Session
from .endpoint import Endpoint
from .errors import LivecliError, ProtocolError, ServerError
from .protocol import events
from .report import Reporter
from .resumption import Resumption
from .retrying import Pause, Retry, pauses, persistently, sleep_it_out

Open = Callable[[events.Setup, float | None], AbstractAsyncContextManager[Session]]
"""Opens a session with this setup; the number is when the first connection was opened, on the loop's clock."""


CONNECTION_SECONDS = 600.0
"""How long a connection lasts, as far as is known before the service says it (documented)."""
LASTING_SECONDS = 30.0
"""A connection that lasted so long was worth opening, whatever was said over it."""


class Line:
    """Made by `opening.open_line`. `first` is the first connection's session, `connections` how many there were;
    `life_seconds` is how long one lasts.

    `on_checkpoint` is called where all that was received so far is there to stay, `on_rewind` where what was received
    since then is to be forgotten. `retries` bounds the attempts at a connection, and how often one may be lost without
    anything gained; None is no bound. `pause` is what is done before each.
    """

    def __init__(
        self, opened: Open, resumption: Resumption, reporter: Reporter, retries: int | None, pause: Pause | None = None
    ) -> None:
        self.resumption = resumption
        self.connections = 0
        self.on_checkpoint: Callable[[], None] = lambda: None
        self.on_rewind: Callable[[], None] = lambda: None
        self.first: Session
        self._session: Session
        self.life_seconds = CONNECTION_SECONDS
        self._clock = asyncio.get_running_loop().time
        self._opened, self._reporter, self._retries = opened, reporter, retries
        self._pause = pause or sleep_it_out
        self._stack = AsyncExitStack()
        self._messages_before = 0  # this connection
        self._dialled_at = 0.0
        self._leave_at: float | None = None  # the service is about to end the connection
        self._leaving = False
        self._over = self._patient = False
        self._gained = (0, 0)  # how far it was when this connection began
        self._fruitless = 0
        self._pauses = pauses()
        self._failure: LivecliError | None = None
        self._moving = asyncio.Lock()
        self._caught_up = asyncio.Event()  # clear while the service is told again what was said before
        self._repeating: asyncio.Task[None] | None = None

    @property
    def endpoint(self) -> Endpoint:
        """Where it is."""
        return self._session.endpoint

    @property
    def messages(self) -> int:
        """Frames received, over all connections."""
        return self._messages_before + self._session.messages

    @property
    def close_code(self) -> int | None:
        """The close code of the last connection, None while that is open."""
        return self._session.close_code

    async def open(self) -> None:
        """The first connection. Raises as `open_session` does, once the retries are used up."""
        self.first = await persistently(
            lambda: self._dial(self.resumption.setup()), self._retries, self._tell, self._pause
        )
        self._caught_up.set()

    async def send(self, event: events.Event) -> None:
        """As `Session.send`; while the connection is lost it waits for the next one."""
        if not self.write((event,)):
            await self.push((event,))

    def write(self, said: Sequence[events.Event]) -> bool:
        """As `send`, of several, where that need not wait; False, and `push` has to follow, where it has to."""
        self.resumption.say(said)
        return self._caught_up.is_set() and self._session.write(said)

    async def push(self, said: Sequence[events.Event]) -> None:
        """Say what `write` did not."""
        session = self._session
        if self._caught_up.is_set():
            try:
                return await session.push(said)
            except LivecliError as error:
                if isinstance(error, ProtocolError) and session.close_code is None:
                    raise  # it may not be said now, and was not
                await self._go_on(session, error)
        await self._caught_up.wait()
        if self._failure is not None:
            raise self._failure
        return None

    async def receive(self) -> events.Event:
        """As `Session.receive`; raises only where the session cannot be gone on with."""
        while True:
            session = self._session
            try:
                event = await self._next(session)
            except LivecliError as error:
                await self._go_on(session, error)
                continue
            if event is not None:
                self._follow(event)
            if self._leaving and self.resumption.complete and self._fruitful and not self._over:
                await self._go_on(session, None)
            if event is not None:
                return event

    async def _next(self, session: Session) -> events.Event | None:
        """None where it is time to leave the connection."""
        if self._leave_at is None:
            return await session.receive()
        try:
            async with asyncio.timeout_at(self._leave_at):
                return await session.receive()
        except TimeoutError:
            self._leave_at, self._leaving = None, True
            return None

    def be_patient(self) -> None:
        """As `Session.be_patient`, for every connection."""
        self._patient = True
        self._session.be_patient()

    def settle(self) -> None:
        """All that was wanted is there: a connection that is lost from now on is not missed."""
        self._over = True

    async def close(self) -> None:
        """End the session with a normal close (1000)."""
        self._over = True
        await self._stop_repeating()
        await self._stack.aclose()
        self.resumption.close()

    def _follow(self, event: events.Event) -> None:
        if isinstance(event, events.ResumptionUpdate):
            if self.resumption.update(event):
                self.on_checkpoint()
        elif isinstance(event, events.GoAway):
            now = self._clock()
            self._leave_at = now + event.time_left_seconds / 2
            self.life_seconds = now + event.time_left_seconds - self._dialled_at

    @property
    def _fruitful(self) -> bool:
        """Whether this connection has brought the session forward, or has at least lasted."""
        return self.resumption.gained > self._gained or self._clock() - self._dialled_at > LASTING_SECONDS

    async def _go_on(self, session: Session, error: LivecliError | None) -> None:
        """Open the connection after `session`'s, which is lost because of `error`, or (None) given up in time."""
        async with self._moving:
            if session is not self._session:
                return  # whoever noticed first has done it
            if self._failure is not None:
                raise self._failure
            self._caught_up.clear()
            try:
                await self._reopen(error)
            except BaseException as failure:
                self._failure = failure if isinstance(failure, LivecliError) else error
                self._caught_up.set()
                raise
            self._reporter.resumed(self.connections, error, self.resumption.unsaid)
            self._repeating = asyncio.create_task(self._repeat(self._session, self.resumption.begin()))

    async def _reopen(self, error: LivecliError | None) -> None:
        pause = self._pause_after(error) if error is not None else None
        await self._stop_repeating()
        await self._stack.aclose()  # the old one first: a handle does not open a second connection
        self.on_rewind()
        if pause is not None:
            self._tell(pause)
            await self._pause(pause)
        await persistently(self._dial_on, self._retries, self._tell, self._pause)

    def _pause_after(self, error: LivecliError) -> Retry | None:
        """None after a connection that was good for something; else longer each time.

        Raises `error` where the session cannot be gone on with, or that has been tried often enough.
        """
        if self._over or error.retry == "never" or not self.resumption.possible:
            raise error
        if self._fruitful:
            self._fruitless, self._pauses = 0, pauses()
        self._fruitless += 1
        if self._retries is not None and self._fruitless > self._retries:
            raise error
        if self._fruitless == 1 and error.retry == "resume":
            return None
        return Retry(error, self._fruitless, self._retries, next(self._pauses))

    async def _dial_on(self) -> Session:
        try:
            return await self._dial(self.resumption.setup())
        except ServerError as error:
            if error.retry != "never" or not self.resumption.forget_handle():
                raise
        return await self._dial(self.resumption.setup())

    async def _dial(self, setup: events.Setup) -> Session:
        began_at = self.first.opened_at if self.connections else None
        self._messages_before = self.messages if self.connections else 0
        stack = AsyncExitStack()
        session = await stack.enter_async_context(self._opened(setup, began_at))
        self._stack, self._session = stack, session
        self.connections += 1
        self._dialled_at, self._gained = self._clock(), self.resumption.gained
        self._leave_at, self._leaving = None, False
        if self._patient:
            session.be_patient()
        return session

    async def _repeat(self, session: Session, said: Iterator[events.Event]) -> None:
        """Say again what the session does not know. Where the connection is lost meanwhile, `receive` hears of it."""
        with suppress(LivecliError):
            for event in said:
                await session.send(event)
            self._caught_up.set()

    async def _stop_repeating(self) -> None:
        if self._repeating is not None:
            self._repeating.cancel()
            await asyncio.wait([self._repeating])

    def _tell(self, retry: Retry) -> None:
        self._reporter.retrying(retry)
