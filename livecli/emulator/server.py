"""The emulator's doors: `running` listens, answers plain HTTP, and gives every connection a session of its own.

In the clear always, and on TLS beside that where it is given a certificate; both are one emulator, which ends as one.
What is said on a connection is `session`'s. Owns websockets on this side, together with that.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import itertools
import ssl
import weakref
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.http11 import Request, Response

from ..errors import ConnectError
from ..media import resample
from . import access
from .access import asks_for_health, service_at
from .core.handles import HandleStore
from .ephemeral_tokens import TokenMint, mints_at
from .fault_injector import at_upgrade
from .log import Log, library_logger, no_log, safe_line
from .options import AS_GOOGLE, EmulatorOptions
from .session import CLOSE_SECONDS, ServerSession
from .websocket import EmulatorConnection, InflateOnlyFactory, abort_half_open

MAX_MESSAGE_BYTES = 16 * 1024 * 1024

OPEN_SECONDS = 10.0
"""How long an upgrade may take, and how long a TLS handshake."""

BACKLOG = 1024
"""How many may knock at once: with asyncio's own 100, who comes with a crowd tries again after a second."""

SHUTDOWN_SECONDS = 0.5
"""How long a client may take to answer a close where the emulator itself ends."""

ABORT_SECONDS = 0.2
"""How long it may take to be rid of those who did not."""

ANYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}
"""Addresses that stand for all of a machine's, and one that can be connected to."""


@dataclass(frozen=True)
class Tls:
    """Listen on TLS, too. Port 0 is a free one."""

    certificate: ssl.SSLContext
    port: int = 0


@dataclass(frozen=True)
class RunningServer:
    """The emulator is listening: `url` is its base URL (`ws://127.0.0.1:41234`), `tls_port` None without TLS."""

    url: str
    port: int
    tls_port: int | None = None


@contextlib.asynccontextmanager
async def running(
    host: str = "127.0.0.1",
    port: int = 0,
    *,
    tls: Tls | None = None,
    options: EmulatorOptions = AS_GOOGLE,
    log: Log = no_log,
) -> AsyncIterator[RunningServer]:
    """An emulator that accepts connections; on leaving, every session is closed with 1001, within a second.

    Port 0 is a free one. `log` takes a line for each connection and turn. Raises ConnectError where it cannot listen.
    """
    doors = _Doors(options, log)
    try:
        # TLS first: whoever waits for the port in the clear finds both open.
        encrypted = await doors.open(host, tls.port, tls.certificate) if tls else None
        clear = await doors.open(host, port)
        doors.warm_up()
        yield RunningServer(_url(clear), _port(clear), _port(encrypted) if encrypted else None)
    finally:
        await doors.shut()


class _Doors:
    """What one emulator listens on, and everybody who came in."""

    def __init__(self, options: EmulatorOptions, log: Log) -> None:
        self._options = options
        self._log = log
        self._numbers = itertools.count(1)
        self._sessions = HandleStore()
        self._mint = TokenMint(options.required)
        self._servers: list[Server] = []
        self._connections: weakref.WeakSet[EmulatorConnection] = weakref.WeakSet()
        self._warming: asyncio.Future[None] | None = None

    async def open(self, host: str, port: int, certificate: ssl.SSLContext | None = None) -> Server:
        try:
            server = await serve(
                self._greet,
                host,
                port,
                ssl=certificate,
                ssl_handshake_timeout=OPEN_SECONDS if certificate else None,
                process_request=self._answer_http,
                extensions=[InflateOnlyFactory()],
                compression=None,
                max_size=MAX_MESSAGE_BYTES,
                backlog=BACKLOG,
                ping_interval=None,  # clients answer pings late while they are busy, and would be cut off
                open_timeout=OPEN_SECONDS + self._options.faults.stall_at_connect_seconds,
                close_timeout=CLOSE_SECONDS,
                logger=library_logger(self._log),
                create_connection=functools.partial(EmulatorConnection, self._connections),  # type: ignore[arg-type]
            )
        except OSError as error:
            reason = error.strerror or str(error)
            hint = f"choose another with {'--tls-port' if certificate else '--port'}; 0 is a free one"
            raise ConnectError(f"cannot listen on {host}:{port}: {reason}", hint=hint) from error
        self._servers.append(server)
        return server

    def warm_up(self) -> None:
        """In a thread, so that the first answer does not wait for soxr to be loaded, nor a client for that."""
        self._warming = asyncio.get_running_loop().run_in_executor(None, resample.load)

    async def shut(self) -> None:
        for server in self._servers:
            server.close()  # sends 1001 to every session
        closing = [asyncio.ensure_future(server.wait_closed()) for server in self._servers]
        if await _left_of(closing, SHUTDOWN_SECONDS):
            # Who is left does not read, or has not finished its upgrade: it would hold us up until it gives up.
            for connection in list(self._connections):
                connection.abort()
            for server in self._servers:
                abort_half_open(server)
            for waiting in await _left_of(closing, ABORT_SECONDS):
                waiting.cancel()
        self._sessions.close()
        if self._warming:
            await asyncio.wait([self._warming])  # a thread inside a C library must not see the interpreter go

    async def _answer_http(self, connection: ServerConnection, request: Request) -> Response | None:
        """None lets the upgrade go on."""
        assert isinstance(connection, EmulatorConnection), "as it was created"
        if connection.post_body is not None:
            if mints_at(request.path):
                return self._minted(connection, request, connection.post_body)
            return connection.respond(405, "Only ephemeral tokens are asked for with POST: /v1alpha/auth_tokens.\n")
        if asks_for_health(request.path) and "Upgrade" not in request.headers:
            return connection.respond(200, "livecli: a local Live API is listening.\n")
        service = service_at(request.path)
        if service is not None and (status := await at_upgrade(self._options.faults, connection, self._log)):
            return connection.respond(status, "as --fault asked for\n")
        if service is None:
            return connection.respond(404, "Not found: the Live API is at /ws/google.…, on either platform's path.\n")
        objection = self._objection_to(request)
        if objection is None or not service.platform.facts.refuses_upgrade:
            return None
        refusal = access.UPGRADE_REFUSALS[objection]
        self._log(f"refused: {refusal.code} {refusal.status} for {service.platform} {service.version}")
        return _json(connection, refusal.code, refusal.body)

    def _minted(self, connection: EmulatorConnection, request: Request, posted: bytes) -> Response:
        headers = list(request.headers.raw_items())
        body, refusal = self._mint.answer(request.path, headers, posted, datetime.now(UTC))
        self._log(f"refused a token: {refusal.code} {refusal.status}" if refusal else "made an ephemeral token")
        return _json(connection, refusal.code if refusal else 200, body)

    def _objection_to(self, request: Request) -> access.Objection | None:
        return self._options.required.objection_to(request.path, request.headers.raw_items())

    async def _greet(self, socket: ServerConnection) -> None:
        number = next(self._numbers)
        assert isinstance(socket, EmulatorConnection), "as it was created"
        assert socket.request is not None, "the upgrade is done"
        path, headers = socket.request.path, list(socket.request.headers.raw_items())
        service = service_at(path)
        assert service is not None, "other paths are answered with 404"
        token = self._mint.token_in(path, headers) if service.platform.facts.takes_ephemeral_tokens else None
        objection = None if token else self._objection_to(socket.request)
        unwelcome = access.session_refusal(objection) if objection else None

        def log(line: str) -> None:
            self._log(safe_line(f"[{number}] {line}"))

        await ServerSession(
            socket, service, self._options, self._sessions, log=log, unwelcome=unwelcome, token=token
        ).run()


def _json(connection: ServerConnection, status: int, body: str) -> Response:
    response = connection.respond(status, body)
    del response.headers["Content-Type"]
    response.headers["Content-Type"] = "application/json; charset=UTF-8"
    return response


async def _left_of(waiting: Sequence[asyncio.Future[None]], seconds: float) -> set[asyncio.Future[None]]:
    return (await asyncio.wait(waiting, timeout=seconds))[1] if waiting else set()


def _url(server: Server) -> str:
    host, port = next(iter(server.sockets)).getsockname()[:2]
    reachable = ANYWHERE.get(host, host)
    return f"ws://[{reachable}]:{port}" if ":" in reachable else f"ws://{reachable}:{port}"


def _port(server: Server) -> int:
    return int(next(iter(server.sockets)).getsockname()[1])
