"""The turns of one session: typed, recorded, or spoken into a microphone, and the events that belong to each.

A new turn interrupts an answer that has begun. The service then ends the older turn, and the events until that end
belong to it.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Protocol

from ..client.resumable import NORMAL_CLOSE, Checkpoint, Received, ResumableSession, Rewind
from ..client.turn import Turn
from ..errors import LivecliError
from ..process.run import interrupted_error
from ..process.tasks import collapse_exception_group
from ..protocol import events
from ..protocol.endpoint import Endpoint
from ..protocol.models import MODELS, Prices
from ..report.prices import PRICES
from ..report.reporter import Reporter
from ..report.summary import Summary
from ..tools.calls import Confirm
from ..tools.toolbox import Toolbox
from .recordings import Recordings
from .transcript import TranscriptEntry

LATE_EVENTS = (events.OutputTranscript, events.Usage, events.Grounding, events.TurnComplete)
"""Events that may come after the turn that they belong to is over, as may the transcript of the user's speech.

The last TurnComplete of an extended answer follows the status in the same message that ends it.
"""

LATE_SECONDS = 1.0
"""How long after the end of a turn such events belong to it."""

MICROPHONE = "microphone"
"""The summary's input for a turn that was spoken into a microphone."""


@dataclass
class ChatTurn:
    """A turn that is going on, waits for the one before it, or is over: then it has an `entry`.

    `resources` closes the audio output of the turn. `late_until` is a time of the loop's clock. `reported` is set once
    the reporter has its summary. `is_stopped` is whether the service was sent what stops the answer. `normal_closes` is
    how often the service has closed the session (1000) instead of ending the answer.
    """

    question: str
    exchange: Turn
    summary: Summary
    resources: ExitStack
    is_spoken: bool = False
    entry: TranscriptEntry | None = None
    late_until: float = 0.0
    heard_in_time: bool = False
    is_stopped: bool = False
    normal_closes: int = 0
    reported: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def text(self) -> TranscriptEntry:
        """The text of the turn that is known so far."""
        stats = self.summary.stats
        return TranscriptEntry(self.question or stats.heard, stats.said)

    def end(self, now: float) -> TranscriptEntry:
        """Mark the turn as over, and return its entry."""
        self.late_until, self.heard_in_time = now + LATE_SECONDS, bool(self.summary.stats.heard)
        self.entry = self.text
        return self.entry

    def claims(self, event: events.Event, now: float) -> bool:
        """Whether an event belongs to this turn, which is over."""
        if now > self.late_until:
            return False
        if isinstance(event, events.InputTranscript):
            return self.is_spoken and not self.heard_in_time
        return isinstance(event, LATE_EVENTS)


@dataclass(frozen=True)
class TurnOptions:
    """The options of every turn. `idle_timeout` is in seconds, `prices` are those of each model."""

    recordings: Recordings
    toolbox: Toolbox
    confirm: Confirm | None = None
    idle_timeout: float = 30.0
    prices: Mapping[str, Prices] = field(default_factory=lambda: PRICES)


SendRequest = Callable[[Turn], Coroutine[None, None, None]]
"""Sends the request of a turn with one of the turn's methods."""


class ConversationObserver(Protocol):
    """Receives the results of turns."""

    def note_turn(self, summary: Summary, entry: TranscriptEntry) -> None:
        """A turn is over. Called before the next event is received."""

    def note_speech(self) -> None:
        """The user has begun to speak into the microphone."""

    def note_correction(self, entry: TranscriptEntry, corrected: TranscriptEntry) -> None:
        """More of the text of a turn has arrived after its end."""

    def note_text(self, entry: TranscriptEntry) -> None:
        """The text of a turn is final. Called once per turn."""

    async def wait_until_saved(self) -> None:
        """Returns when the turns that are over are on disk."""

    def note_handle(self, endpoint: Endpoint, handle: str | None) -> None:
        """A handle was received between two turns."""


class Conversation:
    """The turns of `session`. `listen` must run as long as the session is open."""

    def __init__(
        self, session: ResumableSession, options: TurnOptions, reporter: Reporter, observer: ConversationObserver
    ) -> None:
        self.uses_microphone = False
        self._session, self._options, self._reporter, self._observer = session, options, reporter, observer
        self._clock = asyncio.get_running_loop().time
        self._turns: deque[ChatTurn] = deque()
        self._last: ChatTurn | None = None
        self._failure: LivecliError | None = None
        session.ends = self._is_ended_by_close
        # The TaskGroup of `listen` has the turns that no call of `take_turn` waits for.
        self._tasks: asyncio.TaskGroup

    @property
    def endpoint(self) -> Endpoint:
        """The endpoint of the session."""
        return self._session.endpoint

    @property
    def handle(self) -> str | None:
        """The handle to resume the session with, None when there is none that includes all answers."""
        return None if self._session.resumption.outdated else self._session.resumption.handle

    @property
    def current(self) -> ChatTurn | None:
        """The turn that is going on."""
        return self._turns[0] if self._turns else None

    def retry_without_bound(self) -> None:
        """Try a lost connection again without limit."""
        self._session.retry_without_bound()

    async def take_turn(self, question: str, send: SendRequest) -> Summary:
        """One turn, from the request to the end of the answer. Its errors become the summary's `error`.

        Raises FileError when its audio cannot be saved.
        """
        return await self._run(self._begin(question, question), send)

    def _begin(self, question: str, name: str, *, is_spoken: bool = False) -> ChatTurn:
        options, resources, first = self._options, ExitStack(), self._session.first
        summary = Summary(name, endpoint=self._session.endpoint, prices=options.prices)
        summary.stats.known_secrets = self._session.first.secrets
        summary.note_opened(first.session_id, first.timings.connect, first.timings.setup)
        exchange = Turn(
            self._session,
            resources.enter_context(options.recordings.sink()),
            summary.stats,
            self._reporter,
            toolbox=options.toolbox,
            confirm=options.confirm,
        )
        turn = ChatTurn(question, exchange, summary, resources, is_spoken)
        self._turns.append(turn)
        return turn

    async def _run(self, turn: ChatTurn, send: SendRequest | None) -> Summary:
        summary = turn.summary
        try:
            # A turn without a request may be over by now, and then it is the last one.
            if send is not None:
                await self._wait_until_last_is_reported()
            with turn.resources:
                request = send(turn.exchange) if send is not None else None
                await turn.exchange.converse(self._options.idle_timeout, request)
            self._finish_if_over(turn)
            await turn.exchange.wait_for_late_events()
            self._observer.note_text(turn.text)
            await self._observer.wait_until_saved()
        except LivecliError as error:
            summary.error = self._failure or error
        except asyncio.CancelledError as cancelled:
            summary.error = interrupted_error(cancelled)
            raise
        finally:
            summary.connections = self._session.connections
            # A turn that has failed is still in the queue.
            if turn in self._turns:
                self._turns.remove(turn)
            turn.reported.set()
            self._reporter.finished(summary)
        return summary

    async def _wait_until_last_is_reported(self) -> None:
        """Before anything of the current turn is sent or received: no more events belong to the last one."""
        if self._last is not None and not self._last.reported.is_set():
            self._last.exchange.stop_waiting()
            await self._last.reported.wait()

    async def leave(self) -> None:
        """End the session, after `listen` was cancelled. A handle that comes meanwhile is passed on."""
        if await self._session.leave():
            await self._take_checkpoint()

    async def interrupt(self) -> None:
        """Stop the answer, without a new turn.

        Where an empty turn of the user's stops a model that speaks, that is sent, and nothing to one that does not: the
        model would answer it (both probed with gemini-3.8-live-extended-thinking, 2026-09).
        """
        turn = self.current
        if turn is None:
            return
        is_speaking, model = turn.exchange.is_speaking, MODELS.get(self.endpoint.model)
        self.cut()
        stops = model is not None and model.turns.stops_on_empty_content
        if not stops:
            await self._session.send(events.ClientTurns((), turn_complete=False))
        elif is_speaking and not turn.is_stopped:
            turn.is_stopped = True
            await self._session.send(events.ClientTurns((), turn_complete=True))

    def cut(self) -> None:
        """Drop the rest of the answers. The caller then sends something that interrupts them."""
        for turn in list(self._turns):
            turn.exchange.cut()
            self._finish_if_over(turn)
        self._options.recordings.flush()

    async def send_microphone(self, pcm: bytes, rate: int) -> None:
        """Send audio in which the service detects speech."""
        self.uses_microphone = self._session.resumption.live = True
        await self._session.send(events.AudioChunk(pcm, rate))

    async def end_microphone(self) -> None:
        """Tell the service that the microphone is off."""
        if self.uses_microphone:
            await self._session.send(events.AudioStreamEnd())

    async def send_pictures(self, pictures: Sequence[events.Image]) -> None:
        """Send pictures at once, without a turn."""
        for picture in pictures:
            await self._session.send(picture)

    def _is_ended_by_close(self) -> bool:
        """Whether a normal close ends the session: between turns. A question is asked once more, and not again."""
        turn = self.current
        if turn is not None:
            turn.normal_closes += 1
        return not self.uses_microphone and (turn is None or turn.normal_closes > 1)

    async def listen(self) -> None:
        """Receive until the session ends. Raises the reason, unless the service closed it normally between turns.

        Also raises the errors of a turn that was spoken into a microphone, such as a full disk.
        """
        async with collapse_exception_group(), asyncio.TaskGroup() as self._tasks:
            try:
                while True:
                    await self._take(await self._session.receive())
                    if self.current is not None:
                        await self._wait_until_last_is_reported()
            except LivecliError as error:
                self._failure = error
                is_normal = error.close_code == NORMAL_CLOSE and not self._turns
            finally:
                for turn in list(self._turns):
                    turn.exchange.fail()
        if not is_normal:
            raise self._failure

    async def _take(self, received: Received) -> None:
        match received:
            case Checkpoint():
                await self._take_checkpoint()
            case Rewind():
                for turn in reversed(self._turns):
                    await turn.exchange.take(received)
            case _:
                await self._take_event(received)

    async def _take_checkpoint(self) -> None:
        if self.current is not None:
            await self.current.exchange.take(Checkpoint())
        else:
            self._observer.note_handle(self.endpoint, self.handle)

    async def _take_event(self, event: events.Event) -> None:
        turn = self.current
        if turn is None and self._last is not None and self._last.claims(event, self._clock()):
            turn = self._last
            await turn.exchange.take(event)
            self._correct(turn)
        else:
            if turn is None and self.uses_microphone and _is_speech(event):
                # The service interrupts nothing where it has sent the whole answer, but that may play on for a while.
                self._options.recordings.flush()
            if turn is None and self._begins_turn(event):
                turn = self._begin_unasked()
            if turn is None:
                return
            await turn.exchange.take(event)
        if isinstance(event, events.Interrupted):
            self._options.recordings.flush()
        elif isinstance(event, events.GenerationComplete | events.TurnComplete):
            self._options.recordings.finish()
        self._finish_if_over(turn)

    def _finish_if_over(self, turn: ChatTurn) -> None:
        """Remove a turn that is over from the queue, and report it, unless that is done."""
        if turn.exchange.is_over and turn in self._turns:
            self._turns.remove(turn)
            self._last = turn
            self._observer.note_turn(turn.summary, turn.end(self._clock()))

    def _correct(self, turn: ChatTurn) -> None:
        if turn.entry is not None and turn.entry != turn.text:
            entry, turn.entry = turn.entry, turn.text
            self._observer.note_correction(entry, turn.entry)

    def _begins_turn(self, event: events.Event) -> bool:
        """Whether an event outside a turn begins one: with the user's speech, or an answer that was not asked for."""
        if isinstance(event, events.InputTranscript):
            return self.uses_microphone and bool(event.text)
        return event.begins_answer

    def _begin_unasked(self) -> ChatTurn:
        """Begin a turn that was spoken into the microphone, or that the model has begun by itself."""
        is_spoken = self.uses_microphone
        if is_spoken:
            self._observer.note_speech()
        turn = self._begin("", MICROPHONE if is_spoken else "", is_spoken=is_spoken)
        turn.exchange.listen()
        self._tasks.create_task(self._run(turn, None))
        return turn


def _is_speech(event: events.Event) -> bool:
    """Whether the service has detected that the user speaks."""
    match event:
        case events.VoiceActivity(type="ACTIVITY_START"):
            return True
        case events.InputTranscript(text):
            return bool(text)
    return False
