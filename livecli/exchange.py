"""One question and its answer over an open session: two tasks, no queue between them, and one that watches the silence.

Out: source -> chunked -> paced -> Session.send_all. In: Session.receive -> sink. Backpressure is the socket's own. The
only TaskGroup of the house is here.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Coroutine, Sequence
from dataclasses import dataclass

from .audio.pcm import SAMPLE_BYTES, AudioSink, AudioSource, chunked, is_silent, paced
from .client import Session
from .configuration import Activity
from .ending import Ending
from .errors import DeadlineError, LivecliError, UsageError
from .figures import TransferStats
from .gathered import one_error
from .protocol import events
from .report import Reporter
from .tools.calls import Calls, Confirm
from .tools.toolbox import Toolbox
from .written import written

LINGER_SECONDS = 0.25
"""How long after the turn late transcripts, usage and the like are waited for."""
CHUNKS_AT_ONCE = 16
"""The most that one write takes where they are due: more gains nothing."""
WRITES_PER_BREATH = 2
"""Unpaced ones after which the loop is let go, so that what arrives is received meanwhile."""


@dataclass(frozen=True)
class Sending:
    """How audio is sent: bytes of PCM a chunk, times real time (0: as fast as the socket takes it)."""

    chunk_bytes: int = 1024
    speed: float = 3.2
    activity: Activity = Activity.MANUAL
    trailing_silence_seconds: float = 1.0

    def __post_init__(self) -> None:
        if self.chunk_bytes % 2 or not 2 <= self.chunk_bytes <= 65_536:
            raise UsageError(f"chunks of {self.chunk_bytes} bytes: their size is even, 2 to 65536")


class Exchange:
    """One turn over `session`, from the first chunk out to the last reply in; `stats` says how it went.

    `toolbox` is what the model may call, `confirm` asks before it does.
    """

    def __init__(
        self,
        session: Session,
        sink: AudioSink,
        stats: TransferStats,
        reporter: Reporter,
        *,
        toolbox: Toolbox | None = None,
        confirm: Confirm | None = None,
    ) -> None:
        self._session = session
        self._sink = sink
        self._stats = stats
        self._reporter = reporter
        self._clock = asyncio.get_running_loop().time
        self._toolbox = toolbox or Toolbox()
        self._calls = Calls(self._toolbox, self._respond, reporter, confirm=confirm, settled=self._note_settled)
        self._ending = Ending(lambda: self._calls.pending)
        self._nothing_due = asyncio.Event()
        self._waits_since: float | None = None  # a send waits for the socket, or an answer is due
        self._held_up = False  # by whoever reads the reply: what the server has said meanwhile nobody knows
        self._finished_transcripts: set[type[events.Event]] = set()

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
            children[0].cancel()  # what is left of the trailing silence
            try:
                async with asyncio.timeout(LINGER_SECONDS):
                    await self._nothing_due.wait()
            except TimeoutError:
                pass  # late is late
            for child in children:
                child.cancel()
            await self._calls.close()

    # --- out ---

    async def speak(self, source: AudioSource, how: Sending, pictures: Sequence[events.Image] = ()) -> None:
        """Send all of `source`, in chunks, paced; then what ends an utterance. `pictures` go before what is said."""
        if how.activity is Activity.MANUAL:
            await self._say(events.ActivityStart())
        for picture in pictures:  # after that: a turn of activity only leaves out what came before
            await self._say(picture)
        bytes_per_second = SAMPLE_BYTES * source.rate * how.speed
        writes = 0
        async for due in paced(self._chunks(source, how), bytes_per_second, CHUNKS_AT_ONCE, self._clock, asyncio.sleep):
            self._ending.ask()
            await self._say(*[events.AudioChunk(pcm, source.rate) for pcm in due])
            writes += 1
            if writes % WRITES_PER_BREATH == 0:
                await asyncio.sleep(0)
        await self._say(events.ActivityEnd() if how.activity is Activity.MANUAL else events.AudioStreamEnd())

    async def _chunks(self, source: AudioSource, how: Sending) -> AsyncIterator[list[bytes]]:
        async for chunks in chunked(aiter(source), how.chunk_bytes):
            yield chunks
        self._stats.asked_at = self._stats.sent.last_at
        self._ending.ask(all=True)
        self._note_settled()
        if how.activity is Activity.AUTO:
            async for silence in chunked(_silence(how.trailing_silence_seconds, source.rate), how.chunk_bytes):
                yield silence

    async def type(self, text: str, pictures: Sequence[events.Image] = ()) -> None:
        """Send a text turn, and what is shown with it, in the form that the model takes."""
        self._ending.ask()
        for event in written(self._session.endpoint.model, text, pictures):
            await self._say(event)
        self._stats.asked_at = self._clock()
        self._ending.ask(all=True)
        self._note_settled()

    async def _say(self, *said: events.Event) -> None:
        if not self._ending.asked:
            self._waits_since = self._clock()
        await self._session.send_all(said)
        now = self._clock()
        if not self._ending.asked:  # from then on it is the answer that is waited for, whatever else is sent
            self._waits_since = None
        if chunks := [event for event in said if isinstance(event, events.AudioChunk)]:
            self._stats.sent.add_all(chunks, now)

    async def _respond(self, event: events.ToolResponse) -> None:
        for response in event.responses:
            held = self._toolbox.holds(response.name, self._session.endpoint.model)
            self._ending.respond(held=held, silent=response.scheduling == "SILENT")
        await self._unless_ended(self._session.send(event))

    async def _unless_ended(self, saying: Awaitable[None]) -> None:
        try:
            await saying
        except LivecliError:
            if self._session.close_code is None:
                raise
            # The session has ended: whoever receives still has frames to read, and then says why.

    def _note_settled(self) -> None:
        """Nothing more is to be said, or one call less: it is the model's turn."""
        if self._ending.asked:
            self._waits_since = self._clock()
            self._ending.check()

    # --- in ---

    async def _receive(self) -> None:
        while True:
            try:
                event = await self._session.receive()
            except LivecliError:
                if self._ending.over.is_set():
                    return self._nothing_due.set()
                raise
            await self._take(event)

    async def _take(self, event: events.Event) -> None:
        now = self._clock()
        self._stats.messages = self._session.messages
        if self._ending.asked:
            self._waits_since = now
        self._ending.follow(event)
        if isinstance(event, events.AudioChunk):
            await self._take_audio(event, now)
        else:
            self._stats.note(event, now)
            self._follow(event)
        self._ending.check()

    async def _take_audio(self, chunk: events.AudioChunk, now: float) -> None:
        stats = self._stats
        if self._sink.waits:  # a slow reader of the reply holds up neither what is sent nor Ctrl-C
            self._held_up = True
            await asyncio.to_thread(self._sink.write, chunk.pcm, chunk.rate)
            self._held_up, self._waits_since = False, self._clock() if self._ending.asked else None
        else:
            self._sink.write(chunk.pcm, chunk.rate)
        stats.received.add(chunk, now)
        if stats.audio_at is None:
            stats.audio_at = now
        if stats.sound_at is None and not is_silent(chunk.pcm):
            stats.sound_at = now

    def _follow(self, event: events.Event) -> None:
        match event:
            case events.InputTranscript(finished=True) | events.OutputTranscript(finished=True):
                self._finished_transcripts.add(type(event))
            case events.ToolCall() | events.ToolCallCancellation() if not self._ending.over.is_set():
                self._calls.handle(event)
            case events.GoAway(seconds):
                self._reporter.warning(f"the server will close the connection in {seconds:g} s")
            case events.Fault(code, message, status):
                self._reporter.warning(f"the server reports an error: {code} {status} {message}")
        if self._ending.over.is_set() and self._stats.usage is not None and len(self._finished_transcripts) == 2:
            self._nothing_due.set()

    async def _watch_silence(self, idle_timeout: float) -> None:
        """Raise once something has been due for so long. One timer, whatever the number of messages."""
        while not self._ending.over.is_set():
            since = None if self._held_up or (self._ending.asked and self._calls.pending) else self._waits_since
            left = idle_timeout if since is None else since + idle_timeout - self._clock()
            if left <= 0:
                raise DeadlineError(
                    f"the server has been silent for {idle_timeout:g} s while "
                    + ("an answer was due" if self._ending.asked else "it did not take what was sent"),
                    hint="--idle-timeout gives it longer",
                )
            await asyncio.sleep(left)


async def _silence(seconds: float, rate: int) -> AsyncIterator[bytes]:
    yield bytes(SAMPLE_BYTES * round(seconds * rate))
