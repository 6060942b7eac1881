"""The emulator as a server: `run_emulator` listens, answers plain HTTP requests, and runs a session on each connection.

It listens without TLS, and with TLS too where it is given a certificate. Messages are `session`'s concern.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import functools
import os
import socket
import ssl
import weakref
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any, Protocol

import msgspec
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.http11 import Request, Response
from websockets.server import ServerProtocol

from ..errors import ConnectError
from ..media import resample
from ..media.speech.recognizer import Recognizer, RecognizerError
from ..process.background import PID_HEADER, WORKER_PID_HEADER
from ..process.port_holder import port_holder
from . import access
from .access import Service, service_at
from .ephemeral_tokens import EphemeralToken, is_mint_path
from .fault_injector import at_upgrade
from .listener import OPEN_SECONDS, Listener
from .log import Log, SessionLog, library_logger, no_log, safe_line
from .message_log import LogStream
from .observer import SessionObserver
from .options import DEFAULT_OPTIONS, EmulatorOptions
from .session import CLOSE_SECONDS, ServerSession
from .shared_state import SharedState
from .websocket import EmulatorConnection, InflateOnlyFactory, ListeningServer

MAX_MESSAGE_BYTES = 16 * 1024 * 1024
"""The longest message of a client; a longer one closes the connection with 1009."""

SHUTDOWN_SECONDS = 0.5
"""The time that clients have to answer the close when the emulator stops."""

ABORT_SECONDS = 0.2
"""The time that it may take to abort the connections of the clients that did not answer."""

PORT_OPTION, TLS_PORT_OPTION = "--port", "--tls-port"
"""The options of the two ports."""

LOG_TYPE = "application/x-ndjson"
"""The type of the response to `/log`: a JSON object a line."""

WELCOME = """livecli serve: a local Live API, for clients of Google's Gemini Live API.

  /ws/google.…   the WebSocket paths of Vertex AI and of the Gemini Developer API
  /v1alpha/auth_tokens   creates ephemeral tokens (POST)
  /healthz       200 as soon as it listens
  /log           every message of both directions from now on, as lines of JSON

`livecli help serve` and `livecli help clients` say how to point a program at it.
"""

ANYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}
"""Addresses that mean every address of the machine, each with one to which clients can connect."""


class SessionRelay(Protocol):
    """A relay, which takes the sessions of a server in place of the emulator and forwards them."""

    @property
    def takes_any_credential(self) -> bool:
        """Whether a client needs no credential of its own."""

    async def upgrade(self, client: EmulatorConnection, request: Request, service: Service) -> Response | None:
        """The refusal of an upgrade; None where it may go on."""

    async def run(self, client: EmulatorConnection, service: Service, observers: Sequence[SessionObserver]) -> None:
        """Run a session whose upgrade is done, to its end."""

    async def post(self, client: EmulatorConnection, request: Request) -> Response:
        """The response to a request for an ephemeral token."""

    async def close(self) -> None:
        """The server has ended."""


class Tls(msgspec.Struct, frozen=True):
    """The certificate and the port for connections with TLS. Port 0 is a free one."""

    certificate: ssl.SSLContext
    port: int = 0


class EmulatorAddress(msgspec.Struct, frozen=True):
    """Where an emulator listens: `url` is its base URL (`ws://127.0.0.1:41234`); `tls_port` is None without TLS."""

    url: str
    port: int
    tls_port: int | None = None


@contextlib.asynccontextmanager
async def run_emulator(
    host: str = "127.0.0.1",
    port: int = 0,
    *,
    tls: Tls | None = None,
    options: EmulatorOptions | Callable[[], EmulatorOptions] = DEFAULT_OPTIONS,
    log: Log = no_log,
    relay: SessionRelay | None = None,
) -> AsyncIterator[EmulatorAddress]:
    """Run an emulator; at the end of the context, every session is closed with 1001, within a second.

    Port 0 is a free one. Where `options` is a function, each session has those that it returns at its beginning; the
    credentials and the sinks of messages are those at the start. `log` takes a line for each connection and turn. A
    `relay` takes the sessions instead. Raises ConnectError where it cannot listen.
    """
    current = options if callable(options) else lambda: options
    server = _EmulatorServer(current, log, SharedState(current().required, current().message_sinks), relay)
    try:
        # The port with TLS comes first, so that a client that can connect to the other one can connect to both.
        rest = {PORT_OPTION: port}
        encrypted = await server.open(host, {TLS_PORT_OPTION: tls.port, **rest}, tls.certificate) if tls else None
        clear = await server.open(host, rest)
        server.warm_up()
        await server.start_recognizer()
        yield EmulatorAddress(url_of(next(iter(clear.sockets))), _port(clear), _port(encrypted) if encrypted else None)
    finally:
        await server.close()


@contextlib.asynccontextmanager
async def run_emulator_on(
    sockets: Sequence[socket.socket],
    encrypted: Sequence[socket.socket],
    certificate: ssl.SSLContext,
    *,
    options: EmulatorOptions,
    log: Log,
    shared: SharedState,
) -> AsyncIterator[None]:
    """Run an emulator on sockets that are bound, those `encrypted` with TLS, with a state that it shares."""
    server = _EmulatorServer(lambda: options, log, shared)
    try:
        for each in encrypted:
            await server.open_on(each, certificate)
        for each in sockets:
            await server.open_on(each)
        server.warm_up()
        await server.start_recognizer()
        yield
    finally:
        await server.close()


class _EmulatorServer:
    """The listening sockets of one emulator, its connections, and the state that they share."""

    def __init__(
        self, current: Callable[[], EmulatorOptions], log: Log, shared: SharedState, relay: SessionRelay | None = None
    ) -> None:
        self._current, self._relay = current, relay
        self._log = log
        self._logger = library_logger(log)
        self._shared = shared
        self._streams: weakref.WeakSet[LogStream] = weakref.WeakSet()
        self._servers: list[ListeningServer] = []
        self._listeners: list[Listener] = []
        self._connections: weakref.WeakSet[EmulatorConnection] = weakref.WeakSet()
        self._warming: asyncio.Future[None] | None = None
        self._recognizers: dict[tuple[str, ...], Recognizer] = {}

    @property
    def _options(self) -> EmulatorOptions:
        return self._current()

    async def open(self, host: str, ports: Mapping[str, int], certificate: ssl.SSLContext | None = None) -> Server:
        """Listen on the first of `ports`, which are those that are not open yet, by their options."""
        try:
            return self._listen(await self._server(host=host, port=next(iter(ports.values()))), certificate)
        except OSError as error:
            raise await listen_error(host, ports, error) from error

    async def open_on(self, bound: socket.socket, certificate: ssl.SSLContext | None = None) -> None:
        """Listen on a socket that is bound."""
        self._listen(await self._server(sock=bound), certificate)

    async def _server(self, **where: Any) -> Server:
        return await serve(
            self._run_session,
            **where,
            start_serving=False,  # a Listener accepts the connections
            process_request=self._answer_http,
            process_response=self._add_worker,
            open_timeout=None,  # an EmulatorConnection has its own
            logger=self._logger,
        )

    def _listen(self, server: Server, certificate: ssl.SSLContext | None) -> Server:
        listening = ListeningServer(server)
        self._servers.append(listening)
        sockets = [each.dup() for each in server.sockets]
        connection = functools.partial(self._connection, listening)
        listener = Listener(sockets, connection, certificate, CLOSE_SECONDS, self._log)
        self._listeners.append(listener)
        listener.start()
        return server

    def _connection(self, server: ListeningServer) -> EmulatorConnection:
        """A connection of websockets, before its upgrade."""
        protocol = ServerProtocol(extensions=[InflateOnlyFactory()], max_size=MAX_MESSAGE_BYTES, logger=self._logger)
        # Clients answer pings late while they are busy, and would be cut off.
        return EmulatorConnection(
            self._connections,
            OPEN_SECONDS + self._options.faults.stall_at_connect_seconds,
            protocol,
            server,
            ping_interval=None,
            close_timeout=CLOSE_SECONDS,
        )

    def warm_up(self) -> None:
        """Load soxr and eSpeak NG in threads, so that neither the first answer nor a connection waits for that."""
        self._warming = asyncio.get_running_loop().run_in_executor(None, resample.load)
        if self._options.speaks:
            from . import speech_synthesis

            speech_synthesis.load()

    async def start_recognizer(self) -> None:
        """Start the process that recognizes speech, if there is to be one."""
        if recognizer := self._recognizer():
            try:
                await recognizer.start()
            except RecognizerError as error:
                self._log(f"cannot recognize speech: {error}")

    def _recognizer(self) -> Recognizer | None:
        """The one that spots the phrases of the current script, if speech is to be recognized."""
        if not self._options.hears:
            return None
        phrases = self._options.script.phrases if self._options.script else ()
        return self._recognizers.setdefault(phrases, Recognizer(phrases))

    async def close(self) -> None:
        for listener in self._listeners:
            await listener.close()
        for server in self._servers:
            server.close()  # sends 1001 to every session
        for stream in list(self._streams):
            stream.close()
        closing = [asyncio.ensure_future(server.wait_closed()) for server in self._servers]
        if await _still_waiting(closing, SHUTDOWN_SECONDS):
            # The clients that are left do not read, or have not finished their upgrade.
            for connection in list(self._connections):
                connection.abort()
            for waiting in await _still_waiting(closing, ABORT_SECONDS):
                waiting.cancel()
        self._shared.sessions.close()
        if self._relay:
            await self._relay.close()
        for recognizer in self._recognizers.values():
            await recognizer.close()
        if self._warming:
            await asyncio.wait([self._warming])  # the interpreter must not end while a thread is in a C library

    async def _answer_http(self, connection: ServerConnection, request: Request) -> Response | None:
        """The response to an HTTP request; None continues with the upgrade."""
        assert isinstance(connection, EmulatorConnection), "as it was created"
        hosts, origins = request.headers.get_all("Host"), request.headers.get_all("Origin")
        if refusal := self._options.sources.refusal(hosts, origins):
            self._log(safe_line(f"refused: 403 for {refusal}"))
            return connection.respond(403, f"The emulator does not answer {refusal}.\n")
        response = await self._answer_allowed(connection, request)
        if response is not None:
            _let_page_read(response, origins)
            if response.headers.get("Content-Type") == LOG_TYPE:
                self._streams.add(stream := await self._shared.log_stream(response.serialize()))
                await connection.lend(stream)
        return response

    async def _answer_allowed(self, connection: EmulatorConnection, request: Request) -> Response | None:
        """The response to a request of this machine; None continues with the upgrade."""
        if connection.method == "OPTIONS":
            return _preflight(connection, request)
        if connection.method != "GET":
            if is_mint_path(request.path) and self._relay:
                return await self._relay.post(connection, request)
            if is_mint_path(request.path):
                return await self._create_token(connection, request)
            message = f"Only /v1alpha/auth_tokens, which creates ephemeral tokens, takes {connection.method}.\n"
            return connection.respond(405, message)
        if "Upgrade" not in request.headers and (page := self._page(connection, request.path)):
            return page
        service = service_at(request.path)
        if service is None:
            return connection.respond(404, "Not found: the Live API is at /ws/google.…, the path of either platform.\n")
        connection.number = await self._shared.next_number()
        if self._relay:
            return await self._relay.upgrade(connection, request, service)
        faults = self._options.faults.on_connection(connection.number)
        if status := await at_upgrade(faults, connection, self._log):
            return connection.respond(status, "as --fault asked for\n")
        error = self._credential_error(request)
        if error is None or not service.platform.facts.refuses_upgrade:
            return None
        refusal = access.UPGRADE_REFUSALS[error]
        self._log(f"refused: {refusal.code} {refusal.status} for {service.platform} {service.version}")
        return _json(connection, refusal.code, refusal.body)

    def _page(self, connection: EmulatorConnection, path: str) -> Response | None:
        """The response to a request that is no upgrade, by its path; None where there is no such page."""
        match path.partition("?")[0]:
            case "/":
                return connection.respond(200, WELCOME)
            case "/healthz":
                response = connection.respond(200, "livecli: a local Live API is listening.\n")
                response.headers[PID_HEADER] = str(self._shared.pid)
                self._add_worker(connection, None, response)
                return response
            case "/log":
                response = connection.respond(200, "")
                # The body has no end, and follows the head as the lines come.
                del response.headers["Content-Length"], response.headers["Content-Type"]
                response.headers["Content-Type"] = LOG_TYPE
                return response
        return None

    def _add_worker(self, connection: ServerConnection, request: Request | None, response: Response) -> None:
        """Name the process in the response to an upgrade, where there are several."""
        if self._shared.worker_pid:
            response.headers[WORKER_PID_HEADER] = str(self._shared.worker_pid)

    async def _create_token(self, connection: EmulatorConnection, request: Request) -> Response:
        headers = list(request.headers.raw_items())
        body, refusal = await self._shared.create_token(request.path, headers, connection.body)
        self._log(f"refused a token: {refusal.code} {refusal.status}" if refusal else "made an ephemeral token")
        return _json(connection, refusal.code if refusal else 200, body)

    def _credential_error(self, request: Request) -> access.CredentialError | None:
        return self._options.required.check(request.path, request.headers.raw_items())

    async def _run_session(self, socket: ServerConnection) -> None:
        assert isinstance(socket, EmulatorConnection), "as it was created"
        socket.opened()
        number = socket.number
        assert socket.request is not None, "the upgrade is done"
        path, headers = socket.request.path, list(socket.request.headers.raw_items())
        service = service_at(path)
        assert service is not None, "other paths are answered with 404"

        def log(line: str) -> None:
            self._log(safe_line(f"[{number}] {line}"))

        observers = [observe(number, service) for observe in (*self._options.observers, self._shared.messages.observe)]
        if self._log is not no_log:
            observers.append(SessionLog(log, service, self._options.models))
        scheme = "wss" if socket.transport.get_extra_info("ssl_object") else "ws"
        url = f"{scheme}://{socket.request.headers.get('Host', '')}{path.partition('?')[0]}"
        keys, tokens = access.credentials_in(path, headers)
        for observer in observers:
            observer.opened(url, socket.request.headers.get("User-Agent"), [*keys, *tokens])
        if self._relay:
            await self._relay.run(socket, service, observers)
            return
        token: EphemeralToken | None = None
        error: access.CredentialError | None = None
        if service.platform.facts.takes_ephemeral_tokens:
            token = await self._shared.token_in(path, headers)
            error = access.wrong_kind_of_credential(path, headers)
        if token is None and error is None:
            error = self._credential_error(socket.request)
        refusal = access.session_refusal(error) if error else None
        session = ServerSession(
            socket,
            service,
            self._options,
            self._shared,
            log=log,
            observers=observers,
            refusal=refusal,
            token=token,
            recognizer=self._recognizer(),
        )
        await session.run()


async def listen_error(host: str, ports: Mapping[str, int], error: OSError) -> ConnectError:
    """The error for the first of `ports`, which cannot be listened on. It names the others that are taken too."""
    option = next(iter(ports))
    if isinstance(error, socket.gaierror) or error.errno == errno.EADDRNOTAVAIL:
        hint = "--host names an address of this machine, such as 127.0.0.1"
        return ConnectError(f"cannot listen on {host}: it is not an address of this machine", hint=hint)
    if error.errno != errno.EADDRINUSE:
        reason = os.strerror(error.errno) if error.errno else str(error)
        hint = f"{option} names another port; 0 is a free one"
        return ConnectError(f"cannot listen on {host}:{ports[option]}: {reason}", hint=hint)
    taken = {name: port for name, port in ports.items() if name == option or (port and await _is_taken(host, port))}
    holders = {port: await asyncio.to_thread(port_holder, port) for port in sorted(taken.values())}
    named = [f"{port} ({safe_line(holder)})" if holder else str(port) for port, holder in holders.items()]
    message = f"ports {' and '.join(named)} are taken" if len(named) > 1 else f"port {named[0]} is taken"
    ways = " ".join(f"{name} 0" for name in sorted(taken)) + f" takes {'free ones' if len(taken) > 1 else 'a free one'}"
    unknown = " ".join(f"-i :{port}" for port, holder in holders.items() if holder is None)
    return ConnectError(message, hint=f"{ways}; `lsof {unknown}` shows what listens" if unknown else ways)


async def _is_taken(host: str, port: int) -> bool:
    try:
        server = await asyncio.get_running_loop().create_server(asyncio.Protocol, host, port)
    except OSError as error:
        return error.errno == errno.EADDRINUSE
    server.close()
    return False


def _preflight(connection: EmulatorConnection, request: Request) -> Response:
    """The answer to the request that a browser sends before a page's own (CORS): it allows what that asks for."""
    response = connection.respond(204, "")
    response.headers["Access-Control-Allow-Methods"] = "GET, POST"
    response.headers["Access-Control-Max-Age"] = "3600"
    for headers in request.headers.get_all("Access-Control-Request-Headers"):
        response.headers["Access-Control-Allow-Headers"] = headers
    return response


def _let_page_read(response: Response, origins: Sequence[str]) -> None:
    """Let the page that has sent the request read the response (CORS)."""
    for origin in origins[:1]:
        response.headers["Access-Control-Allow-Origin"] = origin
        response.headers["Vary"] = "Origin"


def _json(connection: ServerConnection, status: int, body: str) -> Response:
    response = connection.respond(status, body)
    del response.headers["Content-Type"]
    response.headers["Content-Type"] = "application/json; charset=UTF-8"
    return response


async def _still_waiting(waiting: Sequence[asyncio.Future[None]], seconds: float) -> set[asyncio.Future[None]]:
    return (await asyncio.wait(waiting, timeout=seconds))[1] if waiting else set()


def url_of(bound: socket.socket) -> str:
    """The base URL of an emulator that listens on this socket."""
    host, port = bound.getsockname()[:2]
    reachable = ANYWHERE.get(host, host)
    return f"ws://[{reachable}]:{port}" if ":" in reachable else f"ws://{reachable}:{port}"


def _port(server: Server) -> int:
    return int(next(iter(server.sockets)).getsockname()[1])
