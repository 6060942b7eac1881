"""Turn after turn over one line. Somebody asks, in writing or with a recording, or just speaks; whoever listens hands
each thing that is received to the turn it belongs to.

An answer that is under way when something new is asked is interrupted: the service ends that turn, and what comes until
it has belongs to it. The display is a Reporter's, the sound a sink's; nothing here prints or plays.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass

from ..audio.pcm import AudioSink
from ..errors import LivecliError
from ..exchange import Exchange
from ..figures import Summary
from ..line import Line
from ..protocol import events
from ..report import Reporter
from ..running import interruption
from ..tools.calls import Confirm
from ..tools.toolbox import Toolbox
from .record import Entry

Ask = Callable[[Exchange], Coroutine[None, None, None]]
"""Asks with one of the exchange's own ways."""

BEGINS = (
    events.AudioChunk,
    events.ModelText,
    events.Thought,
    events.ModelCode,
    events.ToolCall,
    events.OutputTranscript,
)
"""What begins a turn that nobody typed, and the user's transcript while he speaks into a microphone."""


@dataclass(frozen=True)
class Manner:
    """What every turn has: where its sound goes, what the model may call, and how long a silence may last (seconds).

    `hush` is called where the answer is interrupted, `finish` where the last of its sound has come.
    """

    sink: Callable[[], AbstractContextManager[AudioSink]]
    toolbox: Toolbox
    confirm: Confirm | None = None
    idle_timeout: float = 30.0
    hush: Callable[[], None] = lambda: None
    finish: Callable[[], None] = lambda: None


@dataclass
class Turn:
    """One turn, under way or waiting for the one before it."""

    asked: str
    exchange: Exchange
    summary: Summary
    keeping: ExitStack


class Conversation:
    """`over` is called with each turn's summary and entry as soon as it is over, before anything else is received.

    `listen` has to run as long as there is a session; it raises what ends that.
    """

    def __init__(self, line: Line, manner: Manner, reporter: Reporter, over: Callable[[Summary, Entry], None]) -> None:
        self.hears_microphone = False
        self._line, self._manner, self._reporter, self._over = line, manner, reporter, over
        self._turns: deque[Turn] = deque()
        self._spoken: set[asyncio.Task[Summary]] = set()
        self._failure: LivecliError | None = None
        line.on_checkpoint, line.on_rewind = self._keep, self._take_back

    @property
    def current(self) -> Turn | None:
        """The turn that is under way."""
        return self._turns[0] if self._turns else None

    def be_persistent(self) -> None:
        """A connection that is lost is tried again without end."""
        self._line.retries = None

    async def ask(self, asked: str, ask: Ask) -> Summary:
        """One turn, from the question to the end of the answer. What goes wrong with it is the summary's `error`.

        Raises FileError where its sound cannot be kept.
        """
        return await self._answered(self._begin(asked), ask)

    def _begin(self, asked: str) -> Turn:
        summary, first = Summary(asked, endpoint=self._line.endpoint), self._line.first
        summary.note_opened(first.session_id, first.timings.connect, first.timings.setup)
        keeping = ExitStack()
        sink, manner = keeping.enter_context(self._manner.sink()), self._manner
        exchange = Exchange(
            self._line, sink, summary.stats, self._reporter, toolbox=manner.toolbox, confirm=manner.confirm
        )
        turn = Turn(asked, exchange, summary, keeping)
        self._turns.append(turn)
        return turn

    async def _answered(self, turn: Turn, ask: Ask) -> Summary:
        summary = turn.summary
        try:
            with turn.keeping:
                await turn.exchange.converse(ask(turn.exchange), self._manner.idle_timeout)
        except LivecliError as error:
            summary.error = self._failure or error
        except asyncio.CancelledError as cancelled:
            summary.error = interruption(cancelled)
            raise
        finally:
            if turn in self._turns:  # it failed: the session is over, or the service was silent
                self._turns.remove(turn)
            self._reporter.finished(summary)
        return summary

    async def interrupt(self) -> None:
        """Nobody wants to hear the rest of the answer."""
        if self.current is not None:
            self.cut()
            await self._line.send(events.ClientTurns((), turn_complete=False))

    def cut(self) -> None:
        """What is still to come of the answers is dropped: something that interrupts them is about to be sent."""
        for turn in self._turns:
            turn.exchange.cut()
        self._manner.hush()

    async def hear(self, pcm: bytes, rate: int) -> None:
        """Send the next of what is spoken into a microphone, for the service's detection to hear."""
        self.hears_microphone = self._line.resumption.live = True
        await self._line.send(events.AudioChunk(pcm, rate))

    async def show(self, pictures: Sequence[events.Image]) -> None:
        """Show pictures to a model that is spoken with."""
        for picture in pictures:
            await self._line.send(picture)

    async def listen(self) -> None:
        """Receive until the session ends, and raise why."""
        try:
            while True:
                await self._take(await self._line.receive())
        except LivecliError as error:
            self._failure = error
            raise
        finally:
            for turn in list(self._turns):
                turn.exchange.fail()
            for task in self._spoken:
                task.cancel()

    async def _take(self, event: events.Event) -> None:
        turn = self.current
        if turn is None and self._begins(event):
            turn = self._begin_spoken()
        if turn is None:
            return
        await turn.exchange.take(event)
        if isinstance(event, events.Interrupted):
            self._manner.hush()
        elif isinstance(event, events.GenerationComplete | events.TurnComplete):
            self._manner.finish()
        if turn.exchange.is_over:
            self._turns.popleft()
            stats = turn.summary.stats
            self._over(turn.summary, Entry(turn.asked or stats.heard, stats.said))

    def _begins(self, event: events.Event) -> bool:
        if isinstance(event, events.InputTranscript):
            return self.hears_microphone and bool(event.text)
        return isinstance(event, BEGINS)

    def _begin_spoken(self) -> Turn:
        """A turn that the user has begun by speaking, or the model by itself."""
        turn = self._begin("")
        task = asyncio.create_task(self._answered(turn, Exchange.listen))
        self._spoken.add(task)
        task.add_done_callback(self._spoken.discard)
        return turn

    def _keep(self) -> None:
        if self.current is not None:
            self.current.exchange.keep()

    def _take_back(self) -> None:
        for turn in self._turns:
            turn.exchange.take_back()
