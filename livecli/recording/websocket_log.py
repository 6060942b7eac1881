"""The logs of js-genai's recorded sessions (`.websocket.log`): read, and written. No I/O.

A frame begins a line:

    >181 {"setup": ...}         a frame of the client
    <27 {                       a frame of the server, with its line breaks
      "setupComplete": {}
    }
    <61 @0.052 {...}            livecli's addition: seconds since the connection opened

The number is the frame's length in bytes plus one. It is ignored: no line within JSON begins like this, so the next
such line ends a frame, and a recording can be edited by hand.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterable, Iterator

from ..toml_reader import LineError
from .format import BYTE_ORDER_MARK, Direction, Frame

_HEADER = re.compile(rb"^([<>])\d+(?: @(\d{1,9}(?:\.\d{1,9})?))? ", re.MULTILINE)


def read_websocket_log(data: bytes) -> list[Frame]:
    """The frames of a log, in order. Raises LineError, which names the line, where it is malformed."""
    recorded = list(_frames(data.removeprefix(BYTE_ORDER_MARK)))
    times = [frame for frame in recorded if frame.at is not None]
    for before, after in itertools.pairwise(times):
        if (after.at or 0.0) < (before.at or 0.0):
            raise LineError(after.line, f"{after.at} s is earlier than the frame before it")
    return recorded


def write_websocket_log(frames: Iterable[Frame]) -> Iterator[bytes]:
    """The parts of a log, one for each frame. js-genai's logs have no times."""
    for frame in frames:
        data = frame.data + b"\n"
        yield b"%s%d %s" % (frame.direction.encode(), len(data), data)


def _frames(data: bytes) -> Iterator[Frame]:
    headers = list(_HEADER.finditer(data))
    before = data[: headers[0].start()] if headers else data
    if before.strip() or not headers:
        raise LineError(1 + _blank_lines(before), "a frame begins with > or <, and the number of its bytes")
    ends = [header.start() for header in headers[1:]] + [len(data)]
    line = 1 + before.count(b"\n")
    for header, end in zip(headers, ends, strict=True):
        frame = data[header.end() : end].removesuffix(b"\n")  # the line end of the log
        _check(frame, line)
        yield Frame(Direction(header[1].decode()), frame, float(header[2]) if header[2] else None, line=line)
        line += data.count(b"\n", header.start(), end)


def _blank_lines(data: bytes) -> int:
    return data[: len(data) - len(data.lstrip())].count(b"\n") if data.strip() else 0


def _check(frame: bytes, line: int) -> None:
    """Raises LineError unless the frame is one JSON object."""
    try:
        message = json.loads(frame)
    except json.JSONDecodeError as error:
        raise LineError(line + error.lineno - 1, f"the frame is not JSON: {error.msg}") from error
    except (ValueError, RecursionError) as error:
        raise LineError(line, f"the frame is not JSON: {error}") from error
    if not isinstance(message, dict):
        raise LineError(line, "the frame is not a JSON object")
