"""Bad clients cost only themselves: a real `livecli serve` beside them stays small, and serves the others."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import os
import ssl
import subprocess
import sys
import urllib.request
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from websockets.asyncio.client import connect
from websockets.frames import Frame, Opcode

from livecli.emulator import server
from livecli.emulator.server import run_emulator
from tests.emulator.frames import half_hello
from tests.emulator.plain_models import plain_options

SOON = 10.0
PATH = "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent?key=k"
UPGRADE = (
    f"GET {PATH} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: Y3Jvd2QgIGNyb3dkICBjcg==\r\nSec-WebSocket-Version: 13\r\n\r\n"
).encode()
DETECTION = {"automaticActivityDetection": {"disabled": True}}
SETUP = {"setup": {"model": "models/gemini-3.8-live", "realtimeInputConfig": DETECTION, "inputAudioTranscription": {}}}
START, END = {"realtimeInput": {"activityStart": {}}}, {"realtimeInput": {"activityEnd": {}}}
SECOND = base64.b64encode(b"\x00\x20\x00\xe0" * 8_000).decode()
SPEECH = {"realtimeInput": {"audio": {"data": SECOND, "mimeType": "audio/pcm;rate=16000"}}}
MEGABYTE = 2**20
HELD_UP_SECONDS = 0.2
"""A socket that takes nothing for so long may not be read any more."""
MANY = 200


@dataclass
class Serving:
    """A `livecli serve` of its own process."""

    process: subprocess.Popen[str]
    port: int
    tls_port: int

    @property
    def megabytes(self) -> float:
        """What it holds in memory now."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0]) / 1024

    async def check(self) -> None:
        """It runs, answers, and a well-behaved session is served."""
        await asyncio.wait_for(_spoken_turn(self.port), SOON)
        url = f"http://127.0.0.1:{self.port}/healthz"
        answer = await asyncio.to_thread(urllib.request.urlopen, url, timeout=SOON)
        with answer:
            assert answer.status == 200
        assert self.process.poll() is None


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    if not Path("/proc/self/status").exists():
        pytest.skip("memory is read from /proc")
    home = tmp_path_factory.mktemp("home")
    environment = {"PATH": os.environ["PATH"], "HOME": str(home)}
    ports = ["--port", "0", "--tls-port", "0"]
    command = [sys.executable, "-m", "livecli", "serve", *ports, "--pace", "instant", "--quiet"]
    complaints = (home / "complaints").open("w+")
    with (
        complaints,
        subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=complaints, text=True) as process,
    ):
        try:
            assert process.stdout is not None
            clear, encrypted = (int(process.stdout.readline().rpartition(":")[2]) for _ in range(2))
            serving = Serving(process, clear, encrypted)
            asyncio.run(serving.check())  # what is loaded once is loaded before anything is measured
            yield serving
        finally:
            process.kill()
        complaints.seek(0)
        assert "Traceback" not in complaints.read()


async def _spoken_turn(port: int) -> None:
    async with connect(f"ws://127.0.0.1:{port}{PATH}") as ws:
        for message in (SETUP, START, SPEECH, END):
            await ws.send(json.dumps(message))
        while b"turnComplete" not in (heard := await ws.recv()):
            assert b'"error"' not in heard


def framed(message: object) -> bytes:
    return Frame(Opcode.TEXT, json.dumps(message).encode()).serialize(mask=True)


@contextlib.asynccontextmanager
async def raw(port: int) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield reader, writer
    finally:
        writer.transport.abort()


@contextlib.asynccontextmanager
async def deaf(port: int) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A session that is set up and does not read any more."""
    async with raw(port) as (reader, writer):
        writer.write(UPGRADE + framed(SETUP))
        await asyncio.wait_for(reader.readuntil(b"setupComplete"), SOON)
        _transport(writer).pause_reading()
        yield reader, writer


def _transport(writer: asyncio.StreamWriter) -> asyncio.Transport:
    assert isinstance(writer.transport, asyncio.Transport)
    return writer.transport


async def sent_until_held_up(serving: Serving, writer: asyncio.StreamWriter, data: bytes, at_most: int) -> int:
    """How many bytes of it, again and again, the emulator takes.

    It is held up once nothing more is taken while another session is served from beginning to end: a busy machine
    alone takes its time over both.
    """
    taken = 0
    while taken < at_most:
        writer.write(data)
        drained = asyncio.ensure_future(writer.drain())
        try:
            while not (await asyncio.wait([drained], timeout=HELD_UP_SECONDS))[0]:
                waiting = _transport(writer).get_write_buffer_size()
                await serving.check()
                if _transport(writer).get_write_buffer_size() == waiting:
                    return taken
            await drained
        finally:
            drained.cancel()
        taken += len(data)
    return taken


async def test_those_who_connect_and_say_nothing(serving: Serving) -> None:
    before = serving.megabytes
    async with contextlib.AsyncExitStack() as stack:
        for beginning in (b"", b"GET ", UPGRADE[:60], UPGRADE) * (MANY // 4):
            _, writer = await stack.enter_async_context(raw(serving.port))
            writer.write(beginning)
        await serving.check()
        assert serving.megabytes - before < 0.2 * MANY
    await serving.check()


async def test_those_who_begin_tls_and_say_nothing_more(serving: Serving) -> None:
    """asyncio holds 300 KB for each handshake, so only some of them are begun."""
    before, half = serving.megabytes, half_hello()
    async with contextlib.AsyncExitStack() as stack:
        for _ in range(2 * MANY):
            _, writer = await stack.enter_async_context(raw(serving.tls_port))
            writer.write(half)
        await serving.check()
        trusted = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        trusted.check_hostname, trusted.verify_mode = False, ssl.CERT_NONE
        connecting = asyncio.open_connection("127.0.0.1", serving.tls_port, ssl=trusted)
        _, writer = await asyncio.wait_for(connecting, SOON)
        writer.transport.abort()
        assert serving.megabytes - before < 60
    await serving.check()


async def test_an_upgrade_that_never_ends_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """However steadily it trickles: the time is that of the whole upgrade."""
    monkeypatch.setattr(server, "OPEN_SECONDS", 1.0)
    async with run_emulator(options=plain_options()) as emulator, raw(emulator.port) as (reader, writer):
        ended = asyncio.ensure_future(reader.read())
        loop = asyncio.get_running_loop()
        started = loop.time()
        writer.write(UPGRADE[:-2])
        while not ended.done():
            assert loop.time() - started < SOON
            writer.write(b"X-Slow: 1\r\n")
            await asyncio.wait([ended], timeout=0.02)
        with contextlib.suppress(ConnectionError):
            assert b" 101 " not in await ended
        await _spoken_turn(emulator.port)


async def test_headers_without_end_are_refused(serving: Serving) -> None:
    before = serving.megabytes
    async with raw(serving.port) as (reader, writer):
        ended = asyncio.ensure_future(reader.read())
        with contextlib.suppress(ConnectionError):
            while not ended.done():
                writer.write(b"x" * 65_536)
                await asyncio.wait_for(writer.drain(), SOON)
                await asyncio.wait([ended], timeout=0)
        with contextlib.suppress(ConnectionError):
            assert b" 101 " not in await asyncio.wait_for(ended, SOON)
    await serving.check()
    assert serving.megabytes - before < 16


LINE = {"realtimeInput": {"text": "why " * 4_000}}
QUESTION = {"clientContent": {"turns": [{"role": "user", "parts": [{"text": "why " * 4_000}]}], "turnComplete": True}}


async def test_a_flood_of_text_by_one_who_does_not_listen_is_held_back(serving: Serving) -> None:
    before = serving.megabytes
    async with deaf(serving.port) as (_, writer):
        assert await sent_until_held_up(serving, writer, framed(LINE), 64 * MEGABYTE) < 64 * MEGABYTE
        assert serving.megabytes - before < 24
        await serving.check()


async def test_a_flood_of_questions_by_one_who_does_not_listen(serving: Serving) -> None:
    """Each interrupts the answer to the one before, so that there is next to nothing to be taken."""
    before = serving.megabytes
    async with deaf(serving.port) as (_, writer):
        await sent_until_held_up(serving, writer, framed(QUESTION), 32 * MEGABYTE)
        assert serving.megabytes - before < 24
        await serving.check()


async def test_a_flood_of_pings_by_one_who_does_not_take_the_pongs_is_ended(serving: Serving) -> None:
    before = serving.megabytes
    async with deaf(serving.port) as (_, writer):
        ping = Frame(Opcode.PING, b"p" * 125).serialize(mask=True) * 500
        with pytest.raises(ConnectionError):
            await sent_until_held_up(serving, writer, ping, 64 * MEGABYTE)
        assert serving.megabytes - before < 24
    await serving.check()


async def test_a_flood_of_audio_goes_to_disk(serving: Serving) -> None:
    """One utterance of more than half an hour, as fast as it is taken; another session is served meanwhile."""
    before = serving.megabytes
    async with deaf(serving.port) as (reader, writer):
        writer.write(framed(START))
        flood = asyncio.ensure_future(sent_until_held_up(serving, writer, framed(SPEECH) * 8, 80 * MEGABYTE))
        await serving.check()
        seconds = await flood // len(framed(SPEECH))
        writer.write(framed(END))
        _transport(writer).resume_reading()
        heard = await asyncio.wait_for(reader.readuntil(f"[{seconds}.0 s of speech]".encode()), SOON)
        assert len(heard) < MEGABYTE
        assert seconds > 1_800
        assert serving.megabytes - before < 24


async def _close_code(reader: asyncio.StreamReader) -> int:
    """The code of the first close frame, behind short frames."""
    while True:
        head, length = await asyncio.wait_for(reader.readexactly(2), SOON)
        payload = await asyncio.wait_for(reader.readexactly(length), SOON)
        if head & 0x0F == Opcode.CLOSE:
            return int.from_bytes(payload[:2], "big")


@pytest.mark.parametrize("announced", [True, False])
async def test_a_frame_of_100_mb_is_refused(serving: Serving, announced: bool) -> None:
    """By its head, before any of it is held; in fragments, as soon as they are too much together."""
    before = serving.megabytes
    async with raw(serving.port) as (reader, writer):
        writer.write(UPGRADE)
        await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), SOON)
        if announced:
            writer.write(b"\x81\xff" + (100 * MEGABYTE).to_bytes(8, "big") + b"mask" + bytes(65_536))
            assert await _close_code(reader) == 1009
        else:
            code = asyncio.ensure_future(_close_code(reader))
            first = Frame(Opcode.TEXT, b" " * MEGABYTE, fin=False).serialize(mask=True)
            rest = Frame(Opcode.CONT, b" " * MEGABYTE, fin=False).serialize(mask=True)
            with contextlib.suppress(ConnectionError):
                for number in range(100):
                    writer.write(rest if number else first)
                    await asyncio.wait_for(writer.drain(), SOON)
                    if code.done():
                        break
            assert await code == 1009
            assert number < 40
        assert serving.megabytes - before < 48
    await serving.check()
