"""`python -m tests.benchmarks.hall`: the server's end of a thousand sessions at next to no cost, on bare sockets.

Says its port, serves until standard input closes, and then says as JSON when chunks came. A chunk's deadline is counted
from the one of its session that was earliest for its place: what is said is by how much each was later than that.
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

from .crowd import allow_files
from .sink import CLOSE, ENDS_OF_QUESTION, PING, PONG, SET_UP, SHORT_BYTES, _frame, _said, _upgrade

CHUNK_SECONDS = 512 / 16_000
REPLY_PARTS, PART_SAMPLES, REPLY_RATE = 12, 1920, 24_000
REPLY_BYTES = REPLY_PARTS * PART_SAMPLES * 2
"""A second, as the service gives it."""
READ_BYTES = 1 << 18
BACKLOG = 4096
FILES = 8192
SHARES = {"p50": 0.5, "p95": 0.95, "p99": 0.99, "max": 1.0}


def _reply() -> bytes:
    blob = {"mimeType": f"audio/pcm;rate={REPLY_RATE}", "data": base64.b64encode(bytes(2 * PART_SAMPLES)).decode()}
    part = _said({"serverContent": {"modelTurn": {"role": "model", "parts": [{"inlineData": blob}]}}})
    end = _said(
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


class Guest:
    """One connection. `came` are the moments at which its chunks did."""

    __slots__ = ("came", "connection", "held", "setup", "upgraded")

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.held = b""
        self.upgraded = self.setup = False
        self.came = array("d")

    def hear(self, data: bytes, now: float) -> bytes:
        """What is to be said to that."""
        data = self.held + data if self.held else data
        if not self.upgraded:
            if b"\r\n\r\n" not in data:
                self.held = data
                return b""
            self.upgraded, self.held = True, b""
            return _upgrade(data)
        at, filled, said = 0, len(data), b""
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
                said += self._answer(data[at] & 0x0F, data[at + 2 : end])
            else:
                self.came.append(now)
            at = end
        self.held = data[at:]
        return said

    def _answer(self, opcode: int, masked: bytes) -> bytes:
        if not self.setup:
            self.setup = True
            return SET_UP
        payload = bytes(byte ^ masked[index % 4] for index, byte in enumerate(masked[4:]))
        if opcode in (CLOSE, PING):
            return _frame(CLOSE if opcode == CLOSE else PONG, payload)
        return REPLY if any(end in payload for end in ENDS_OF_QUESTION) else b""


class Hall:
    """Listens on a free port of loopback, for whoever comes."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=BACKLOG)
        self._listening.setblocking(False)
        self.port = self._listening.getsockname()[1]
        self.guests: list[Guest] = []
        self.inside = self.most = self.lost = 0

    def serve(self) -> None:
        """Until standard input closes."""
        self._selector.register(self._listening, selectors.EVENT_READ, None)
        self._selector.register(sys.stdin, selectors.EVENT_READ, sys.stdin)
        while True:
            for key, _ in self._selector.select():
                if key.data is None:
                    self._welcome()
                elif key.data is sys.stdin:
                    return
                else:
                    self._hear(key.data)

    def _welcome(self) -> None:
        with suppress(BlockingIOError):
            while True:
                connection, _ = self._listening.accept()
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                guest = Guest(connection)
                self.guests.append(guest)
                self._selector.register(connection, selectors.EVENT_READ, guest)
                self.inside += 1
                self.most = max(self.most, self.inside)

    def _hear(self, guest: Guest) -> None:
        data = b""
        with suppress(OSError):
            data = guest.connection.recv(READ_BYTES)
        said = guest.hear(data, time.monotonic()) if data else b""
        if said:
            guest.connection.setblocking(True)
            with suppress(OSError):
                guest.connection.sendall(said)
            guest.connection.setblocking(False)
        if not data:
            self._selector.unregister(guest.connection)
            guest.connection.close()
            self.inside -= 1


def lateness(came: array[float]) -> list[float]:
    """By how many seconds each chunk came after its place in time."""
    offsets = [at - place * CHUNK_SECONDS for place, at in enumerate(came)]
    earliest = min(offsets, default=0.0)
    return [offset - earliest for offset in offsets]


def main() -> None:
    allow_files(FILES)
    hall = Hall()
    print(hall.port, flush=True)
    hall.serve()
    late = sorted(seconds for guest in hall.guests for seconds in lateness(guest.came))
    gaps = [after - before for guest in hall.guests for before, after in pairwise(guest.came)]
    at = {name: late[min(len(late) - 1, int(share * len(late)))] if late else None for name, share in SHARES.items()}
    print(
        json.dumps(
            {
                "sessions": len(hall.guests),
                "at_once": hall.most,
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
