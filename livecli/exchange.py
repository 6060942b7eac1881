"""One question and its answer over a line: two tasks, no queue between them, and one that watches the silence.

Out: `asking`. In: Line.receive -> sink. Backpressure is the socket's own. The only TaskGroup of the house is here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Coroutine, Iterable, Sequence

from .asking import Asking, Sending, Silence
from .audio.pcm import SILENCE_PEAK, AudioSink, AudioSource
from .configuration import Activity
from .ending import Ending
from .errors import LivecliError
from .figures import TransferStats
from .gathered import one_error
from .line import Line
from .protocol import events
from .protocol.messages import FunctionResponse
from .report import Reporter
from .stalls import Waiting, stalled
from .tools.calls import Calls, Confirm
from .tools.toolbox import Toolbox

OF_THE_SESSION = (events.SetupComplete, events.ResumptionUpdate, events.GoAway)
"""What a service says that has nothing to say."""
OF_AN_ANSWER = (events.AudioChunk, events.OutputTranscript, events.ModelText, events.Thought, events.ToolCall)
LINGER_SECONDS = 0.25
"""How long after the turn late transcripts, usage and the like are waited for."""


class Exchange:
    """One turn over `line`, from the first chunk out to the last reply in; `stats` says how it went.

    `toolbox` is what the model may call, `confirm` asks before it does.
    """

    def __init__(
        self,
        line: Line,
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
        self._ending = Ending(lambda: self._calls.pending)
        self._silence = Silence()
        self._asking = Asking(line, stats, reporter, self._ending, self._silence)
        self._activity: Activity | None = None  # of a spoken question
        self._told: str | None = None  # the function whose response was the last that passed
        self._nothing_due = asyncio.Event()
        self._held_up = False  # by whoever reads the reply: what the server has said meanwhile nobody knows
        self._finished_transcripts: set[type[events.Event]] = set()
        self._responded: list[FunctionResponse] = []  # since the session could last be gone on with
        self._taking_back = False
        self._began_at: int | None = None  # the turn: what had been said then
        self._keep()
        line.on_checkpoint, line.on_rewind = self._keep, self._take_back

    async def run(self, asking: Coroutine[None, None, None], idle_timeout: float) -> None:
        """Ask, and receive until the answer is over; then a little longer for what comes late.

        Raises whatever ends it early. Everything received until then is in the sink and the stats.
        """
        async with one_error(), asyncio.TaskGroup() as tasks:
            self._calls.start = tasks.create_task
            children = [
                tasks.create_task(self._unless_ended(asking)),
                tasks.create_task(self._receive()),
                tasks.create_task(self._watch_silence(idle_timeout)),
            ]
            await self._ending.over.wait()
            self._line.settle()
            children[0].cancel()  # what is left of the trailing silence
            try:
                async with asyncio.timeout(LINGER_SECONDS):
                    await self._nothing_due.wait()
            except TimeoutError:
                pass  # late is late
            for child in children:
                child.cancel()
            await self._calls.close()

    async def speak(self, source: AudioSource, how: Sending, pictures: Sequence[events.Image] = ()) -> None:
        """What `run` is given to ask with audio."""
        self._activity = how.activity
        await self._asking.speak(source, how, pictures)

    async def type(self, text: str, pictures: Sequence[events.Image] = ()) -> None:
        """What `run` is given to ask in writing."""
        await self._asking.type(text, pictures)

    async def _respond(self, event: events.ToolResponse) -> None:
        self._responded += event.responses
        self._note_responses(event.responses)
        await self._unless_ended(self._asking.say(event))

    def _note_responses(self, responses: Iterable[FunctionResponse]) -> None:
        for response in responses:
            held = self._toolbox.holds(response.name, self._line.endpoint.model)
            self._told = response.name
            self._ending.respond(held=held, silent=response.scheduling == "SILENT")

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
            await self._take(event)

    async def _take(self, event: events.Event) -> None:
        now = self._clock()
        if self._taking_back and not isinstance(event, OF_THE_SESSION):
            self._rewind()
        self._stats.messages = self._line.messages
        if self._ending.awaited:
            self._silence.begin()
            self._told = None
        self._ending.follow(event)
        if self._began_at is None and isinstance(event, OF_AN_ANSWER):
            self._began_at = self._asking.said
        if isinstance(event, events.AudioChunk):
            await self._take_audio(event, now)
        else:
            self._stats.note(event, now)
            self._follow(event)
        self._ending.check()
        if self._ending.over.is_set():
            self._line.settle()

    async def _take_audio(self, chunk: events.AudioChunk, now: float) -> None:
        stats = self._stats
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
            case events.ToolCall() | events.ToolCallCancellation() if not self._ending.over.is_set():
                self._calls.handle(event)
            case events.TurnComplete():
                self._line.resumption.answer(self._answers_to)
                self._began_at = None
            case events.GoAway(seconds) if not self._line.resumption.expected:
                self._reporter.warning(f"the server will close the connection in {seconds:g} s")
            case events.Fault(code, message, status):
                self._reporter.warning(f"the server reports an error: {code} {status} {message}")
        if self._ending.over.is_set() and self._stats.usage is not None and len(self._finished_transcripts) == 2:
            self._nothing_due.set()

    @property
    def _answers_to(self) -> int:
        """The number of the last thing said that the turn answers. With detection the user speaks on meanwhile."""
        if self._activity is not Activity.AUTO or self._began_at is None or self._responded:
            return self._asking.said
        return self._began_at

    def _keep(self) -> None:
        """Where to go on from, should the connection be lost: everything received so far is there to stay."""
        if not self._taking_back:
            self._kept = (self._sink.mark(), self._stats.copy())
        self._kept_ending, self._kept_calls = self._ending.mark(), self._calls.ids
        self._responded = []
        self._asking.secured.set()

    def _take_back(self) -> None:
        """What was received since then will come again; functions that were called since then will be called again."""
        self._taking_back, self._began_at = True, None
        self._calls.cancel(self._kept_calls)
        self._forget_responses()
        unsaid = self._line.resumption.unsaid > len(self._responded)
        self._ending.begin_again(self._kept_ending, asked=unsaid)
        self._note_responses(self._responded)
        self._finished_transcripts.clear()
        self._silence.restart()

    def _rewind(self) -> None:
        """It does come again: not before is what came the first time of no use."""
        self._taking_back = False
        mark, stats = self._kept
        if not self._sink.rewind(mark):
            self._reporter.warning("the connection was lost in mid-answer: what came of it has been passed on already")
        self._stats.rewind(stats)

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

    async def _watch_silence(self, idle_timeout: float) -> None:
        """Raise once something has been due for so long. One timer, whatever the number of messages."""
        while not self._ending.over.is_set():
            since = self._silence.since
            if self._held_up or self._line.moving or (self._ending.awaited and self._calls.pending):
                since = None
            left = idle_timeout if since is None else max(since, self._line.moved_at) + idle_timeout - self._clock()
            if left <= 0:
                waiting = Waiting(self._ending.awaited, self._activity, self._told, self._ending.status)
                raise stalled(idle_timeout, self._stats, waiting)
            await asyncio.sleep(left)
