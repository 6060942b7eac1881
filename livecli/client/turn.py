"""One turn: a request that is sent over a session, and the answer that is received for it.

Out: Sender -> ResumableSession.write. In: ResumableSession.receive -> Answer. There is no queue in between, so
backpressure is the socket's own. A third task watches for silence.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import suppress
from functools import partial

import msgspec

from ..errors import LivecliError, ServerError
from ..media.pcm import SAMPLE_BYTES, SILENCE_PEAK, AudioSink, AudioSource
from ..process.tasks import collapse_exception_group
from ..protocol import events
from ..protocol.codec import setup_json
from ..protocol.messages import FunctionCall, FunctionResponse
from ..protocol.models import MODELS, CallTurn, TurnFacts
from ..protocol.setup import Activity, Until
from ..report.reporter import Reporter
from ..report.summary import MAX_CHARACTERS, TransferStats
from ..tools.calls import Calls, Confirm
from ..tools.toolbox import Toolbox
from .resumable import Checkpoint, Received, ResumableSession, Rewind
from .sender import Sender, SendOptions
from .turn_end import PendingCallCount, Phase, ResponseStep, Step, TurnCompletion, TurnEnd, completion_of
from .turn_progress import IdleTimer, TurnProgress

# How long after its end a turn waits for late transcripts.
LINGER_SECONDS = 0.25

# A timer that is so late means that the process was stopped. What has arrived meanwhile is still to be read, so the
# service's silence counts from then on.
STOPPED_SECONDS = 1.0

# The longest sound that is written at once, in seconds. A message of 14 MB may last hours and become gigabytes when it
# is resampled, so other tasks run in between.
PIECE_SECONDS = 4

# Types of the transcripts that come with an answer, by the field of the setup that asks for each.
TRANSCRIPTS: dict[str, type[events.Event]] = {
    "inputAudioTranscription": events.InputTranscript,
    "outputAudioTranscription": events.OutputTranscript,
}


class TranscriptProgress(msgspec.Struct, frozen=True):
    """Which types of transcripts have come so far, and which of these have ended.

    `is_marked` is whether the service marks a last piece with `finished`. Vertex AI does so, and the Developer API does
    not (both recorded): there a transcript has ended as soon as any of it has come and the turn is complete.
    """

    came: frozenset[type[events.Event]] = frozenset()
    ended: frozenset[type[events.Event]] = frozenset()
    is_marked: bool = False

    def after(self, piece: events.InputTranscript | events.OutputTranscript) -> TranscriptProgress:
        """The progress once `piece` has come. An empty first piece is none of it."""
        if not piece.text and not piece.finished:
            return self
        kind = frozenset({type(piece)})
        ended = self.ended | kind if piece.finished else self.ended - kind
        return TranscriptProgress(self.came | kind, ended, self.is_marked or piece.finished)

    def lacks(self, kind: type[events.Event]) -> bool:
        """Whether more of this transcript is to come."""
        return kind not in self.came or (self.is_marked and kind not in self.ended)


class Answer:
    """The answer as it is received: its sound in `sink`, everything else in `stats`.

    `is_cut` is whether the rest of its sound is dropped.
    """

    def __init__(self, sink: AudioSink, stats: TransferStats, reporter: Reporter, idle: IdleTimer) -> None:
        self.stats = stats
        self.is_cut = False
        self.transcripts = TranscriptProgress()
        self._sink, self._reporter, self._idle = sink, reporter, idle
        self._mark = (sink.mark(), stats.copy())
        self._is_rewound = False
        self._has_warned = False

    def snapshot(self) -> TranscriptProgress:
        """Everything received so far is final. Returns what `restore` needs."""
        if not self._is_rewound:
            self._mark = (self._sink.mark(), self.stats.copy())
        return self.transcripts

    def restore(self, transcripts: TranscriptProgress) -> None:
        """Everything received since the snapshot comes again. Until any of it does, sound and statistics stay."""
        self._is_rewound = True
        self.transcripts = transcripts

    def take(self, event: events.Event, now: float) -> None:
        """Add an event that was received at `now`. Sound goes to `take_audio`."""
        if self._is_rewound and not event.of_session:
            self._rewind()
        self.stats.note(event, now)
        if self.stats.text_is_cut and not self._has_warned:
            self._has_warned = True
            self._reporter.warning(f"a text of more than {MAX_CHARACTERS:,} characters is cut there in the summary")
        if isinstance(event, events.InputTranscript | events.OutputTranscript):
            self.transcripts = self.transcripts.after(event)

    async def take_audio(self, chunk: events.AudioChunk, now: float) -> None:
        """Add sound that was received at `now`. Raises what the sink raises."""
        if self._is_rewound:
            self._rewind()
        if self.is_cut:
            return
        piece_bytes = PIECE_SECONDS * chunk.rate * SAMPLE_BYTES
        if self._sink.waits or len(chunk.pcm) > piece_bytes:
            # Messages of the service may wait unread meanwhile, so its silence does not count.
            self._idle.is_paused = True
            for start in range(0, len(chunk.pcm), piece_bytes):
                await self._write(chunk.pcm[start : start + piece_bytes], chunk.rate)
            self._idle.is_paused = False
            self._idle.restart()
        else:
            self._sink.write(chunk.pcm, chunk.rate)
        stats = self.stats
        stats.received.add(chunk, now)
        if stats.audio_at is None:
            stats.audio_at = now
        if stats.sound_at is None and stats.received.peak > SILENCE_PEAK:
            stats.sound_at = now

    async def _write(self, pcm: bytes, rate: int) -> None:
        if self._sink.waits:
            # In a thread: a slow reader of the reply holds up neither what is sent nor Ctrl-C.
            await asyncio.to_thread(self._sink.write, pcm, rate)
        else:
            self._sink.write(pcm, rate)
            await asyncio.sleep(0)

    def _rewind(self) -> None:
        self._is_rewound = False
        sink_mark, stats = self._mark
        if not self._sink.rewind(sink_mark):
            self._reporter.warning(
                "the connection was lost during the answer, whose beginning was already written: it may be repeated"
            )
        self.stats.rewind(stats)


class Snapshot(msgspec.Struct, frozen=True):
    """The state that a turn returns to when a connection is lost: snapshots of its parts, by their names in Turn."""

    answer: TranscriptProgress
    progress: TurnEnd
    sender: bool
    pending_calls: frozenset[str | None]


class Turn:
    """One turn over `session`, from the first chunk sent to the last event received; `stats` says how it went.

    `toolbox` has the functions that the model may call, `confirm` asks the user before each call. `until` is the event
    that ends an answer, where the model's answers end with one. `waits_for_others` is whether functions of an earlier
    turn were stopped, for which the service may wait.
    """

    def __init__(
        self,
        session: ResumableSession,
        sink: AudioSink,
        stats: TransferStats,
        reporter: Reporter,
        *,
        toolbox: Toolbox | None = None,
        confirm: Confirm | None = None,
        until: Until = Until.TURN,
        waits_for_others: bool = False,
    ) -> None:
        self._session, self._reporter = session, reporter
        self._calls = Calls(
            toolbox or Toolbox(),
            self._respond,
            reporter,
            confirm=None if confirm is None else partial(self._ask_user, confirm),
            on_call_end=self._note_call_end,
        )
        completion = _completion(session.endpoint.model, until)
        self._progress = TurnProgress(completion, resumed=session.just_resumed, waits_for_others=waits_for_others)
        self._idle = IdleTimer()
        self._sender = Sender(session, stats, reporter, self._progress, self._idle)
        self._answer = Answer(sink, stats, reporter, self._idle)
        self._responded: str | None = None  # the function that returned last
        self._received_more = asyncio.Event()
        self._is_final = False  # whether nothing more is to come, whatever is missing
        self._messages_before = 0
        self._snapshot = self._take_snapshot()

    async def run(self, request: Coroutine[None, None, None], idle_timeout: float) -> None:
        """Send the request and receive until the answer is over; then wait a little for what comes late.

        Raises what ends it early. Everything received until then is in the sink and the stats.
        """
        async with collapse_exception_group(), asyncio.TaskGroup() as tasks:
            self._calls.run_in(tasks)
            sending = tasks.create_task(self._until_ended(request))
            others = [tasks.create_task(self._watch_silence(idle_timeout)), tasks.create_task(self._receive())]
            await self._progress.until(Phase.OVER)
            self._session.stop_reconnecting()
            # Trailing silence may be left to send.
            sending.cancel()
            await self._linger(lambda: self._lacks_transcript)
            for task in others:
                task.cancel()
            await self._calls.close()

    async def converse(self, idle_timeout: float, request: Coroutine[None, None, None] | None = None) -> None:
        """As `run`, for one turn of many: the caller receives, and hands over to `take` what belongs to this turn."""
        self._messages_before = self._session.messages
        async with collapse_exception_group(), asyncio.TaskGroup() as tasks:
            self._calls.run_in(tasks)
            children = [] if request is None else [tasks.create_task(self._until_ended(request))]
            children.append(tasks.create_task(self._watch_silence(idle_timeout)))
            await self._progress.until(Phase.OVER)
            for task in children:
                task.cancel()
            await self._calls.close()

    async def wait_for_late_events(self) -> None:
        """After `converse`, wait up to LINGER_SECONDS for what is missing of the answer, its usage included."""
        await self._linger(lambda: self._lacks_transcript or self._answer.stats.usage is None)

    async def _linger(self, is_missing: Callable[[], bool]) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(LINGER_SECONDS):
                while is_missing() and not self._is_final:
                    self._received_more.clear()
                    await self._received_more.wait()

    def stop_waiting(self) -> None:
        """End `wait_for_late_events`: what comes now belongs to another turn."""
        self._is_final = True
        self._received_more.set()

    @property
    def _lacks_transcript(self) -> bool:
        """Whether a transcript that was asked for has not come, or not ended.

        There is one of the question where that is spoken, and one of the answer where that has sound.
        """
        setup, answer = setup_json(self._session.setup), self._answer
        is_spoken = self._sender.activity is not None or self._sender.listens
        due = {events.InputTranscript: is_spoken, events.OutputTranscript: bool(answer.stats.received.chunks)}
        asked = [kind for field, kind in TRANSCRIPTS.items() if setup.get(field) is not None]
        return any(due[kind] and answer.transcripts.lacks(kind) for kind in asked)

    @property
    def is_over(self) -> bool:
        """Whether the request is answered."""
        return self._progress.is_over

    @property
    def speaks(self) -> bool:
        """Whether any of the answer has come that is heard or read: neither a thought nor a call of a function."""
        stats = self._answer.stats
        return bool(stats.received.chunks) or any(stats.said_pieces)

    @property
    def is_asked(self) -> bool:
        """Whether the request was sent, so that an answer is due."""
        return self._progress.is_awaited

    @property
    def has_begun(self) -> bool:
        """Whether the model has said or called anything since the request, or the last response, was sent."""
        turn = self._progress.state.turn
        return turn.said or turn.transcribed

    @property
    def is_asking_user(self) -> bool:
        """Whether the user is asked whether a function may run."""
        waits = self._answer.stats.user_waits
        return bool(waits) and waits[-1][1] == math.inf

    @property
    def has_pending_calls(self) -> bool:
        """Whether a function that the model called has not returned."""
        return bool(self._calls.pending)

    @property
    def last_activity_at(self) -> float | None:
        """When anything was last sent or received for the answer, on the loop's clock; None before the request."""
        return self._idle.since

    @property
    def is_speaking(self) -> bool:
        """Whether a turn of the model is under way in which it has said something, its playback included."""
        turn = self._progress.state.turn
        return turn.is_open and turn.said

    # --- sending ---

    async def speak(
        self,
        source: AudioSource,
        options: SendOptions,
        pictures: Sequence[events.Image] = (),
        *,
        activity: Activity | None = Activity.MANUAL,
    ) -> None:
        """A request for `run` and `converse`: audio. `activity` is what the session was set up with."""
        await self._sender.speak(source, options, activity or Activity.MANUAL, pictures)

    async def type(self, text: str, pictures: Sequence[events.Image] = (), *, interrupts: bool = False) -> None:
        """A request for `run` and `converse`: text, which `interrupts` an answer that is under way."""
        await self._sender.type(text, pictures, interrupts=interrupts)

    def listen(self) -> None:
        """Nothing is sent for this turn: the user has spoken already, as the service's detection has heard."""
        self._sender.listens = True
        self._sender.finish()

    async def _ask_user(self, confirm: Confirm, call: FunctionCall) -> bool:
        clock, waits = asyncio.get_running_loop().time, self._answer.stats.user_waits
        began_at = clock()
        waits.append((began_at, math.inf))
        try:
            return await confirm(call)
        finally:
            waits[-1] = began_at, clock()

    async def _respond(self, event: events.ToolResponse) -> None:
        self._responded = event.responses[-1].name
        self._note_responses(event.responses)
        await self._until_ended(self._sender.respond(event))

    def _note_responses(self, responses: Sequence[FunctionResponse]) -> None:
        model, toolbox = self._session.endpoint.model, self._calls.toolbox
        known = MODELS.get(model)
        for response in responses:
            held = toolbox.holds(response.name, model)
            call_turn = known and (known.calls.blocking if held else known.calls.non_blocking)
            one_turn = call_turn is CallTurn.ONE_TURN
            is_joint = known and known.calls.answers_together and not held and response.scheduling is None
            together = self._calls.in_message_of(response.id) if is_joint else frozenset()
            is_silent = response.scheduling == "SILENT"
            self._progress.advance(ResponseStep(held, is_silent, one_turn, response.id, together))

    async def _until_ended(self, sending: Awaitable[None]) -> None:
        """Await `sending`. Its error is dropped where the session has ended: the task that receives learns why."""
        try:
            await sending
        except LivecliError:
            if self._session.close_code is None:
                raise

    def _note_call_end(self) -> None:
        """A call is over, answered or cancelled: what is due now is the model's."""
        if self._progress.is_awaited:
            self._idle.begin()
        self._progress.advance(PendingCallCount(self._calls.pending))

    # --- receiving ---

    async def _receive(self) -> None:
        while True:
            try:
                received = await self._session.receive()
            except LivecliError as error:
                if isinstance(error, ServerError):
                    self._progress.advance(Step.CLOSED)
                if self.is_over:
                    return self.stop_waiting()
                raise
            await self.take(received)
            if self.is_over:
                self._session.stop_reconnecting()

    async def take(self, received: Received) -> None:
        """Handle what was received for this turn."""
        if isinstance(received, Checkpoint):
            self._snapshot = self._take_snapshot()
            return
        if isinstance(received, Rewind):
            self._rewind()
            return
        event = received
        now = asyncio.get_running_loop().time()
        answer, progress = self._answer, self._progress
        answer.stats.messages = self._session.messages - self._messages_before
        # Messages about the session say nothing of the answer: handles come all the time where a microphone is on.
        if progress.is_awaited and not event.of_session:
            self._idle.begin()
        self._sender.note(event)
        if isinstance(event, events.AudioChunk):
            # First, since the sink may be slow, and a turn that speaks is not in doubt.
            progress.advance(event)
            await answer.take_audio(event, now)
            return
        answer.take(event, now)
        if isinstance(event, events.InputTranscript) and progress.state.completion is TurnCompletion.ACTIVITY:
            # What a transcribing model has heard is its answer.
            answer.take(events.OutputTranscript(event.text, event.finished), now)
        match event:
            case events.ToolCall() | events.ToolCallCancellation() if not (self.is_over or answer.is_cut):
                self._calls.handle(event)
                progress.advance(PendingCallCount(self._calls.pending))
            case events.TurnComplete() if not progress.state.answers_nothing:
                self._session.resumption.answer(self._sender.complete_turn())
            case events.GoAway(seconds) if not self._session.resumption.expected:
                self._reporter.warning(f"the server will close the connection in {seconds:g} s")
            case events.Fault(code, message, status):
                self._reporter.warning(f"the server reports an error: {code} {status} {message}")
        progress.advance(event)
        self._received_more.set()

    def _take_snapshot(self) -> Snapshot:
        """Everything received so far is final."""
        return Snapshot(self._answer.snapshot(), self._progress.state, self._sender.snapshot(), self._calls.ids)

    def _rewind(self) -> None:
        """Everything received since the last snapshot comes again, calls of functions included."""
        snapshot = self._snapshot
        self._calls.cancel(snapshot.pending_calls)
        self._sender.restore(snapshot.sender, snapshot.pending_calls)
        self._answer.restore(snapshot.answer)
        self._progress.restore(snapshot.progress, asked=self._session.resumption.repeats_request)
        self._note_responses(self._sender.responses)
        self._idle.restart()

    def fail(self, error: LivecliError | None = None) -> None:
        """Nothing more comes: `converse` raises `error`, if the turn is not over. Without one, the session ended."""
        self._progress.advance(Step.CLOSED)
        self._progress.fail(error or ServerError("the session ended before the answer"))

    def cut(self) -> None:
        """The rest of the answer is not wanted: no more of its sound is kept, and no function is called for it.

        What was asked is never sent again: for another connection it is a part of the conversation so far.
        """
        self._answer.is_cut = True
        self._calls.cancel()
        self.forget_request()
        self._progress.advance(Step.GIVE_UP)

    def abandon(self) -> None:
        """As `cut`, and the end of the answer is not waited for."""
        self.cut()
        self._answer.stats.interrupted = True
        self._progress.advance(Step.ABANDON)

    def forget_request(self) -> None:
        """Do not send the request again, as if it were answered."""
        self._session.resumption.answer(self._sender.last)

    async def _watch_silence(self, idle_timeout: float) -> None:
        """Raise once something has been due for `idle_timeout` seconds. One timer, whatever the number of messages."""
        progress, session = self._progress, self._session
        while not progress.is_over:
            since, now = self._idle.since, asyncio.get_running_loop().time()
            is_waiting_for_calls = progress.is_awaited and self._calls.pending
            if self._idle.is_paused or session.moving or is_waiting_for_calls:
                since = None
            left = idle_timeout if since is None else max(since, session.moved_at) + idle_timeout - now
            if left < -STOPPED_SECONDS:
                self._idle.restart()
                continue
            if left <= 0:
                from .diagnosis import StallContext, stall_error

                state, activity = progress.state, self._sender.activity
                responded = self._responded if state.is_unspoken and not state.turn.transcribed else None
                context = StallContext(progress.is_awaited, activity, responded, state.status)
                raise stall_error(idle_timeout, self._answer.stats, context)
            await asyncio.sleep(left)


def _completion(model: str, until: Until) -> TurnCompletion:
    known = MODELS.get(model)
    return completion_of(known.turns if known else TurnFacts(), until)
