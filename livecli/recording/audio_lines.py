"""Fast reading of the lines of a recording that hold audio alone: they differ in their time and their base64 only.

Nearly all lines of a spoken session are such lines. Read one after the other as JSON, as a frame and as an event, a
line takes three times as long.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from ..errors import ProtocolError
from ..protocol.close_reasons import Refusal
from ..protocol.codec import AudioShape, decode_client, decode_server
from .format import Direction, Frame

MAX_SHAPES = 4
"""The shapes that are kept."""

MOST_ATTEMPTS = 64
"""Frames with audio that are decoded at most to learn their shapes: those of some sessions have none."""

# The beginning of a line, with the delay as JSON has it but for an exponent: such a line is read the other way.
_DELAY = re.compile(rb"\[((?:0|[1-9]\d*)(?:\.\d+)?)(?=,)")


class _LineShape(NamedTuple):
    """Lines that differ in their delay and their base64 only.

    `shape` is that of a line without its delay. The frame has `before_frame` bytes before it in that, and
    `behind_frame` behind it.
    """

    shape: AudioShape
    before_frame: int
    behind_frame: int
    direction: Direction
    is_binary: bool


class AudioLines:
    """The shapes of one recording's lines that hold audio alone."""

    def __init__(self) -> None:
        self._latest: list[_LineShape] = []
        self._attempts = 0

    def read(self, line: bytes, at: float, number: int) -> Frame | None:
        """The frame in a line of a known shape, with its audio; None for any other line.

        The line before it has the time `at` in seconds.
        """
        delay = _DELAY.match(line)
        if delay is None:
            return None
        rest = line[delay.end() :]
        for shape, before_frame, behind_frame, direction, is_binary in self._latest:
            if rest.startswith(shape.before) and (chunk := shape.read(rest)) is not None:
                data = rest[before_frame:-behind_frame]
                return Frame(direction, data, at + float(delay[1]), is_binary, number, chunk)
        return None

    def learn(self, line: bytes, frame: Frame) -> None:
        """Keep the shape of a line, if its frame is audio alone whose base64 can be located safely."""
        delay = _DELAY.match(line)
        if b"audio/pcm" not in frame.data or self._attempts == MOST_ATTEMPTS or delay is None:
            return
        self._attempts += 1
        try:
            found = decode_client(frame.data) if frame.direction is Direction.CLIENT else decode_server(frame.data)
        except (Refusal, ProtocolError):
            return
        before, data, behind = (rest := line[delay.end() :]).partition(frame.data)
        if len(found) == 1 and data and (shape := AudioShape.of(rest, found[0])) is not None:
            self._latest.insert(0, _LineShape(shape, len(before), len(behind), frame.direction, frame.is_binary))
            del self._latest[MAX_SHAPES:]
