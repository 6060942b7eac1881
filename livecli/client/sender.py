"""The sender of one request: audio in paced chunks between the marks of an utterance, or a text turn.

Source -> chunks -> Pacer -> ResumableSession.write. What is received in reply is the business of `turn`.
"""

from __future__ import annotations

import asyncio
import base64
import math
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

from ..errors import UsageError
from ..media.pcm import SAMPLE_BYTES, AudioSource, chunked, is_silent
from ..protocol import events, messages
from ..protocol.messages import FunctionResponse
from ..protocol.models import takes_realtime_text
from ..protocol.setup import Activity
from ..report.reporter import Reporter
from ..report.summary import TransferStats
from .pacing import Pacer, timer_wheel
from .resumable import ResumableSession
from .turn_end import Phase, Step
from .turn_progress import IdleTimer, TurnProgress

# An utterance is cut at the first pause after the share EARLIEST of a connection's lifetime, and after the share LATEST
# wherever it is.
EARLIEST, LATEST = 0.25, 0.5

# Silence that counts as a pause.
PAUSE_SECONDS = 0.2

# How long a handle is waited for between two utterances. It comes after the answer.
HANDLE_SECONDS = 1.0

# Most chunks in one write, where so many are due. More gain nothing.
CHUNKS_AT_ONCE = 64

# Writes without a pace after which other tasks run, so that what arrives is received meanwhile.
WRITES_BEFORE_OTHERS = 4

Chunks = list[bytes]


@dataclass(frozen=True)
class SendOptions:
    """How audio is sent: bytes of PCM in a chunk, and the speed as a multiple of real time (0: without a pace)."""

    chunk_bytes: int = 1024
    speed: float = 3.2
    trailing_silence_seconds: float = 1.0

    def __post_init__(self) -> None:
        if self.chunk_bytes % 2 or not 2 <= self.chunk_bytes <= 65_536:
            raise UsageError(f"chunks of {self.chunk_bytes} bytes: their size is even, 2 to 65536")


class Utterances:
    """Cuts audio into utterances, so that a lost connection costs no more than one of them. Time is an argument.

    For services that do not confirm messages: there the utterance that is under way is sent again from its start. Its
    length is measured in the time that sending takes, so the cuts fit every speed. `lifetime_seconds()` is how long a
    connection lasts, None where nothing is to be cut. `ended` is whether `chunks` have ended.
    """

    def __init__(
        self,
        chunks: AsyncIterator[Chunks],
        rate: int,
        lifetime_seconds: Callable[[], float | None],
        clock: Callable[[], float],
    ) -> None:
        self.ended = False
        self._chunks, self._lifetime_seconds, self._clock = chunks, lifetime_seconds, clock
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
        """How many of `chunks` still belong to the utterance, which has taken `seconds` so far."""
        lifetime = self._lifetime_seconds()
        if lifetime is None or seconds < EARLIEST * lifetime:
            return len(chunks)
        if seconds >= LATEST * lifetime:
            return 0
        for at, chunk in enumerate(chunks):
            if self._quiet_bytes >= self._pause_bytes:
                return at
            self._quiet_bytes = self._quiet_bytes + len(chunk) if is_silent(chunk) else 0
        return len(chunks)


def text_turn(
    model: str, text: str, pictures: Sequence[events.Image] = (), *, interrupts: bool = False
) -> list[events.Event]:
    """A text turn: `realtimeInput.text` for models from 3.x on, `clientContent` for earlier ones.

    With `pictures` it is one `clientContent` that has them too: no model sees a picture that is sent as
    `realtimeInput.video` before a typed text (probed in September 2026 on 3.8, 3.1 and 2.5, on both platforms).
    `clientContent` interrupts an answer that is under way, so with `interrupts` every model is sent that.
    """
    if takes_realtime_text(model) and not pictures and not interrupts:
        return [events.Text(text)]
    shown = [messages.Part(inline_data=_blob(picture)) for picture in pictures]
    return [events.ClientTurns((messages.Content(role="user", parts=[*shown, messages.Part(text=text)]),))]


def _blob(picture: events.Image) -> messages.Blob:
    return messages.Blob(mime_type=picture.mime_type, data=base64.b64encode(picture.data).decode())


class Sender:
    """Sends one request over a session: audio at its pace, text, pictures, and what functions return.

    `progress` and `stats` are told what is sent. `last` is the number of the last message sent. `secured` is set where
    the service gives a handle. `activity` is how the end of speech is found, None for a request that is not spoken
    here; where `listens`, the user speaks into a microphone, and a turn answers what was sent until it began.
    `responses` are those sent since the session could last be resumed.
    """

    def __init__(
        self,
        session: ResumableSession,
        stats: TransferStats,
        reporter: Reporter,
        progress: TurnProgress,
        idle: IdleTimer,
    ) -> None:
        self.last = 0
        self.secured = asyncio.Event()
        self.activity: Activity | None = None
        self.listens = False
        self.responses: list[FunctionResponse] = []
        self._session, self._stats, self._reporter = session, stats, reporter
        self._progress, self._idle = progress, idle
        # Of the model's turn that is under way: the number of the last message before it, and whether it was sent
        # a function's response.
        self._began_after: int | None = None
        self._has_responded = False

    async def speak(
        self, source: AudioSource, options: SendOptions, activity: Activity, pictures: Sequence[events.Image] = ()
    ) -> None:
        """Send all of `source` in paced chunks, then what ends an utterance. `pictures` are sent before the audio.

        `activity` is what the session was set up with.
        """
        self.activity = activity
        lifetime = self._cut_lifetime_seconds if activity is Activity.MANUAL else lambda: None
        clock = asyncio.get_running_loop().time
        utterances = Utterances(self._chunks(source, options), source.rate, lifetime, clock)
        await self._utter(utterances.next(), source.rate, options, pictures)
        if not utterances.ended:
            self._reporter.remark("the input is longer than a connection may last: it is sent in several utterances")
        while not utterances.ended:
            await self._until_secured()
            await self._utter(utterances.next(), source.rate, options)

    async def _utter(
        self,
        chunks: AsyncIterator[list[bytes]],
        rate: int,
        options: SendOptions,
        pictures: Sequence[events.Image] = (),
    ) -> None:
        is_manual = self.activity is Activity.MANUAL
        if is_manual:
            await self.send(events.ActivityStart())
        # Behind the start of the activity: a turn that includes only activity leaves out what came before it.
        for picture in pictures:
            await self.send(picture)
        await self._play(chunks, rate, Pacer(SAMPLE_BYTES * rate * options.speed, CHUNKS_AT_ONCE))
        await self.send(events.ActivityEnd() if is_manual else events.AudioStreamEnd())

    async def _play(self, chunks: AsyncIterator[list[bytes]], rate: int, pacer: Pacer) -> None:
        """Send each chunk when it is due: from the timer itself, unless that has to wait for the socket."""
        clock, wheel = asyncio.get_running_loop().time, timer_wheel()
        waiting: list[events.Event] = []

        def send_due() -> float | None:
            now = clock()
            self._progress.ask()
            due = [events.AudioChunk(pcm, rate) for pcm in pacer.due(now)]
            if not self._session.write(due):
                waiting[:] = due
                return None
            self.last = self._session.resumption.last
            self._stats.sent.add_all(due, now)
            return pacer.at

        writes = 0  # since other tasks could last run
        async for some in chunks:
            pacer.load(some)
            while pacer.at is not None:
                if pacer.at == -math.inf and writes < WRITES_BEFORE_OTHERS:
                    writes += 1
                    send_due()
                else:
                    writes = 0
                    await wheel.call_repeatedly(pacer.at, send_due)
                if waiting:
                    await self.send(*waiting)
                    waiting.clear()

    def _cut_lifetime_seconds(self) -> float | None:
        """How long a connection lasts, if losing one means that the whole utterance has to be sent again."""
        resumption = self._session.resumption
        return None if resumption.transparent or resumption.handle is None else self._session.lifetime.seconds

    async def _until_secured(self) -> None:
        """Wait until the utterance is answered and, for HANDLE_SECONDS at most, until a handle includes it."""
        self._idle.begin()
        self.secured.clear()
        self._progress.advance(Step.PART_SENT)
        await self._progress.until(Phase.SENDING)
        self._idle.end()
        await wait_at_most(self.secured, HANDLE_SECONDS)
        self._progress.ask()

    async def _chunks(self, source: AudioSource, options: SendOptions) -> AsyncIterator[list[bytes]]:
        async for chunks in chunked(aiter(source), options.chunk_bytes):
            yield chunks
        self._stats.asked_at = self._stats.sent.last_at
        self.finish()
        if self.activity is Activity.AUTO:
            async for silence in chunked(_silence(options.trailing_silence_seconds, source.rate), options.chunk_bytes):
                yield silence

    async def type(self, text: str, pictures: Sequence[events.Image] = (), *, interrupts: bool = False) -> None:
        """Send a text turn with `pictures`, in the form that the model takes: see `text_turn`."""
        self._progress.ask()
        for event in text_turn(self._session.endpoint.model, text, pictures, interrupts=interrupts):
            await self.send(event)
        self._stats.asked_at = asyncio.get_running_loop().time()
        self.finish()

    async def respond(self, event: events.ToolResponse) -> None:
        """Send what functions have returned."""
        self.responses += event.responses
        self._has_responded = True
        await self.send(event)

    async def send(self, *messages: events.Event) -> None:
        """Send `messages` in order, and wait while the socket is full."""
        resumption = self._session.resumption
        if not self._session.write(messages):
            # Once an answer is awaited, the idle timer is the answer's, whatever else is sent.
            if not self._progress.is_awaited:
                self._idle.begin()
            # Counted beforehand, since the answer may arrive while this waits.
            self.last = resumption.last + len(messages)
            await self._session.send_all(messages)
            if not self._progress.is_awaited:
                self._idle.end()
        self.last = resumption.last
        if chunks := [message for message in messages if isinstance(message, events.AudioChunk)]:
            self._stats.sent.add_all(chunks, asyncio.get_running_loop().time())

    def finish(self) -> None:
        """The whole request was sent: from now on an answer is due."""
        self._idle.begin()
        self._progress.advance(Step.ALL_SENT)

    def note(self, event: events.Event) -> None:
        """Note an event that was received: it may be the first of an answer."""
        if not event.begins_answer:
            return
        if self.listens and not self.last:
            self.last = self._session.resumption.last
        if self._began_after is None:
            self._began_after = self.last

    def complete_turn(self) -> int:
        """A turn of the model is complete. Returns the number of the last message that it answers.

        Where the service detects the end of speech, the user may have spoken on since the turn began, but what
        functions returned during the turn is part of it.
        """
        began_after, has_responded = self._began_after, self._has_responded
        self._began_after, self._has_responded = None, False
        is_detected = self.activity is Activity.AUTO and not has_responded
        return began_after if is_detected and began_after is not None else self.last

    def snapshot(self) -> bool:
        """The session can be resumed from here. Returns what `restore` needs."""
        self.responses = []
        self.secured.set()
        return self._has_responded

    def restore(self, has_responded: bool, pending: Collection[str | None]) -> None:
        """Everything received since the snapshot was taken back.

        `pending` are the ids of the calls that had no response then. Other calls come again, so their responses are
        not sent again.
        """
        kept = [response for response in self.responses if response.id in pending]
        if len(kept) < len(self.responses):
            resumption = self._session.resumption
            resumption.drop(partial(_is_unasked, pending))
            self.last = min(self.last, resumption.last)
        self.responses = kept
        self._has_responded = has_responded or bool(kept)
        self._began_after = None
        if self.listens:
            self.last = 0


def _is_unasked(pending: Collection[str | None], message: events.Event) -> bool:
    """Whether `message` holds the response to a call other than `pending`."""
    return isinstance(message, events.ToolResponse) and any(
        response.id not in pending for response in message.responses
    )


async def wait_at_most(event: asyncio.Event, seconds: float) -> None:
    """Wait for `event`, but no longer than that."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()


async def _silence(seconds: float, rate: int) -> AsyncIterator[bytes]:
    yield bytes(SAMPLE_BYTES * round(seconds * rate))
