"""Validation of a recording that can be read. No I/O."""

from __future__ import annotations

from collections.abc import Iterator

from ..errors import ProtocolError
from ..protocol import events
from ..protocol.close_reasons import Refusal
from ..protocol.codec import decode_client, decode_server
from .format import REDACTED, Direction, Frame, RecordedConnection, Recording
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
            clean = redactor.clean(frame.direction, frame.data)
            if clean == REDACTED and not reason:
                yield frame.line, "the frame cannot be searched for credentials: names come twice, or it is malformed"
            elif clean not in (REDACTED, frame.data):
                yield frame.line, "the frame holds what looks like a credential"


def _wrong_start(connection: RecordedConnection, number: int) -> Iterator[tuple[int, str]]:
    if not connection.frames:
        yield 0, f"connection {number} has no frame"
    elif (reason := _wrong_first(connection.frames[0])) is not None:
        yield connection.frames[0].line, f"{reason}: a session begins with the client's setup"


def _wrong_first(frame: Frame) -> str | None:
    if frame.direction is not Direction.CLIENT:
        return "the server sends the first frame"
    if frame.is_redacted:
        return "the first frame could not be recorded"
    try:
        message = decode_client(frame.data)
    except Refusal:
        return None  # which `_misunderstood` says
    return None if message and isinstance(message[0], events.Setup) else "the first frame is another message"


def _misunderstood(frame: Frame) -> str | None:
    """Why a frame is no message of its side; None where it is one."""
    try:
        (decode_client if frame.direction is Direction.CLIENT else decode_server)(frame.data)
    except Refusal as refusal:
        return f"not a message of a client: {refusal.reason}"
    except ProtocolError as error:
        return f"not a message of the server: {error.message}"
    return None
