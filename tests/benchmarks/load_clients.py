"""`python load_clients.py PORT SESSIONS SECONDS manual|voice SERVER_PID`: simulates many users of one emulator; JSON.

Each user streams 1 KB of audio every 32 ms without a break: two seconds of a tone, then a second of silence in which
the reply begins. Frames are made and masked beforehand and one loop serves all sockets, so that the emulator is the
slower side. Users are spread over slots of a millisecond, so that they do not all send at once.
"""

from __future__ import annotations

import base64
import json
import math
import os
import selectors
import socket
import sys
import time
from array import array
from contextlib import suppress
from pathlib import Path

RATE, CHUNK_SAMPLES = 16_000, 512
SLOTS = 32
"""Number of slots, of a millisecond each, in the duration of a chunk."""
SPEECH_CHUNKS, CYCLE_CHUNKS = 63, 95
"""Two seconds of speech, and one of silence after it."""
WHOLE_CHUNKS = 5
"""This many chunks are whole windows of voice detection (20 ms), so that it sees the same windows of each user."""
SILENCE_MS = 500
"""The silence after which voice detection ends an utterance."""
SETTLING_SECONDS = 3.2
"""The time until every user has begun: their starts are spread over a cycle."""
GRACE_SECONDS = 1.0
"""The time to wait for the answers to the last questions."""
PATIENCE_SECONDS = 60.0
CONNECTING = 64
"""The most sessions that are being set up at a time."""
MASK = b"\x37\xfa\x21\x3d"
PATH = "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent?key=bench"
UPGRADE = (
    f"GET {PATH} HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: Y3Jvd2QgIGNyb3dkICBjcg==\r\nSec-WebSocket-Version: 13\r\n\r\n"
).encode()


def masked(message: object) -> bytes:
    """A masked text frame."""
    payload = json.dumps(message, separators=(",", ":")).encode()
    size = bytes([0x80 | len(payload)]) if len(payload) < 126 else b"\xfe" + len(payload).to_bytes(2, "big")
    mask = MASK * (len(payload) // 4 + 1)
    return b"\x81" + size + MASK + bytes(a ^ b for a, b in zip(payload, mask, strict=False))


def _audio(samples: array[int]) -> bytes:
    blob = {"data": base64.b64encode(samples.tobytes()).decode(), "mimeType": f"audio/pcm;rate={RATE}"}
    return masked({"realtimeInput": {"audio": blob}})


def _tone(chunk: int) -> bytes:
    times = range(chunk * CHUNK_SAMPLES, (chunk + 1) * CHUNK_SAMPLES)
    return _audio(array("h", (round(8_000 * math.sin(2 * math.pi * 440 * n / RATE)) for n in times)))


QUIET = _audio(array("h", bytes(2 * CHUNK_SAMPLES)))


def setup(manual: bool) -> bytes:
    detection = {"disabled": True} if manual else {"silenceDurationMs": SILENCE_MS}
    config = {"realtimeInputConfig": {"automaticActivityDetection": detection}}
    return masked({"setup": {"model": "models/gemini-3.8-live", **config}})


def cycle(manual: bool) -> tuple[list[bytes], int]:
    """The frames of a cycle, and the index of the one with which the service knows that the utterance has ended."""
    frames = [_tone(chunk) for chunk in range(SPEECH_CHUNKS)] + [QUIET] * (CYCLE_CHUNKS - SPEECH_CHUNKS)
    if manual:
        frames[0] = masked({"realtimeInput": {"activityStart": {}}}) + frames[0]
        frames[SPEECH_CHUNKS - 1] += masked({"realtimeInput": {"activityEnd": {}}})
        return frames, SPEECH_CHUNKS - 1
    # Voice detection uses windows of 20 ms, and the last one that is not silent counts as a whole.
    window = RATE * 20 // 1000
    speech = -(-SPEECH_CHUNKS * CHUNK_SAMPLES // window) * window
    return frames, -(-(speech + RATE * SILENCE_MS // 1000) // CHUNK_SAMPLES) - 1


class User:
    """One session. `at` is the index of the next chunk in the cycle, negative before the first."""

    __slots__ = ("asked_at", "at", "connection", "left", "ready", "tail")

    def __init__(self, port: int) -> None:
        self.connection = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_SECONDS)
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.connection.sendall(UPGRADE)
        self.connection.setblocking(False)
        self.at = 0
        self.asked_at = 0.0
        self.left = self.tail = b""
        self.ready = False

    def send(self, frame: bytes) -> None:
        """Send a frame, and what was left of the one before. Raises OSError if the connection is lost."""
        data = self.left + frame
        try:
            self.left = data[self.connection.send(data) :]
        except BlockingIOError:
            self.left = data


class LoadClients:
    """Simulated users. `answered` are the seconds until each reply began; failures are counted beside it."""

    def __init__(self, port: int, manual: bool) -> None:
        self._port = port
        self._setup = setup(manual)
        self._frames, self._last = cycle(manual)
        self._selector = selectors.DefaultSelector()
        self.users: list[User] = []
        self.answered: list[float] = []
        self.turns = self.dropped = self.interrupted = self.held_up = 0
        self.counting = False
        self.latest = 0.0

    def connect(self, sessions: int) -> None:
        """Set up all sessions. Raises ConnectionError where one fails."""
        limit = time.monotonic() + PATIENCE_SECONDS
        coming: list[User] = []
        while len(self.users) < sessions or coming:
            while len(self.users) < sessions and len(coming) < CONNECTING:
                user = User(self._port)
                self._selector.register(user.connection, selectors.EVENT_READ, user)
                self.users.append(user)
                coming.append(user)
            self._receive(0.05)
            coming = [user for user in coming if not user.ready]
            if self.dropped or time.monotonic() > limit:
                raise ConnectionError(f"{len(coming)} of {len(self.users)} sessions were not set up")
        for number, user in enumerate(self.users):
            user.at = -(number * CYCLE_CHUNKS // sessions // WHOLE_CHUNKS * WHOLE_CHUNKS)

    def stream(self, seconds: float) -> None:
        """Stream the audio of all users for this long."""
        slots = [self.users[slot::SLOTS] for slot in range(SLOTS)]
        started = time.monotonic()
        for tick in range(round(seconds * 1000)):
            at = started + tick / 1000
            while (left := at - time.monotonic()) > 0:
                self._receive(left)
            self.latest = max(self.latest, -left)
            for user in slots[tick % SLOTS]:
                self._send_chunk(user)
            if not tick % 4:
                self._receive(0)

    def finish(self, seconds: float) -> int:
        """Receive for at most this long. Returns the number of missing replies."""
        limit = time.monotonic() + seconds
        while any(user.asked_at for user in self.users) and time.monotonic() < limit:
            self._receive(0.05)
        return sum(1 for user in self.users if user.asked_at)

    def close(self) -> None:
        for user in self.users:
            user.connection.close()

    def _send_chunk(self, user: User) -> None:
        if user.connection.fileno() < 0:
            return
        self.held_up += bool(user.left)
        try:
            user.send(self._frames[user.at] if user.at >= 0 else QUIET)
        except OSError:
            self._drop(user)
        if user.at == self._last and self.counting:
            user.asked_at = time.monotonic()
        user.at = user.at + 1 if user.at + 1 < CYCLE_CHUNKS else 0

    def _receive(self, seconds: float) -> None:
        for key, _ in self._selector.select(seconds):
            user: User = key.data
            try:
                data = user.connection.recv(1 << 18)
            except OSError:
                data = b""
            if not data:
                self._drop(user)
            elif user.ready:
                self._read_reply(user, data)
            else:
                self._continue_setup(user, data)

    def _read_reply(self, user: User, data: bytes) -> None:
        if user.asked_at:
            self.answered.append(time.monotonic() - user.asked_at)
            user.asked_at = 0.0
        seen = user.tail + data
        self.turns += b'"turnComplete"' in seen
        self.interrupted += b'"interrupted"' in seen
        user.tail = data[-13:]

    def _continue_setup(self, user: User, data: bytes) -> None:
        user.tail += data
        if b"setupComplete" in user.tail:
            user.ready, user.tail = True, b""
        elif user.tail.endswith(b"\r\n\r\n") and user.tail.startswith(b"HTTP/1.1 101"):
            user.send(self._setup)

    def _drop(self, user: User) -> None:
        self.dropped += 1
        user.asked_at = 0.0
        self._selector.unregister(user.connection)
        user.connection.close()


def cpu_seconds(process: int) -> float | None:
    """CPU time of a process so far; None where the system does not report it."""
    with suppress(OSError):
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return None


def waited_seconds(process: int) -> float:
    """Time that a process has waited for a core so far; 0 where the system does not report it."""
    with suppress(OSError):
        return int(Path(f"/proc/{process}/schedstat").read_text().split()[1]) / 1e9
    return 0.0


def memory_bytes(process: int, peak: bool = False) -> int | None:
    with suppress(OSError):
        for line in Path(f"/proc/{process}/status").read_text().splitlines():
            if line.startswith("VmHWM:" if peak else "VmRSS:"):
                return int(line.split()[1]) * 1024
    return None


def allow_files(count: int) -> None:
    with suppress(ImportError, ValueError, OSError):
        import resource

        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if soft != resource.RLIM_INFINITY and soft < count:
            resource.setrlimit(resource.RLIMIT_NOFILE, (count, hard))


def main(port: int, sessions: int, seconds: float, manual: bool, server: int) -> dict[str, object]:
    allow_files(sessions + 64)
    empty_bytes = memory_bytes(server)
    clients = LoadClients(port, manual)
    began = time.monotonic()
    clients.connect(sessions)
    connected = time.monotonic()
    clients.stream(SETTLING_SECONDS)
    clients.counting, clients.latest = True, 0.0
    used, own, started = cpu_seconds(server), time.process_time(), time.monotonic()
    waited = waited_seconds(server)
    clients.stream(seconds)
    took = time.monotonic() - started
    waited_share = (waited_seconds(server) - waited) / took
    used_after, own_share = cpu_seconds(server), (time.process_time() - own) / took
    clients.counting = False
    missing = clients.finish(GRACE_SECONDS)
    full_bytes = memory_bytes(server, peak=True)
    clients.close()
    return {
        "sessions": sessions,
        "connecting_seconds": connected - began,
        "answered_seconds": sorted(clients.answered),
        "turns": clients.turns,
        "dropped": clients.dropped,
        "missing": missing,
        "interrupted": clients.interrupted,
        "held_up": clients.held_up,
        "latest_seconds": clients.latest,
        "own_share": own_share,
        "waited_share": waited_share,
        "server_share": None if used is None or used_after is None else (used_after - used) / took,
        "session_bytes": None if empty_bytes is None or full_bytes is None else (full_bytes - empty_bytes) / sessions,
    }


if __name__ == "__main__":
    port, sessions, seconds, mode, server = sys.argv[1:]
    print(json.dumps(main(int(port), int(sessions), float(seconds), mode == "manual", int(server))))
