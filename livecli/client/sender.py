"""What is asked over a line: audio in chunks, paced, and what stands around an utterance; or text.

Out: source -> chunked -> Pacer -> Line.write. What comes back is `exchange`'s.
"""

from __future__ import annotations

import asyncio
import base64
import math
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from ..errors import UsageError
from ..media.pcm import SAMPLE_BYTES, AudioSource, chunked, is_silent
from ..protocol import events, messages
from ..protocol.models import takes_realtime_text
from ..protocol.setup import Activity
from ..report.reporter import Reporter
from ..report.summary import TransferStats
from .pacing import Pacer, timer_wheel
from .resumable import ResumableSession
from .turn_end import TurnEnd

# A long input cut into utterances, each shorter than half a connection, so that a break can cost one of them only.
#
# For services that do not say which messages a handle includes: there an utterance that is hit is sent again whole.
# Time is what sending takes, so it holds at every speed. Pure: time is an argument.
EARLIEST, LATEST = 0.25, 0.5
"""Shares of a connection's life: from the first on an utterance is cut at a pause, at the latest anywhere."""
PAUSE_SECONDS = 0.2

Chunks = list[bytes]


class Utterances:
    """`chunks` in utterances; `life_seconds()` is how long a connection lasts, None where nothing is to be cut.

    `ended` is whether `chunks` have.
    """

    def __init__(
        self,
        chunks: AsyncIterator[Chunks],
        rate: int,
        life_seconds: Callable[[], float | None],
        clock: Callable[[], float],
    ) -> None:
        self.ended = False
        self._chunks, self._life_seconds, self._clock = chunks, life_seconds, clock
        self._pause_bytes = round(PAUSE_SECONDS * rate) * SAMPLE_BYTES
        self._rest: Chunks = []
        self._quiet_bytes = 0

    async def next(self) -> AsyncIterator[Chunks]:
        """The chunks of the next utterance, in lists as they come: at least one, unless the input is empty."""
        began, self._quiet_bytes = self._clock(), 0
        rest, self._rest = self._rest, []
        if rest:
            yield rest
        empty = not rest
        async for chunks in self._chunks:
            at = max(self._cut(chunks, self._clock() - began), int(empty))
            empty = False
            if at < len(chunks):
                self._rest = chunks[at:]
                if at:
                    yield chunks[:at]
                return
            yield chunks
        self.ended = True

    def _cut(self, chunks: Chunks, seconds: float) -> int:
        """How many of the chunks still belong to the utterance, which has been sent for so long."""
        life = self._life_seconds()
        if life is None or seconds < EARLIEST * life:
            return len(chunks)
        if seconds >= LATEST * life:
            return 0
        for at, chunk in enumerate(chunks):
            if self._quiet_bytes >= self._pause_bytes:
                return at
            self._quiet_bytes = self._quiet_bytes + len(chunk) if is_silent(chunk) else 0
        return len(chunks)


# What a user writes, as the model takes it.
def text_turn(
    model: str, text: str, pictures: Sequence[events.Image] = (), *, interrupts: bool = False
) -> list[events.Event]:
    """A text turn, and what is shown with it: `realtimeInput` (3.x), or one `clientContent` before.

    That one `interrupts` an answer that is under way; the other does not.
    """
    if takes_realtime_text(model) and not interrupts:
        return [*pictures, events.Text(text)]
    shown = [messages.Part(inline_data=_blob(picture)) for picture in pictures]
    return [events.ClientTurns((messages.Content(role="user", parts=[*shown, messages.Part(text=text)]),))]


def _blob(picture: events.Image) -> messages.Blob:
    return messages.Blob(mime_type=picture.mime_type, data=base64.b64encode(picture.data).decode())


HANDLE_SECONDS = 1.0
"""How long a handle is waited for between two utterances: it comes behind the answer."""
CHUNKS_AT_ONCE = 32
"""The most that one write takes where they are due: more gains nothing."""
WRITES_PER_BREATH = 4
"""Those after which the loop is let go, so that what arrives is received meanwhile."""


@dataclass(frozen=True)
class SendOptions:
    """How audio is sent: bytes of PCM a chunk, times real time (0: as fast as the socket takes it)."""

    chunk_bytes: int = 1024
    speed: float = 3.2
    trailing_silence_seconds: float = 1.0

    def __post_init__(self) -> None:
        if self.chunk_bytes % 2 or not 2 <= self.chunk_bytes <= 65_536:
            raise UsageError(f"chunks of {self.chunk_bytes} bytes: their size is even, 2 to 65536")


class IdleTimer:
    """Since when something is due of the server: that it takes what is sent, or an answer. None: nothing is."""

    def __init__(self) -> None:
        self._clock = asyncio.get_running_loop().time
        self.since: float | None = None

    def begin(self) -> None:
        """From now on something is due."""
        self.since = self._clock()

    def restart(self) -> None:
        """What was due is due from now on."""
        if self.since is not None:
            self.begin()

    def end(self) -> None:
        """Nothing is."""
        self.since = None


class Sender:
    """`ending` is told what is asked, `stats` what is sent. `said` is the number of the last thing said.

    `secured` is set by whoever hears of a handle that includes all of it. With `listens` somebody else speaks, and
    what was said until the answer begins is what that answers.
    """

    def __init__(
        self, line: ResumableSession, stats: TransferStats, reporter: Reporter, ending: TurnEnd, silence: IdleTimer
    ) -> None:
        self.said = 0
        self.listens = False
        self._began_at: int | None = None  # the turn that is under way: what had been said then
        self.secured = asyncio.Event()
        self._line, self._stats, self._reporter = line, stats, reporter
        self._ending, self.silence = ending, silence
        self._clock = asyncio.get_running_loop().time
        self._metronome = timer_wheel()

    async def speak(
        self, source: AudioSource, how: SendOptions, activity: Activity, pictures: Sequence[events.Image] = ()
    ) -> None:
        """Send all of `source`, in chunks, paced; then what ends an utterance. `pictures` go before what is said.

        `activity` is what the session was set up with.
        """
        life = self._cut_life_seconds if activity is Activity.MANUAL else lambda: None
        utterances = Utterances(self._chunks(source, how, activity), source.rate, life, self._clock)
        await self._utter(utterances.next(), source.rate, how, activity, pictures)
        if not utterances.ended:
            self._reporter.remark("the input is longer than a connection may last: it is sent in several utterances")
        while not utterances.ended:
            await self._until_secured()
            await self._utter(utterances.next(), source.rate, how, activity)

    async def _utter(
        self,
        chunks: AsyncIterator[list[bytes]],
        rate: int,
        how: SendOptions,
        activity: Activity,
        pictures: Sequence[events.Image] = (),
    ) -> None:
        if activity is Activity.MANUAL:
            await self.say(events.ActivityStart())
        for picture in pictures:  # after that: a turn of activity only leaves out what came before
            await self.say(picture)
        await self._play(chunks, rate, Pacer(SAMPLE_BYTES * rate * how.speed, CHUNKS_AT_ONCE))
        await self.say(events.ActivityEnd() if activity is Activity.MANUAL else events.AudioStreamEnd())

    async def _play(self, chunks: AsyncIterator[list[bytes]], rate: int, pace: Pacer) -> None:
        """Send each chunk when it is due: from the timer itself, unless that has to wait for the socket."""
        waiting: list[events.Event] = []

        def beat() -> float | None:
            now = self._clock()
            self._ending.ask()
            due = [events.AudioChunk(pcm, rate) for pcm in pace.due(now)]
            if not self._line.write(due):
                waiting[:] = due
                return None
            self.said = self._line.resumption.said
            self._stats.sent.add_all(due, now)
            return pace.at

        writes = 0  # since the loop was let go
        async for some in chunks:
            pace.load(some)
            while pace.at is not None:
                if pace.at == -math.inf and writes < WRITES_PER_BREATH:
                    writes += 1
                    beat()
                else:
                    writes = 0
                    await self._metronome.play(pace.at, beat)
                if waiting:
                    await self.say(*waiting)
                    waiting.clear()

    def _cut_life_seconds(self) -> float | None:
        """How long a connection lasts, if losing one means that the whole utterance has to be sent again."""
        resumption = self._line.resumption
        return None if resumption.transparent or resumption.handle is None else self._line.life.seconds

    async def _until_secured(self) -> None:
        """The utterance is answered, and a handle includes it: nothing of it has to be sent again."""
        self.silence.begin()
        self.secured.clear()
        await self._ending.until_answered()
        self.silence.end()
        await soon(self.secured, HANDLE_SECONDS)
        self._ending.ask()

    async def _chunks(self, source: AudioSource, how: SendOptions, activity: Activity) -> AsyncIterator[list[bytes]]:
        async for chunks in chunked(aiter(source), how.chunk_bytes):
            yield chunks
        self._stats.asked_at = self._stats.sent.last_at
        self.asked()
        if activity is Activity.AUTO:
            async for silence in chunked(_silence(how.trailing_silence_seconds, source.rate), how.chunk_bytes):
                yield silence

    async def type(self, text: str, pictures: Sequence[events.Image] = (), *, interrupts: bool = False) -> None:
        """Send a text turn, and what is shown with it, in the form that the model takes."""

        self._ending.ask()
        for event in text_turn(self._line.endpoint.model, text, pictures, interrupts=interrupts):
            await self.say(event)
        self._stats.asked_at = self._clock()
        self.asked()

    async def say(self, *said: events.Event) -> None:
        if not self._line.write(said):
            if not self._ending.awaited:  # from then on it is the answer that is waited for, whatever else is sent
                self.silence.begin()
            self.said = self._line.resumption.said + len(said)  # before it is: an answer may be there at once
            await self._line.send_all(said)
            if not self._ending.awaited:
                self.silence.end()
        self.said = self._line.resumption.said
        if chunks := [event for event in said if isinstance(event, events.AudioChunk)]:
            self._stats.sent.add_all(chunks, self._clock())

    def follow(self, event: events.Event) -> None:
        """Something was received."""
        if not event.begins_answer:
            return
        if self.listens and not self.said:
            self.said = self._line.resumption.said
        if self._began_at is None:
            self._began_at = self.said

    def answered(self, *, detected: bool) -> int:
        """A turn is complete. The number of the last thing said that it answers: where speech is `detected`, the user
        has spoken on meanwhile.
        """
        began_at, self._began_at = self._began_at, None
        return began_at if detected and began_at is not None else self.said

    def begin_again(self) -> None:
        """What was received is taken back."""
        self._began_at = None
        if self.listens:
            self.said = 0

    def asked(self) -> None:
        """Everything was said: an answer is due."""
        self.silence.begin()
        self._ending.ask(all=True)


async def soon(event: asyncio.Event, seconds: float) -> None:
    """Wait for it, but no longer than that."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()


async def _silence(seconds: float, rate: int) -> AsyncIterator[bytes]:
    yield bytes(SAMPLE_BYTES * round(seconds * rate))
