"""A session on a real socket: its close, a client that does not read, long utterances, and errors of its own."""

from __future__ import annotations

import asyncio
import base64
import os
from typing import Any

import numpy as np
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from livecli.emulator import session
from livecli.emulator.access import RequiredCredentials
from livecli.emulator.replay import arrange
from livecli.emulator.replay_library import ReplayLibrary
from livecli.emulator.server import EmulatorAddress, run_emulator
from livecli.recording.websocket_log import read_websocket_log
from tests.emulator.frames import (
    DEVELOPER,
    END,
    MANUAL,
    SETUP,
    SOON,
    START,
    VERTEX,
    audio,
    closed,
    hear,
    say,
    set_up,
    sound,
    turn,
)
from tests.emulator.plain_models import plain_options

pytestmark = pytest.mark.usefixtures("bounded")


async def test_a_refusal_reaches_a_client_that_goes_on_sending(emulator: EmulatorAddress) -> None:
    async with connect(emulator.url + DEVELOPER, compression=None) as ws:  # deflated, they never fill a buffer
        frames = 0
        with pytest.raises(ConnectionClosed):
            while True:
                await say(ws, audio(bytes(32_000)))  # never set up
                frames += 1
        assert ws.close_code == 1007


async def test_a_long_utterance_is_on_disk_beyond_20_s_and_the_echo_is_lazy(
    emulator: EmulatorAddress, monkeypatch
) -> None:
    spools = []
    monkeypatch.setattr(session, "open_spool", lambda make=session.open_spool: spools.append(make()) or spools[-1])
    ramp = (np.arange(16_000 * 25) % 1_000).astype("<i2").tobytes()
    async with connect(emulator.url + DEVELOPER, max_queue=1) as ws:
        await set_up(ws, DEVELOPER, **MANUAL)
        await say(ws, START)
        for second in range(20):
            await say(ws, audio(ramp[32_000 * second : 32_000 * (second + 1)]))
        await say(ws, {"realtimeInput": {"text": "x"}})
        await turn(ws)
        assert spools[0]._rolled is False
        for second in range(20, 25):
            await say(ws, audio(ramp[32_000 * second : 32_000 * (second + 1)]))
        await say(ws, END)
        said = await turn(ws)
        assert spools[0]._rolled is True
        assert len(sound(said)) == 25 * 48_000


def test_the_rest_of_an_utterance_is_in_a_file_without_a_name() -> None:
    with session.open_spool() as spool:
        spool.write(bytes(session.UTTERANCE_MEMORY_BYTES))
        assert not spool._rolled
        spool.write(bytes(2))
        assert spool._rolled
        assert os.fstat(spool.fileno()).st_nlink == 0


async def test_a_client_that_does_not_read_grows_nothing(emulator: EmulatorAddress, monkeypatch, silence) -> None:
    sent = []
    encode = session.LiveProtocol.send
    monkeypatch.setattr(session.LiveProtocol, "send", lambda self, *said: sent.append(1) or encode(self, *said))
    minute = base64.b64encode(silence(60.0)).decode()
    async with connect(emulator.url + DEVELOPER, max_queue=1) as ws:
        await set_up(ws, DEVELOPER, **MANUAL)
        ws.transport.pause_reading()
        await say(ws, START)
        for _ in range(10):
            await say(ws, {"realtimeInput": {"audio": {"data": minute, "mimeType": "audio/pcm"}}})
        await say(ws, END)
        quiet = 0
        while quiet < 20:  # until the server has stopped making more: the sockets' buffers are full
            before = len(sent)
            await asyncio.sleep(0.01)
            quiet = quiet + 1 if len(sent) == before and before > 1 else 0
        assert len(sent) < 1_500  # of 2,500; buffers of both sockets hold the rest, memory nothing
        ws.transport.abort()


async def _flood(ws: ClientConnection, count: int) -> None:
    for _ in range(count):
        await say(ws, {"realtimeInput": {"text": "x"}})


async def test_flooding_turns_without_reading_is_held_back(emulator: EmulatorAddress) -> None:
    async with connect(emulator.url + DEVELOPER, max_queue=1) as ws:
        await set_up(ws, DEVELOPER)
        count = 300
        sending = asyncio.create_task(_flood(ws, count))
        for _ in range(count):
            assert len(sound(await turn(ws))) == 2 * 1_440
        await asyncio.wait_for(sending, SOON)


async def test_a_client_that_vanishes_leaves_nothing_behind(emulator: EmulatorAddress, log: list[str], tone) -> None:
    idle = asyncio.all_tasks()
    ws = await connect(emulator.url + DEVELOPER)
    await set_up(ws, DEVELOPER, **MANUAL)
    await say(ws, START)
    await say(ws, audio(tone(0.1)))
    ws.transport.abort()
    async with asyncio.timeout(SOON):
        while asyncio.all_tasks() - idle or not any("○" in line for line in log):
            await asyncio.sleep(0.005)
    assert log[-1] == "[1] ○ the connection was lost"


async def test_a_full_disk_ends_the_session_and_no_other(
    emulator: EmulatorAddress, monkeypatch, log: list[str]
) -> None:
    def full() -> Any:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(session, "open_spool", full)
    async with connect(emulator.url + DEVELOPER) as ws:
        await set_up(ws, DEVELOPER, **MANUAL)
        await say(ws, START)
        assert await closed(ws) == (1011, "Internal error encountered.")
    assert "[1] failed: [Errno 28] No space left on device" in log


async def test_a_bug_is_logged_with_its_traceback(emulator: EmulatorAddress, monkeypatch, log: list[str]) -> None:
    monkeypatch.setattr(session.EmulatedSession, "next_message", lambda self, now: 1 / 0)
    async with connect(emulator.url + DEVELOPER) as ws:
        assert (await closed(ws))[0] == 1011
    async with asyncio.timeout(SOON):
        while not any("ZeroDivisionError: division by zero" in line for line in log):
            await asyncio.sleep(0.005)
    assert any("next_message" in line for line in log)


async def test_the_log_has_a_line_for_each_connection_and_turn(emulator: EmulatorAddress, log: list[str]) -> None:
    async with connect(emulator.url + VERTEX) as ws:
        await set_up(ws, VERTEX)
        await say(ws, {"realtimeInput": {"text": "hello"}})
        await turn(ws)
    async with asyncio.timeout(SOON):
        while len(log) < 4:
            await asyncio.sleep(0.005)
    assert log == [
        "[1] ● vertex v1  gemini-3.8-live",
        "[1] → “hello”",
        "[1] ← 0.3 s of sound  turn 1",
        "[1] ○ closed by the client: 1000",
    ]


async def test_what_a_client_says_cannot_reach_the_terminal(emulator: EmulatorAddress, log: list[str]) -> None:
    async with connect(emulator.url + DEVELOPER) as ws:
        await say(ws, {"setup": {"model": "models/\x1b[31mred\nline"}})
        await closed(ws)
    assert all(line.isprintable() for line in log)
    assert any(r"models/\x1b[31mred line" in line for line in log)


async def test_a_session_can_be_resumed_as_soon_as_its_client_sees_the_close(emulator: EmulatorAddress) -> None:
    resumption: dict[str, str] = {}
    for _ in range(3):
        async with connect(emulator.url + DEVELOPER) as ws:
            assert await set_up(ws, DEVELOPER, sessionResumption=resumption) == {"setupComplete": {}}
            await say(ws, {"realtimeInput": {"text": "hi"}})
            while not (update := (await hear(ws)).get("sessionResumptionUpdate", {})).get("newHandle"):
                pass
            resumption = {"handle": update["newHandle"]}
            await ws.send("{")
            assert (await closed(ws))[0] == 1007


async def test_a_refusal_because_of_the_credential_comes_after_the_first_message(log: list[str]) -> None:
    options = plain_options(required=RequiredCredentials("the-key"))
    async with (
        run_emulator(options=options, log=log.append) as emulator,
        connect(emulator.url + DEVELOPER + "?key=another") as ws,
    ):
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(ws.recv(), 0.05)
        await say(ws, {"setup": SETUP[DEVELOPER]})
        assert await closed(ws) == (1007, "API key not valid. Please pass a valid API key.")


async def test_the_close_of_a_client_ends_the_session_in_mid_answer(emulator: EmulatorAddress, log: list[str]) -> None:
    async with connect(emulator.url + DEVELOPER) as ws:
        await set_up(ws, DEVELOPER)
        await say(ws, {"realtimeInput": {"text": "hello " * 1_000}})
        await hear(ws)
        await ws.close(4000, "enough")
    async with asyncio.timeout(SOON):
        while log[-1] != "[1] ○ closed by the client: 4000 enough":
            await asyncio.sleep(0.005)


async def test_a_replay_takes_the_place_of_the_conversation() -> None:
    recording = b'>2 {"setup":{}}\n<2 {"setupComplete":{}}\n>2 {"realtimeInput":{"text":"a"}}\n<2 {"garbage":[1]}\n'
    options = plain_options(
        replay=ReplayLibrary({"r": [arrange(read_websocket_log(recording))]}, speed=0, repeats=True)
    )
    async with run_emulator(options=options) as emulator, connect(emulator.url + VERTEX) as ws:
        await say(ws, {"setup": {"model": "any"}})
        assert await ws.recv() == b'{"setupComplete":{}}'
        await say(ws, {"realtimeInput": {"text": "another"}})
        assert await ws.recv() == b'{"garbage":[1]}', "frames that livecli does not know are sent too"
