"""The emulator's end of a connection: POST, compression, and the parts of websockets that it does not document."""

from __future__ import annotations

import asyncio
import json
import time
import weakref

import pytest
from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory
from websockets.frames import Frame, Opcode

from livecli.emulator.faults import Faults, parse_fault
from livecli.emulator.options import EmulatorOptions
from livecli.emulator.server import EmulatorAddress, run_emulator
from livecli.emulator.session import CLOSE_SECONDS
from livecli.emulator.websocket import (
    MAX_BODY_BYTES,
    MAX_HEAD_BYTES,
    EmulatorConnection,
    InflateOnlyFactory,
    RequestReader,
)
from tests.cases import in_one_test

PATH = "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent?key=k"
TOKENS = "/v1alpha/auth_tokens"
SETUP = json.dumps({"setup": {"model": "models/gemini-3.8-live"}})
TEXT = json.dumps({"realtimeInput": {"text": "hello"}})
BOUND_SECONDS = 20
POST = b'POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\nX: y\r\n\r\n{"a"'


# --- requests by other methods than GET


@pytest.mark.parametrize("size", [1, 2, 7, len(POST)])
def test_a_post_becomes_a_get_and_its_body(size: int) -> None:
    reader, passed = RequestReader(), b""
    for start in range(0, len(POST), size):
        assert not reader.done
        passed += reader.feed(POST[start : start + size]) if not reader.done else b""
        assert (passed == b"") is not reader.done
    assert (reader.done, reader.method, reader.body) == (True, "POST", b'{"a"')
    assert passed == b"GET /x HTTP/1.1\r\nHost: h\r\nX: y\r\n\r\n"


@in_one_test(
    "data",
    [
        b"GET / HTTP/1.1\r\n",
        b"POSTER",
        b"\x16\x03\x01",
        b"PUT",
        b"POST /" + b"x" * MAX_HEAD_BYTES,
        b"POST / HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % (MAX_BODY_BYTES + 1),
    ],
)
def test_anything_else_passes_as_it_came(data: bytes) -> None:
    reader = RequestReader()
    assert reader.feed(data) == data
    assert (reader.done, reader.method, reader.body) == (True, "GET", b"")


def test_options_become_a_get_too() -> None:
    reader = RequestReader()
    assert reader.feed(b"OPT") == b""
    assert reader.feed(b"IONS /x HTTP/1.1\r\nHost: h\r\n\r\n") == b"GET /x HTTP/1.1\r\nHost: h\r\n\r\n"
    assert (reader.done, reader.method, reader.body) == (True, "OPTIONS", b"")


def test_a_post_without_a_body_has_an_empty_one() -> None:
    reader = RequestReader()
    assert reader.feed(b"POST /x HTTP/1.1\r\n\r\n") == b"GET /x HTTP/1.1\r\n\r\n"
    assert reader.body == b""


# --- compression


def test_a_compressed_message_is_decompressed_and_none_is_compressed() -> None:
    client_factory = ClientPerMessageDeflateFactory()
    answer, server = InflateOnlyFactory().process_request_params(client_factory.get_request_params(), [])
    client = client_factory.process_response_params(answer, [])
    for message in (b"hello " * 1_000, b"hello " * 1_000, b""):
        sent = client.encode(Frame(Opcode.TEXT, message))
        assert sent.rsv1
        assert server.decode(sent).data == message
        frame = Frame(Opcode.TEXT, message)
        assert server.encode(frame) is frame
        assert not frame.rsv1


def test_the_agreement_is_the_libraries() -> None:
    answer, server = InflateOnlyFactory().process_request_params([("client_max_window_bits", None)], [])
    assert server.name == "permessage-deflate"
    assert answer == [("server_no_context_takeover", None), ("client_max_window_bits", "12")]


# --- what websockets does not document


async def turn(emulator: EmulatorAddress) -> None:
    """A text is answered."""
    async with connect(emulator.url + PATH) as ws:
        await ws.send(SETUP)
        await ws.send(TEXT)
        while b"turnComplete" not in await ws.recv(decode=False):
            pass


async def post(emulator: EmulatorAddress) -> int | None:
    """The status of a request for a token, None if the connection ends without an answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", emulator.port)
    writer.write(f"POST {TOKENS} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{{}}".encode())
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return int(answer.split()[1]) if answer else None


def faults(*texts: str) -> EmulatorOptions:
    return EmulatorOptions(faults=Faults(map(parse_fault, texts)))


async def test_a_connection_of_the_library_is_the_protocol_of_its_socket() -> None:
    made: list[EmulatorConnection] = []
    connections: weakref.WeakSet[EmulatorConnection] = weakref.WeakSet()

    async def handle(connection: ServerConnection) -> None:
        assert isinstance(connection, EmulatorConnection)
        made.append(connection)
        assert connection.abort()

    server = await serve(
        handle,
        "127.0.0.1",
        0,
        create_connection=lambda *words, **options: EmulatorConnection(connections, 10.0, *words, **options),
    )
    async with asyncio.timeout(BOUND_SECONDS), server:
        async with connect(f"ws://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}") as ws:
            with pytest.raises(ConnectionClosed):
                await ws.recv()
            assert ws.close_code == 1006
        assert list(connections) == made


@pytest.fixture
def unknown_transport(monkeypatch: pytest.MonkeyPatch) -> None:
    """As where the library keeps its sockets elsewhere: asyncio does not call the emulator's connection."""
    for name in ("connection_made", "data_received"):
        monkeypatch.setattr(EmulatorConnection, name, getattr(ServerConnection, name))


async def test_a_post_is_answered() -> None:
    async with asyncio.timeout(BOUND_SECONDS), run_emulator() as emulator:
        assert await post(emulator) == 200


@pytest.mark.usefixtures("unknown_transport")
async def test_without_the_transport_sessions_are_served_and_a_post_is_not() -> None:
    async with asyncio.timeout(BOUND_SECONDS):
        async with run_emulator() as emulator:
            await turn(emulator)
            assert await post(emulator) is None
            ws = await connect(emulator.url + PATH)
            ws.transport.pause_reading()
            started = time.monotonic()
        assert time.monotonic() - started < CLOSE_SECONDS, "the end waits for a client that does not answer its close"
        ws.transport.abort()


@pytest.mark.usefixtures("unknown_transport")
async def test_without_the_transport_a_drop_is_an_error_of_the_server() -> None:
    options = faults("drop@setup")
    async with (
        asyncio.timeout(BOUND_SECONDS),
        run_emulator(options=options) as emulator,
        connect(emulator.url + PATH) as ws,
    ):
        await ws.send(SETUP)
        with pytest.raises(ConnectionClosed):
            await ws.recv()
        assert (ws.close_code, ws.close_reason) == (1011, "The connection cannot be reset.")


@pytest.mark.usefixtures("unknown_transport")
async def test_without_the_transport_a_drop_at_the_upgrade_is_an_error_of_the_server() -> None:
    async with asyncio.timeout(BOUND_SECONDS), run_emulator(options=faults("drop@connect")) as emulator:
        with pytest.raises(InvalidStatus) as refused:
            await connect(emulator.url + PATH)
        assert refused.value.response.status_code == 500
