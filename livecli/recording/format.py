"""The format `.live` of recorded sessions: one JSON value a line, which can be appended to and edited by hand. No I/O.

    {"livecli": 1, "platform": "developer", "model": "gemini-3.8-live", "url": "wss://…", "client": "…", "started": "…"}
    [0.0, ">", {"setup": {"model": "models/gemini-3.8-live"}}]
    [0.812, "<", {"setupComplete": {}}, "binary"]
    [3.2, "close", {"code": 1000, "reason": "", "by": "client"}]

The first line is the header of a connection. A frame has the seconds since the line before (0 for the first: since the
header), its direction, `>` from the client and `<` from the server, and its JSON as it was on the wire. A binary frame
has "binary" behind it. A frame whose JSON could not be kept is `{"redacted": true}`. The last line of a connection says
how it was closed and by which side; a lost connection has the code 1006. Where a session was resumed, the header of the
next connection follows. A last line that is not complete, because the writer was killed, is ignored.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from itertools import chain
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

import msgspec

from ..protocol.events import AudioChunk
from ..toml_reader import LineError

if TYPE_CHECKING:
    from .audio_lines import AudioLines

VERSION = 1
"""The version of the format, the value of `livecli` in a header."""

REDACTED = b'{"redacted": true}'
"""The value in place of a frame whose JSON could not be kept."""


MAX_SECONDS = 1e10
"""The longest time since a connection was opened: three centuries."""

MAX_CLOSE_CODE = 65535
"""The highest code of a close, which has two bytes."""

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
"""The first bytes of a file that some editors on Windows have saved."""

MISSING_HEADER = 'the header is missing: {"livecli": 1, …}'
"""The error message for a recording that begins without a header."""


class Direction(StrEnum):
    """The side that sent a frame."""

    CLIENT = ">"
    SERVER = "<"


class By(StrEnum):
    """The side that closed a connection; NETWORK where it was lost."""

    CLIENT = "client"
    SERVER = "server"
    NETWORK = "network"


@dataclass(frozen=True)
class Header:
    """The facts known of a connection when it is opened. The `url` has no query, and `started` is in UTC (ISO 8601)."""

    platform: str | None = None
    model: str | None = None
    url: str | None = None
    client: str | None = None
    started: str | None = None


class Frame(msgspec.Struct, frozen=True):
    """One frame, `at` seconds since its connection was opened; `line` is where it stands in the file.

    `audio` is its event where that was decoded as the line was read.
    """

    direction: Direction
    data: bytes
    at: float | None = 0.0
    is_binary: bool = False
    line: int = 0
    audio: AudioChunk | None = None

    @property
    def is_redacted(self) -> bool:
        """Whether its JSON could not be kept."""
        return self.data == REDACTED


@dataclass(frozen=True)
class RecordedClose:
    """The end of a connection, `at` seconds since it was opened."""

    code: int
    reason: str
    by: By
    at: float | None = 0.0


RecordedItem = Header | Frame | RecordedClose
"""A line of a recording. Each connection begins with a header, and may end with a close."""


@dataclass
class RecordedConnection:
    """One connection of a recorded session; iterated, its items.

    `close` is None where the recording ends before it was closed.
    """

    header: Header = field(default_factory=Header)
    frames: list[Frame] = field(default_factory=list)
    close: RecordedClose | None = None

    def __iter__(self) -> Iterator[RecordedItem]:
        yield self.header
        yield from self.frames
        if self.close is not None:
            yield self.close


@dataclass
class Recording:
    """The connections of a recorded session, in order; iterated, its items."""

    connections: list[RecordedConnection] = field(default_factory=list)

    def __iter__(self) -> Iterator[RecordedItem]:
        return chain.from_iterable(self.connections)

    @classmethod
    def of(cls, items: Iterable[RecordedItem]) -> Self:
        """The recording with these items."""
        recording = cls()
        for each in items:
            if isinstance(each, Frame):
                recording.connections[-1].frames.append(each)
            elif isinstance(each, Header):
                recording.connections.append(RecordedConnection(each))
            else:
                recording.connections[-1].close = each
        return recording

    @property
    def frames(self) -> Iterator[Frame]:
        """The frames of all connections."""
        for connection in self.connections:
            yield from connection.frames


class LineWriter:
    """Writes the lines of one connection: each has the seconds since the line before, without drift."""

    def __init__(self) -> None:
        self._microseconds = 0

    def header(self, header: Header) -> bytes:
        """The first line."""
        self._microseconds = 0
        known = {name: value for name, value in asdict(header).items() if value is not None}
        return _line({"livecli": VERSION, **known})

    def frame(self, direction: Direction, data: bytes, at: float, *, is_binary: bool) -> bytes:
        """The line of a frame, whose `data` is JSON."""
        # Within JSON, a line end can only stand between tokens.
        data = data.replace(b"\n", b" ").replace(b"\r", b" ") if b"\n" in data or b"\r" in data else data
        end = b', "binary"]\n' if is_binary else b"]\n"
        return b'[%s, "%s", %s%s' % (self._delay(at), direction.encode(), data.strip(), end)

    def close(self, close: RecordedClose) -> bytes:
        """The last line."""
        fields = json.dumps({"code": close.code, "reason": close.reason, "by": close.by}, ensure_ascii=False)
        return b'[%s, "close", %s]\n' % (self._delay(close.at or 0.0), fields.encode())

    def _delay(self, at: float) -> bytes:
        microseconds = max(round(at * 1e6), self._microseconds)
        delay, self._microseconds = microseconds - self._microseconds, microseconds
        return json.dumps(delay / 1e6).encode()


def _line(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode() + b"\n"


def write_live(recording: Recording) -> Iterator[bytes]:
    """The lines of a recording. A frame without a time has that of the frame before."""
    for connection in recording.connections:
        writer, at = LineWriter(), 0.0
        yield writer.header(connection.header)
        for frame in connection.frames:
            at = at if frame.at is None else frame.at
            yield writer.frame(frame.direction, frame.data, at, is_binary=frame.is_binary)
        if connection.close is not None:
            yield writer.close(connection.close)


def read_live(data: bytes) -> Recording:
    """The recording in a file. Raises LineError, which names the line that is wrong; the last one may be incomplete."""
    return Recording.of(live_items(io.BytesIO(data)))


class _FrameLine(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    """A line of a frame, in the order of its values."""

    delay: Annotated[float, msgspec.Meta(ge=0)]
    direction: Direction
    body: msgspec.Raw
    kind: Literal["text", "binary"] = "text"


_frame_line = msgspec.json.Decoder(_FrameLine)
_any_line = msgspec.json.Decoder(dict[str, Any] | list[msgspec.Raw])


def live_items(lines: Iterable[bytes], audio_lines: AudioLines | None = None) -> Iterator[RecordedItem]:
    """The items of a recording, line by line. Raises LineError as `read_live` does.

    With `audio_lines`, frames of audio are read faster, and have their `audio`.
    """
    at = 0.0
    last: RecordedItem | None = None
    lines = iter(lines)
    first = next(lines, b"").removeprefix(BYTE_ORDER_MARK)
    for number, text in enumerate(chain([first], lines), 1):
        is_open = last is not None and not isinstance(last, RecordedClose)
        item: RecordedItem | None = _frame(text, at, number, audio_lines) if is_open else None
        if item is None:
            if not text.strip():
                continue
            try:
                value = _any_line.decode(text)
            except (msgspec.DecodeError, RecursionError) as error:
                if not text.endswith(b"\n"):
                    break
                raise LineError(number, f"it is neither a header nor a frame: {error}") from error
            if isinstance(value, dict):
                item = _header(value, number)
            elif last is None:
                raise LineError(number, MISSING_HEADER)
            elif not is_open:
                raise LineError(number, "the connection is closed: another one begins with a header")
            else:
                item = _close_or_frame(value, at, number)
        at = 0.0 if isinstance(item, Header) else checked_time(item.at or 0.0, number)
        yield item
        last = item
    if last is None:
        raise LineError(1, MISSING_HEADER)


def checked_time(at: float, line: int) -> float:
    """A time in seconds since the connection was opened. Raises LineError where it is none."""
    if not 0 <= at <= MAX_SECONDS:
        raise LineError(line, f"a time is between 0 and {MAX_SECONDS:g} s")
    return at


def checked_close_code(code: object, line: int) -> int:
    """The code of a close. Raises LineError where it is none."""
    if not isinstance(code, int) or isinstance(code, bool) or not 0 <= code <= MAX_CLOSE_CODE:
        raise LineError(line, f"the code of a close is an integer from 0 to {MAX_CLOSE_CODE}")
    return code


def _frame(text: bytes, before: float, number: int, audio_lines: AudioLines | None) -> Frame | None:
    """The frame in a line, which nearly all lines are; None where it is another line, or wrong."""
    if audio_lines is not None and (frame := audio_lines.read(text, before, number)) is not None:
        return frame
    try:
        line = _frame_line.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return None
    body = bytes(line.body)
    if not body.startswith(b"{"):
        return None
    frame = Frame(line.direction, body, before + line.delay, line.kind == "binary", number)
    if audio_lines is not None:
        audio_lines.learn(text, frame)
    return frame


def _header(value: dict[str, Any], line: int) -> Header:
    version = value.get("livecli")
    if version != VERSION:
        raise LineError(line, f'"livecli" is the version of the format, and must be {VERSION}')
    texts = {name: value.get(name) for name in Header.__dataclass_fields__}
    for name, text in texts.items():
        if not isinstance(text, str | None):
            raise LineError(line, f"{name} must be a text")
    return Header(**texts)


def _close_or_frame(value: list[msgspec.Raw], before: float, line: int) -> Frame | RecordedClose:
    """The item of a line that is an array. Raises LineError for the first part of it that is wrong."""
    if len(value) not in (3, 4):
        raise LineError(line, 'a line is [seconds, ">" or "<", frame], with "binary" at its end or not')
    delay, direction, body, *kind = value
    at: float = before + _value(delay, float, line, "the seconds since the line before")
    if at < before:
        raise LineError(line, "the time runs backwards")
    match _value(direction, str, line, "the direction"):
        case "close" if not kind:
            return _close(body, at, line)
        case ">" | "<" as side:
            if kind and _value(kind[0], str, line, "the kind of a frame") not in ("binary", "text"):
                raise LineError(line, 'the kind of a frame is "binary" or "text"')
            if not bytes(body).startswith(b"{"):
                raise LineError(line, "the frame is not a JSON object")
            is_binary = bool(kind) and bytes(kind[0]) == b'"binary"'
            return Frame(Direction(side), bytes(body), at, is_binary, line)
        case other:
            raise LineError(line, f'{other!r} is not a direction: they are ">", "<" and "close"')


def _close(body: msgspec.Raw, at: float, line: int) -> RecordedClose:
    fields = _value(body, dict, line, "the close")
    code, reason, by = fields.get("code"), fields.get("reason", ""), fields.get("by", By.NETWORK)
    if not isinstance(reason, str) or by not in [*By]:
        raise LineError(line, f"a close has a code, a reason, and by whom: {', '.join(By)}")
    return RecordedClose(checked_close_code(code, line), reason, By(by), at)


def _value(raw: msgspec.Raw, kind: Any, line: int, what: str) -> Any:
    try:
        return msgspec.json.decode(raw, type=kind)
    except msgspec.DecodeError as error:
        raise LineError(line, f"{what}: {error}") from error
