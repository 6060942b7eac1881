"""Frames that are audio and nothing else, read by the shape of their neighbours.

Nearly all that a server says is such frames, and to look for the end of a string of 32 KB is most of their cost.
"""

from __future__ import annotations

from contextlib import suppress

import pybase64

from .. import events, messages

MOST_SHAPES, SHORTEST = 4, 64

shapes: list[tuple[bytes, bytes, int]] = []
"""What stood before and after the base64 of the latest such frames, and their rates."""


def audio_alike(frame: bytes) -> events.AudioChunk | None:
    """The chunk of a frame that differs from an earlier one in its base64 only; None for any other."""
    for before, after, rate in shapes:
        start, end = len(before), len(frame) - len(after)
        if start < end and frame.startswith(before) and frame.endswith(after):
            with suppress(ValueError):  # no base64, or another alphabet
                return events.AudioChunk(pybase64.b64decode(memoryview(frame)[start:end], validate=True), rate)
    return None


def learn(frame: bytes, message: messages.ServerMessage, rate: int) -> None:
    """Keep the shape of a frame of audio alone, whatever its dialect, where it is plain which bytes are the base64."""
    assert message.server_content and message.server_content.model_turn  # where audio comes from
    blobs = [part.inline_data.data for part in message.server_content.model_turn.parts if part.inline_data]
    if len(blobs[0]) < SHORTEST or b"\\" in frame:
        return
    before, data, after = frame.partition(blobs[0].encode())
    if data not in after and (before, after, rate) not in shapes:
        shapes.insert(0, (before, after, rate))
        del shapes[MOST_SHAPES:]
