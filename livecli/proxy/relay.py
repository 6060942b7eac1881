"""Forwarding of sessions: each connection of a client gets one to the service, and frames pass through unchanged.

A client waits for its upgrade until the service has answered its own, so that it gets the service's refusal with its
status. A slow side slows the other one down: at most QUEUED_MESSAGES of each direction are held.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.http11 import Request, Response

from ..client.connect_errors import failures_as_errors
from ..client.connection import Connection, dial
from ..credentials.decision import resolve
from ..emulator.access import CREDENTIAL_HEADERS, CREDENTIAL_QUERIES, Service
from ..emulator.log import Log, safe_line
from ..emulator.observer import ClosedBy, SessionObserver
from ..emulator.options import EmulatorOptions
from ..emulator.replay_library import NO_RECORDING, ReplayLibrary
from ..emulator.session import ServerSession
from ..emulator.shared_state import SharedState
from ..emulator.websocket import EmulatorConnection
from ..errors import LivecliError, ProtocolError
from ..process.tasks import collapse_exception_group
from ..protocol.close_reasons import CLOSE_REASON_BYTES, Refusal
from ..protocol.codec import decode_client, decode_server
from ..protocol.endpoint import Endpoint, Target, is_loopback, service_origin
from ..protocol.events import Event
from ..protocol.platform import KEY_PLATFORM
from ..recording.format import Direction
from ..recording.record_mode import RecordMode

CONNECT_SECONDS = 10.0
"""The time that the service has to answer an upgrade."""

FIREBASE_HOST = "firebasevertexai.googleapis.com"
"""The host of Firebase's paths (read in firebase 13.2.0)."""

NOT_FORWARDED = {
    *("host", "connection", "upgrade", "content-length", "transfer-encoding", "user-agent", "accept-encoding"),
    *("sec-websocket-key", "sec-websocket-version", "sec-websocket-extensions", "sec-websocket-protocol"),
}
"""The headers of a request that belong to its own connection."""

ABNORMAL = (1005, 1006, 1015)
"""Close codes that stand for the lack of one, and cannot be sent."""


@dataclass(frozen=True)
class RelayOptions:
    """Where sessions go: to `url`, else to Google at `target.location`.

    With `own_credential` they have the credential of `target` instead of the client's.
    """

    target: Target
    url: str | None = None
    own_credential: bool = False
    mode: RecordMode = RecordMode.ALL


class Relay:
    """Forwards the sessions of one proxy, or replays those that `library` has."""

    def __init__(self, options: RelayOptions, library: ReplayLibrary, log: Log) -> None:
        self._options, self._library, self._log = options, library, log
        self._upstream: dict[EmulatorConnection, Connection] = {}
        self.refused = 0
        """The sessions that no recording had, and that were not to be recorded."""

    @property
    def takes_any_credential(self) -> bool:
        """Whether a client needs no credential of its own: livecli's is used, or the server is on this machine."""
        url = self._options.url
        is_local = url is not None and is_loopback(urlsplit(url).hostname)
        return self._options.own_credential or is_local or self._options.mode is RecordMode.NONE

    @property
    def _may_replay(self) -> bool:
        return self._options.mode is not RecordMode.ALL

    async def upgrade(self, client: EmulatorConnection, request: Request, service: Service) -> Response | None:
        """Open the connection to the service. Returns its refusal; None where the client's upgrade may go on."""
        if self._may_replay:
            # Whether the service is needed depends on the setup, which comes after the upgrade.
            return None
        try:
            self._upstream[client] = await self._dial(request, service)
        except LivecliError as error:
            if isinstance(error.__cause__, InvalidStatus):
                return _passed_on(client, error.__cause__.response)
            return self._bad_gateway(client, error)
        return None

    def _bad_gateway(self, client: EmulatorConnection, error: LivecliError) -> Response:
        self._log(safe_line(f"[{client.number}] {error.message}"))
        return client.respond(HTTPStatus.BAD_GATEWAY, f"{error.message}\n")

    async def run(self, client: EmulatorConnection, service: Service, observers: Sequence[SessionObserver]) -> None:
        """Forward one session, until either side closes it."""
        first: bytes | str | None = None
        request = client.request
        assert request is not None, "the upgrade is done"
        if self._may_replay:
            try:
                first = await client.recv()
            except ConnectionClosed:
                return
            if self._library.has(first.encode() if isinstance(first, str) else first):
                self._log(f"[{client.number}] replayed")
                options = EmulatorOptions(replay=self._library)
                socket: Any = _Unread(client, first)
                await ServerSession(socket, service, options, SharedState(options.required), log=self._log).run()
                return
            if self._options.mode is RecordMode.NONE:
                self.refused += 1
                self._log(f"[{client.number}] {NO_RECORDING}")
                await client.close(1008, NO_RECORDING)
                return
            try:
                self._upstream[client] = await self._dial(request, service)
            except LivecliError as error:
                await client.close(1011, error.message.encode()[:CLOSE_REASON_BYTES].decode(errors="ignore"))
                return
        server = self._upstream.pop(client)
        await _ForwardedSession(client, server, observers).run(first)

    async def post(self, client: EmulatorConnection, request: Request) -> Response:
        """Forward a request for an ephemeral token."""
        try:
            endpoint, headers = await self._destination(request, Service(KEY_PLATFORM, ""))
        except LivecliError as error:
            return self._bad_gateway(client, error)
        url = endpoint.url.replace("ws", "http", 1)
        kept = {**dict(headers), "Content-Type": request.headers.get("Content-Type", "application/json")}
        status, kind, body = await asyncio.to_thread(_post, url, kept, client.body)
        response = client.respond(status, body)
        del response.headers["Content-Type"]
        response.headers["Content-Type"] = kind
        return response

    async def close(self) -> None:
        """Drop the connections of clients that never came to their session."""
        for server in self._upstream.values():
            server.abort()

    async def _dial(self, request: Request, service: Service) -> Connection:
        """A connection to the service. Raises LivecliError, whose cause is InvalidStatus for a refusal."""
        endpoint, headers = await self._destination(request, service)
        with failures_as_errors(endpoint, CONNECT_SECONDS):
            async with asyncio.timeout(CONNECT_SECONDS):
                return await dial(endpoint, headers, user_agent=request.headers.get("User-Agent"))

    async def _destination(self, request: Request, service: Service) -> tuple[Endpoint, list[tuple[str, str]]]:
        """Where a request is forwarded to, and with which headers."""
        options, (path, _, query) = self._options, request.path.partition("?")
        headers = [(name, value) for name, value in request.headers.raw_items() if name.lower() not in NOT_FORWARDED]
        if options.own_credential:
            target = Target(**{**vars(options.target), "platform": service.platform, "base_url": options.url})
            _, credential = await asyncio.to_thread(resolve, target, os.environ)
            own = await asyncio.to_thread(credential.headers)
            headers = [*((n, v) for n, v in headers if n.lower() not in CREDENTIAL_HEADERS), *own.items()]
            query = "&".join(each for each in query.split("&") if each.partition("=")[0] not in CREDENTIAL_QUERIES)
        if options.url is not None:
            origin = urlsplit(options.url)
        elif "google.firebase" in path:
            origin = urlsplit(f"wss://{FIREBASE_HOST}")
        else:
            origin = urlsplit(service_origin(service.platform, options.target, os.environ))
        scheme = {"http": "ws", "https": "wss"}.get(origin.scheme, origin.scheme)
        url = urlunsplit((scheme, origin.netloc, origin.path.rstrip("/") + path, query, ""))
        return Endpoint(service.platform, url, "", ""), headers


class _Unread:
    """A connection whose first message is received again."""

    def __init__(self, connection: EmulatorConnection, first: bytes | str) -> None:
        self._connection = connection
        self._first: bytes | str | None = first

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    async def recv(self, decode: bool | None = None) -> bytes | str:
        first, self._first = self._first, None
        if first is None:
            return await self._connection.recv(decode)
        return first.encode() if isinstance(first, str) and decode is False else first


class _ForwardedSession:
    """One session between a client and the service."""

    def __init__(self, client: EmulatorConnection, server: Connection, observers: Sequence[SessionObserver]) -> None:
        self._client, self._server, self._observers = client, server, observers

    async def run(self, first: bytes | str | None) -> None:
        """Forward in both directions until one side closes, and close the other one alike."""
        try:
            if first is not None:
                await self._pass_on(Direction.CLIENT, first, self._server.send)
            async with collapse_exception_group(), asyncio.TaskGroup() as tasks:
                ways = [
                    tasks.create_task(self._forward(Direction.CLIENT, self._client, self._server.send)),
                    tasks.create_task(self._forward(Direction.SERVER, self._server, self._client.send)),
                ]
                await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
                by = ClosedBy.CLIENT if self._client.close_code is not None else ClosedBy.SERVER
                await self._close(by)
        finally:
            self._server.abort()

    async def _forward(
        self, direction: Direction, source: EmulatorConnection | Connection, send: Callable[[bytes | str], Any]
    ) -> None:
        with suppress(ConnectionClosed):
            while True:
                await self._pass_on(direction, await source.recv(), send)

    async def _pass_on(self, direction: Direction, frame: bytes | str, send: Callable[[bytes | str], Any]) -> None:
        data = frame.encode() if isinstance(frame, str) else frame
        for observer in self._observers:
            observer.frame(direction, data, is_binary=isinstance(frame, bytes))
        if listeners := [observer for observer in self._observers if observer.wants_messages]:
            message = _decoded(direction, data)
            for observer in listeners:
                (observer.received if direction is Direction.CLIENT else observer.sent)(message)
        await send(frame)

    async def _close(self, by: ClosedBy) -> None:
        closed, other = (self._client, self._server) if by is ClosedBy.CLIENT else (self._server, self._client)
        code, reason = closed.close_code or 1006, closed.close_reason or ""
        for observer in self._observers:
            observer.closed(by, code, reason)
        if code == 1006:
            other.abort()
        else:
            await other.close(1000 if code in ABNORMAL else code, reason)


def _decoded(direction: Direction, data: bytes) -> list[Event]:
    """The events of a frame; none where it is no message of its side, which the other side says."""
    try:
        return decode_client(data) if direction is Direction.CLIENT else decode_server(data)
    except (Refusal, ProtocolError):
        return []


def _post(url: str, headers: Mapping[str, str], body: bytes) -> tuple[int, str, str]:
    """The status, the content type and the body of the response to a POST; 502 where there is none."""
    from http.client import HTTPException
    from urllib.error import HTTPError
    from urllib.request import Request as Post
    from urllib.request import urlopen

    try:
        with urlopen(Post(url, body, dict(headers)), timeout=CONNECT_SECONDS) as response:
            return response.status, response.headers.get("Content-Type", ""), response.read().decode(errors="replace")
    except HTTPError as error:
        with error:
            return error.code, error.headers.get("Content-Type", ""), error.read().decode(errors="replace")
    except (OSError, HTTPException) as error:
        return 502, "text/plain", f"{error}\n"


def _passed_on(client: EmulatorConnection, refusal: Response) -> Response:
    """The service's response to the upgrade, for the client."""
    response = client.respond(refusal.status_code, (refusal.body or b"").decode(errors="replace"))
    for name in ("Content-Type", "Retry-After", "WWW-Authenticate"):
        if name in refusal.headers:
            del response.headers[name]
            response.headers[name] = refusal.headers[name]
    return response
