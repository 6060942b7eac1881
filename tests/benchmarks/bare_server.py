"""A Live API server for one client at a time, on a bare socket, which notes when frames arrive.

It only counts frame headers, because a WebSocket library would be slower than the clients that are measured. It has no
event loop and no thread: it serves a client while the benchmark waits for the client's process.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import socket
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Self

PATIENCE_SECONDS = 60.0
LOOK_SECONDS = 0.5
"""Interval of the checks whether a client that has not connected yet is still running."""
READ_BYTES = 1 << 22
# After this many bytes the server pauses between reads: a wake-up for every chunk would cost the client a third of its
# rate, and no network does that.
STREAM_BYTES, PAUSE_SECONDS = 1 << 16, 0.0005
SHORT_BYTES = 126
"""Shorter payloads are unmasked and searched. Longer ones are audio, and are only counted."""
TEXT, CLOSE, PING, PONG = 1, 8, 9, 10
ENDS_OF_QUESTION = (b"activityEnd", b"audioStreamEnd")


def frame(opcode: int, payload: bytes) -> bytes:
    short, wide = len(payload) < 126, 2 if len(payload) < 1 << 16 else 8
    size = bytes([len(payload)]) if short else (b"\x7e" if wide == 2 else b"\x7f") + len(payload).to_bytes(wide, "big")
    return bytes([0x80 | opcode]) + size + payload


def text_frame(message: dict[str, Any]) -> bytes:
    return frame(TEXT, json.dumps(message).encode())


def audio_frame(pcm: bytes) -> bytes:
    """A frame with reply audio only, in the spelling of Vertex AI."""
    part = {"inlineData": {"mimeType": "audio/pcm", "data": base64.b64encode(pcm).decode()}}
    said = {"serverContent": {"modelTurn": {"role": "model", "parts": [part]}}}
    return frame(TEXT, json.dumps(said, indent=2).encode() + b"\n")


AUDIO_PART = {"inlineData": {"mimeType": "audio/pcm;rate=24000", "data": base64.b64encode(bytes(960)).decode()}}
SET_UP = text_frame({"setupComplete": {"sessionId": "bench"}})
# The answer has every field that a client might wait for after the turn.
ANSWER = text_frame(
    {
        "serverContent": {
            "inputTranscription": {"text": "heard", "finished": True},
            "modelTurn": {"role": "model", "parts": [AUDIO_PART]},
            "outputTranscription": {"text": "said", "finished": True},
            "turnComplete": True,
        },
        "usageMetadata": {"totalTokenCount": 1},
    }
)


@dataclass
class Arrivals:
    """Arrival times of a session, in seconds of the monotonic clock that all processes share."""

    first_byte: float
    setup: float = 0.0
    first_audio: float = 0.0
    last_audio: float = 0.0
    chunks: int = 0
    times: list[float] = field(default_factory=list)
    """The arrival of each chunk."""
    answered: float = 0.0
    closed: float = 0.0
    exited: float = 0.0
    """The end of the client's process."""

    @property
    def answer_seconds(self) -> float:
        """Seconds from the answer to the client's close."""
        return self.closed - self.answered

    @property
    def chunks_per_second(self) -> float:
        return (self.chunks - 1) / (self.last_audio - self.first_audio)


class BareServer:
    """A server on a free port of loopback. `serve` handles one client from its first byte to its close."""

    def __init__(self) -> None:
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._listening.settimeout(LOOK_SECONDS)
        self.url = f"ws://127.0.0.1:{self._listening.getsockname()[1]}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._listening.close()

    def serve(self, is_coming: Callable[[], bool], answer: Iterable[bytes] = (ANSWER,)) -> Arrivals:
        """Handle one client. Raises OSError if it ends without a connection, or disconnects without a close."""
        with self._accepted(is_coming) as connection:
            connection.settimeout(PATIENCE_SECONDS)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return _converse(connection, answer)

    def _accepted(self, is_coming: Callable[[], bool]) -> socket.socket:
        while is_coming():
            with suppress(TimeoutError):
                return self._listening.accept()[0]
        raise ConnectionError("the client ended without a connection")


def _converse(connection: socket.socket, answer: Iterable[bytes]) -> Arrivals:
    request = connection.recv(1 << 16)
    arrivals = Arrivals(first_byte=time.monotonic())
    while b"\r\n\r\n" not in request:
        request += connection.recv(1 << 16)
    connection.sendall(upgrade_response(request))
    for opcode, payload, alike in _frames(connection):
        if opcode == CLOSE:
            arrivals.closed = time.monotonic()
            connection.sendall(frame(CLOSE, payload))
            return arrivals
        if opcode == PING:
            connection.sendall(frame(PONG, payload))
        elif not arrivals.setup:
            arrivals.setup = time.monotonic()
            connection.sendall(SET_UP)
        elif len(payload) >= SHORT_BYTES:
            arrivals.last_audio = time.monotonic()
            arrivals.first_audio = arrivals.first_audio or arrivals.last_audio
            arrivals.chunks += alike
            arrivals.times += [arrivals.last_audio] * alike
        elif any(end in payload for end in ENDS_OF_QUESTION):
            arrivals.answered = time.monotonic()
            for piece in answer:
                connection.sendall(piece)
    return arrivals


def upgrade_response(request: bytes) -> bytes:
    [key] = re.findall(rb"(?i)\r\nSec-WebSocket-Key: *(\S+)\r\n", request)
    accepted = base64.b64encode(hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
    lines = [b"HTTP/1.1 101 Switching Protocols", b"Upgrade: websocket", b"Connection: Upgrade"]
    return b"\r\n".join([*lines, b"Sec-WebSocket-Accept: " + accepted, b"", b""])


def _frames(connection: socket.socket) -> Iterator[tuple[int, bytes, int]]:
    """(opcode, payload, count) of each run of frames with the same header. A long payload is left masked."""
    data, filled, seen = bytearray(READ_BYTES), 0, 0
    while True:
        at = 0
        while (end := _end(data, at, filled)) <= filled:
            alike = 1 if end - at < SHORT_BYTES else _alike(data, at, end - at, filled)
            yield data[at] & 0x0F, _payload(data[at:end]), alike
            at += alike * (end - at)
        data[: filled - at] = data[at:filled]
        filled -= at
        if seen > STREAM_BYTES:
            time.sleep(PAUSE_SECONDS)
        taken = _more(connection, data, filled)
        seen, filled = seen + taken, filled + taken


def _alike(data: bytearray, at: int, size: int, filled: int) -> int:
    """Number of frames from `at` on with the same header. Slices compare them, because a loop would be too slow."""
    count = (filled - at) // size
    for byte in range(4):
        heads = data[at + byte : at + count * size : size]
        count = len(heads) - len(heads.lstrip(heads[:1]))
    return count


def _end(data: bytearray, at: int, filled: int) -> int:
    """End of the frame at `at`; a position beyond `filled` where its header is incomplete."""
    if filled < at + 2:
        return filled + 1
    length = data[at + 1] & 0x7F
    if length < SHORT_BYTES:
        return at + 6 + length
    rest = at + (4 if length == 126 else 10)
    if filled < rest:
        return filled + 1
    return rest + 4 + int.from_bytes(data[at + 2 : rest], "big")


def _payload(frame: bytearray) -> bytes:
    if frame[1] & 0x7F >= SHORT_BYTES:
        return bytes(frame[8:])
    mask, masked = frame[2:6], frame[6:]
    return bytes(byte ^ mask[index % 4] for index, byte in enumerate(masked))


def _more(connection: socket.socket, into: bytearray, at: int) -> int:
    size = connection.recv_into(memoryview(into)[at:])
    if not size:
        raise ConnectionError("the client disconnected without a close")
    return size
