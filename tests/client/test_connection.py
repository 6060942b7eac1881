"""Many messages in one write: framed as the library frames them, and held back where the peer is slow."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading

import pytest
from websockets.asyncio.client import connect
from websockets.client import ClientProtocol
from websockets.exceptions import ConnectionClosedError
from websockets.extensions.permessage_deflate import PerMessageDeflate
from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.protocol import State
from websockets.server import ServerProtocol
from websockets.uri import parse_uri

import livecli
from livecli.client import connection as module
from livecli.client.connection import Connection as LibraryConnection
from livecli.client.connection import mask, mask_in_python, text_frames, writes_plain_frames
from tests.cases import in_one_test
from tests.live_server import Connection, live_server
from tests.virtual_time import in_virtual_time

SIZES = [0, 1, 4, 5, 125, 126, 127, 1403, 65_535, 65_536, 200_000]


def understood(data: bytes) -> list[bytes]:
    """What the library makes of these bytes as a server."""
    server = ServerProtocol(state=State.OPEN, max_size=None)
    server.receive_data(data)
    assert server.parser_exc is None
    frames = server.events_received()
    assert all(isinstance(frame, Frame) and frame.opcode is Opcode.TEXT and frame.fin for frame in frames)
    return [bytes(frame.data) for frame in frames]


def test_every_message_is_a_frame_of_its_own():
    messages = [bytes(index % 251 for index in range(size)) for size in SIZES]
    assert understood(text_frames(messages)) == messages


def test_every_frame_has_a_mask_of_its_own():
    message = bytes(1403)  # masked zeros show the mask
    data = text_frames([message] * 50)
    masks = {data[start + 4 : start + 8] for start in range(0, len(data), 8 + len(message))}
    assert len(masks) == 50


@in_one_test("size", SIZES)
def test_masking_without_the_librarys_c_gives_the_same_bytes(size):
    data, key = bytes(index % 251 for index in range(size)), b"\x37\xfa\x21\x3d"
    assert mask_in_python(data, key) == mask(data, key)


def test_a_send_without_the_librarys_c_masks_in_python(tmp_path):
    program = [
        "import sys",
        "sys.modules['websockets.speedups'] = None",
        "import livecli.client.connection as connection",
        "assert connection.mask is connection.mask_in_python",
        "from livecli.__main__ import main",
        f"sys.exit(main(['send', '--local', '--speed', '0', '-o', {str(tmp_path / 'r.wav')!r}]))",
    ]
    ran = subprocess.run([sys.executable, "-c", "\n".join(program)], capture_output=True, timeout=60)
    assert ran.returncode == 0, ran.stderr
    assert (tmp_path / "r.wav").stat().st_size > 1000


def library(**options) -> ClientProtocol:
    return ClientProtocol(parse_uri("ws://127.0.0.1/"), state=State.OPEN, **options)


@in_one_test("size", SIZES)
def test_a_frame_is_the_librarys_but_for_its_mask(size):
    message, protocol = bytes(index % 251 for index in range(size)), library()
    assert writes_plain_frames(protocol)
    protocol.send_text(message)
    data = b"".join(protocol.data_to_send())
    ours = text_frames([message])
    head = len(data) - size - 4
    assert (len(ours), ours[:head]) == (len(data), data[:head])
    assert mask_in_python(data[head + 4 :], data[head : head + 4]) == message


def test_nothing_is_written_past_an_extension():
    protocol = library()
    protocol.extensions = [PerMessageDeflate(False, False, 15, 15)]
    assert not writes_plain_frames(protocol)


def test_the_library_still_has_its_function_in_c():
    from websockets import speedups

    assert mask is speedups.apply_mask


@in_virtual_time
async def test_a_patient_connection_waits_for_no_pong():
    async def pinged(self) -> asyncio.Future[float]:
        self.pings += 1
        return asyncio.get_running_loop().create_future()

    made = type("Made", (LibraryConnection,), {"ping": pinged, "pings": 0})
    connection = made(library(), ping_interval=1, ping_timeout=1)
    connection.disable_pong_timeout()
    pong = asyncio.create_task(connection.keepalive())
    await asyncio.sleep(100)
    assert (pong.done(), connection.protocol.state) == (False, State.OPEN)
    assert connection.pings > 90
    pong.cancel()


async def test_without_the_shortcut_every_message_goes_through_the_library(monkeypatch):
    monkeypatch.setattr(module, "writes_plain_frames", lambda protocol: False)
    heard: list[bytes] = []

    def talk(connection: Connection) -> None:
        connection.set_up()
        heard.append(connection.hear())
        connection.answer()
        connection.drain()

    with live_server(talk) as server:
        async with asyncio.timeout(20), livecli.connect(base_url=server.url) as session:
            assert not session.takes
            chunks = [livecli.AudioChunk(bytes([number]) * 1024) for number in range(100)]
            await session.send_all([livecli.ActivityStart(), *chunks, livecli.ActivityEnd()])
            while not isinstance(await session.receive(), livecli.TurnComplete):
                pass
    assert heard == [b"".join(chunk.pcm for chunk in chunks)]


async def test_a_peer_that_takes_nothing_holds_the_sender_up_and_then_gets_everything_in_order():
    goes_on = threading.Event()
    heard: list[bytes] = []

    def talk(connection: Connection) -> None:
        connection.set_up()
        assert goes_on.wait(30)
        heard.append(connection.hear())
        connection.drain()

    with live_server(talk) as server:
        async with livecli.connect(base_url=server.url) as session:
            await session.send(livecli.ActivityStart())
            sent = 0
            sending: asyncio.Task[None] | None = None
            while sending is None or sending.done():
                batch = [livecli.AudioChunk(bytes([sent % 256]) * 65_536) for sent in range(sent, sent + 4)]
                sent += 4
                assert sent < 2000, "over 100 MB went nowhere"
                sending = asyncio.create_task(session.send_all(batch))
                await asyncio.wait([sending], timeout=0.5)
            assert sent > 4
            goes_on.set()
            await sending
            await session.send_all([livecli.AudioChunk(b"end!"), livecli.ActivityEnd()])
    assert heard[0] == b"".join(bytes([index % 256]) * 65_536 for index in range(sent)) + b"end!"


async def test_messages_after_the_server_has_closed_raise_what_it_said():
    def talk(connection: Connection) -> None:
        connection.set_up()
        connection.close(1011, "Resource has been exhausted (e.g. check quota).")

    with live_server(talk) as server:
        async with livecli.connect(base_url=server.url) as session:
            with pytest.raises(livecli.QuotaError):
                for _ in range(1000):
                    await session.send_all([livecli.Text("one"), livecli.Text("two")])
                    await asyncio.sleep(0.01)


@in_virtual_time
async def test_a_server_that_closes_while_much_is_unread_and_reads_it_then():
    """asyncio fails in `abort` of a transport that was closed with data to write, if that has been written since."""
    reads, failures = asyncio.Event(), []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: failures.append(context))

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server = ServerProtocol(max_size=None)
        server.receive_data(await reader.readuntil(b"\r\n\r\n"))
        [request] = server.events_received()
        assert isinstance(request, Request)
        server.send_response(server.accept(request))
        writer.writelines(server.data_to_send())
        await reads.wait()
        server.send_close(1011, "gone")
        writer.writelines(server.data_to_send())
        while await reader.read(65_536):
            await asyncio.sleep(0)
        writer.close()

    async with await asyncio.start_server(talk, "127.0.0.1", 0) as listening:
        port = listening.sockets[0].getsockname()[1]
        connection = await connect(f"ws://127.0.0.1:{port}", create_connection=LibraryConnection, ping_interval=None)
        assert isinstance(connection, LibraryConnection)
        connection.outlet.write([bytes(65_536)] * 200)
        assert connection.outlet.transport.get_write_buffer_size()
        reads.set()
        with pytest.raises(ConnectionClosedError):
            await connection.recv()
        await connection.close()
        await asyncio.sleep(module.CLOSE_SECONDS + 0.1)
    assert failures == []
