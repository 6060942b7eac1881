"""A session over several connections, without a command line around it."""

from __future__ import annotations

import asyncio
import threading

import pytest

from livecli.client.open import Timeouts, open_resumable
from livecli.credentials.decision import resolve
from livecli.errors import FileError
from livecli.process.tasks import cancel_and_wait
from livecli.protocol import events
from livecli.protocol.endpoint import Target
from livecli.protocol.setup import SetupOptions, setup
from livecli.report.reporter import Reporter
from tests.live_server import Connection, live_server


class FullDisk(Reporter):
    """Cannot write down the first text that is sent."""

    is_full = True

    def event(self, direction: str, event: events.Event, at: float) -> None:
        if direction == "sent" and isinstance(event, events.Text) and self.is_full:
            self.is_full = False
            raise FileError("no space left on device")


async def test_what_was_written_is_said_again_though_its_report_failed() -> None:
    def talk(connection: Connection) -> None:
        connection.set_up()
        if sum("setup" in frame for frame in server.frames) == 1:
            connection.say({"sessionResumptionUpdate": {"newHandle": "h", "resumable": True}})
            connection.receive()
            connection.close(1001)
        else:
            connection.receive()
            connection.answer()
            connection.drain()

    with live_server(talk) as server:
        endpoint, credential = resolve(Target(base_url=server.url), {})
        opening = setup(endpoint, SetupOptions())
        async with asyncio.timeout(20), open_resumable(endpoint, credential, opening, Timeouts(), FullDisk()) as line:
            while not isinstance(await line.receive(), events.ResumptionUpdate):
                pass
            with pytest.raises(FileError, match="no space left"):
                await line.send(events.Text("hello"))
            while not isinstance(await line.receive(), events.TurnComplete):
                pass
    assert [frame["realtimeInput"] for frame in server.frames if "setup" not in frame] == [{"text": "hello"}] * 2


async def test_a_sender_that_is_cancelled_leaves_nothing_behind_that_was_not_sent() -> None:
    """The service counts messages as they are kept here, so one that is kept has to be sent."""
    reads = threading.Event()

    def talk(connection: Connection) -> None:
        connection.set_up()
        reads.wait(20)
        connection.drain()

    chunks = [events.AudioChunk(bytes(60_000))] * 32
    with live_server(talk, max_queue=1) as server:
        endpoint, credential = resolve(Target(base_url=server.url), {})
        opening = setup(endpoint, SetupOptions())
        async with asyncio.timeout(40), open_resumable(endpoint, credential, opening, Timeouts(), Reporter()) as line:
            receiving = asyncio.create_task(line.receive())
            # As long as the system's buffers take it.
            while line.write([events.AudioChunk(bytes(60_000))]):
                await asyncio.sleep(0)
            sending = asyncio.create_task(line.send_all(chunks))
            await asyncio.sleep(0)
            assert not sending.done(), "the server reads"
            sending.cancel()
            await asyncio.wait([sending])
            reads.set()
            await line.send(events.Text("the last"))
            while not (server.frames and "text" in server.frames[-1].get("realtimeInput", {})):
                await asyncio.sleep(0.01)
            await cancel_and_wait(receiving)
    assert len(server.frames) - 1 == line.resumption.last
