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

from ..client.resumable import Checkpoint, Received, ResumableSession, Rewind
from ..client.turn import Turn
from ..errors import LivecliError
from ..media.pcm import AudioSink
from ..process.run import interrupted_error
from ..process.tasks import collapse_exception_group
from ..protocol import events
from ..protocol.endpoint import Endpoint
from ..report.reporter import Reporter
from ..report.summary import Summary
from ..tools.calls import Confirm
from ..tools.toolbox import Toolbox
from .transcript import TranscriptEntry

# One turn of a conversation while it lasts, and for the moment after it in which more of it may come.
LATE = (events.OutputTranscript, events.Usage, events.Grounding, events.TurnComplete)
"""Events that may come after the turn that they belong to is over, as may the transcript of the user's speech.

The last TurnComplete of an extended answer follows the status in the same message that ends it.
"""
LATE_SECONDS = 1.0


@dataclass
class ChatTurn:
    """Under way, waiting for the one before it, or just over: then it has an `entry`."""

    asked: str
    exchange: Turn
    summary: Summary
    keeping: ExitStack
    is_spoken: bool = False
    entry: TranscriptEntry | None = None
    late_until: float = 0.0
    heard_in_time: bool = False

    @property
    def text(self) -> TranscriptEntry:
        """As it is known by now."""
        stats = self.summary.stats
        return TranscriptEntry(self.asked or stats.heard, stats.said)

    def end(self, now: float) -> TranscriptEntry:
        """It is over; what is known of it."""
        self.late_until, self.heard_in_time = now + LATE_SECONDS, bool(self.summary.stats.heard)
        self.entry = self.text
        return self.entry

    def claims(self, event: events.Event, now: float) -> bool:
        """Whether this belongs to it, though it is over."""
        if now > self.late_until:
            return False
        if isinstance(event, events.InputTranscript):
            return self.is_spoken and not self.heard_in_time
        return isinstance(event, LATE)


# What every turn of a conversation has, whoever begins it.
@dataclass(frozen=True)
class TurnOptions:
    """What every turn has: where its sound goes, what the model may call, and how long a silence may last (seconds).

    `hush` is called where the answer is interrupted, `finish` where the last of its sound has come, `write` with what
    was said in a turn, once, `secured` where between two turns there is a new handle.
    """

    sink: Callable[[], AbstractContextManager[AudioSink]]
    toolbox: Toolbox
    confirm: Confirm | None = None
    idle_timeout: float = 30.0
    hush: Callable[[], None] = lambda: None
    finish: Callable[[], None] = lambda: None
    write: Callable[[TranscriptEntry], None] = lambda entry: None
    secured: Callable[[], None] = lambda: None


Ask = Callable[[Turn], Coroutine[None, None, None]]
"""Asks with one of the exchange's own ways."""

MICROPHONE = "microphone"
"""The summary's input, where the question was spoken."""

Over = Callable[[Summary, TranscriptEntry], None]
Amend = Callable[[TranscriptEntry, TranscriptEntry], None]


class Conversation:
    """`over` is called with each turn's summary and entry as soon as it is over, before anything else is received;
    `amend` with that entry and what came late of it, once that is known.

    `listen` has to run as long as there is a session; it raises what ends that.
    """

    def __init__(
        self, line: ResumableSession, manner: TurnOptions, reporter: Reporter, over: Over, amend: Amend
    ) -> None:
        self.hears_microphone = False
        self._line, self._manner, self._reporter = line, manner, reporter
        self._over, self._amend = over, amend
        self._clock = asyncio.get_running_loop().time
        self._turns: deque[ChatTurn] = deque()
        self._last: ChatTurn | None = None
        self._failure: LivecliError | None = None
        self._tasks: asyncio.TaskGroup  # of `listen`: the turns that no call of `ask` waits for

    @property
    def endpoint(self) -> Endpoint:
        """Where it is."""
        return self._line.endpoint

    @property
    def handle(self) -> str | None:
        """The one that the session can be gone on with, if that includes all that was answered."""
        return None if self._line.resumption.outdated else self._line.resumption.handle

    @property
    def current(self) -> ChatTurn | None:
        """The turn that is under way."""
        return self._turns[0] if self._turns else None

    def be_persistent(self) -> None:
        """A connection that is lost is tried again without end."""
        self._line.retry_without_bound()

    async def ask(self, asked: str, ask: Ask) -> Summary:
        """One turn, from the question to the end of the answer. What goes wrong with it is the summary's `error`.

        Raises FileError where its sound cannot be kept.
        """
        return await self._answered(self._begin(asked, asked), ask)

    def _begin(self, asked: str, name: str, *, is_spoken: bool = False) -> ChatTurn:
        summary, first = Summary(name, endpoint=self._line.endpoint), self._line.first
        summary.note_opened(first.session_id, first.timings.connect, first.timings.setup)
        keeping = ExitStack()
        sink, manner = keeping.enter_context(self._manner.sink()), self._manner
        exchange = Turn(self._line, sink, summary.stats, self._reporter, toolbox=manner.toolbox, confirm=manner.confirm)
        turn = ChatTurn(asked, exchange, summary, keeping, is_spoken)
        self._turns.append(turn)
        return turn

    async def _answered(self, turn: ChatTurn, ask: Ask | None) -> Summary:
        summary = turn.summary
        try:
            with turn.keeping:
                asking = ask(turn.exchange) if ask is not None else None
                await turn.exchange.converse(self._manner.idle_timeout, asking)
            self._finish(turn)
            await turn.exchange.wait_for_late_events()
            self._manner.write(turn.text)
        except LivecliError as error:
            summary.error = self._failure or error
        except asyncio.CancelledError as cancelled:
            summary.error = interrupted_error(cancelled)
            raise
        finally:
            if turn in self._turns:  # it failed: the session is over, or the service was silent
                self._turns.remove(turn)
            self._reporter.finished(summary)
        return summary

    async def leave(self) -> None:
        """End the session, once `listen` is cancelled. A handle that still comes is kept."""
        if await self._line.leave():
            await self._keep()

    async def interrupt(self) -> None:
        """Nobody wants to hear the rest of the answer."""
        if self.current is not None:
            self.cut()
            await self._line.send(events.ClientTurns((), turn_complete=False))

    def cut(self) -> None:
        """What is still to come of the answers is dropped: something that interrupts them is about to be sent."""
        for turn in list(self._turns):
            turn.exchange.cut()
            self._finish(turn)
        self._manner.hush()

    async def hear(self, pcm: bytes, rate: int) -> None:
        """Send the next of what is spoken into a microphone, for the service's detection to hear."""
        self.hears_microphone = self._line.resumption.live = True
        await self._line.send(events.AudioChunk(pcm, rate))

    async def rest(self) -> None:
        """The microphone is off."""
        if self.hears_microphone:
            await self._line.send(events.AudioStreamEnd())

    async def show(self, pictures: Sequence[events.Image]) -> None:
        """Show pictures to a model that is spoken with."""
        for picture in pictures:
            await self._line.send(picture)

    async def listen(self) -> None:
        """Receive until the session ends, and raise why.

        Also raises what goes wrong in a turn that the user speaks into a microphone, such as a full disk.
        """
        async with collapse_exception_group(), asyncio.TaskGroup() as self._tasks:
            try:
                while True:
                    await self._take(await self._line.receive())
            except LivecliError as error:
                self._failure = error
            finally:
                for turn in list(self._turns):
                    turn.exchange.fail()
        raise self._failure

    async def _take(self, received: Received) -> None:
        match received:
            case Checkpoint():
                await self._keep()
            case Rewind():
                for turn in reversed(self._turns):
                    await turn.exchange.take(received)
            case _:
                await self._take_event(received)

    async def _take_event(self, event: events.Event) -> None:
        turn = self.current
        if turn is None and self._last is not None and self._last.claims(event, self._clock()):
            turn = self._last
            await turn.exchange.take(event)
            self._correct(turn)
        else:
            if turn is None and self._begins(event):
                turn = self._begin_spoken()
            if turn is None:
                return
            await turn.exchange.take(event)
        if isinstance(event, events.Interrupted):
            self._manner.hush()
        elif isinstance(event, events.GenerationComplete | events.TurnComplete):
            self._manner.finish()
        self._finish(turn)

    def _finish(self, turn: ChatTurn) -> None:
        """Let go of it once it is over, whoever notices first."""
        if turn.exchange.is_over and turn in self._turns:
            self._turns.remove(turn)
            self._last = turn
            self._over(turn.summary, turn.end(self._clock()))

    def _correct(self, turn: ChatTurn) -> None:
        if turn.entry is not None and turn.entry != turn.text:
            before, turn.entry = turn.entry, turn.text
            self._amend(before, turn.entry)

    def _begins(self, event: events.Event) -> bool:
        """A turn that nobody typed: the model says something, or the user into a microphone."""
        if isinstance(event, events.InputTranscript):
            return self.hears_microphone and bool(event.text)
        return event.begins_answer

    def _begin_spoken(self) -> ChatTurn:
        """A turn that the user has begun by speaking, or the model by itself."""
        spoken = self.hears_microphone
        turn = self._begin("", MICROPHONE if spoken else "", is_spoken=spoken)
        turn.exchange.listen()
        self._tasks.create_task(self._answered(turn, None))
        return turn

    async def _keep(self) -> None:
        if self.current is not None:
            await self.current.exchange.take(Checkpoint())
        else:
            self._manner.secured()
