"""The forwarding of a session that is stopped, or that fails, on the proxy's side."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from livecli.emulator.access import Service
from livecli.emulator.observer import SessionObserver
from livecli.emulator.replay_library import ReplayLibrary
from livecli.emulator.server import run_emulator
from livecli.emulator.websocket import EmulatorConnection
from livecli.protocol.endpoint import Target
from livecli.proxy.relay import Relay, RelayOptions
from livecli.recording.format import Direction
from tests.serving import serving

PATH = "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent?key=local"
SETUP = '{"setup": {"model": "models/gemini-3.8-live"}}'


class Failing(SessionObserver):
    """Cannot take a frame of one direction."""

    def __init__(self, direction: Direction) -> None:
        self._direction = direction

    def frame(self, direction: Direction, data: bytes, *, is_binary: bool) -> None:
        if direction is self._direction:
            raise RuntimeError("cannot be recorded")


class KeptRelay(Relay):
    """Runs one session as a task. `left` are those that it began and that have outlived it."""

    def __init__(self, url: str, *observers: SessionObserver) -> None:
        super().__init__(RelayOptions(Target(), url), ReplayLibrary({}), print)
        self._others = observers
        self.running: asyncio.Future[asyncio.Task[None]] = asyncio.get_running_loop().create_future()
        self.left: asyncio.Future[set[asyncio.Task[object]]] = asyncio.get_running_loop().create_future()

    async def run(self, client: EmulatorConnection, service: Service, observers: Sequence[SessionObserver]) -> None:
        running = asyncio.create_task(super().run(client, service, [*observers, *self._others]))
        before = asyncio.all_tasks()
        self.running.set_result(running)
        await asyncio.wait([running])
        self.left.set_result(asyncio.all_tasks() - before)


def opened(url: str) -> connect:
    """A client's connection, which starts no task of its own."""
    return connect(url + PATH, ping_interval=None)


async def test_a_forwarding_that_is_cancelled_leaves_no_task() -> None:
    with serving() as server:
        relay = KeptRelay(server.url)
        async with asyncio.timeout(10), run_emulator(relay=relay) as proxy, opened(proxy.url) as client:
            await client.send(SETUP)
            assert b"setupComplete" in await client.recv(decode=False)
            running = await relay.running
            running.cancel()
            assert await relay.left == set()
            assert running.cancelled()


@pytest.mark.parametrize("answer", [b"", b"not HTTP\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\ncut"])
async def test_a_service_that_answers_no_http_is_a_bad_gateway_for_a_token_too(answer: bytes) -> None:
    async def answered(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n{}")
        writer.write(answer)
        writer.close()

    service = await asyncio.start_server(answered, "127.0.0.1", 0)
    host, port = service.sockets[0].getsockname()
    relay = Relay(RelayOptions(Target(), f"ws://{host}:{port}"), ReplayLibrary({}), print)
    async with asyncio.timeout(10), service, run_emulator(relay=relay) as proxy:
        url = f"{proxy.url.replace('ws', 'http', 1)}/v1alpha/auth_tokens"
        with pytest.raises(HTTPError, match="502") as error:
            await asyncio.to_thread(urlopen, Request(url, b"{}", {"Content-Type": "application/json"}))
        error.value.close()


@pytest.mark.parametrize("direction", Direction)
async def test_an_error_in_one_direction_ends_the_other_one(direction: Direction) -> None:
    with serving() as server:
        relay = KeptRelay(server.url, Failing(direction))
        async with asyncio.timeout(10), run_emulator(relay=relay) as proxy, opened(proxy.url) as client:
            await client.send(SETUP)
            with pytest.raises(ConnectionClosed):
                await client.recv()
            assert await relay.left == set()
            with pytest.raises(RuntimeError, match="cannot be recorded"):
                (await relay.running).result()
