"""`python -m tests.benchmarks.sessions_server`: a Live API server for a thousand sessions, on bare sockets.

It prints its port, serves until standard input closes, and prints as JSON how late chunks arrived. The deadline of a
chunk is counted from the chunk of its session that was earliest for its place.
"""

from __future__ import annotations

import base64
import json
import selectors
import socket
import sys
import time
from array import array
from contextlib import suppress
from itertools import pairwise

from .bare_server import CLOSE, ENDS_OF_QUESTION, PING, PONG, SET_UP, SHORT_BYTES, frame, text_frame, upgrade_response
from .load_clients import allow_files

CHUNK_SECONDS = 512 / 16_000
REPLY_PARTS, PART_SAMPLES, REPLY_RATE = 12, 1920, 24_000
REPLY_BYTES = REPLY_PARTS * PART_SAMPLES * 2
"""Size of a reply of 0.96 s."""
READ_BYTES = 1 << 18
BACKLOG = 4096
FILES = 8192
SHARES = {"p50": 0.5, "p95": 0.95, "p99": 0.99, "max": 1.0}


def _reply() -> bytes:
    blob = {"mimeType": f"audio/pcm;rate={REPLY_RATE}", "data": base64.b64encode(bytes(2 * PART_SAMPLES)).decode()}
    part = text_frame({"serverContent": {"modelTurn": {"role": "model", "parts": [{"inlineData": blob}]}}})
    end = text_frame(
        {
            "serverContent": {
                "inputTranscription": {"text": "heard", "finished": True},
                "outputTranscription": {"text": "said", "finished": True},
                "generationComplete": True,
                "turnComplete": True,
            },
            "usageMetadata": {"totalTokenCount": 1},
        }
    )
    return part * REPLY_PARTS + end


REPLY = _reply()


class Connection:
    """One connection. `arrivals` are the times at which its chunks arrived, in seconds."""

    __slots__ = ("arrivals", "connection", "held", "setup", "upgraded")

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.held = b""
        self.upgraded = self.setup = False
        self.arrivals = array("d")

    def receive(self, data: bytes, now: float) -> bytes:
        """The response to `data`."""
        data = self.held + data if self.held else data
        if not self.upgraded:
            if b"\r\n\r\n" not in data:
                self.held = data
                return b""
            self.upgraded, self.held = True, b""
            return upgrade_response(data)
        at, filled, response = 0, len(data), b""
        while at + 8 <= filled:
            size = data[at + 1] & 0x7F
            if size == 126:
                end = at + 8 + (data[at + 2] << 8 | data[at + 3])
            elif size == 127:
                end = at + 14 + int.from_bytes(data[at + 2 : at + 10], "big")
            else:
                end = at + 6 + size
            if end > filled:
                break
            if size < SHORT_BYTES or not self.setup:
                response += self._answer(data[at] & 0x0F, data[at + 2 : end])
            else:
                self.arrivals.append(now)
            at = end
        self.held = data[at:]
        return response

    def _answer(self, opcode: int, masked: bytes) -> bytes:
        if not self.setup:
            self.setup = True
            return SET_UP
        payload = bytes(byte ^ masked[index % 4] for index, byte in enumerate(masked[4:]))
        if opcode in (CLOSE, PING):
            return frame(CLOSE if opcode == CLOSE else PONG, payload)
        return REPLY if any(end in payload for end in ENDS_OF_QUESTION) else b""


class SessionsServer:
    """A server on a free port of loopback."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=BACKLOG)
        self._listening.setblocking(False)
        self.port = self._listening.getsockname()[1]
        self.connections: list[Connection] = []
        self.open = self.most = 0

    def serve(self) -> None:
        """Serve until standard input closes."""
        self._selector.register(self._listening, selectors.EVENT_READ, None)
        self._selector.register(sys.stdin, selectors.EVENT_READ, sys.stdin)
        while True:
            for key, _ in self._selector.select():
                if key.data is None:
                    self._accept()
                elif key.data is sys.stdin:
                    return
                else:
                    self._receive(key.data)

    def _accept(self) -> None:
        with suppress(BlockingIOError):
            while True:
                connection, _ = self._listening.accept()
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                peer = Connection(connection)
                self.connections.append(peer)
                self._selector.register(connection, selectors.EVENT_READ, peer)
                self.open += 1
                self.most = max(self.most, self.open)

    def _receive(self, peer: Connection) -> None:
        data = b""
        with suppress(OSError):
            data = peer.connection.recv(READ_BYTES)
        response = peer.receive(data, time.monotonic()) if data else b""
        if response:
            peer.connection.setblocking(True)
            with suppress(OSError):
                peer.connection.sendall(response)
            peer.connection.setblocking(False)
        if not data:
            self._selector.unregister(peer.connection)
            peer.connection.close()
            self.open -= 1


def lateness(arrivals: array[float]) -> list[float]:
    """Seconds by which each chunk arrived after its deadline."""
    offsets = [at - place * CHUNK_SECONDS for place, at in enumerate(arrivals)]
    earliest = min(offsets, default=0.0)
    return [offset - earliest for offset in offsets]


def main() -> None:
    allow_files(FILES)
    server = SessionsServer()
    print(server.port, flush=True)
    server.serve()
    late = sorted(seconds for peer in server.connections for seconds in lateness(peer.arrivals))
    gaps = [after - before for peer in server.connections for before, after in pairwise(peer.arrivals)]
    at = {name: late[min(len(late) - 1, int(share * len(late)))] if late else None for name, share in SHARES.items()}
    print(
        json.dumps(
            {
                "sessions": len(server.connections),
                "at_once": server.most,
                "chunks": len(late),
                "late_ms": {name: None if value is None else 1000 * value for name, value in at.items()},
                "longest_gap_ms": 1000 * max(gaps, default=0.0),
                "own_seconds": time.process_time(),
            }
        ),
        flush=True,
    )


if __name__ == "__main__":
    main()
