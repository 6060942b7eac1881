"""The turns of one session: typed, recorded, or spoken into a microphone, and the events that belong to each.

A new turn interrupts the older ones: they are cut, and what they have said is part of the conversation from then on.
The service ends an interrupted turn with Interrupted and TurnComplete, and events until then belong to it. It may
answer the older question first if it had not begun to. Interrupted or TurnComplete may be missing, so an answer that
comes after the newer question is held until it is known which turn it belongs to: see `Conversation._take_disputed`.
"""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from ..client.resumable import Checkpoint, Received, ResumableSession, Rewind
from ..client.turn import Turn
from ..errors import FileError, LivecliError, ServerError
from ..process.run import interrupted_error
from ..process.tasks import collapse_exception_group
from ..protocol import events
from ..protocol.close_reasons import NORMAL_CLOSE
from ..protocol.elision import text_without_secrets
from ..protocol.endpoint import Endpoint
from ..protocol.models import MODELS, Prices
from ..report.prices import PRICES
from ..report.reporter import Reporter
from ..report.summary import Summary
from ..tools.calls import Confirm
from ..tools.toolbox import Toolbox
from .recordings import Recordings, TurnRecording
from .transcript import TranscriptEntry

LATE_EVENTS = (events.OutputTranscript, events.Usage, events.Grounding, events.TurnComplete)
"""Events that may come after the turn that they belong to is over, as may the transcript of the user's speech.

The last TurnComplete of an extended answer follows the status in the same message that ends it.
"""

LATE_SECONDS = 1.0
"""How long after the end of a turn such events belong to it."""

IN_FLIGHT_SECONDS = 1.0
"""How long after a question the rest of the answer that it interrupts may arrive, as may the Interrupted behind it."""

BACKLOG_SECONDS = 0.15
"""How long after the first piece of an answer the Interrupted may arrive that proves it the older one.

A connection that has stalled delivers the rest of the older answer later than IN_FLIGHT_SECONDS, and the Interrupted
with it.
"""

GIVE_UP_SECONDS = 2.0
"""How long an interrupted turn that receives nothing is waited for."""

UNENDED_SECONDS = 1.0
"""How long nothing of an answer has come when the user's speech begins a new turn, although the end is missing.

Sooner than that it may be the transcript of the question, which may lag behind the answer.
"""

MOST_REPEATS = 2
"""How often a question is asked again because the connection was lost before its answer was complete."""

MICROPHONE = "microphone"
"""The summary's input for a turn that was spoken into a microphone."""


@dataclass
class ChatTurn:
    """A turn that is going on, waits for the one before it, or is over.

    It has an `entry` once it is part of the conversation: it is cut or over, or was spoken and its whole answer has
    come.

    `number` is that of the turn in the whole conversation. `recording` has its audio. `answered_at`, `late_until`
    and `disputed_until` are times of the loop's clock: the first is when a piece of the answer came last, and until
    the last, what comes may belong to this turn, which was interrupted, or to the next. `disputed` has what came
    meanwhile. `reported` is set once the reporter has its summary. `is_stopped` is whether the service was sent
    what stops the answer, and `is_watched` whether a task gives the turn up in time. `normal_closes` is how often
    the service has closed the session (1000) instead of ending the answer, and `repeats` how often the question was
    asked again.
    """

    number: int
    question: str
    exchange: Turn
    summary: Summary
    recording: TurnRecording
    is_spoken: bool = False
    entry: TranscriptEntry | None = None
    answered_at: float = 0.0
    late_until: float = 0.0
    heard_in_time: bool = False
    is_cut: bool = False
    is_stopped: bool = False
    is_watched: bool = False
    disputed_until: float | None = None
    disputed: list[events.Event] = field(default_factory=list)
    normal_closes: int = 0
    repeats: int = 0
    reported: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def text(self) -> TranscriptEntry:
        """The text of the turn that is known so far."""
        stats = self.summary.stats
        return TranscriptEntry(self.question or stats.heard, stats.said)

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

    def begin_turn(self, question: str) -> int:
        """A turn begins. Returns its number."""

    def note_progress(self, turn: ChatTurn) -> None:
        """More of a turn that is going on was received. Called for each event."""

    def note_unfinished(self, turn: ChatTurn) -> None:
        """A turn has failed, or was given up."""

    def note_turn(self, turn: ChatTurn, entry: TranscriptEntry) -> None:
        """A turn is part of the conversation. Called once, before the next event is received."""

    def note_speech(self) -> None:
        """The user has begun to speak into the microphone."""

    def note_correction(self, turn: ChatTurn, entry: TranscriptEntry) -> None:
        """More of the text of a turn has arrived after `note_turn`."""

    def note_text(self, turn: ChatTurn, entry: TranscriptEntry) -> None:
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
        # Whether functions were stopped, which the service may wait for.
        self._has_stopped_functions = False
        # Held while a received event, or the passing of time, changes turns.
        self._attributing = asyncio.Lock()
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

    @property
    def is_awaiting_answer(self) -> bool:
        """Whether a turn is going on that was not interrupted."""
        return any(not turn.is_cut for turn in self._turns)

    @property
    def is_asking_user(self) -> bool:
        """Whether the user is asked whether a function may run."""
        return any(turn.exchange.is_asking_user for turn in self._turns)

    def retry_without_bound(self) -> None:
        """Try a lost connection again without limit."""
        self._session.retry_without_bound()

    async def take_turn(self, question: str, send: SendRequest) -> Summary:
        """One turn, from the request to the end of the answer, which interrupts the older ones.

        The question is kept without credentials. Its errors become the summary's `error`. Raises FileError when its
        audio cannot be saved.
        """
        self.cut()
        question = text_without_secrets(question, self._session.first.secrets)
        return await self._run(self._begin(question, question), send)

    def _begin(self, question: str, name: str, *, is_spoken: bool = False) -> ChatTurn:
        options, first = self._options, self._session.first
        summary = Summary(name, endpoint=self._session.endpoint, prices=options.prices)
        summary.stats.known_secrets = self._session.first.secrets
        summary.note_opened(first.session_id, first.timings.connect, first.timings.setup)
        number = self._observer.begin_turn(question)
        recording = options.recordings.begin_turn(number, has_speech=not question, is_live=is_spoken)
        exchange = Turn(
            self._session,
            recording.sink,
            summary.stats,
            self._reporter,
            toolbox=options.toolbox,
            confirm=options.confirm,
            waits_for_others=self._has_stopped_functions,
        )
        turn = ChatTurn(number, question, exchange, summary, recording, is_spoken)
        self._turns.append(turn)
        return turn

    async def _run(self, turn: ChatTurn, send: SendRequest | None) -> Summary:
        summary = turn.summary
        try:
            # A turn without a request may be over by now, and then it is the last one.
            if send is not None:
                await self._wait_until_last_is_reported()
            async with turn.recording:
                request = self._send(turn, send) if send is not None else None
                try:
                    await turn.exchange.converse(self._options.idle_timeout, request)
                except LivecliError as error:
                    if not turn.is_cut or isinstance(error, FileError):
                        raise
                    turn.exchange.abandon()
            self._finish_if_over(turn)
            await turn.exchange.wait_for_late_events()
            self._observer.note_text(turn, turn.text)
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
                self._observer.note_unfinished(turn)
            turn.reported.set()
            self._reporter.finished(summary)
        return summary

    async def _send(self, turn: ChatTurn, send: SendRequest) -> None:
        await send(turn.exchange)
        now = self._clock()
        for older in self._turns:
            if older is turn:
                return
            since = older.exchange.last_activity_at
            # One that has not begun is likely to be answered first. See the emulator's dialogue.
            if older.exchange.has_begun or since is None or now - since > GIVE_UP_SECONDS:
                older.disputed_until = now + IN_FLIGHT_SECONDS
            self._watch(older)

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
        is_speaking, has_calls = turn.exchange.is_speaking, turn.exchange.has_pending_calls
        model = MODELS.get(self.endpoint.model)
        self.cut()
        if turn not in self._turns:
            return
        stops = model is not None and model.turns.stops_on_empty_content
        if not stops:
            await self._session.send(events.ClientTurns((), turn_complete=False))
        elif is_speaking and not turn.is_stopped:
            turn.is_stopped = True
            await self._session.send(events.ClientTurns((), turn_complete=True))
        # A model that says nothing yet is not stopped, and its answer may take any time. It does not answer before a
        # function has returned, and those of this turn do not.
        if not stops or turn.is_stopped or has_calls:
            self._watch(turn)

    def cut(self) -> None:
        """Drop the rest of the answers. The caller then sends something that interrupts them.

        While there is no connection, nothing more of them comes. An answer that is complete is played to its end.
        """
        if not self._turns:
            return
        for turn in list(self._turns):
            turn.is_cut = True
            self._has_stopped_functions |= turn.exchange.has_pending_calls
            if self._session.moving:
                turn.exchange.abandon()
            else:
                turn.exchange.cut()
            self._note_turn(turn)
            self._finish_if_over(turn)
        self._options.recordings.flush()

    def abandon(self) -> None:
        """As `cut`, and nothing more is waited for: the session is about to be closed."""
        self.cut()
        for turn in list(self._turns):
            self._give_up(turn)

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
                    received = await self._session.receive()
                    async with self._attributing:
                        await self._take(received)
                    if self.current is not None:
                        await self._wait_until_last_is_reported()
            except LivecliError as error:
                self._failure = error
                is_normal = error.close_code == NORMAL_CLOSE and not self._turns
            finally:
                for turn in list(self._turns):
                    if turn.is_cut:
                        self._give_up(turn)
                    else:
                        turn.exchange.fail()
        if not is_normal:
            raise self._failure

    async def _take(self, received: Received) -> None:
        match received:
            case Checkpoint():
                await self._take_checkpoint()
            case Rewind():
                await self._rewind(received)
            case _:
                await self._take_event(received)

    async def _rewind(self, rewind: Rewind) -> None:
        """Take back the events since the last Checkpoint, but for turns that are in the history: they come again."""
        current = self.current
        if current is not None and current.entry is not None and not current.is_cut:
            # The whole answer has come, and only the end of the turn was lost.
            await self._attribute(current, events.TurnComplete())
        for turn in reversed(self._turns):
            turn.disputed.clear()
            if turn.is_cut and self._session.resumption.handle is None:
                self._give_up(turn)
            else:
                await turn.exchange.take(rewind)
        current = self.current
        if current is None or current.is_cut or not current.exchange.is_asked:
            return
        # A spoken turn may be one that the user still speaks in.
        if self._session.resumption.repeats_request and (current.exchange.speaks or not current.is_spoken):
            current.repeats += 1
        if current.repeats > MOST_REPEATS:
            current.exchange.forget_request()
            current.exchange.fail(
                ServerError(
                    f"the connection was lost {current.repeats} times before the answer was complete",
                    hint="the question is not asked again by itself: /again asks it once more",
                )
            )

    async def _take_checkpoint(self) -> None:
        if self.current is not None:
            await self.current.exchange.take(Checkpoint())
        else:
            self._observer.note_handle(self.endpoint, self.handle)

    async def _take_event(self, event: events.Event) -> None:
        turn = self.current
        if turn is not None and turn.disputed_until is not None and not event.of_session:
            await self._take_disputed(turn, event)
        else:
            await self._attribute(turn, event)

    async def _attribute(self, turn: ChatTurn | None, event: events.Event) -> None:
        """Give an event to the turn that it belongs to: to `turn`, unless that is None."""
        if turn is not None and self._is_displaced(turn, event):
            turn.exchange.abandon()
            self._finish_if_over(turn)
            turn = None
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
            await self._wait_until_last_is_reported()
            await turn.exchange.take(event)
            if event.begins_answer:
                turn.answered_at = self._clock()
            self._observer.note_progress(turn)
        if not turn.is_cut:
            self._reporter.turn_event(event)
        if isinstance(event, events.Interrupted):
            self._options.recordings.flush()
        elif isinstance(event, events.GenerationComplete | events.TurnComplete):
            self._options.recordings.finish()
        if isinstance(event, events.GenerationComplete) and turn in self._turns and not turn.is_cut:
            self._keep_spoken(turn)
        self._finish_if_over(turn)

    def _keep_spoken(self, turn: ChatTurn) -> None:
        """Make a spoken turn whose whole answer has come a part of the conversation.

        The next connection is told of it. What was spoken cannot always be asked again.
        """
        if turn.is_spoken and turn.exchange.is_speaking and not turn.exchange.has_pending_calls:
            turn.exchange.forget_request()
            self._note_turn(turn)

    def _is_displaced(self, turn: ChatTurn, event: events.Event) -> bool:
        """Whether the user has spoken instead of waiting for the rest of an answer, of which nothing comes any more."""
        if len(self._turns) > 1 or not self.uses_microphone or not isinstance(event, events.InputTranscript):
            return False
        if turn.exchange.has_begun:
            is_silent = self._clock() - turn.answered_at > UNENDED_SECONDS
            return bool(event.text) and is_silent and not turn.exchange.has_pending_calls
        # An Interrupted with an empty turn may also stand for a pause, before an answer that comes all the same.
        return bool(event.text) and not turn.is_spoken and turn.summary.stats.interrupted

    # --- turns that were cut ---

    async def _take_disputed(self, turn: ChatTurn, event: events.Event) -> None:
        """Attribute an event that belongs to `turn`, which was interrupted, or else to the next one.

        Without an Interrupted, a piece of an answer is the rest of the older one, still in flight, or the beginning of
        the newer one. What follows within IN_FLIGHT_SECONDS of the question decides, or within BACKLOG_SECONDS of the
        first piece.
        """
        now = self._clock()
        assert turn.disputed_until is not None
        ended = any(isinstance(earlier, events.TurnComplete) for earlier in turn.disputed)
        # Nothing but the rest of its transcript follows the Interrupted of an answer.
        has_proof = turn.summary.stats.interrupted and all(
            isinstance(earlier, events.OutputTranscript) for earlier in turn.disputed if earlier.begins_answer
        )
        if isinstance(event, events.Interrupted):
            await self._take_back(turn)
            await self._attribute(turn, event)
            turn.disputed_until = now + IN_FLIGHT_SECONDS
            self._watch(turn)
        elif isinstance(event, events.TurnComplete) and (has_proof or not turn.disputed):
            await self._take_back(turn)
            await self._attribute(turn, event)
        elif isinstance(event, events.ToolCallCancellation) and not turn.disputed:
            # The service has seen the question, and what it sends from now on answers that.
            turn.disputed_until = -math.inf
            await self._attribute(turn, event)
        elif event.begins_answer and ended:
            # Two turns of the model have come, and the first of them is the older one.
            await self._take_back(turn)
            await self._take_event(event)
        elif event.begins_answer and now >= turn.disputed_until:
            if turn.disputed or turn.summary.stats.interrupted or turn.disputed_until == -math.inf:
                await self._pass_to_next_turn(turn)
                await self._take_event(event)
            else:
                turn.disputed_until = now + BACKLOG_SECONDS
                turn.disputed.append(event)
        elif event.begins_answer or turn.disputed:
            turn.disputed.append(event)
        else:
            await self._attribute(turn, event)

    async def _take_back(self, turn: ChatTurn) -> None:
        """Attribute the disputed events to `turn`, which was interrupted."""
        disputed, turn.disputed = turn.disputed, []
        for event in disputed:
            await self._attribute(turn, event)

    async def _pass_to_next_turn(self, turn: ChatTurn) -> None:
        """Attribute the disputed events to the next turn, and give up `turn`."""
        disputed, turn.disputed = turn.disputed, []
        self._give_up(turn)
        for event in disputed:
            await self._take_event(event)

    def _watch(self, turn: ChatTurn) -> None:
        """Give up a turn that was cut once no more of it comes."""
        if not turn.is_watched:
            turn.is_watched = True
            self._tasks.create_task(self._give_up_in_time(turn))

    async def _give_up_in_time(self, turn: ChatTurn) -> None:
        began_at = self._clock()
        while turn in self._turns:
            now, until = self._clock(), turn.disputed_until
            gives_up_at = max(began_at, turn.exchange.last_activity_at or 0.0) + GIVE_UP_SECONDS
            if now >= gives_up_at or (turn.disputed and until is not None and now >= until):
                async with self._attributing:
                    if turn in self._turns:
                        await self._pass_to_next_turn(turn)
                return
            # The next question, or a piece of an answer, may set `disputed_until`, which then is no sooner than this.
            soonest = now + BACKLOG_SECONDS
            await asyncio.sleep(min(at for at in (until, gives_up_at, soonest) if at is not None and at > now) - now)

    def _give_up(self, turn: ChatTurn) -> None:
        turn.exchange.abandon()
        self._finish_if_over(turn)

    # --- the ends of turns ---

    def _finish_if_over(self, turn: ChatTurn) -> None:
        """Remove a turn that is over from the queue, and report it, unless that is done."""
        if turn.exchange.is_over and turn in self._turns:
            self._turns.remove(turn)
            self._last = turn
            turn.summary.stats.interrupted |= turn.is_cut
            turn.late_until = self._clock() + LATE_SECONDS
            turn.heard_in_time = bool(turn.summary.stats.heard)
            self._note_turn(turn)

    def _note_turn(self, turn: ChatTurn) -> None:
        """Make a turn a part of the conversation, or correct what the conversation has of it."""
        if turn.entry is None:
            turn.entry = turn.text
            self._observer.note_turn(turn, turn.entry)
        else:
            self._correct(turn)

    def _correct(self, turn: ChatTurn) -> None:
        if turn.entry is not None and turn.entry != turn.text:
            turn.entry = turn.text
            self._observer.note_correction(turn, turn.entry)

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
