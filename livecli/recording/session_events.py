"""The events of a recorded session, and its sound, on one clock. No I/O."""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import msgspec

from ..errors import ProtocolError
from ..media.levels import AlikeChunks
from ..media.pcm import FLOOR_DBFS, SAMPLE_BYTES
from ..protocol import events
from ..protocol.close_reasons import Refusal
from ..protocol.codec import AudioShapes, decode_client, decode_server
from .format import Direction, Frame, Header, RecordedClose, RecordedItem

REDACTED_FRAME = "redacted"
"""The event of a frame whose JSON could not be kept."""
TICK_SECONDS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1800, 3600)
"""Distances of two ticks on the time axis of a picture."""
JITTER_SECONDS = 0.1
"""On a side that plays its audio, a chunk up to this late is joined to the one before without a pause."""


class SessionEvent(msgspec.Struct):
    """An event at one time. Consecutive `frames` of audio are one event of `seconds`."""

    at: float
    direction: Direction | None
    event: events.Event | RecordedClose | str
    frames: int = 1
    seconds: float = 0.0


@dataclass
class Lane:
    """The audio of one side: the `times` and the `powers` of short pieces of it, in no order."""

    seconds: float = 0.0
    times: array[float] = field(default_factory=lambda: array("d"))
    powers: array[float] = field(default_factory=lambda: array("d"))
    ends_at: float = 0.0

    def place(self, chunk: events.AudioChunk, at: float, *, plays: bool) -> float:
        """When a chunk sounds that passed `at` this time; where the side `plays`, that is after the one before."""
        is_late = at > self.ends_at + (JITTER_SECONDS if self.seconds else 0)
        begins_at = self.ends_at if plays and not is_late else at
        length = len(chunk.pcm) // SAMPLE_BYTES / chunk.rate
        self.seconds += length
        self.ends_at = begins_at + length
        return begins_at

    def add(self, measured: Iterable[AlikeChunks], begin_at: Sequence[float]) -> None:
        """Add the powers of the pieces of chunks, which sound from these times on."""
        for alike in measured:
            times, powers = alike.pieces(begin_at)
            self.times += times
            self.powers += powers


def dbfs(power: float) -> float:
    """The level of a power in dBFS, at least FLOOR_DBFS."""
    return max(FLOOR_DBFS, 10 * math.log10(power)) if power else FLOOR_DBFS


def session_events(items: Iterable[RecordedItem]) -> Iterator[SessionEvent]:
    """The events of a recording, with its closes, on one clock in seconds.

    The clock of a connection begins where the connection before it ended.
    """
    begins_at = at = 0.0
    shapes = AudioShapes()
    for each in items:
        if isinstance(each, Frame):
            at = at if each.at is None else each.at
            for event in (each.audio,) if each.audio is not None else _decoded(each, shapes):
                yield SessionEvent(begins_at + at, each.direction, event)
        elif isinstance(each, Header):
            begins_at, at = begins_at + at, 0.0
        else:
            at = each.at or at
            yield SessionEvent(begins_at + at, None, each)


def _decoded(frame: Frame, shapes: AudioShapes) -> Sequence[events.Event | str]:
    """The events in a frame, or what is wrong with it."""
    if frame.is_redacted:
        return [REDACTED_FRAME]
    try:
        return decode_client(frame.data) if frame.direction is Direction.CLIENT else decode_server(frame.data, shapes)
    except (Refusal, ProtocolError) as error:
        return [f"not understood: {error}"]


def audio_in(event: object) -> events.AudioChunk | None:
    """The audio of an event, if it has any."""
    if type(event) is events.AudioChunk:
        return event
    return audio_in(event.media) if isinstance(event, events.MediaChunks) else None


@dataclass
class MergedEvents:
    """The events of a session, with all audio of a side between two other events as one."""

    result: list[SessionEvent] = field(default_factory=list)
    _audio: dict[Direction | None, SessionEvent] = field(default_factory=dict)

    def add(self, each: SessionEvent, chunk: events.AudioChunk | None) -> bool:
        """Add the next event, which may be changed later, and its audio. Returns whether it is one of its own."""
        if chunk is None:
            self._audio.clear()
            self.result.append(each)
            return True
        last = self._audio.get(each.direction)
        if begins_run := last is None:
            self._audio[each.direction] = last = SessionEvent(each.at, each.direction, chunk, 0)
            self.result.append(last)
        last.frames += 1
        last.seconds += len(chunk.pcm) // SAMPLE_BYTES / chunk.rate
        return begins_run


def merged(found: Iterable[SessionEvent]) -> list[SessionEvent]:
    """The events, with all audio of a side between two other events as one."""
    merging = MergedEvents()
    for each in found:
        merging.add(each, audio_in(each.event))
    return merging.result
