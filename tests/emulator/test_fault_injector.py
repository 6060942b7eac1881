"""Faults as any client meets them on its socket."""

from __future__ import annotations

import asyncio
import errno
import json
import select
import socket
import ssl
import time
import urllib.request
from contextlib import asynccontextmanager, suppress

import pytest
import trustme
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from livecli.emulator import server
from livecli.emulator.core.script import ScriptedBehaviour
from livecli.emulator.core.script_file import read_script
from livecli.emulator.faults import Faults, parse_fault
from livecli.emulator.options import EmulatorOptions
from livecli.emulator.server import Tls, run_emulator
from livecli.emulator.session import CLOSE_SECONDS
from tests.emulator.plain_models import plain_options
from tests.serving import serving

PATH = "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent"
BOUND_SECONDS = 20
UPGRADE = (
    f"GET {PATH} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
).encode()
OLD = "models/gemini-2.5-flash-native-audio-latest"


def wrong(*faults: str) -> EmulatorOptions:
    return plain_options(faults=Faults(map(parse_fault, faults)))


@pytest.mark.parametrize("when", ["connect", "0s"])
@pytest.mark.parametrize("encrypted", [False, True])
async def test_a_drop_is_a_reset(when, encrypted):
    authority, context, trusting = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    authority.issue_cert("localhost").configure_cert(context)
    authority.configure_trust(trusting)

    def meet(port: int) -> None:
        with socket.create_connection(("127.0.0.1", port), timeout=10) as clear:
            peer = trusting.wrap_socket(clear, server_hostname="localhost") if encrypted else clear
            with peer:
                peer.sendall(UPGRADE)
                ended = select.poll()
                ended.register(peer, 0)
                assert ended.poll(10_000), "it did not end"
                # Told by the kernel: on TLS, reading would call it an ordinary end.
                assert peer.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == errno.ECONNRESET

    async with (
        asyncio.timeout(BOUND_SECONDS),
        run_emulator(tls=Tls(context), options=wrong(f"drop@{when}")) as emulator,
    ):
        await asyncio.to_thread(meet, emulator.tls_port if encrypted else emulator.port)


async def test_a_stall_at_the_upgrade_is_as_long_as_it_says(monkeypatch):
    monkeypatch.setattr(server, "OPEN_SECONDS", 0.3)
    async with asyncio.timeout(BOUND_SECONDS), run_emulator(options=wrong("stall=0.6@connect")) as emulator:
        started = time.monotonic()
        async with connect(emulator.url + PATH):
            assert time.monotonic() - started >= 0.6


async def test_a_stall_holds_nobody_else_up():
    async with asyncio.timeout(BOUND_SECONDS), run_emulator(options=wrong("stall=600@connect")) as emulator:
        held = asyncio.create_task(connect(emulator.url + PATH, open_timeout=None).__aenter__())
        url = emulator.url.replace("ws", "http", 1) + "/healthz"
        page = await asyncio.to_thread(lambda: urllib.request.urlopen(url, timeout=10).read())
        assert b"listening" in page
        assert not held.done()
        held.cancel()
        started = time.monotonic()
    assert time.monotonic() - started < CLOSE_SECONDS, "nor does it hold up the end"


async def test_the_audio_of_old_models_is_counted():
    media = '{"realtimeInput":{"mediaChunks":[{"mimeType":"audio/pcm;rate=16000","data":"AAAA"}]}}'
    options = wrong("close=4002@audio:3")
    async with (
        asyncio.timeout(BOUND_SECONDS),
        run_emulator(options=options) as emulator,
        connect(emulator.url + PATH) as ws,
    ):
        await ws.send(json.dumps({"setup": {"model": OLD, "generationConfig": {"responseModalities": ["AUDIO"]}}}))
        assert b"setupComplete" in await ws.recv()
        for _ in range(3):
            await ws.send(media)
        with pytest.raises(ConnectionClosed):
            await ws.recv()
        assert ws.close_code == 4002


def test_whoever_leaves_in_a_stall_is_forgotten():
    with serving("stall=600@setup") as served:

        async def leave() -> None:
            async with connect(served.url + PATH) as ws:
                await ws.send('{"setup":{"model":"models/gemini-3.8-live"}}')

        asyncio.run(leave())
    assert any(line.endswith("fault: stall at setup") for line in served.log)


async def turn(socket: ClientConnection, text: str) -> list[dict]:
    """Ask, and return the contents that come, up to turnComplete."""
    await socket.send(json.dumps({"clientContent": {"turns": [{"parts": [{"text": text}]}], "turnComplete": True}}))
    contents = []
    while not (contents and contents[-1].get("turnComplete")):
        contents.append(json.loads(await socket.recv()).get("serverContent", {}))
    return contents


def spoken(contents: list[dict]) -> tuple[bool, str]:
    """Whether there is audio, and the transcript."""
    audio = any("inlineData" in part for content in contents for part in content.get("modelTurn", {}).get("parts", []))
    return audio, "".join(content.get("outputTranscription", {}).get("text", "") for content in contents)


@asynccontextmanager
async def session(*faults: str):
    setup = {"model": "models/gemini-3.8-live", "outputAudioTranscription": {}}
    async with run_emulator(options=wrong(*faults)) as emulator, connect(emulator.url + PATH) as socket:
        await socket.send(json.dumps({"setup": setup}))
        assert "setupComplete" in json.loads(await socket.recv())
        yield socket


async def test_an_answer_without_audio_still_has_its_transcript():
    async with asyncio.timeout(BOUND_SECONDS), session("no-audio@setup") as socket:
        assert spoken(await turn(socket, "hello")) == (False, "hello")
        assert spoken(await turn(socket, "again")) == (True, "again")


async def test_a_phantom_interruption_follows_the_turn():
    async with asyncio.timeout(BOUND_SECONDS), session("phantom-interrupt@turn:1") as socket:
        await turn(socket, "hello")
        assert json.loads(await socket.recv()) == {"serverContent": {"interrupted": True}}
        assert spoken(await turn(socket, "again")) == (True, "again")


async def test_a_phantom_interruption_at_a_time():
    async with asyncio.timeout(BOUND_SECONDS), session("phantom-interrupt@0.05s") as socket:
        assert json.loads(await socket.recv()) == {"serverContent": {"interrupted": True}}


SCRIPT = """
[[turn]]
say = "one"
[[turn]]
fault = "{fault}"
say = "two, and some more"
[[turn]]
say = "three"
"""


@asynccontextmanager
async def scripted(fault: str):
    """A session that follows a script whose second turn has the fault."""
    script = read_script(SCRIPT.format(fault=fault), lambda name: [])
    setup = {"model": "models/gemini-3.8-live", "outputAudioTranscription": {}}
    options = plain_options(behaviour=lambda: ScriptedBehaviour(script))
    async with (
        asyncio.timeout(BOUND_SECONDS),
        run_emulator(options=options) as emulator,
        connect(emulator.url + PATH) as socket,
    ):
        await socket.send(json.dumps({"setup": setup}))
        assert "setupComplete" in json.loads(await socket.recv())
        yield socket


@pytest.mark.parametrize(
    ("fault", "second"),
    [
        ("no-audio", (False, "two, and some more")),
        ("no-audio@reply:2", (True, "two, and some more")),
        ("no-audio@reply:1#2", (True, "two, and some more")),
        ("stale-turn", (False, "")),
        ("phantom-interrupt@turn:1", (True, "two, and some more")),
    ],
)
async def test_a_fault_of_a_script_is_that_of_its_turn(fault, second):
    async with scripted(fault) as socket:
        assert spoken(await turn(socket, "a")) == (True, "one")
        assert spoken(await turn(socket, "b")) == second
        if fault == "stale-turn":
            # The answer itself comes after the empty turn.
            second_end = [json.loads(await socket.recv()) for _ in range(3)]
            assert "outputTranscription" in str(second_end)
        elif fault.startswith("phantom"):
            assert json.loads(await socket.recv()) == {"serverContent": {"interrupted": True}}
        else:
            assert spoken(await turn(socket, "c")) == (True, "three")


@pytest.mark.parametrize(("fault", "frames"), [("close=4002", 0), ("close=4002@reply:2", 1)])
async def test_a_close_is_counted_within_its_turn(fault, frames):
    async with scripted(fault) as socket:
        await turn(socket, "a")
        await socket.send(json.dumps({"realtimeInput": {"text": "b"}}))
        received = []
        with pytest.raises(ConnectionClosed):
            while True:
                received.append(await socket.recv())
        assert socket.close_code == 4002
        assert sum(b"inlineData" in frame for frame in received) == frames


async def turn_of(url: str, resumption: dict) -> tuple[list[dict], str]:
    """The messages of a typed turn of the default model, up to the first turnComplete, and the session's handle."""
    async with connect(url + PATH) as ws:
        setup = {"model": "models/gemini-3.8-live", "sessionResumption": resumption}
        await ws.send(json.dumps({"setup": setup}))
        assert "setupComplete" in json.loads(await ws.recv())
        await ws.send('{"realtimeInput":{"text":"hi"}}')
        messages, handle = [], ""
        while not any("turnComplete" in message.get("serverContent", {}) for message in messages):
            message = json.loads(await ws.recv())
            if update := message.get("sessionResumptionUpdate"):
                handle = update.get("newHandle") or handle
            elif message:
                messages.append(message)
        while not handle:
            handle = json.loads(await ws.recv()).get("sessionResumptionUpdate", {}).get("newHandle", "")
        return messages, handle


async def test_a_session_that_is_resumed_ends_a_stale_turn_first():
    options = EmulatorOptions(faults=Faults([parse_fault("stale-turn@setup")]))
    async with asyncio.timeout(BOUND_SECONDS), run_emulator(options=options) as emulator:
        messages, handle = await turn_of(emulator.url, {})
        assert len(messages) > 1, "a new session has none"
        [stale], _ = await turn_of(emulator.url, {"handle": handle})
        assert stale["serverContent"] == {"turnComplete": True}


async def test_a_stale_turn_may_end_elsewhere():
    async with asyncio.timeout(BOUND_SECONDS), session("stale-turn@reply:1") as socket:
        assert spoken(await turn(socket, "hello")) == (False, "hello")


async def test_a_question_is_split_where_it_may_be():
    silence = {"realtimeInput": {"audio": {"mimeType": "audio/pcm;rate=16000", "data": "AAAA"}}}
    async with asyncio.timeout(BOUND_SECONDS), session("vad-split@reply:1") as socket:
        contents = await turn(socket, "hello")
        assert spoken(contents) == (True, "hello")
        assert not any("interrupted" in content for content in contents), "there is no question in an answer"
        await socket.send(json.dumps(silence))
        split = [json.loads(await socket.recv()).get("serverContent") for _ in range(2)]
        assert split == [{"interrupted": True}, {"turnComplete": True}]


async def test_a_session_without_a_turn_is_closed():
    """Audio alone is no turn: it is silence."""
    silence = {"realtimeInput": {"audio": {"mimeType": "audio/pcm;rate=16000", "data": "AAAA"}}}
    async with asyncio.timeout(BOUND_SECONDS), session("idle-close=0.6@setup") as socket:
        started = time.monotonic()
        await asyncio.sleep(0.3)
        await turn(socket, "hello")
        asked_until = time.monotonic()
        with pytest.raises(ConnectionClosed) as closed:
            while True:
                await socket.send(json.dumps(silence))
                with suppress(TimeoutError):
                    await asyncio.wait_for(socket.recv(), 0.05)
    assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (1008, "The operation was aborted.")
    assert time.monotonic() - started > 0.85
    assert time.monotonic() - asked_until > 0.55
