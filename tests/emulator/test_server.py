"""The emulator through real sockets, with websockets' own client and frames written out by hand."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import logging
import os
import re
import socket
import ssl
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from livecli.emulator import session
from livecli.emulator.certificates import Certificates, certificates
from livecli.emulator.core.behaviour import Say, UserTurn, tones
from livecli.emulator.core.lifetime import Limits
from livecli.emulator.options import EmulatorOptions
from livecli.emulator.server import EmulatorAddress, Tls, run_emulator
from livecli.errors import ConnectError

DEVELOPER = "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent"
VERTEX = "/ws/google.cloud.aiplatform.v1.LlmBidiService/BidiGenerateContent"
VERTEX_MODEL = "projects/p/locations/us-central1/publishers/google/models/gemini-3.8-live"
SETUP = {DEVELOPER: {"model": "models/gemini-3.8-live"}, VERTEX: {"model": VERTEX_MODEL}}
MANUAL = {"realtimeInputConfig": {"automaticActivityDetection": {"disabled": True}}}
START, END = {"realtimeInput": {"activityStart": {}}}, {"realtimeInput": {"activityEnd": {}}}
SOON = 10.0


@pytest.fixture
def log() -> list[str]:
    return []


@pytest.fixture
async def emulator(log: list[str]) -> AsyncIterator[EmulatorAddress]:
    tasks = asyncio.all_tasks()
    async with run_emulator(log=log.append) as made:
        yield made
    assert asyncio.all_tasks() <= tasks | {asyncio.current_task()}


@pytest.fixture(autouse=True)
async def bounded() -> AsyncIterator[None]:
    async with asyncio.timeout(60):
        yield


async def say(ws: ClientConnection, message: Any, *, binary: bool = False) -> None:
    frame = json.dumps(message)
    await ws.send(frame.encode() if binary else frame)


async def hear(ws: ClientConnection) -> Any:
    frame = await asyncio.wait_for(ws.recv(), SOON)
    assert isinstance(frame, bytes), "the service answers in binary frames"
    assert frame.endswith(b"}\n")
    return json.loads(frame)


async def turn(ws: ClientConnection) -> list[Any]:
    said = []
    while True:
        said.append(await hear(ws))
        if said[-1].get("serverContent", {}).get("turnComplete"):
            return said


async def set_up(ws: ClientConnection, path: str, **fields: Any) -> Any:
    await say(ws, {"setup": {**SETUP[path], **fields}})
    return await hear(ws)


def audio(pcm: bytes, rate: int = 16_000) -> dict[str, Any]:
    return {"realtimeInput": {"audio": {"data": base64.b64encode(pcm).decode(), "mimeType": f"audio/pcm;rate={rate}"}}}


def sound(said: list[Any]) -> bytes:
    turns = (message["serverContent"].get("modelTurn", {}) for message in said)
    parts = (part for model_turn in turns for part in model_turn.get("parts", []))
    return b"".join(base64.b64decode(part["inlineData"]["data"]) for part in parts)


async def closed(ws: ClientConnection) -> tuple[int | None, str | None]:
    with pytest.raises(ConnectionClosed):
        while True:
            await asyncio.wait_for(ws.recv(), SOON)
    return ws.close_code, ws.close_reason


@pytest.mark.parametrize("path", [DEVELOPER, VERTEX])
async def test_a_spoken_turn(emulator: EmulatorAddress, tone, path: str) -> None:
    pcm = tone(1.0, hz=1_000)
    async with connect(emulator.url + path) as ws:
        await set_up(ws, path, **MANUAL, inputAudioTranscription={}, outputAudioTranscription={})
        await say(ws, START)
        for start in range(0, len(pcm), 1_024):
            await say(ws, audio(pcm[start : start + 1_024]))
        await say(ws, END)
        said = await turn(ws)
    echoed = np.frombuffer(sound(said), "<i2")
    assert len(echoed) == 24_000
    assert np.abs(np.fft.rfft(echoed * np.hanning(24_000))).argmax() == 1_000
    sizes = [len(sound([message])) for message in said if "modelTurn" in message["serverContent"]]
    assert sizes == [9_600, 11_520, 11_520, 11_520, 3_840]
    assert said[-2] == {"serverContent": {"generationComplete": True}}
    response = "candidatesToken" if path is VERTEX else "responseToken"
    details = [{"modality": "AUDIO", "tokenCount": 25}]
    assert said[-1] == {
        "serverContent": {"turnComplete": True},
        "usageMetadata": {
            "promptTokenCount": 25,
            f"{response}Count": 25,
            "totalTokenCount": 50,
            "promptTokensDetails": details,
            f"{response}sDetails": details,
        },
    }
    for kind in ("inputTranscription", "outputTranscription"):
        pieces = [m["serverContent"][kind] for m in said if kind in m["serverContent"]]
        assert "".join(piece.get("text", "") for piece in pieces) == "[1.0 s of speech]"
        assert pieces[-1].get("finished", False) is (path is VERTEX)


async def test_setup_complete_in_each_dialect(emulator: EmulatorAddress) -> None:
    async with connect(emulator.url + DEVELOPER) as ws:
        await say(ws, {"setup": SETUP[DEVELOPER]})
        assert await ws.recv() == b'{\n  "setupComplete": {}\n}\n'
    async with connect(emulator.url + VERTEX) as ws:
        await say(ws, {"setup": SETUP[VERTEX]})
        frame = await ws.recv()
        uuid = rb"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
        assert re.fullmatch(rb'\{\n  "setupComplete": \{\n    "sessionId": "' + uuid + rb'"\n  \}\n\}\n', frame)


async def test_detected_speech_gives_turns(emulator: EmulatorAddress, tone, silence) -> None:
    async with connect(emulator.url + DEVELOPER) as ws:
        detection = {"automaticActivityDetection": {"silenceDurationMs": 200, "prefixPaddingMs": 40}}
        await set_up(ws, DEVELOPER, realtimeInputConfig=detection)
        pcm = tone(0.5) + silence(0.3)
        for block in (pcm, pcm):
            for start in range(0, len(block), 1_024):
                await say(ws, audio(block[start : start + 1_024]))
        assert len(sound(await turn(ws))) == 48_000 * 6 // 10
        assert len(sound(await turn(ws))) == 48_000 * 7 // 10
        await say(ws, audio(tone(0.5)))
        await say(ws, {"realtimeInput": {"audioStreamEnd": True}})
        assert len(sound(await turn(ws))) == 48_000 * 6 // 10


async def test_text_both_ways_and_what_may_be_sent_at_once(emulator: EmulatorAddress) -> None:
    async with connect(emulator.url + DEVELOPER) as ws:
        # Everything in one go: what follows the setup is not read before setupComplete is said.
        await say(ws, {"setup": {**SETUP[DEVELOPER], "outputAudioTranscription": {}}})
        await say(ws, {"realtimeInput": {"text": "hello"}})
        await say(
            ws, {"clientContent": {"turns": [{"role": "user", "parts": [{"text": "again"}]}], "turnComplete": True}}
        )
        assert await hear(ws) == {"setupComplete": {}}
        for text in ("hello", "again"):
            said = await turn(ws)
            assert len(sound(said)) == 5 * 1_440 * 2
            pieces = (m["serverContent"].get("outputTranscription", {}).get("text", "") for m in said)
            assert "".join(pieces) == text


async def test_binary_frames_are_understood(emulator: EmulatorAddress) -> None:
    async with connect(emulator.url + DEVELOPER) as ws:
        await say(ws, {"setup": SETUP[DEVELOPER]}, binary=True)
        await hear(ws)
        await say(ws, {"realtime_input": {"text": "hi"}}, binary=True)
        assert len(sound(await turn(ws))) == 2 * 1_440 * 2


@pytest.mark.parametrize(
    "path",
    [
        "/" + VERTEX,
        VERTEX.replace("v1", "v1beta1"),
        DEVELOPER.replace("v1beta", "v1") + "?key=K",
        DEVELOPER.replace("v1beta", "v1alpha") + "Constrained?access_token=auth_tokens/abc",
    ],
)
async def test_every_path_of_the_service(emulator: EmulatorAddress, path: str) -> None:
    async with connect(emulator.url + path) as ws:
        await say(ws, {"setup": SETUP[VERTEX if "aiplatform" in path else DEVELOPER]})
        assert "setupComplete" in await hear(ws)


async def test_a_base_url_that_is_the_whole_address(emulator: EmulatorAddress) -> None:
    async with connect(emulator.url) as ws:  # the Python SDK on Vertex, where no project is given in code
        await say(ws, {"setup": {**SETUP[VERTEX], "model": "publishers/google/models/gemini-3.8-live"}})
        assert "sessionId" in (await hear(ws))["setupComplete"]


@pytest.mark.parametrize("path", ["/ws", "/ws/other", VERTEX + "/more"])
async def test_no_upgrade_elsewhere(emulator: EmulatorAddress, path: str) -> None:
    with pytest.raises(InvalidStatus) as refused:
        await connect(emulator.url + path)
    assert refused.value.response.status_code == 404
    assert refused.value.response.headers["Content-Type"].startswith("text/plain")


async def http(emulator: EmulatorAddress, request: str) -> str:
    reader, writer = await asyncio.open_connection("127.0.0.1", emulator.port)
    writer.write(request.encode())
    answer = await asyncio.wait_for(reader.read(), SOON)
    writer.close()
    await writer.wait_closed()
    return answer.decode()


@pytest.mark.parametrize(("path", "status"), [("/", 200), ("/healthz", 200), ("/nowhere", 404), (VERTEX, 426)])
async def test_plain_http(emulator: EmulatorAddress, path: str, status: int) -> None:
    answer = await http(emulator, f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert answer.startswith(f"HTTP/1.1 {status} ")


TEXT_WANTED = {"generationConfig": {"responseModalities": ["TEXT"]}}
UNKNOWN = 'Invalid JSON payload received. Unknown name "nonsense" at '


@pytest.mark.parametrize(
    ("path", "frames", "code", "reason"),
    [
        (DEVELOPER, [audio(bytes(4))], 1007, "Request contains an invalid argument."),
        (DEVELOPER, [{"setup": SETUP[DEVELOPER]}] * 2, 1007, "Request contains an invalid argument."),
        (DEVELOPER, [{"setup": {**SETUP[DEVELOPER], "nonsense": 1}}], 1007, UNKNOWN + "'setup': Cannot find field."),
        (DEVELOPER, [{"setup": {**SETUP[DEVELOPER], "tools": 3}}], 1007, "Invalid value at 'setup.tools'"),
        (DEVELOPER, ["{"], 1007, "Request contains an invalid argument."),
        (DEVELOPER, [b"\xff\xfe"], 1007, "Request contains an invalid argument."),
        (DEVELOPER, [{}], 1007, "Request contains an invalid argument."),
        (DEVELOPER, [{"setup": {"model": "gemini-3.8-live"}}], 1007, "Invalid resource field value in the request."),
        (
            VERTEX,
            [{"setup": {"model": "models/gemini-3.8-live"}}],
            1007,
            "Invalid resource field value in the request.",
        ),
        (
            VERTEX,
            [{"setup": {"model": "publishers/google/models/gemini-2.0-flash-exp"}}],
            1007,
            "gemini-2.0-flash-exp is not supported in the live api.",
        ),
        (
            DEVELOPER,
            [{"setup": {"model": "models/gone"}}],
            1008,
            "models/gone is not found for API version v1beta, or is not supported for bidiGenerateContent. Call Li",
        ),
        (
            VERTEX,
            [{"setup": {"model": "publishers/google/models/gone"}}],
            1008,
            "Publisher Model `publishers/google/models/gone` was not found or your project does not have access",
        ),
        (
            DEVELOPER,
            [{"setup": {**SETUP[DEVELOPER], **TEXT_WANTED}}],
            1007,
            "Cannot extract voices from a non-audio request.",
        ),
        (DEVELOPER, [{"setup": SETUP[DEVELOPER]}, START], 1007, "Precondition check failed."),
        (
            DEVELOPER,
            [{"setup": {**SETUP[DEVELOPER], **MANUAL}}, {"realtimeInput": {"audioStreamEnd": True}}],
            1007,
            "Precondition check failed.",
        ),
        (
            DEVELOPER,
            [{"setup": SETUP[DEVELOPER]}, {"realtimeInput": {"audio": {"data": "*"}}}],
            1007,
            "Invalid value at",
        ),
    ],
)
async def test_refusals(
    emulator: EmulatorAddress, log: list[str], path: str, frames: list, code: int, reason: str
) -> None:
    async with connect(emulator.url + path) as ws:
        for frame in frames:
            await (ws.send(frame) if isinstance(frame, (str, bytes)) else say(ws, frame))
        got_code, got_reason = await closed(ws)
    assert got_code == code
    assert got_reason is not None
    assert got_reason.startswith(reason)
    assert len(got_reason.encode()) <= 123
    assert f"[1] refused: {code} {got_reason}" in log


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
    monkeypatch.setattr(session, "_spool", lambda make=session._spool: spools.append(make()) or spools[-1])
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
    with session._spool() as spool:
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


async def test_flooding_turns_without_reading_is_held_back(emulator: EmulatorAddress) -> None:
    async with connect(emulator.url + DEVELOPER, max_queue=1) as ws:
        await set_up(ws, DEVELOPER)
        count = 300
        sending = asyncio.create_task(_flood(ws, count))
        for _ in range(count):
            assert len(sound(await turn(ws))) == 2 * 1_440
        await asyncio.wait_for(sending, SOON)


async def _flood(ws: ClientConnection, count: int) -> None:
    for _ in range(count):
        await say(ws, {"realtimeInput": {"text": "x"}})


async def test_a_client_that_vanishes_leaves_nothing_behind(emulator: EmulatorAddress, log: list[str], tone) -> None:
    idle = asyncio.all_tasks()
    ws = await connect(emulator.url + DEVELOPER)
    await set_up(ws, DEVELOPER, **MANUAL)
    await say(ws, START)
    await say(ws, audio(tone(0.1)))
    ws.transport.abort()
    async with asyncio.timeout(SOON):
        while asyncio.all_tasks() - idle or not any("closed" in line for line in log):
            await asyncio.sleep(0.005)
    assert log[-1] == "[1] closed: 1006"


async def test_others_are_not_held_up_by_a_flood(emulator: EmulatorAddress, tone) -> None:
    """Client and emulator share one event loop, as in `send --local`; another session goes on beside a flood."""
    block = json.dumps(audio(bytes(1_024)))

    async def flood() -> None:
        async with connect(emulator.url + DEVELOPER, compression=None) as ws:
            await set_up(ws, DEVELOPER, **MANUAL)
            await say(ws, START)
            while True:
                await ws.send(block)

    flooding = asyncio.create_task(flood())
    async with connect(emulator.url + DEVELOPER) as ws:
        await set_up(ws, DEVELOPER)
        for _ in range(5):
            await say(ws, {"realtimeInput": {"text": "hello"}})
            await turn(ws)
    flooding.cancel()
    with pytest.raises(asyncio.CancelledError):
        await flooding


async def test_leaving_closes_every_session_with_1001_at_once(log: list[str]) -> None:
    async with run_emulator(log=log.append) as emulator:
        sockets = [await connect(emulator.url + DEVELOPER) for _ in range(3)]
        await set_up(sockets[0], DEVELOPER)
        started = time.monotonic()
    assert time.monotonic() - started < 1.0
    assert [(await closed(ws))[0] for ws in sockets] == [1001] * 3


async def test_leaving_does_not_wait_for_those_who_do_not_answer(silence) -> None:
    async with run_emulator() as emulator:
        half_upgraded = socket.create_connection(("127.0.0.1", emulator.port))
        half_upgraded.sendall(b"GET /ws")
        ws = await connect(emulator.url + DEVELOPER, max_queue=1)
        await set_up(ws, DEVELOPER, **MANUAL)
        ws.transport.pause_reading()
        await say(ws, START)
        for _ in range(10):
            await say(ws, audio(silence(60.0)))
        await say(ws, END)
        started = time.monotonic()
    assert time.monotonic() - started < 1.0
    half_upgraded.close()
    ws.transport.abort()
    await ws.wait_closed()


async def test_a_port_that_is_taken_is_an_error_with_a_remedy(emulator: EmulatorAddress) -> None:
    with pytest.raises(ConnectError, match=rf"cannot listen on 127\.0\.0\.1:{emulator.port}: ") as failed:
        async with run_emulator(port=emulator.port):
            pass
    assert failed.value.exit_status == 5
    assert failed.value.hint


async def test_a_host_without_an_address_is_an_error() -> None:
    with pytest.raises(ConnectError, match="cannot listen on"):
        async with run_emulator("nowhere.invalid"):
            pass


async def test_the_url_can_be_connected_to_wherever_it_listens() -> None:
    async with run_emulator("0.0.0.0") as everywhere:
        assert everywhere.url == f"ws://127.0.0.1:{everywhere.port}"
    if socket.has_ipv6 and Path("/proc/net/if_inet6").exists():
        async with run_emulator("::1") as six:
            assert six.url == f"ws://[::1]:{six.port}"


async def test_a_full_disk_ends_the_session_and_no_other(
    emulator: EmulatorAddress, monkeypatch, log: list[str]
) -> None:
    def full() -> Any:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(session, "_spool", full)
    async with connect(emulator.url + DEVELOPER) as ws:
        await set_up(ws, DEVELOPER, **MANUAL)
        await say(ws, START)
        assert await closed(ws) == (1011, "Internal error encountered.")
    assert "[1] failed: [Errno 28] No space left on device" in log


async def test_a_bug_is_told_with_its_traceback(emulator: EmulatorAddress, monkeypatch, log: list[str]) -> None:
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
        while len(log) < 3:
            await asyncio.sleep(0.005)
    assert log[0] == "[1] connected: vertex v1"
    assert re.fullmatch(r"\[1\] turn 1: 5 characters of text, answered in \d\.\d{3} s", log[1])
    assert log[2] == "[1] closed: 1000"


async def test_what_a_client_says_cannot_reach_the_terminal(emulator: EmulatorAddress, log: list[str]) -> None:
    async with connect(emulator.url + DEVELOPER) as ws:
        await say(ws, {"setup": {"model": "models/\x1b[31mred\nline"}})
        await closed(ws)
    assert all(line.isprintable() for line in log)
    assert any(r"models/\x1b[31mred line" in line for line in log)


async def test_garbage_on_the_socket_is_nobody_elses_trouble(emulator: EmulatorAddress, caplog) -> None:
    with caplog.at_level(logging.DEBUG):
        answer = await http(emulator, "\x16\x03\x01 garbage\r\n\r\n")
        assert not answer.startswith("HTTP/1.1 101")
        async with connect(emulator.url + DEVELOPER) as ws:
            assert await set_up(ws, DEVELOPER) == {"setupComplete": {}}


async def test_a_message_beyond_16_mib_is_refused_by_its_size(emulator: EmulatorAddress, log: list[str]) -> None:
    header = b"\x81\xff" + (16 * 1024 * 1024 + 1).to_bytes(8) + bytes(4)
    ws = await connect(emulator.url + DEVELOPER)
    await set_up(ws, DEVELOPER)
    ws.transport.write(header)  # and nothing after it: the size alone is enough
    assert (await closed(ws))[0] == 1009
    async with connect(emulator.url + DEVELOPER) as other:
        assert await set_up(other, DEVELOPER) == {"setupComplete": {}}


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return certificates(tmp_path_factory.mktemp("state"))


@pytest.fixture
async def both(shown: Certificates, log: list[str]) -> AsyncIterator[EmulatorAddress]:
    async with run_emulator(tls=Tls(shown.context), log=log.append) as made:
        yield made


def on_tls(shown: Certificates, emulator: EmulatorAddress, path: str) -> connect:
    trusted = ssl.create_default_context(cafile=str(shown.authority))
    return connect(f"wss://localhost:{emulator.tls_port}{path}", ssl=trusted)


async def test_in_the_clear_and_on_tls_at_once(both: EmulatorAddress, shown: Certificates, log: list[str]) -> None:
    async with connect(both.url + DEVELOPER) as clear, on_tls(shown, both, VERTEX) as encrypted:
        await set_up(clear, DEVELOPER)
        await set_up(encrypted, VERTEX)
        for ws in (clear, encrypted):
            await say(ws, {"realtimeInput": {"text": "hi"}})
            assert len(sound(await turn(ws))) == 2 * 1_440 * 2
    assert {"[1] connected: developer v1beta", "[2] connected: vertex v1"} <= set(log)  # numbered as one


async def test_the_answers_on_tls_are_the_same(both: EmulatorAddress, shown: Certificates) -> None:
    async with on_tls(shown, both, DEVELOPER) as ws:
        await say(ws, {"setup": {"model": "models/gone"}})
        assert (await closed(ws))[0] == 1008
    with pytest.raises(InvalidStatus) as refused:
        await on_tls(shown, both, "/ws/other")
    assert refused.value.response.status_code == 404


async def test_who_speaks_no_tls_is_nobody_elses_trouble(
    both: EmulatorAddress, shown: Certificates, log: list[str]
) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", both.tls_port)
    writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
    with contextlib.suppress(ConnectionError):
        await asyncio.wait_for(reader.read(), SOON)
    writer.close()
    async with on_tls(shown, both, DEVELOPER) as ws:
        assert await set_up(ws, DEVELOPER) == {"setupComplete": {}}
    assert log[0] == "[1] connected: developer v1beta"


async def test_leaving_closes_both_with_1001_at_once(shown: Certificates) -> None:
    async with run_emulator(tls=Tls(shown.context)) as emulator:
        sockets = [await connect(emulator.url + DEVELOPER), await on_tls(shown, emulator, DEVELOPER)]
        started = time.monotonic()
    assert time.monotonic() - started < 1.0
    assert [(await closed(ws))[0] for ws in sockets] == [1001] * 2


async def test_a_port_that_is_taken_leaves_nothing_open(emulator: EmulatorAddress, shown: Certificates) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        free = probe.getsockname()[1]
    with pytest.raises(ConnectError, match=f":{emulator.port}: ") as failed:
        async with run_emulator(port=emulator.port, tls=Tls(shown.context, free)):
            pass
    assert "--port" in str(failed.value.hint)
    with pytest.raises(ConnectError) as failed:
        async with run_emulator(port=free, tls=Tls(shown.context, emulator.port)):
            pass
    assert "--tls-port" in str(failed.value.hint)
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", free))


async def test_deflate_is_accepted_where_it_is_offered_and_costs_nothing_to_send(
    emulator: EmulatorAddress, tone
) -> None:
    async with connect(emulator.url + DEVELOPER, compression="deflate") as ws:
        assert ws.response is not None
        assert "client_max_window_bits=12" in ws.response.headers["Sec-WebSocket-Extensions"]
        [agreed] = ws.protocol.extensions
        inflated = []
        decode = agreed.decode
        agreed.decode = lambda frame, **options: inflated.append(frame.rsv1) or decode(frame, **options)  # type: ignore
        await set_up(ws, DEVELOPER, **MANUAL)
        await say(ws, START)
        for _ in range(10):
            await say(ws, audio(tone(0.1)))
        await say(ws, END)
        assert len(sound(await turn(ws))) == 48_000
        assert set(inflated) == {False}
    async with connect(emulator.url + DEVELOPER, compression=None) as ws:
        assert ws.response is not None
        assert "Sec-WebSocket-Extensions" not in ws.response.headers
        assert await set_up(ws, DEVELOPER) == {"setupComplete": {}}


async def test_a_deflated_bomb_is_refused_by_its_size(emulator: EmulatorAddress) -> None:
    async with connect(emulator.url + DEVELOPER, compression="deflate") as ws:
        await ws.send(bytes(64 * 1024 * 1024))
        assert (await closed(ws))[0] == 1009


async def test_every_session_has_a_behaviour_of_its_own() -> None:
    class Counts:
        made = 0

        def __init__(self) -> None:
            Counts.made += 1
            self.words = f"session {Counts.made}"

        def answer(self, heard: UserTurn) -> Any:
            yield Say(self.words, tones("x"))

    async with run_emulator(options=EmulatorOptions(behaviour=Counts)) as emulator:
        for number in (1, 2):
            async with connect(emulator.url + DEVELOPER) as ws:
                await set_up(ws, DEVELOPER, outputAudioTranscription={})
                await say(ws, {"realtimeInput": {"text": "hello"}})
                said = await turn(ws)
            pieces = (m["serverContent"].get("outputTranscription", {}).get("text", "") for m in said)
            assert "".join(pieces) == f"session {number}"


async def test_what_is_due_is_said_though_nobody_says_anything() -> None:
    limits = Limits(connection_seconds=0.2, goaway_seconds=0.1)
    async with (
        run_emulator(options=EmulatorOptions(limits=limits)) as emulator,
        connect(emulator.url + DEVELOPER) as ws,
    ):
        await set_up(ws, DEVELOPER)
        assert "goAway" in await hear(ws)
        assert (await closed(ws))[0] == 1011


async def test_a_session_is_resumed_as_soon_as_its_end_is_heard_of(emulator: EmulatorAddress) -> None:
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
