"""One question and its answer over a line: two tasks, no queue between them, and one that watches the silence.

Out: `asking`. In: Line.receive -> sink. Backpressure is the socket's own. The only TaskGroup of the house is here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Coroutine, Iterable, Sequence

from ..errors import LivecliError, ServerError
from ..media.pcm import SILENCE_PEAK, AudioSink, AudioSource
from ..process.tasks import collapse_exception_group
from ..protocol import events
from ..protocol.messages import FunctionResponse
from ..protocol.setup import Activity
from ..report.reporter import Reporter
from ..report.summary import TransferStats
from ..tools.calls import Calls, Confirm
from ..tools.toolbox import Toolbox
from .resumable import Checkpoint, ResumableSession, Rewind
from .sender import IdleTimer, Sender, SendOptions, soon
from .turn_end import TurnEnd

# What of an exchange is there to stay, and how the rest is taken back where the connection is lost before it is.
#
# What came since the session could last be gone on with will come again: the sound, the figures, the calls of
# functions.


class Keeping:
    """Of one exchange, which tells it what it hears and what its functions return."""

    def __init__(
        self,
        line: ResumableSession,
        sink: AudioSink,
        stats: TransferStats,
        reporter: Reporter,
        asking: Sender,
        ending: TurnEnd,
        calls: Calls,
    ) -> None:
        self._line, self._sink, self._stats, self._reporter = line, sink, stats, reporter
        self._asking, self._ending, self._calls = asking, ending, calls
        self._responded: list[FunctionResponse] = []  # since the session could last be gone on with
        self._taking_back = False

    def keep(self) -> None:
        """Everything received so far is there to stay."""
        if not self._taking_back:
            self._kept = (self._sink.mark(), self._stats.copy())
        self._kept_ending, self._kept_calls = self._ending.mark(), self._calls.ids
        self._responded = []
        self._asking.secured.set()

    def take_back(self) -> None:
        """What was received since then will come again; functions that were called since then will be called again."""
        self._taking_back = True
        self._calls.cancel(self._kept_calls)
        self._forget_responses()
        unsaid = self._line.resumption.unsaid > len(self._responded)
        self._ending.begin_again(self._kept_ending, asked=unsaid)
        self._note(self._responded)
        self._asking.silence.restart()

    def hear(self, event: events.Event) -> None:
        """Something is received: if it does come again, and not before, what came the first time is of no use."""
        if not self._taking_back or event.of_session:
            return
        self._taking_back = False
        mark, stats = self._kept
        if not self._sink.rewind(mark):
            self._reporter.warning("the connection was lost in mid-answer: what came of it has been passed on already")
        self._stats.rewind(stats)

    @property
    def has_responded(self) -> bool:
        """Whether functions have returned anything that is not there to stay yet."""
        return bool(self._responded)

    def respond(self, responses: Iterable[FunctionResponse]) -> None:
        """What functions returned is about to be sent."""
        self._responded += responses
        self._note(responses)

    def _note(self, responses: Iterable[FunctionResponse]) -> None:
        for response in responses:
            held = self._calls.toolbox.holds(response.name, self._line.endpoint.model)
            self._ending.respond(held=held, silent=response.scheduling == "SILENT")

    def _forget_responses(self) -> None:
        """Those that nobody will have asked for are not sent again."""
        kept = [response for response in self._responded if response.id in self._kept_calls]
        if len(kept) < len(self._responded):
            self._line.resumption.drop(self._is_unasked)
            self._asking.said = min(self._asking.said, self._line.resumption.said)
        self._responded = kept

    def _is_unasked(self, said: events.Event) -> bool:
        return isinstance(said, events.ToolResponse) and any(
            response.id not in self._kept_calls for response in said.responses
        )


LINGER_SECONDS = 0.25
"""How long after the turn late transcripts, usage and the like are waited for."""


class Turn:
    """One turn over `line`, from the first chunk out to the last reply in; `stats` says how it went.

    `toolbox` is what the model may call, `confirm` asks before it does.
    """

    def __init__(
        self,
        line: ResumableSession,
        sink: AudioSink,
        stats: TransferStats,
        reporter: Reporter,
        *,
        toolbox: Toolbox | None = None,
        confirm: Confirm | None = None,
    ) -> None:
        self._line = line
        self._sink = sink
        self._stats = stats
        self._reporter = reporter
        self._clock = asyncio.get_running_loop().time
        self._toolbox = toolbox or Toolbox()
        self._calls = Calls(self._toolbox, self._respond, reporter, confirm=confirm, settled=self._note_settled)
        self._ending = TurnEnd(lambda: self._calls.pending)
        self._silence = IdleTimer()
        self._asking = Sender(line, stats, reporter, self._ending, self._silence)
        self._activity: Activity | None = None  # of a spoken question
        self._told: str | None = None  # the function whose response was the last that passed
        self._nothing_due = asyncio.Event()
        self._held_up = False  # by whoever reads the reply: what the server has said meanwhile nobody knows
        self._finished_transcripts: set[type[events.Event]] = set()
        self._cut = False
        self._messages_before = 0  # this turn, where it is one of many
        self._lost = asyncio.Event()
        self._keeping = Keeping(line, sink, stats, reporter, self._asking, self._ending, self._calls)
        self._keeping.keep()

    async def run(self, asking: Coroutine[None, None, None], idle_timeout: float) -> None:
        """Ask, and receive until the answer is over; then a little longer for what comes late.

        Raises whatever ends it early. Everything received until then is in the sink and the stats.
        """
        async with collapse_exception_group(), asyncio.TaskGroup() as tasks:
            doing = self._unless_ended(asking), self._watch_silence(idle_timeout), self._receive()
            children = self._begin(tasks, *doing)
            await self._ending.over.wait()
            self._line.settle()
            children[0].cancel()  # what is left of the trailing silence
            await soon(self._nothing_due, LINGER_SECONDS)  # late is late
            for child in children:
                child.cancel()
            await self._calls.close()

    async def converse(self, idle_timeout: float, asking: Coroutine[None, None, None] | None = None) -> None:
        """As `run`, for one turn of many: somebody else receives, and hands over what belongs to this one (`take`)."""
        self._messages_before = self._line.messages
        async with collapse_exception_group(), asyncio.TaskGroup() as tasks:
            begun = [self._unless_ended(asking)] if asking is not None else []
            children = self._begin(tasks, *begun, self._watch_silence(idle_timeout), self._until_lost())
            await self._ending.over.wait()
            for child in children:
                child.cancel()
            await self._calls.close()

    async def _until_lost(self) -> None:
        await self._lost.wait()
        raise ServerError("the session ended before the answer")

    def _begin(self, tasks: asyncio.TaskGroup, *doing: Coroutine[None, None, None]) -> list[asyncio.Task[None]]:
        self._calls.start = tasks.create_task
        return [tasks.create_task(each) for each in doing]

    @property
    def is_over(self) -> bool:
        """Answered."""
        return self._ending.over.is_set()

    @property
    def speaks(self) -> bool:
        """Whether any of the answer has come that is heard or read: neither a thought nor a call of a function."""
        return bool(self._stats.received.chunks) or any(self._stats.said_pieces)

    def fail(self) -> None:
        """The session is over: whoever converses hears of it."""
        if not self.is_over:
            self._lost.set()

    def cut(self) -> None:
        """Nobody wants the rest of the answer: no more of its sound is kept, and no function is called for it."""
        self._cut = True
        self._calls.cancel()
        self._ending.give_up()

    async def speak(
        self,
        source: AudioSource,
        how: SendOptions,
        pictures: Sequence[events.Image] = (),
        *,
        activity: Activity | None = Activity.MANUAL,
    ) -> None:
        """What `run` is given to ask with audio. `activity` is what the session was set up with."""
        self._activity = activity or Activity.MANUAL
        await self._asking.speak(source, how, self._activity, pictures)

    async def type(self, text: str, pictures: Sequence[events.Image] = (), *, interrupts: bool = False) -> None:
        """What `run` is given to ask in writing; `interrupts` the answer that is under way."""
        await self._asking.type(text, pictures, interrupts=interrupts)

    def listen(self) -> None:
        """Nothing is asked here: the user has spoken already, as the service's detection has heard."""
        self._asking.listens = True
        self._asking.asked()

    async def settled(self) -> None:
        """After `converse`: wait a little for what comes late, where something is missing."""
        if self._stats.usage is None or (self._asking.listens and not self._stats.heard):
            await soon(self._nothing_due, LINGER_SECONDS)

    async def _respond(self, event: events.ToolResponse) -> None:
        self._told = event.responses[-1].name
        self._keeping.respond(event.responses)
        await self._unless_ended(self._asking.say(event))

    async def _unless_ended(self, saying: Awaitable[None]) -> None:
        try:
            await saying
        except LivecliError:
            if self._line.close_code is None:
                raise
            # The session has ended: whoever receives still has frames to read, and then says why.

    def _note_settled(self) -> None:
        """Nothing more is to be said, or one call less: it is the model's turn."""
        if self._ending.awaited:
            self._silence.begin()
            self._ending.check()

    # --- in ---

    async def _receive(self) -> None:
        while True:
            try:
                event = await self._line.receive()
            except LivecliError:
                if self._ending.over.is_set():
                    return self._nothing_due.set()
                raise
            match event:
                case Checkpoint():
                    self.keep()
                case Rewind():
                    self.take_back()
                case _:
                    await self.take(event)
            if self.is_over:
                self._line.settle()

    async def take(self, event: events.Event) -> None:
        """Something was received that belongs to this turn."""
        now = self._clock()
        self._keeping.hear(event)
        self._stats.messages = self._line.messages - self._messages_before
        if self._ending.awaited:
            self._silence.begin()
            self._told = None
        self._ending.follow(event)
        self._asking.follow(event)
        if isinstance(event, events.AudioChunk):
            await self._take_audio(event, now)
        else:
            self._stats.note(event, now)
            self._follow(event)
        self._ending.check()
        if self._ending.over.is_set() and self._stats.usage is not None and len(self._finished_transcripts) == 2:
            self._nothing_due.set()

    async def _take_audio(self, chunk: events.AudioChunk, now: float) -> None:
        stats = self._stats
        if self._cut:
            return
        if self._sink.waits:  # a slow reader of the reply holds up neither what is sent nor Ctrl-C
            self._held_up = True
            await asyncio.to_thread(self._sink.write, chunk.pcm, chunk.rate)
            self._held_up = False
            if self._ending.awaited:
                self._silence.begin()
        else:
            self._sink.write(chunk.pcm, chunk.rate)
        stats.received.add(chunk, now)
        if stats.audio_at is None:
            stats.audio_at = now
        if stats.sound_at is None and stats.received.peak > SILENCE_PEAK:
            stats.sound_at = now

    def _follow(self, event: events.Event) -> None:
        match event:
            case events.InputTranscript(finished=True) | events.OutputTranscript(finished=True):
                self._finished_transcripts.add(type(event))
            case events.ToolCall() | events.ToolCallCancellation() if not (self.is_over or self._cut):
                self._calls.handle(event)
            case events.TurnComplete():
                detected = self._activity is Activity.AUTO and not self._keeping.has_responded
                self._line.resumption.answer(self._asking.answered(detected=detected))
            case events.GoAway(seconds) if not self._line.resumption.expected:
                self._reporter.warning(f"the server will close the connection in {seconds:g} s")
            case events.Fault(code, message, status):
                self._reporter.warning(f"the server reports an error: {code} {status} {message}")

    def keep(self) -> None:
        """Where to go on from, should the connection be lost: everything received so far is there to stay."""
        self._keeping.keep()

    def take_back(self) -> None:
        """What was received since then will come again; functions that were called since then will be called again."""
        self._keeping.take_back()
        self._asking.begin_again()
        self._finished_transcripts.clear()

    async def _watch_silence(self, idle_timeout: float) -> None:
        """Raise once something has been due for so long. One timer, whatever the number of messages."""
        while not self._ending.over.is_set():
            since = self._silence.since
            if self._held_up or self._line.moving or (self._ending.awaited and self._calls.pending):
                since = None
            left = idle_timeout if since is None else max(since, self._line.moved_at) + idle_timeout - self._clock()
            if left <= 0:
                from .diagnosis import StallContext, stall_error

                waiting = StallContext(self._ending.awaited, self._activity, self._told, self._ending.status)
                raise stall_error(idle_timeout, self._stats, waiting)
            await asyncio.sleep(left)
