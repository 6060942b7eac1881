"""Validation of a recording that can be read. No I/O."""

from __future__ import annotations

from collections.abc import Iterator

from ..errors import ProtocolError
from ..protocol.close_reasons import Refusal
from ..protocol.codec import decode_client, decode_server
from .format import Direction, Frame, RecordedConnection, Recording
from .redaction import Redactor


def problems(recording: Recording) -> Iterator[tuple[int, str]]:
    """The problems of a recording, each as (line in the file, description); line 0 is unknown."""
    for number, connection in enumerate(recording.connections, 1):
        yield from _wrong_start(connection, number)
        redactor = Redactor()
        for frame in connection.frames:
            if frame.is_redacted:
                continue
            if reason := _misunderstood(frame):
                yield frame.line, reason
            if redactor.clean(frame.direction, frame.data) != frame.data:
                yield frame.line, "the frame holds what looks like a credential"


def _wrong_start(connection: RecordedConnection, number: int) -> Iterator[tuple[int, str]]:
    if not connection.frames:
        yield 0, f"connection {number} has no frame"
    elif connection.frames[0].direction is not Direction.CLIENT:
        yield connection.frames[0].line, "the server sends the first frame: a session begins with the client's setup"


def _misunderstood(frame: Frame) -> str | None:
    """Why a frame is no message of its side; None where it is one."""
    try:
        (decode_client if frame.direction is Direction.CLIENT else decode_server)(frame.data)
    except Refusal as refusal:
        return f"not a message of a client: {refusal.reason}"
    except ProtocolError as error:
        return f"not a message of the server: {error.message}"
    return None
