"""A service that follows a script, without sockets: one list of steps for each connection of a session.

A step is an event, which the service says; a number of seconds, which it waits; a type of event, which it waits for the
client to say next; an error, with which the connection ends; or `Unwritable(error)`, from which on nothing can be said
any more, though what follows is still received. After its last step the service is silent.
"""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from livecli.client.resumable import Checkpoint, ResumableSession, Rewind
from livecli.client.resumption import Resumption
from livecli.client.sender import SendOptions
from livecli.client.session import Timings
from livecli.client.turn import Turn
from livecli.errors import ConnectError, LivecliError, ServerError
from livecli.process.tasks import collapse_exception_group
from livecli.protocol import events
from livecli.protocol.endpoint import Endpoint
from livecli.protocol.messages import FunctionCall
from livecli.protocol.platform import Platform
from livecli.protocol.setup import Activity, SetupOptions, setup
from livecli.report.reporter import Reporter, Retry
from livecli.report.summary import TransferStats
from livecli.tools.toolbox import Toolbox


@dataclass
class Unwritable:
    """The connection is closed with this error, which is not read yet."""

    error: LivecliError


Step = events.Event | float | type[events.Event] | LivecliError | Unwritable
Ask = Callable[[Turn], Coroutine[Any, Any, None]]


def vertex(model: str = "gemini-3.8-live") -> Endpoint:
    """Confirms the messages that a handle includes."""
    resource = f"projects/p/locations/l/publishers/google/models/{model}"
    return Endpoint(Platform.VERTEX, "wss://example.test/vertex", model, resource, "p", "l")


def developer(model: str = "gemini-3.8-live") -> Endpoint:
    """Does not say which messages a handle includes."""
    return Endpoint(Platform.DEVELOPER, "wss://example.test/developer", model, f"models/{model}")


def sound(number: int, samples: int = 2400) -> events.AudioChunk:
    """A tenth of a second of loud reply audio; each number sounds differently."""
    return events.AudioChunk(bytes([number, 64]) * samples, 24_000)


def lost() -> ServerError:
    """The connection is gone, the session is not."""
    error = ServerError("the connection was lost", close_code=1006)
    error.retry = "resume"
    return error


def closed(code: int = 1000) -> ServerError:
    """The service has ended the session for good."""
    return ServerError(f"the server closed the session ({code})", close_code=code)


def handle(name: str = "h", consumed: int | None = None) -> events.ResumptionUpdate:
    return events.ResumptionUpdate(name, resumable=True, last_consumed=consumed)


def call(id: str = "c1", name: str = "find") -> events.ToolCall:
    return events.ToolCall((FunctionCall(name=name, args={"city": "Berlin"}, id=id),))


GENERATED, COMPLETE = events.GenerationComplete(), events.TurnComplete()
ANSWER: list[Step] = [sound(1), GENERATED, COMPLETE]


class ScriptedSession:
    """Stands in for a session over one connection. `said` is what the client said, `said_at` when, in seconds.

    With `send_seconds` the socket is full: each write has to wait for so long.
    """

    def __init__(self, endpoint: Endpoint, opening: events.Setup, steps: Sequence[Step], send_seconds: float) -> None:
        self.endpoint, self.setup = endpoint, opening
        self.timings, self.session_id = Timings(), None
        self.messages = 0
        self.close_code: int | None = None
        self.close_reason: str | None = None
        self.said: list[events.Event] = []
        self.said_at: list[float] = []
        self._clock = asyncio.get_running_loop().time
        self.opened_at = self._clock()
        self._steps, self._send_seconds = deque(steps), send_seconds
        self._until: float | None = None
        self._passed_by = 0
        self._said_more = asyncio.Event()
        self._failure: LivecliError | None = None

    @property
    def heard(self) -> bytes:
        """All audio that the client said."""
        return b"".join(event.pcm for event in self.said if isinstance(event, events.AudioChunk))

    async def send(self, event: events.Event) -> None:
        await self.send_all((event,))

    async def send_all(self, said: Sequence[events.Event]) -> None:
        if self._send_seconds:
            await asyncio.sleep(self._send_seconds)
        if self._failure is not None:
            raise self._failure
        self._take(said)

    def encode(self, said: Sequence[events.Event]) -> Sequence[events.Event]:
        """The events stand in for their frames."""
        return said

    @property
    def takes(self) -> bool:
        return not self._send_seconds and self._failure is None

    def write(self, frames: Sequence[events.Event]) -> None:
        self._take(frames)

    async def until_room(self) -> None:
        """`push` waits instead."""

    async def push(self, frames: Sequence[events.Event]) -> None:
        await self.send_all(frames)

    def report(self, said: Sequence[events.Event], frames: Sequence[events.Event]) -> None:
        """No reporter listens."""

    def _take(self, said: Sequence[events.Event]) -> None:
        self.said += said
        self.said_at += [self._clock()] * len(said)
        self._said_more.set()

    async def receive(self) -> events.Event:
        """The next thing that the script says. It may be cancelled, and asked again."""
        while self._steps:
            step = self._steps[0]
            if isinstance(step, type):
                await self._hear(step)
            elif isinstance(step, LivecliError):
                self.close_code, self._failure = step.close_code, step
                raise step
            elif isinstance(step, Unwritable):
                self.close_code, self._failure = step.error.close_code, step.error
            elif isinstance(step, events.Event):
                self._steps.popleft()
                self.messages += 1
                return step
            else:
                await self._wait(step)
            self._steps.popleft()
        return await asyncio.Future()

    async def _hear(self, kind: type[events.Event]) -> None:
        while True:
            for number in range(self._passed_by, len(self.said)):
                if isinstance(self.said[number], kind):
                    self._passed_by = number + 1
                    return
            self._passed_by = len(self.said)
            self._said_more.clear()
            await self._said_more.wait()

    async def _wait(self, seconds: float) -> None:
        if self._until is None:
            self._until = self._clock() + seconds
        await asyncio.sleep(self._until - self._clock())
        self._until = None

    def disable_pong_timeout(self) -> None:
        pass

    async def leave(self, take: Callable[[events.Event], None]) -> None:
        self.close_code = 1000


@dataclass
class Told(Reporter):
    """Keeps what it is told."""

    warnings: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    called_functions: list[str] = field(default_factory=list)
    returned_values: list[Any] = field(default_factory=list)
    retries: list[Retry] = field(default_factory=list)
    resumptions: list[tuple[int, LivecliError | None, int]] = field(default_factory=list)

    def warning(self, text: str) -> None:
        self.warnings.append(text)

    def remark(self, text: str) -> None:
        self.remarks.append(text)

    def called(self, call: Any) -> None:
        self.called_functions.append(call.id)

    def returned(self, call: Any, response: Any, *, failed: bool, noise: str) -> None:
        self.returned_values.append(response)

    def resumed(self, connections: int, error: LivecliError | None, again: int) -> None:
        self.resumptions.append((connections, error, again))

    def retrying(self, retry: Retry) -> None:
        self.retries.append(retry)


class Sink:
    """Keeps a reply. One that `leaves` has passed on what was written, and cannot take it back."""

    def __init__(self, *, waits: bool = False, leaves: bool = False) -> None:
        self.waits, self._leaves = waits, leaves
        self.pcm = b""
        self.rates: list[int] = []

    def write(self, pcm: bytes, rate: int) -> None:
        self.pcm += pcm
        self.rates.append(rate)

    def mark(self) -> int:
        return len(self.pcm)

    def rewind(self, mark: int) -> bool:
        if self._leaves:
            return len(self.pcm) == mark
        self.pcm = self.pcm[:mark]
        return True


class Source:
    """An input of several blocks at 16 kHz."""

    name, rate = "input", 16_000

    def __init__(self, *blocks: bytes) -> None:
        self._blocks = blocks
        self.seconds: float | None = sum(map(len, blocks)) / 32_000

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for block in self._blocks:
            yield block


def typed(text: str = "hi", *pictures: events.Image, interrupts: bool = False) -> Ask:
    """A text turn."""
    return lambda exchange: exchange.type(text, pictures, interrupts=interrupts)


def spoken(
    *blocks: bytes, pictures: Sequence[events.Image] = (), activity: Activity = Activity.MANUAL, **how: Any
) -> Ask:
    """A spoken question, as fast as the socket takes it where nothing else is said."""
    sending = SendOptions(**{"speed": 0, **how})
    return lambda exchange: exchange.speak(Source(*blocks), sending, pictures, activity=activity)


@dataclass
class Ran:
    """How one turn went. `seconds` is its length on the virtual clock, `at` when something was said, from its start."""

    sessions: list[ScriptedSession]
    sink: Sink
    told: Told
    stats: TransferStats
    began_at: float = 0.0
    seconds: float = 0.0
    error: LivecliError | None = None

    @property
    def said(self) -> list[events.Event]:
        """What the client said over the first connection."""
        return self.sessions[0].said

    @property
    def said_at(self) -> list[float]:
        """When it said that, in seconds from the start of the turn."""
        return [at - self.began_at for at in self.sessions[0].said_at]


class Talk:
    """Several turns over one session, whose events go to the turn that is under way."""

    def __init__(self, line: ResumableSession, sessions: list[ScriptedSession], toolbox: Toolbox | None) -> None:
        self.turns: list[Turn] = []
        self.line, self._sessions, self._toolbox = line, sessions, toolbox
        self._listener = asyncio.create_task(self._listen())

    @property
    def said(self) -> list[list[events.Event]]:
        """What the client said over each connection."""
        return [session.said for session in self._sessions]

    async def ask(self, ask: Ask, idle: float = math.inf) -> tuple[Sink, TransferStats]:
        """Where the answer went, and its figures, once it is over."""
        sink, stats = Sink(), TransferStats()
        exchange = Turn(self.line, sink, stats, Told(), toolbox=self._toolbox)
        self.turns.append(exchange)
        await exchange.converse(idle, ask(exchange))
        return sink, stats

    async def ask_and_cut(self, ask: Ask, after_seconds: float) -> tuple[Sink, TransferStats]:
        """As `ask`, of an answer that is cut so many seconds after the question."""
        asking = asyncio.create_task(self.ask(ask))
        await asyncio.sleep(after_seconds)
        assert not self.turns[-1].is_over
        self.turns[-1].cut()
        return await asking

    async def _listen(self) -> None:
        try:
            while True:
                received = await self.line.receive()
                if self.turns and (isinstance(received, Checkpoint | Rewind) or not self.turns[-1].is_over):
                    await self.turns[-1].take(received)
        except ServerError:
            self.turns[-1].fail()

    async def close(self) -> None:
        self._listener.cancel()
        with suppress(asyncio.CancelledError):
            await self._listener


@asynccontextmanager
async def talking(
    *connections: Sequence[Step], endpoint: Endpoint | None = None, toolbox: Toolbox | None = None
) -> AsyncIterator[Talk]:
    """A talk over these connections."""
    async with scripted_line(*connections, reporter=Told(), endpoint=endpoint or vertex()) as (line, sessions):
        talk = Talk(line, sessions, toolbox)
        yield talk
        await talk.close()


@asynccontextmanager
async def scripted_line(
    *connections: Sequence[Step],
    reporter: Reporter,
    endpoint: Endpoint,
    resumes: bool = True,
    transcripts: bool = True,
    send_seconds: float = 0.0,
    open_seconds: float = 0.0,
) -> AsyncIterator[tuple[ResumableSession, list[ScriptedSession]]]:
    """A session over these connections; to open one more fails. Opening takes `open_seconds`."""
    sessions: list[ScriptedSession] = []

    @asynccontextmanager
    async def opened(opening: events.Setup, began_at: float | None) -> AsyncIterator[ScriptedSession]:
        await asyncio.sleep(open_seconds)
        if len(sessions) == len(connections):
            raise ConnectError("the script has no more connections")
        sessions.append(ScriptedSession(endpoint, opening, connections[len(sessions)], send_seconds))
        yield sessions[-1]

    opening = setup(endpoint, SetupOptions(resumes=resumes, transcripts=transcripts))
    async with collapse_exception_group(), asyncio.TaskGroup() as tasks:
        resumption = Resumption(opening, endpoint.model)
        line = ResumableSession(opened, resumption, reporter, 3, start=tasks.create_task)  # type: ignore[arg-type]
        await line.open()
        try:
            yield line, sessions
        finally:
            await line.close()


async def answered(ask: Ask, *connections: Sequence[Step], **options: Any) -> Ran:
    """One turn over these connections, well to its end. `options` are those of `failed`."""
    ran = await _run(ask, connections, **options)
    if ran.error is not None:
        raise ran.error
    return ran


async def failed(ask: Ask, *connections: Sequence[Step], **options: Any) -> Ran:
    """One turn that ends with an error of livecli, which is the result's `error`."""
    ran = await _run(ask, connections, **options)
    assert ran.error is not None, "it was answered"
    return ran


async def _run(
    ask: Ask,
    connections: Sequence[Sequence[Step]],
    *,
    idle: float = math.inf,
    endpoint: Endpoint | None = None,
    sink: Sink | None = None,
    resumes: bool = True,
    transcripts: bool = True,
    send_seconds: float = 0.0,
    open_seconds: float = 0.0,
    **tools: Any,
) -> Ran:
    told, clock = Told(), asyncio.get_running_loop().time
    lines = scripted_line(
        *connections,
        reporter=told,
        endpoint=endpoint or vertex(),
        resumes=resumes,
        transcripts=transcripts,
        send_seconds=send_seconds,
        open_seconds=open_seconds,
    )
    async with lines as (line, sessions):
        ran = Ran(sessions, sink or Sink(), told, TransferStats(), clock())
        exchange = Turn(line, ran.sink, ran.stats, told, **tools)
        try:
            await exchange.run(ask(exchange), idle)
        except LivecliError as error:
            ran.error = error
        ran.seconds = clock() - ran.began_at
    return ran
