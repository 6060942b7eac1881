"""The server's end of a session at next to no cost: frame headers are counted on a bare socket, arrivals are noted.

A WebSocket library here would be the slower half of what is measured. So there is no event loop and no thread either:
one client at a time, served while its process is waited for.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Self

PATIENCE_SECONDS = 60.0
SHORT_BYTES = 126
"""Payloads under this are unmasked and looked into; those of audio are longer, and only their number matters."""
TEXT, CLOSE, PING, PONG = 1, 8, 9, 10
ENDS_OF_QUESTION = (b"activityEnd", b"audioStreamEnd")


def _frame(opcode: int, payload: bytes) -> bytes:
    size = bytes([len(payload)]) if len(payload) < 126 else b"\x7e" + len(payload).to_bytes(2, "big")
    return bytes([0x80 | opcode]) + size + payload


def _said(message: dict[str, Any]) -> bytes:
    return _frame(TEXT, json.dumps(message).encode())


_REPLY = {"inlineData": {"mimeType": "audio/pcm;rate=24000", "data": base64.b64encode(bytes(960)).decode()}}
SET_UP = _said({"setupComplete": {"sessionId": "bench"}})
ANSWER = _said(  # with everything that a client might wait for after the turn
    {
        "serverContent": {
            "inputTranscription": {"text": "heard", "finished": True},
            "modelTurn": {"role": "model", "parts": [_REPLY]},
            "outputTranscription": {"text": "said", "finished": True},
            "turnComplete": True,
        },
        "usageMetadata": {"totalTokenCount": 1},
    }
)


@dataclass
class Arrivals:
    """When things came, in seconds of the monotonic clock that all processes share."""

    first_byte: float
    setup: float = 0.0
    first_audio: float = 0.0
    last_audio: float = 0.0
    chunks: int = 0

    @property
    def chunks_per_second(self) -> float:
        return (self.chunks - 1) / (self.last_audio - self.first_audio)


class Sink:
    """Listens on a free port of loopback; `serve` takes one client from its first byte to its close."""

    def __init__(self) -> None:
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._listening.settimeout(PATIENCE_SECONDS)
        self.url = f"ws://127.0.0.1:{self._listening.getsockname()[1]}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._listening.close()

    def serve(self) -> Arrivals:
        """Raises OSError where nobody comes, or where who came leaves without a close."""
        connection, _ = self._listening.accept()
        with connection:
            connection.settimeout(PATIENCE_SECONDS)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return _converse(connection)


def _converse(connection: socket.socket) -> Arrivals:
    request = connection.recv(1 << 16)
    arrivals = Arrivals(first_byte=time.monotonic())
    while b"\r\n\r\n" not in request:
        request += _more(connection)
    connection.sendall(_upgrade(request))
    for opcode, payload in _frames(connection):
        if opcode == CLOSE:
            connection.sendall(_frame(CLOSE, payload))
            return arrivals
        if opcode == PING:
            connection.sendall(_frame(PONG, payload))
        elif not arrivals.setup:
            arrivals.setup = time.monotonic()
            connection.sendall(SET_UP)
        elif len(payload) >= SHORT_BYTES:
            arrivals.last_audio = time.monotonic()
            arrivals.first_audio = arrivals.first_audio or arrivals.last_audio
            arrivals.chunks += 1
        elif any(end in payload for end in ENDS_OF_QUESTION):
            connection.sendall(ANSWER)
    return arrivals


def _upgrade(request: bytes) -> bytes:
    [key] = re.findall(rb"(?i)\r\nSec-WebSocket-Key: *(\S+)\r\n", request)
    accepted = base64.b64encode(hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
    lines = [b"HTTP/1.1 101 Switching Protocols", b"Upgrade: websocket", b"Connection: Upgrade"]
    return b"\r\n".join([*lines, b"Sec-WebSocket-Accept: " + accepted, b"", b""])


def _frames(connection: socket.socket) -> Iterator[tuple[int, bytes]]:
    """(opcode, payload) of each frame; a payload that is not short is left masked."""
    data, at = b"", 0
    while True:
        while (end := _end(data, at)) <= len(data):
            length = data[at + 1] & 0x7F
            if length < SHORT_BYTES:
                mask, masked = data[at + 2 : at + 6], data[at + 6 : end]
                payload = bytes(byte ^ mask[index % 4] for index, byte in enumerate(masked))
            else:
                payload = data[at + 8 : end]
            yield data[at] & 0x0F, payload
            at = end
        data, at = data[at:] + _more(connection), 0


def _end(data: bytes, at: int) -> int:
    """Where the frame at `at` ends, or a place beyond the data where its head is not there yet."""
    if len(data) < at + 14:  # the longest head; a short frame has as many bytes, or is the last thing that was said
        return at + 6 + (data[at + 1] & 0x7F) if len(data) > at + 1 and data[at + 1] & 0x7F < 126 else len(data) + 1
    length = data[at + 1] & 0x7F
    if length < 126:
        return at + 6 + length
    if length == 126:
        return at + 8 + (data[at + 2] << 8 | data[at + 3])
    return at + 14 + int.from_bytes(data[at + 2 : at + 10], "big")


def _more(connection: socket.socket) -> bytes:
    data = connection.recv(1 << 18)
    if not data:
        raise ConnectionError("the client left without a close")
    return data
