"""A server on a real socket, in a thread of its own, that sends what a test tells it to."""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from websockets.exceptions import ConnectionClosed
from websockets.sync.server import Server, ServerConnection, serve

Handler = Callable[["Connection"], None]


class Connection:
    """The server's end of a connection, with methods for the messages of the Live API."""

    def __init__(self, socket: ServerConnection, kept: list[dict[str, Any]]) -> None:
        self.socket = socket
        self.frames = kept

    def receive(self) -> dict[str, Any]:
        frame = json.loads(self.socket.recv(timeout=10))
        self.frames.append(frame)
        return frame

    def say(self, message: Any, *, text: bool = False) -> None:
        data = message if isinstance(message, (bytes, str)) else json.dumps(message, indent=2) + "\n"
        self.socket.send(data.encode() if isinstance(data, str) and not text else data)

    def content(self, **fields: Any) -> None:
        self.say({"serverContent": fields})

    def audio(self, pcm: bytes, mime: str = "audio/pcm;rate=24000") -> None:
        self.content(modelTurn={"parts": [{"inlineData": {"mimeType": mime, "data": base64.b64encode(pcm).decode()}}]})

    def set_up(self) -> dict[str, Any]:
        setup = self.receive()
        self.say({"setupComplete": {}})
        return setup

    def hear(self, until: str = "activityEnd") -> bytes:
        """Read up to a `realtimeInput` with the key `until`. Returns the user's audio."""
        heard = b""
        while True:
            said = self.receive().get("realtimeInput", {})
            if "audio" in said:
                heard += base64.b64decode(said["audio"]["data"])
            if until in said:
                return heard

    def answer(self, pcm: bytes = bytes(9600), **last: Any) -> None:
        self.audio(pcm)
        self.content(generationComplete=True)
        self.say({"serverContent": {"turnComplete": True}, "usageMetadata": {"promptTokenCount": 10}, **last})

    def take_spoken_turn(self, pcm: bytes) -> None:
        """A whole session: the setup, a spoken question, `pcm` as the answer, and the client's close."""
        self.set_up()
        self.hear()
        self.answer(pcm)
        self.drain()

    def drain(self) -> None:
        """Read until the client closes."""
        try:
            while True:
                self.receive()
        except (ConnectionClosed, TimeoutError):
            return

    def close(self, code: int, reason: str = "") -> None:
        self.socket.close(code, reason)


class LiveServer:
    """The URL of the server, the frames it received and its upgrade requests."""

    def __init__(self) -> None:
        self.frames: list[dict[str, Any]] = []
        self.requests: list[Any] = []
        self.close_codes: list[int | None] = []
        self.url = ""


class Refusals:
    """A `status` of `live_server` that refuses the upgrade requests of these numbers, counted from 1, with 503."""

    def __init__(self, *numbers: int) -> None:
        self.times: list[float] = []
        """When each request came, on the monotonic clock."""
        self._numbers = numbers
        self._lock = threading.Lock()

    def __call__(self) -> int | None:
        with self._lock:
            self.times.append(time.monotonic())
            return 503 if len(self.times) in self._numbers else None


@contextmanager
def live_server(
    handler: Handler, status: int | Callable[[], int | None] | None = None, body: str = "", **options: Any
) -> Iterator[LiveServer]:
    """Serve `handler` on loopback. `status`, a value or a function, replaces the 101 of each upgrade response."""
    state = LiveServer()

    def handle(socket: ServerConnection) -> None:
        try:
            handler(Connection(socket, state.frames))
            socket.recv(timeout=10) if socket.close_code is None else None
        except (ConnectionClosed, TimeoutError):
            pass
        finally:
            socket.close()
            state.close_codes.append(socket.protocol.close_code)

    def process_request(socket: ServerConnection, request: Any) -> Any:
        state.requests.append(request)
        answer = status() if callable(status) else status
        return socket.respond(answer, body) if answer else None

    server: Server = serve(
        handle,
        "127.0.0.1",
        0,
        process_request=process_request,
        max_size=None,
        compression=None,
        close_timeout=1,
        **options,
    )
    scheme = "wss" if "ssl" in options else "ws"
    state.url = f"{scheme}://localhost:{server.socket.getsockname()[1]}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        thread.join(10)
