"""What happened in a recorded session, and its sound on one clock. No I/O."""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from ..errors import ProtocolError
from ..media.pcm import FLOOR_DBFS, SAMPLE_BYTES
from ..protocol import events
from ..protocol.close_reasons import Refusal
from ..protocol.codec import decode_client, decode_server
from .format import Direction, Frame, RecordedClose, RecordedConnection

PIECE_SECONDS = 0.02
"""The length of audio that has one level."""
SAMPLE_STRIDE = 7
"""Every so-many-th sample is measured."""
FULL_SCALE = 32_768
JITTER_SECONDS = 0.1
"""A chunk that comes so much later than the one before it ends is joined to it where a side plays."""


@dataclass(frozen=True)
class SessionEvent:
    """What happened at one time. `frames` of audio that follow one another are one event of `seconds`."""

    at: float
    direction: Direction | None
    event: events.Event | RecordedClose | str
    frames: int = 1
    seconds: float = 0.0


@dataclass
class Lane:
    """The audio of one side: `pieces` are the times and the powers of short pieces of it."""

    seconds: float = 0.0
    pieces: list[tuple[float, float]] = field(default_factory=list)
    ends_at: float = 0.0

    def place(self, chunk: events.AudioChunk, at: float, *, plays: bool) -> float:
        """When a chunk sounds that passed `at` this time; where the side `plays`, that is after the one before."""
        is_late = at > self.ends_at + (JITTER_SECONDS if self.seconds else 0)
        begins_at = self.ends_at if plays and not is_late else at
        length = len(chunk.pcm) // SAMPLE_BYTES / chunk.rate
        self.seconds += length
        self.ends_at = begins_at + length
        return begins_at

    def add(self, chunk: events.AudioChunk, at: float, *, plays: bool) -> list[float]:
        """Add a chunk as `place` does. Returns the powers of its pieces."""
        begins_at = self.place(chunk, at, plays=plays)
        step = max(1, round(PIECE_SECONDS * chunk.rate)) / chunk.rate
        measured = powers(chunk)
        self.pieces += [(begins_at + number * step, power) for number, power in enumerate(measured)]
        return measured


def powers(chunk: events.AudioChunk) -> list[float]:
    """The mean power of each piece of a chunk, of which full scale is 1."""
    step = SAMPLE_BYTES * max(1, round(PIECE_SECONDS * chunk.rate))
    whole = len(chunk.pcm) // SAMPLE_BYTES * SAMPLE_BYTES
    found = []
    for place in range(0, whole, step):
        measured = array("h", chunk.pcm[place : min(place + step, whole)])[::SAMPLE_STRIDE]
        found.append((math.hypot(*measured) / FULL_SCALE) ** 2 / len(measured))
    return found


def dbfs(power: float) -> float:
    """The level of a power in dBFS, at least FLOOR_DBFS."""
    return max(FLOOR_DBFS, 10 * math.log10(power)) if power else FLOOR_DBFS


def session_events(connection: RecordedConnection) -> Iterator[SessionEvent]:
    """The events of a connection, and its close; times are in seconds since it was opened."""
    at = 0.0
    for frame in connection.frames:
        at = at if frame.at is None else frame.at
        for event in _decoded(frame):
            yield SessionEvent(at, frame.direction, event)
    if connection.close is not None:
        yield SessionEvent(connection.close.at or at, None, connection.close)


def _decoded(frame: Frame) -> Sequence[events.Event | str]:
    """The events in a frame, or what is wrong with it."""
    if frame.is_redacted:
        return ["redacted"]
    try:
        return decode_client(frame.data) if frame.direction is Direction.CLIENT else decode_server(frame.data)
    except (Refusal, ProtocolError) as error:
        return [f"not understood: {error}"]


def audio_in(event: object) -> list[events.AudioChunk]:
    """The audio of an event, if it has any."""
    event = event.media if isinstance(event, events.MediaChunks) else event
    return [event] if isinstance(event, events.AudioChunk) else []


def merged(found: Iterable[SessionEvent]) -> Iterator[SessionEvent]:
    """The events, with all audio of a side between two other events as one."""
    audio: dict[Direction | None, SessionEvent] = {}
    for each in found:
        if not (chunks := audio_in(each.event)):
            yield from audio.values()
            audio.clear()
            yield each
            continue
        seconds = sum(len(chunk.pcm) // SAMPLE_BYTES / chunk.rate for chunk in chunks)
        if (last := audio.get(each.direction)) is None:
            audio[each.direction] = SessionEvent(each.at, each.direction, chunks[0], 1, seconds)
        else:
            audio[each.direction] = replace(last, frames=last.frames + 1, seconds=last.seconds + seconds)
    yield from audio.values()
