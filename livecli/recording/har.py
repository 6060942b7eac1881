"""WebSocket connections in HAR files, as Chrome's network panel and mitmproxy write them: read, and written. No I/O.

A HAR file (HTTP Archive 1.2) is one JSON object. The entry of a WebSocket has its messages in `_webSocketMessages`:

    {"type": "send", "time": 1764324000.25, "opcode": 1, "data": "{…}"}

`time` is in seconds since 1970, and the data of a binary message (opcode 2) is base64. HAR has no place for the close
of a connection and for its model: they are in `_livecli`, which other programs ignore.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec

from .. import __version__
from ..protocol.platform import DEFAULT_PLATFORM, Platform
from ..toml_reader import LineError
from .format import (
    BYTE_ORDER_MARK,
    MAX_CLOSE_CODE,
    MAX_SECONDS,
    By,
    Direction,
    Frame,
    Header,
    RecordedClose,
    RecordedConnection,
    Recording,
    checked_time,
)

TEXT, BINARY = 1, 2
"""The opcodes of messages (RFC 6455, 5.2)."""

SIDES = {"send": Direction.CLIENT, "receive": Direction.SERVER}
TYPES = {direction: name for name, direction in SIDES.items()}

NO_TIME = "1970-01-01T00:00:00Z"
"""The start of a connection of which none is known."""

_PATHS = re.compile("|".join(f"(?:{platform.facts.path_pattern})" for platform in Platform))


class HarMessage(msgspec.Struct):
    """A message of a WebSocket. Chrome writes other opcodes for errors."""

    type: str
    data: str = ""
    opcode: float = TEXT
    time: float | None = None


class HarHeader(msgspec.Struct):
    """A header of a request."""

    name: str
    value: str


class HarRequest(msgspec.Struct):
    """A request."""

    url: str
    headers: list[HarHeader] = []


class HarClose(msgspec.Struct):
    """A close, with the fields of a RecordedClose."""

    code: Annotated[int, msgspec.Meta(ge=0, le=MAX_CLOSE_CODE)]
    reason: str
    by: By
    at: Annotated[float, msgspec.Meta(ge=0, le=MAX_SECONDS)]


class HarAddition(msgspec.Struct):
    """The addition of livecli to an entry: the fields of a Header, and the close."""

    header: dict[str, str | None]
    close: HarClose | None = None


class HarEntry(msgspec.Struct):
    """A request, and the messages of the WebSocket that it opened; None where it opened none."""

    request: HarRequest
    started: str | None = msgspec.field(default=None, name="startedDateTime")
    messages: list[HarMessage] | None = msgspec.field(default=None, name="_webSocketMessages")
    addition: HarAddition | None = msgspec.field(default=None, name="_livecli")


class HarLog(msgspec.Struct):
    """The entries of an archive."""

    entries: list[HarEntry]


class Har(msgspec.Struct):
    """An archive."""

    log: HarLog


def read_har(data: bytes) -> Recording:
    """The connections to the Live API in an archive. Raises LineError where there is none, or it is no HAR."""
    try:
        har = msgspec.json.decode(data.removeprefix(BYTE_ORDER_MARK), type=Har)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise LineError(1, f"not a HAR file: {error}") from error
    found = [
        _connection(entry, entry.messages)
        for entry in har.log.entries
        if entry.messages is not None and _is_live(entry.request.url, entry.messages)
    ]
    if not found:
        raise LineError(
            1,
            "the HAR file has no connection to the Live API",
            hint="reload the page while the network panel is open, then save all as HAR",
        )
    return Recording(found)


def _is_live(url: str, messages: Sequence[HarMessage]) -> bool:
    """Whether a WebSocket is one of the Live API, by its URL or by its first message."""
    return bool(_PATHS.search(url)) or any('"setup"' in _data(each).decode(errors="replace") for each in messages[:1])


def _connection(entry: HarEntry, messages: Sequence[HarMessage]) -> RecordedConnection:
    frames = [each for each in messages if each.opcode in (TEXT, BINARY) and each.type in SIDES]
    times = [each.time for each in frames if each.time is not None]
    # The clock of the messages and that of the request may differ.
    began_at = min([*_epoch_seconds(entry.started), *times], default=0.0)
    last = 0.0
    recorded = []
    for each in frames:
        last = last if each.time is None else max(last, checked_time(round(each.time - began_at, 6), 1))
        recorded.append(Frame(SIDES[each.type], _data(each), last if times else None, each.opcode == BINARY))
    if entry.addition is not None:
        known = {name: entry.addition.header.get(name) for name in Header.__dataclass_fields__}
        close = entry.addition.close
        end = RecordedClose(close.code, close.reason, close.by, close.at) if close else None
        return RecordedConnection(Header(**known), recorded, end)
    agent = next((each.value for each in entry.request.headers if each.name.lower() == "user-agent"), None)
    # mitmproxy writes the URL of the upgrade (seen in 11.0.2, 2026-11).
    url = re.sub("^http", "ws", entry.request.url)
    return RecordedConnection(Header(url=url, client=agent, started=entry.started), recorded)


def _data(message: HarMessage) -> bytes:
    """The bytes of a message. Some programs write a binary message as text."""
    text = message.data.encode(errors="replace")
    if message.opcode == TEXT or text.lstrip().startswith(b"{"):
        return text
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        return text


def _epoch_seconds(started: str | None) -> list[float]:
    try:
        return [datetime.fromisoformat(started).timestamp()] if started else []
    except ValueError:
        return []


def write_har(recording: Recording) -> Iterator[bytes]:
    """The parts of an archive, with an entry for each connection."""
    start = {"version": "1.2", "creator": {"name": "livecli", "version": __version__}, "pages": []}
    yield b'{"log": ' + json.dumps(start).encode()[:-1] + b', "entries": [\n'
    for number, connection in enumerate(recording.connections):
        yield b",\n" * bool(number) + json.dumps(_entry(connection)).encode()
    yield b"\n]}}\n"


def _entry(connection: RecordedConnection) -> dict[str, Any]:
    header, close = connection.header, connection.close
    started = header.started if _epoch_seconds(header.started) else NO_TIME
    [began_at] = _epoch_seconds(started)
    ends_at = max([frame.at or 0.0 for frame in connection.frames] + [(close.at or 0.0) if close else 0.0])
    platform = next((each for each in Platform if each == header.platform), DEFAULT_PLATFORM)
    facts = platform.facts
    url = header.url or f"wss://{facts.host}{facts.service_path.format(version=facts.default_version)}"
    nothing = {"cookies": [], "headersSize": -1, "bodySize": -1, "httpVersion": "HTTP/1.1"}
    agent = [{"name": "User-Agent", "value": header.client}] if header.client else []
    added = {"header": asdict(header), "close": asdict(close) if close else None}
    return {
        "startedDateTime": datetime.fromtimestamp(began_at, UTC).isoformat(timespec="milliseconds"),
        "time": 1000 * ends_at,
        "request": {"method": "GET", "url": url, "headers": agent, "queryString": [], **nothing},
        "response": {
            "status": 101,
            "statusText": "Switching Protocols",
            "headers": [],
            "content": {"size": 0, "mimeType": "x-unknown"},
            "redirectURL": "",
            **nothing,
        },
        "cache": {},
        "timings": {"send": 0, "wait": 0, "receive": 1000 * ends_at},
        "_resourceType": "websocket",
        "_webSocketMessages": [_message(frame, began_at) for frame in connection.frames],
        "_livecli": added,
    }


def _message(frame: Frame, began_at: float) -> dict[str, Any]:
    data = base64.b64encode(frame.data) if frame.is_binary else frame.data
    return {
        "type": TYPES[frame.direction],
        "time": round(began_at + (frame.at or 0.0), 6),
        "opcode": BINARY if frame.is_binary else TEXT,
        "data": data.decode(errors="replace"),
    }
