"""Fast decoding of a server's frames that hold audio alone: they differ from one another only in their base64.

Nearly all frames of a server are such frames, and most of the cost of decoding one is finding the end of its string.
"""

from __future__ import annotations

from contextlib import suppress

import pybase64

from .. import events, messages

MAX_SHAPES = 4
"""Shapes that a session keeps."""

MIN_BASE64_CHARACTERS = 64
"""The shortest audio that a shape is learned from."""

MAX_SHAPE_BYTES = 4096
"""The longest shape that is kept. Those of the service have about 200 bytes."""


class AudioShapes:
    """The shapes of one session's audio frames: the bytes before and after the base64, and the sample rate."""

    def __init__(self) -> None:
        self.latest: list[tuple[bytes, bytes, int]] = []

    def read(self, frame: bytes) -> events.AudioChunk | None:
        """The chunk of a frame of a known shape; None for any other frame."""
        for before, after, rate in self.latest:
            start, end = len(before), len(frame) - len(after)
            if start < end and frame.startswith(before) and frame.endswith(after):
                # The bytes may not be base64, or be of its other alphabet.
                with suppress(ValueError):
                    return events.AudioChunk(pybase64.b64decode(memoryview(frame)[start:end], validate=True), rate)
        return None

    def learn(self, frame: bytes, message: messages.ServerMessage, only: events.Event) -> None:
        """Keep the shape of a frame whose `only` event is audio, unless its base64 cannot be located safely."""
        if not isinstance(only, events.AudioChunk):
            return
        assert message.server_content and message.server_content.model_turn, "audio is in the model's turn"
        blobs = [part.inline_data.data for part in message.server_content.model_turn.parts if part.inline_data]
        if len(blobs[0]) < MIN_BASE64_CHARACTERS or b"\\" in frame:
            return
        before, data, after = frame.partition(blobs[0].encode())
        if len(frame) - len(data) > MAX_SHAPE_BYTES:
            return
        if data not in after and (before, after, only.rate) not in self.latest:
            self.latest.insert(0, (before, after, only.rate))
            del self.latest[MAX_SHAPES:]
