"""The listener: handshakes of TLS that do not end, and a system without room for another connection."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from livecli.emulator import listener
from livecli.emulator.certificates import Certificates, certificates
from livecli.emulator.listener import Listener
from tests.emulator.frames import half_hello

SOON = 10.0


class Echo(asyncio.Protocol):
    """Sends back what it receives. `transports` are those of all connections."""

    def __init__(self, transports: list[asyncio.Transport]) -> None:
        self._transports = transports

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transports.append(transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._transport.write(data)


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return certificates(tmp_path_factory.mktemp("state"))


@pytest.fixture
def log() -> list[str]:
    return []


@contextlib.asynccontextmanager
async def listening(
    log: list[str], certificate: ssl.SSLContext | None = None, protocol: Callable[[], asyncio.Protocol] | None = None
) -> AsyncIterator[int]:
    """The port of a listener whose connections echo, or have another `protocol`. All of its tasks end with it."""
    tasks, transports = asyncio.all_tasks(), list[asyncio.Transport]()
    bound = socket.socket()
    bound.bind(("127.0.0.1", 0))
    made = Listener([bound], protocol or (lambda: Echo(transports)), certificate, 1.0, log.append)
    try:
        made.start()
        yield bound.getsockname()[1]
    finally:
        await made.close()
        for transport in transports:
            transport.abort()
        await asyncio.sleep(0)
    assert asyncio.all_tasks() == tasks


async def connect(port: int, trusted: Path | None = None) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    context = ssl.create_default_context(cafile=str(trusted)) if trusted else None
    return await asyncio.open_connection("localhost", port, ssl=context, family=socket.AF_INET)


async def echo(port: int, trusted: Path | None = None) -> bytes:
    """What comes back of five bytes that are sent on a connection of their own."""
    async with asyncio.timeout(SOON):
        reader, writer = await connect(port, trusted)
        writer.write(b"hello")
        answer = await reader.readexactly(5)
        writer.transport.abort()
        return answer


async def test_connections_without_and_with_tls(log, kept) -> None:
    async with listening(log) as port:
        assert await echo(port) == b"hello"
    async with listening(log, kept.context) as port:
        assert await echo(port, kept.authority) == b"hello"
    assert log == []


@contextlib.asynccontextmanager
async def half_handshakes(port: int, count: int) -> AsyncIterator[list[asyncio.StreamReader]]:
    """So many connections whose handshake does not go on, in the order in which they began."""
    made = [await connect(port) for _ in range(count)]
    for _, writer in made:
        writer.write(half_hello())
    try:
        yield [reader for reader, _ in made]
    finally:
        for _, writer in made:
            writer.transport.abort()


async def test_half_handshakes_give_way_to_whole_ones(log, kept, monkeypatch) -> None:
    monkeypatch.setattr(listener, "MAX_HANDSHAKES", 4)
    monkeypatch.setattr(listener, "HANDSHAKE_SECONDS", 0.05)
    async with listening(log, kept.context) as port, half_handshakes(port, 12) as halves:
        assert await echo(port, kept.authority) == b"hello"
        # Of thirteen handshakes nine have made room, the oldest ones.
        async with asyncio.timeout(SOON):
            for reader in halves[:9]:
                with contextlib.suppress(ConnectionError):
                    assert await reader.read() == b""
        assert not any(reader.at_eof() or reader.exception() for reader in halves[9:])


async def test_a_slow_handshake_is_not_dropped_while_there_is_room(log, kept, monkeypatch) -> None:
    monkeypatch.setattr(listener, "MAX_HANDSHAKES", 4)
    monkeypatch.setattr(listener, "HANDSHAKE_SECONDS", 0.0)
    async with listening(log, kept.context) as port, half_handshakes(port, 3) as halves:
        for _ in range(5):
            assert await echo(port, kept.authority) == b"hello"
        assert not any(reader.at_eof() or reader.exception() for reader in halves)


async def test_a_handshake_that_does_not_end_is_ended(log, kept, monkeypatch) -> None:
    monkeypatch.setattr(listener, "OPEN_SECONDS", 0.05)
    async with listening(log, kept.context) as port, half_handshakes(port, 1) as [half]:
        async with asyncio.timeout(SOON):
            with contextlib.suppress(ConnectionError):
                assert await half.read() == b""


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE, errno.ENOBUFS])
async def test_a_shortage_is_one_line_and_passes(log, monkeypatch, number) -> None:
    monkeypatch.setattr(listener, "RETRY_SECONDS", 0.001)
    loop, attempts = asyncio.get_running_loop(), 0
    accept = loop.sock_accept

    async def short(listening: socket.socket) -> tuple[socket.socket, object]:
        nonlocal attempts
        attempts += 1
        if attempts <= 50:
            raise OSError(number, "no room")
        return await accept(listening)

    monkeypatch.setattr(loop, "sock_accept", short)
    async with listening(log) as port:
        assert await echo(port) == b"hello"
    assert attempts > 50
    assert log == ["connections wait, because none can be accepted now: no room"]


async def test_a_connection_that_has_gone_before_it_is_accepted_is_none(log, monkeypatch) -> None:
    loop = asyncio.get_running_loop()
    accept, gone = loop.sock_accept, iter([ConnectionAbortedError()])

    async def aborted(listening: socket.socket) -> tuple[socket.socket, object]:
        for error in gone:
            raise error
        return await accept(listening)

    monkeypatch.setattr(loop, "sock_accept", aborted)
    async with listening(log) as port:
        assert await echo(port) == b"hello"
    assert log == []


async def test_an_unexpected_error_is_in_the_log_and_the_client_is_let_go(log) -> None:
    def fail() -> asyncio.Protocol:
        raise RuntimeError("no protocol\nfor this")

    async with listening(log, protocol=fail) as port, asyncio.timeout(SOON):
        reader, writer = await connect(port)
        assert await reader.read() == b""
        writer.transport.abort()
    assert log == [r"a connection failed: RuntimeError('no protocol\nfor this')"]
