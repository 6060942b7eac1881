"""Each way in which a connection fails before there is a session, on loopback sockets: its error, status and hint."""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
import trustme
from websockets.datastructures import Headers
from websockets.exceptions import InvalidMessage, InvalidProxy, InvalidStatus
from websockets.http11 import Response

from livecli.client.connect_errors import failures_as_errors, refused_upgrade
from livecli.client.connection import dial
from livecli.errors import AuthError, ConnectError, DeadlineError, LivecliError, QuotaError
from livecli.protocol.endpoint import Endpoint
from livecli.protocol.http_errors import BODY_CHARACTERS, message_in
from livecli.protocol.platform import Platform
from tests.cases import in_one_test

MODEL = "gemini-3.8-live"
PATIENCE_SECONDS = 10.0
"""The connect timeout of tests that are not about it."""
PASSWORD = "hunter2-hunter2"

Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def endpoint(url: str, *, platform: Platform = Platform.VERTEX, location: str | None = None) -> Endpoint:
    return Endpoint(platform, url, MODEL, f"publishers/google/models/{MODEL}", location=location)


async def failure(url: str, connect_timeout: float = PATIENCE_SECONDS) -> LivecliError:
    """The error of a connection to `url`, which has to fail."""
    where = endpoint(url)
    with pytest.raises(LivecliError) as raised, failures_as_errors(where, connect_timeout):
        async with asyncio.timeout(connect_timeout):
            await dial(where, {})
    return raised.value


@asynccontextmanager
async def answering(answer: Answer, certificate: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """The port of a server on loopback that treats each connection with `answer` and closes it."""
    tasks: set[asyncio.Task[None] | None] = set()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(asyncio.current_task())
        try:
            await answer(reader, writer)
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    server = await asyncio.start_server(handle, "127.0.0.1", 0, ssl=certificate)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in tasks:
            assert task is not None
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


def says(answer: bytes) -> Answer:
    """Reads the request and answers it."""

    async def say(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        await writer.drain()

    return say


def http(status: str, body: str = "", *headers: str) -> Answer:
    head = [f"HTTP/1.1 {status}", f"Content-Length: {len(body.encode())}", *headers, "", body]
    return says("\r\n".join(head).encode())


async def closes_at_once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Reads the request and closes."""
    await reader.readuntil(b"\r\n\r\n")


async def resets(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Reads the request and resets the connection."""
    await reader.readuntil(b"\r\n\r\n")
    linger = struct.pack("ii", 1, 0)
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)


async def stays_silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Takes the request and says nothing until the client closes."""
    await reader.read(-1)


async def never_ends(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answers with a header that is always under way."""
    writer.write(b"HTTP/1.1 101 Switching Protocols\r\nX-Slow: ")
    with suppress(ConnectionError):
        while not writer.is_closing():
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.01)


def certificate_for(name: str) -> tuple[trustme.CA, ssl.SSLContext]:
    authority, context = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)
    return authority, context


def assert_is(error: LivecliError, kind: type[LivecliError], status: int, retry: str, message: str) -> None:
    assert (type(error), error.exit_status, error.retry) == (kind, status, retry)
    assert message in error.message
    assert "\n" not in error.message


class TestNameAndTcp:
    @pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
    async def test_refused(self, host: str) -> None:
        with socket.socket() as taken:  # bound and not listening: it refuses, and no other process gets the port
            taken.bind(("127.0.0.1", 0))
            port = taken.getsockname()[1]
            error = await failure(f"ws://{host}:{port}/ws")
        assert_is(error, ConnectError, 5, "later", f"cannot connect to {host} port {port}: connection refused")
        assert error.hint == "is the server running?"

    async def test_a_name_that_does_not_resolve(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def unknown(*_: object, **__: object) -> None:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

        monkeypatch.setattr(socket, "getaddrinfo", unknown)
        error = await failure("wss://live.test/ws")
        assert_is(error, ConnectError, 5, "later", "cannot find live.test: Name or service not known")
        assert error.hint == "is the network up?"

    async def test_a_hint_at_the_proxy_where_one_is_set(self, monkeypatch: pytest.MonkeyPatch) -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{taken.getsockname()[1]}")
            error = await failure("wss://live.test/ws")
        assert_is(error, ConnectError, 5, "later", "connection refused")
        assert error.hint == "is the proxy up? see HTTPS_PROXY and NO_PROXY"

    async def test_a_name_server_that_does_not_answer(self, monkeypatch: pytest.MonkeyPatch) -> None:
        is_over = threading.Event()

        def slow(*_: object, **__: object) -> list[object]:
            assert is_over.wait(PATIENCE_SECONDS)
            return []

        monkeypatch.setattr(socket, "getaddrinfo", slow)
        try:
            error = await failure("wss://live.test/ws", connect_timeout=0.1)
        finally:
            is_over.set()
        assert_is(error, DeadlineError, 7, "never", "no connection to live.test within 0.1 s")


class TestTls:
    async def test_an_authority_that_is_not_trusted(self) -> None:
        _, certificate = certificate_for("localhost")
        async with answering(stays_silent, certificate) as port:
            error = await failure(f"wss://localhost:{port}/ws")
        assert_is(error, ConnectError, 5, "never", "the certificate of localhost cannot be trusted")
        assert "SSL_CERT_FILE" in (error.hint or "")

    async def test_a_certificate_for_another_name(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        authority, certificate = certificate_for("live.test")
        authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
        async with answering(stays_silent, certificate) as port:
            error = await failure(f"wss://localhost:{port}/ws")
        assert_is(error, ConnectError, 5, "never", "Hostname mismatch")

    async def test_plain_http_on_the_port(self) -> None:
        async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read(1)
            writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            await reader.read(-1)

        async with answering(refuse) as port:
            error = await failure(f"wss://localhost:{port}/ws")
        assert_is(error, ConnectError, 5, "never", "no TLS with localhost: ")
        assert "ws://" in (error.hint or "")

    async def test_tls_on_the_port_of_a_connection_in_the_clear(self) -> None:
        async def alert(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(bytes([21, 3, 1, 0, 2, 2, 70]))  # fatal: protocol version

        async with answering(alert) as port:
            error = await failure(f"ws://localhost:{port}/ws")
        assert_is(error, ConnectError, 5, "never", "localhost does not answer as a WebSocket server")

    async def test_a_handshake_that_is_not_answered(self) -> None:
        async with answering(stays_silent) as port:
            error = await failure(f"wss://localhost:{port}/ws", connect_timeout=0.2)
        assert_is(error, DeadlineError, 7, "never", "no connection to localhost within 0.2 s")


STATUSES = [
    ("301 Moved Permanently", ConnectError, 5, "never", "redirects are not followed"),
    ("400 Bad Request", ConnectError, 5, "never", ""),
    ("401 Unauthorized", AuthError, 4, "never", "the credential was refused"),
    ("403 Forbidden", AuthError, 4, "never", "the credential lacks permission"),
    ("404 Not Found", ConnectError, 5, "never", "--base-url"),
    ("407 Proxy Authentication Required", ConnectError, 5, "never", "HTTPS_PROXY"),
    ("429 Too Many Requests", QuotaError, 8, "later", "wait"),
    ("500 Internal Server Error", ConnectError, 5, "later", "try again"),
    ("502 Bad Gateway", ConnectError, 5, "later", "try again"),
    ("503 Service Unavailable", QuotaError, 8, "later", "wait"),
    ("200 OK", ConnectError, 5, "never", ""),
]


class TestUpgrade:
    @pytest.mark.parametrize(("status", "kind", "exit_status", "retry", "hint"), STATUSES)
    async def test_a_status_other_than_101(
        self, status: str, kind: type[LivecliError], exit_status: int, retry: str, hint: str
    ) -> None:
        async with answering(http(status, '{"error": {"message": "because\\nof this"}}')) as port:
            error = await failure(f"ws://127.0.0.1:{port}/ws")
        assert_is(error, kind, exit_status, retry, f"127.0.0.1 refused the connection: {status}: because")
        assert "of this" not in error.message
        assert hint in (error.hint or "")
        assert (error.hint is None) is (hint == "")
        assert error.retry_after_seconds is None

    async def test_a_pause_that_the_server_asks_for(self) -> None:
        async with answering(http("429 Too Many Requests", "", "Retry-After: 17")) as port:
            error = await failure(f"ws://127.0.0.1:{port}/ws")
        assert_is(error, QuotaError, 8, "later", "429")
        assert error.retry_after_seconds == 17.0

    @pytest.mark.parametrize(
        "answer",
        [
            b"SSH-2.0-OpenSSH_9.6\r\n",
            b"\x00\xff\x00\xff\r\n\r\n",
            b"HTTP/1.1 x Switching Protocols\r\n\r\n",
            b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: not-of-this-request\r\n\r\n",
            b"HTTP/1.1 101 Switching Protocols\r\nX: " + b"x" * 100_000,
        ],
        ids=["ssh", "bytes", "no-status", "no-headers", "wrong-accept", "long-header"],
    )
    async def test_an_answer_that_is_no_upgrade(self, answer: bytes) -> None:
        async with answering(says(answer)) as port:
            error = await failure(f"ws://127.0.0.1:{port}/ws")
        assert_is(error, ConnectError, 5, "never", "127.0.0.1 does not answer as a WebSocket server")

    async def test_closed_without_an_answer(self) -> None:
        async with answering(closes_at_once) as port:
            error = await failure(f"ws://127.0.0.1:{port}/ws")
        assert_is(error, ConnectError, 5, "never", "127.0.0.1 does not answer as a WebSocket server")

    async def test_reset_without_an_answer(self) -> None:
        async with answering(resets) as port:
            error = await failure(f"ws://127.0.0.1:{port}/ws")
        assert_is(error, ConnectError, 5, "never", "127.0.0.1 does not answer as a WebSocket server")

    @pytest.mark.parametrize("answer", [stays_silent, never_ends])
    async def test_an_answer_that_takes_too_long(self, answer: Answer) -> None:
        async with answering(answer) as port:
            error = await failure(f"ws://127.0.0.1:{port}/ws", connect_timeout=0.2)
        assert_is(error, DeadlineError, 7, "never", "no connection to 127.0.0.1 within 0.2 s")
        assert "--connect-timeout" in (error.hint or "")

    def test_location_global_is_named_where_vertex_does_not_know_the_path(self) -> None:
        hints = [
            refused_upgrade(404, b"", endpoint("wss://live.test/ws", platform=platform, location=location)).hint or ""
            for platform, location in (
                (Platform.VERTEX, "global"),
                (Platform.VERTEX, "us-central1"),
                (Platform.DEVELOPER, None),
            )
        ]
        assert ["us-central1" in hint for hint in hints] == [True, False, False]

    def test_a_status_that_http_does_not_know(self) -> None:
        error = refused_upgrade(599, b"", endpoint("wss://live.test/ws"))
        assert_is(error, ConnectError, 5, "later", "live.test refused the connection: 599 unknown status")

    @in_one_test(
        ("body", "message"),
        [
            (b'{"error": {"code": 403, "message": "no access"}}', "no access"),
            (b'{"error": {"message": 7}}', "7"),
            (b"upstream connect error\nreset", "upstream connect error"),
            (b"  <html><body>403</body></html>", ""),
            (b'{"error": 3}', '{"error": 3}'),
            (b"[" * 4096, "[" * BODY_CHARACTERS),
            (b"x" * 300, "x" * BODY_CHARACTERS),
            (b"\xff", "\N{REPLACEMENT CHARACTER}"),
            (b"", ""),
        ],
    )
    def test_the_message_in_a_body(self, body: bytes, message: str) -> None:
        assert message_in(body) == message


class TestProxy:
    @pytest.fixture
    def through(self, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
        """Names a proxy for connections that are encrypted."""
        return lambda url: monkeypatch.setenv("HTTPS_PROXY", url)

    @pytest.mark.parametrize("status", ["407 Proxy Authentication Required", "502 Bad Gateway"])
    async def test_one_that_refuses(self, through: Callable[[str], None], status: str) -> None:
        async with answering(http(status)) as port:
            through(f"http://user:{PASSWORD}@127.0.0.1:{port}")
            error = await failure("wss://live.test/ws")
        assert_is(error, ConnectError, 5, "never", "the proxy does not connect: ")
        assert status[:3] in error.message
        assert PASSWORD not in error.message
        assert error.hint == "see HTTPS_PROXY"

    async def test_one_whose_url_is_not_valid(self, through: Callable[[str], None]) -> None:
        through(f"ftp://user:{PASSWORD}@127.0.0.1:1")
        error = await failure("wss://live.test/ws")
        assert_is(error, ConnectError, 5, "never", "the proxy does not connect: its URL is not valid")
        assert PASSWORD not in error.message

    def test_one_that_the_library_alone_refuses(self) -> None:
        with pytest.raises(ConnectError) as raised, failures_as_errors(endpoint("wss://live.test/ws"), 1):
            raise InvalidProxy(f"http://user:{PASSWORD}@127.0.0.1:1", "it does not say why")
        assert raised.value.message == "the proxy does not connect: its URL is not valid"

    async def test_none_for_a_loopback_address(self, through: Callable[[str], None]) -> None:
        _, certificate = certificate_for("localhost")
        through("http://127.0.0.1:1")
        async with answering(stays_silent, certificate) as port:
            error = await failure(f"wss://localhost:{port}/ws")
        assert_is(error, ConnectError, 5, "never", "the certificate of localhost")


def test_success_and_errors_of_livecli_pass_through() -> None:
    where = endpoint("wss://live.test/ws")
    with failures_as_errors(where, PATIENCE_SECONDS):
        pass
    error = AuthError("no key")
    with pytest.raises(AuthError) as raised, failures_as_errors(where, PATIENCE_SECONDS):
        raise error
    assert raised.value is error


class OwnRefusal(ConnectionRefusedError):
    """A class that the table does not have."""


@in_one_test(
    ("failure", "message"),
    [
        (OwnRefusal(111, "refused"), "cannot connect to live.test port 443: connection refused"),
        (ssl.SSLCertVerificationError("x"), "the certificate of live.test cannot be trusted"),
        (ssl.SSLError(1, "x"), "no TLS with live.test"),
        (socket.gaierror(-2, "unknown"), "cannot find live.test: unknown"),
        (TimeoutError(), "no connection to live.test within 10 s"),
        (InvalidStatus(Response(429, "", Headers())), "live.test refused the connection: 429"),
        (InvalidMessage("x"), "live.test does not answer as a WebSocket server: x"),
        (EOFError("x"), "live.test does not answer as a WebSocket server: x"),
    ],
)
def test_the_most_specific_class_decides(failure: Exception, message: str) -> None:
    if isinstance(failure, ssl.SSLError):
        failure.reason, failure.verify_message = "x", "self-signed"  # type: ignore[attr-defined]
    attempt = failures_as_errors(endpoint("wss://live.test/ws"), PATIENCE_SECONDS)
    with pytest.raises(LivecliError, match=message) as raised, attempt:
        raise failure
    assert raised.value.__cause__ is failure


@pytest.mark.parametrize("bug", [KeyError("x"), ValueError("x"), ImportError("no module named x"), TypeError("x")])
def test_a_failure_that_nothing_explains_is_a_bug(bug: Exception) -> None:
    with pytest.raises(type(bug)) as raised, failures_as_errors(endpoint("wss://live.test/ws"), PATIENCE_SECONDS):
        raise bug
    assert raised.value is bug
