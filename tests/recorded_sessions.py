"""Sessions with the service that others recorded, in `recordings/*.live`: a header, then a frame a line.

A line is `[seconds since the line before, ">" or "<", message]`, from the client or from the service; where the
recorder noted no times, the seconds are 0. The header names the source. Keys, their order, ids, texts and counts are as
they were recorded. Sound and pictures were not kept: `"pcm:3200"` stands for so many bytes of sound, and here becomes a
tone of that length; the length of a reply's blobs is that of its AUDIO tokens (25 a second), in equal parts.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from livecli.recording.format import Direction, read_live

FOLDER = Path(__file__).parent / "recordings"
NAMES = [path.stem for path in sorted(FOLDER.glob("*.live"))]

_PERIOD = b"".join(value.to_bytes(2, "little", signed=True) for value in (0, 5000, 8000, 5000, 0, -5000, -8000, -5000))
_JPEG = base64.b64encode(b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00\xff\xd9").decode()


@dataclass(frozen=True)
class RecordedFrame:
    """One frame: `delay` in seconds after the frame before it, `sent` by the client or by the service."""

    delay: float
    sent: bool
    message: dict[str, Any]


@dataclass(frozen=True)
class RecordedSession:
    """One session. `platform` is "developer" or "vertex", `model` has no path before it."""

    platform: str
    model: str
    frames: tuple[RecordedFrame, ...]

    @property
    def exchanges(self) -> Iterator[tuple[list[dict[str, Any]], list[dict[str, Any]]]]:
        """(messages of the client, messages that the service answered them with), in order."""
        asked: list[dict[str, Any]] = []
        answered: list[dict[str, Any]] = []
        for frame in self.frames:
            if frame.sent and answered:
                yield asked, answered
                asked, answered = [], []
            (asked if frame.sent else answered).append(frame.message)
        yield asked, answered


def recorded_session(name: str) -> RecordedSession:
    [connection] = read_live((FOLDER / f"{name}.live").read_bytes()).connections
    times = [0.0, *(frame.at or 0.0 for frame in connection.frames)]
    frames = tuple(
        RecordedFrame(round(at - before, 6), frame.direction is Direction.CLIENT, _filled(json.loads(frame.data)))
        for frame, (before, at) in zip(connection.frames, pairwise(times), strict=True)
    )
    return RecordedSession(connection.header.platform or "", connection.header.model or "", frames)


def tone(length_bytes: int) -> bytes:
    """Mono PCM16 of this length: a tone of an eighth of the sample rate."""
    return (_PERIOD * (length_bytes // len(_PERIOD) + 1))[:length_bytes]


def _filled(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _blob(item) if key == "data" else _filled(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_filled(item) for item in value]
    return value


def _blob(data: str) -> str:
    if data == "image":
        return _JPEG
    kind, _, length = data.partition(":")
    return base64.b64encode(tone(int(length))).decode() if kind == "pcm" else data
