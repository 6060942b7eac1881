"""Fast decoding of frames that hold audio alone: those of a session differ from one another only in their base64.

Nearly all frames of a server are such frames, and most of the cost of decoding one is finding the end of its string.
"""

from __future__ import annotations

from typing import NamedTuple, Self

import pybase64

from .. import events

MAX_SHAPES = 4
"""Shapes that a session keeps."""

MIN_AUDIO_BYTES = 48
"""The shortest audio that a shape is learned from."""

MAX_SHAPE_BYTES = 4096
"""The longest shape that is kept. Those of the service have about 200 bytes."""


class AudioShape(NamedTuple):
    """The bytes before and after the base64 of a frame with audio alone, and the sample rate."""

    before: bytes
    after: bytes
    rate: int

    @classmethod
    def of(cls, frame: bytes, only: events.Event) -> Self | None:
        """The shape of a frame whose `only` event is audio; None for another event, and where no base64 is located."""
        if not isinstance(only, events.AudioChunk) or len(only.pcm) < MIN_AUDIO_BYTES or b"\\" in frame:
            return None
        before, data, after = frame.partition(encoded := pybase64.b64encode(only.pcm))
        if not data or encoded in after or len(before) + len(after) > MAX_SHAPE_BYTES:
            return None
        return cls(before, after, only.rate)

    def read(self, frame: bytes) -> events.AudioChunk | None:
        """The audio of a frame of this shape; None for any other frame."""
        start, end = len(self.before), len(frame) - len(self.after)
        if start >= end or not frame.startswith(self.before) or not frame.endswith(self.after):
            return None
        try:
            # A copy and positional arguments take half the time of a memoryview and names.
            return events.AudioChunk(pybase64.b64decode(frame[start:end], None, True), self.rate)
        except ValueError:
            return None  # it is not base64, or of the other alphabet


class AudioShapes:
    """The latest shapes of one session's audio frames."""

    def __init__(self) -> None:
        self.latest: list[AudioShape] = []

    def read(self, frame: bytes) -> events.AudioChunk | None:
        """The audio of a frame of a known shape; None for any other frame."""
        for shape in self.latest:
            if (chunk := shape.read(frame)) is not None:
                return chunk
        return None

    def learn(self, frame: bytes, only: events.Event) -> None:
        """Keep the shape of a frame whose `only` event is audio, unless its base64 cannot be located safely."""
        shape = AudioShape.of(frame, only)
        if shape is not None and shape not in self.latest:
            self.latest.insert(0, shape)
            del self.latest[MAX_SHAPES:]
