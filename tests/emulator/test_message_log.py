"""The log of messages: what its lines hold, and the clients of `GET /log`."""

from __future__ import annotations

import asyncio
import json
import socket

from websockets.asyncio.client import connect

from livecli.emulator.access import service_at
from livecli.emulator.message_log import MessageLog
from livecli.emulator.observer import ClosedBy
from livecli.emulator.server import run_emulator
from livecli.protocol import events

DEVELOPER_PATH = "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent"
SERVICE = service_at(DEVELOPER_PATH)
BOUND_SECONDS = 10


def parsed(lines: list[str]) -> list[dict[str, object]]:
    """The lines without their times, which are checked."""
    found = [json.loads(line) for line in lines]
    for line in found:
        assert 0 <= line.pop("t") < BOUND_SECONDS
    return found


def test_a_line_has_an_event_of_either_side_without_audio() -> None:
    lines: list[str] = []
    session = MessageLog(lines.append).observe(3, SERVICE)
    session.received([events.AudioChunk(bytes(4), 16_000)])
    session.heard("[1.0 s of speech]")
    session.sent([events.OutputTranscript("hi"), events.VoiceActivity("ACTIVITY_START", 0.5)])
    session.closed(ClosedBy.CLIENT, 1000, "")
    assert parsed(lines) == [
        {"connection": 3, "direction": "received", "type": "audio", "bytes": 4, "sample_rate": 16_000},
        {"connection": 3, "direction": "received", "type": "heard", "text": "[1.0 s of speech]"},
        {"connection": 3, "direction": "sent", "type": "output_transcript", "text": "hi", "finished": False},
        {
            "connection": 3,
            "direction": "sent",
            "type": "voice_activity",
            "activity": "ACTIVITY_START",
            "offset_seconds": 0.5,
        },
        {"connection": 3, "direction": "received", "type": "close", "code": 1000, "reason": None, "by": "client"},
    ]


async def request(port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A client of `/log` that has read the head of the response."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET /log HTTP/1.1\r\nHost: localhost\r\nOrigin: http://localhost:5173\r\n\r\n")
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    assert head.startswith("HTTP/1.1 200 OK\r\n")
    assert "Access-Control-Allow-Origin: http://localhost:5173\r\n" in head
    assert "Content-Length" not in head
    return reader, writer


async def say(url: str, text: str) -> None:
    async with connect(url + DEVELOPER_PATH) as client:
        await client.send(json.dumps({"setup": {"model": "models/gemini-3.8-live"}}))
        await client.recv()
        await client.send(json.dumps({"realtimeInput": {"text": text}}))


async def test_the_log_is_streamed_to_clients_that_come_and_go_and_ends_with_the_emulator() -> None:
    async with asyncio.timeout(BOUND_SECONDS):
        async with run_emulator() as emulator:
            _, leaving = await request(emulator.port)
            reader, writer = await request(emulator.port)
            leaving.close()
            await say(emulator.url, "one")
            lines = []
            while '"close"' not in (line := (await reader.readline()).decode()):
                lines.append(line)
            assert [line["type"] for line in parsed(lines)][:2] == ["setup", "setup_complete"]
            assert '"text": "one"' in "".join(lines)
        assert await reader.read() == b""
        writer.close()


async def test_a_client_that_does_not_read_is_cut_off() -> None:
    log = MessageLog()
    stream = log.stream(b"HTTP/1.1 200 OK\r\n\r\n")
    near, far = socket.socketpair()
    with far:
        await asyncio.get_running_loop().connect_accepted_socket(lambda: stream, near)
        session = log.observe(1, SERVICE)
        for _ in range(6):
            assert log.sinks
            session.received([events.Text(1_000_000 * "x")])
        async with asyncio.timeout(BOUND_SECONDS):
            await stream.lost.wait()
        assert log.sinks == []
