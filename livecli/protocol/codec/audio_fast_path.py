"""Frames that are audio and nothing else, read by the shape of their neighbours.

Nearly all that a server says is such frames, and to look for the end of a string of 32 KB is most of their cost.
"""

from __future__ import annotations

from contextlib import suppress

import pybase64

from .. import events, messages

MOST_SHAPES, SHORTEST = 4, 64
MOST_BYTES = 4096
"""The longest shape that is kept; those of the service have about 200 bytes."""


class AudioShapes:
    """What stands before and after the base64 in the latest frames of audio alone, and their rates: of one session."""

    def __init__(self) -> None:
        self.latest: list[tuple[bytes, bytes, int]] = []

    def read(self, frame: bytes) -> events.AudioChunk | None:
        """The chunk of a frame that differs from an earlier one in its base64 only; None for any other."""
        for before, after, rate in self.latest:
            start, end = len(before), len(frame) - len(after)
            if start < end and frame.startswith(before) and frame.endswith(after):
                with suppress(ValueError):  # no base64, or another alphabet
                    return events.AudioChunk(pybase64.b64decode(memoryview(frame)[start:end], validate=True), rate)
        return None

    def learn(self, frame: bytes, message: messages.ServerMessage, only: events.Event) -> None:
        """Keep the shape of a frame that says `only` audio, where it is plain which of its bytes are the base64."""
        if not isinstance(only, events.AudioChunk):
            return
        assert message.server_content and message.server_content.model_turn  # where audio comes from
        blobs = [part.inline_data.data for part in message.server_content.model_turn.parts if part.inline_data]
        if len(blobs[0]) < SHORTEST or b"\\" in frame:
            return
        before, data, after = frame.partition(blobs[0].encode())
        if len(frame) - len(data) > MOST_BYTES:
            return
        if data not in after and (before, after, only.rate) not in self.latest:
            self.latest.insert(0, (before, after, only.rate))
            del self.latest[MOST_SHAPES:]
