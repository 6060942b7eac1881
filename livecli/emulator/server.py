"""The emulator's sockets, paths and clocks: `running` listens, and gives every connection a conversation of its own.

A connection has two tasks around one `LiveProtocol(Side.SERVER)`: one reads, one asks the conversation what to say and
sends it, so a slow reader slows its own answers down and nothing else. Everything that a client can do wrong ends in
the close of its connection. Owns websockets on this side.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import itertools
import logging
import tempfile
import time
import traceback
import uuid
import weakref
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import IO, Any, cast

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from ..audio import resample
from ..errors import ConnectError
from ..protocol.closes import Refusal
from ..protocol.machine import LiveProtocol, Side
from .behaviours import Echo
from .conversation import Conversation
from .paths import asks_for_health, service_at
from .utterance import BYTES_PER_SECOND

Log = Callable[[str], None]

HELD_IN_MEMORY_BYTES = 20 * BYTES_PER_SECOND
"""Of an utterance; the rest goes into an unlinked temporary file."""

MAX_MESSAGE_BYTES = 16 * 1024 * 1024
CLOSE_SECONDS = 5.0
"""How long a client may take to answer a close: on a busy machine it is late, and would miss the reason."""

SHUTDOWN_SECONDS = 0.5
"""How long it may take where the emulator itself ends."""

INTERNAL_ERROR = "Internal error encountered."


@dataclass(frozen=True)
class Running:
    """The emulator is listening: `url` is its base URL (`ws://127.0.0.1:41234`)."""

    url: str
    port: int


@contextlib.asynccontextmanager
async def running(host: str = "127.0.0.1", port: int = 0, *, log: Log = lambda line: None) -> AsyncIterator[Running]:
    """An emulator that accepts connections; on leaving, every session is closed with 1001, within a second.

    Port 0 is a free one. `log` takes a line for each connection and turn. Raises ConnectError where it cannot listen.
    """
    transports: weakref.WeakSet[asyncio.Transport] = weakref.WeakSet()
    server = await _listen(host, port, log, transports)
    # In a thread, so that the first answer does not wait for soxr to be loaded, nor this for the answer.
    loading = asyncio.get_running_loop().run_in_executor(None, resample.load)
    try:
        yield _address(server)
    finally:
        await _shut_down(server, transports)
        await asyncio.wait([loading])  # a thread that is still inside a C library must not see the interpreter go


async def _listen(host: str, port: int, log: Log, transports: weakref.WeakSet[asyncio.Transport]) -> Server:
    try:
        return await serve(
            _greeter(log),
            host,
            port,
            process_request=_answer_http,
            compression=None,  # deflating 15 KB of base64 costs more than all the rest of a part
            max_size=MAX_MESSAGE_BYTES,
            ping_interval=None,  # clients answer pings late while they are busy, and would be cut off
            close_timeout=CLOSE_SECONDS,
            logger=_logger(log),
            create_connection=functools.partial(_Connection, transports),  # type: ignore[arg-type]
        )
    except OSError as error:
        reason = error.strerror or str(error)
        hint = "choose another with --port; 0 is a free one"
        raise ConnectError(f"cannot listen on {host}:{port}: {reason}", hint=hint) from error


def _address(server: Server) -> Running:
    host, port = next(iter(server.sockets)).getsockname()[:2]
    reachable = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return Running(f"ws://[{reachable}]:{port}" if ":" in reachable else f"ws://{reachable}:{port}", port)


async def _shut_down(server: Server, transports: weakref.WeakSet[asyncio.Transport]) -> None:
    server.close()  # sends 1001 to every session
    try:
        async with asyncio.timeout(SHUTDOWN_SECONDS):
            await server.wait_closed()
    except TimeoutError:
        # What is left does not read, or has not finished its upgrade: it would hold us up until it gives up.
        for transport in list(transports):
            transport.abort()
        await server.wait_closed()


class _Connection(ServerConnection):
    """Known to the server from its first byte, so that it can be ended in the middle of its upgrade."""

    def __init__(self, transports: weakref.WeakSet[asyncio.Transport], *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._transports = transports

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transports.add(cast(asyncio.Transport, transport))
        super().connection_made(transport)


def _answer_http(connection: ServerConnection, request: Request) -> Response | None:
    """None lets the upgrade go on."""
    if service_at(request.path):
        return None
    if asks_for_health(request.path) and "Upgrade" not in request.headers:
        return connection.respond(200, "livecli: a local Live API is listening.\n")
    return connection.respond(404, "Not found: the Live API is at /ws/google.…, on either platform's path.\n")


def _greeter(log: Log) -> Callable[[ServerConnection], Awaitable[None]]:
    numbers = itertools.count(1)

    async def greet(socket: ServerConnection) -> None:
        number = next(numbers)
        await _Session(socket, lambda line: log(printable(f"[{number}] {line}"))).run()

    return greet


class _Session:
    """One connection: a conversation joined to a socket."""

    def __init__(self, socket: ServerConnection, log: Log) -> None:
        assert socket.request is not None, "the upgrade is done"
        service = service_at(socket.request.path)
        assert service is not None, "other paths are answered with 404"
        self._socket = socket
        self._log = log
        self._protocol = LiveProtocol(Side.SERVER, service.platform)
        self._conversation = Conversation(
            service.platform,
            service.version,
            behaviour=Echo(),
            new_session_id=lambda: str(uuid.uuid4()),
            open_spool=_spool,
            log=log,
        )
        self._heard = asyncio.Event()
        self._taken = asyncio.Event()
        log(f"connected: {service.platform} {service.version}")

    async def run(self) -> None:
        """Until either side closes."""
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._read())
                tasks.create_task(self._write())
        except* ConnectionClosed:
            self._log(f"closed: {self._socket.close_code} {self._socket.close_reason or ''}".rstrip())
        except* Refusal as refusals:
            await self._refuse(refusals)
        except* OSError as errors:  # the disk is full, or there are too many open files
            self._log(f"failed: {errors.exceptions[0]}")
            await self._close(1011, INTERNAL_ERROR)
        finally:
            self._conversation.close()

    async def _read(self) -> None:
        while True:
            frame = await self._socket.recv(decode=False)
            for event in self._protocol.receive(frame):
                self._conversation.receive(event, time.monotonic())
            self._heard.set()
            while not self._conversation.listening:
                self._taken.clear()
                await self._taken.wait()

    async def _write(self) -> None:
        while True:
            message = self._conversation.next_message(time.monotonic())
            self._taken.set()
            if message is None:
                self._heard.clear()
                await self._heard.wait()
            else:
                await self._socket.send(self._protocol.send(*message))
                await asyncio.sleep(0)  # a socket with room never waits: let the others run

    async def _refuse(self, refusals: BaseExceptionGroup[Refusal]) -> None:
        refusal = refusals.exceptions[0]
        assert isinstance(refusal, Refusal)
        self._log(f"refused: {refusal.code} {refusal.reason}")
        await self._close(refusal.code, refusal.reason)

    async def _close(self, code: int, reason: str) -> None:
        """Close, and read away what the client still sends: its own close comes behind that."""
        reading = asyncio.create_task(self._read_away())
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_SECONDS):
                await self._socket.close(code, reason)
        self._socket.transport.abort()
        await reading

    async def _read_away(self) -> None:
        with contextlib.suppress(ConnectionClosed):
            while True:
                await self._socket.recv(decode=False)


def _spool() -> IO[bytes]:
    return tempfile.SpooledTemporaryFile(max_size=HELD_IN_MEMORY_BYTES)


def printable(line: str) -> str:
    """What the peer sent is hostile until escaped: no control character reaches a log."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in line[:1_000])


def _logger(log: Log) -> logging.Logger:
    """websockets' complaints as lines of ours; with a traceback where the fault is on this side."""

    class Lines(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            error = record.exc_info[1] if record.exc_info else None
            log(printable(f"{record.getMessage()}: {error!r}" if error else record.getMessage()))
            if isinstance(error, BaseExceptionGroup):  # out of a session's tasks: nothing that a client did
                for line in "".join(traceback.format_exception(error)).splitlines():
                    log(printable(line))

    logger = logging.Logger("livecli.emulator", logging.ERROR)
    logger.addHandler(Lines())
    return logger
