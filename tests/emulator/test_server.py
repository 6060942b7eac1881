"""The emulator through real sockets, with websockets' own client and frames written out by hand."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import re
import socket
import ssl
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from livecli.emulator.certificates import Certificates, certificates
from livecli.emulator.server import EmulatorAddress, Tls, run_emulator
from livecli.emulator.session import CLOSE_SECONDS
from livecli.errors import ConnectError
from tests.emulator.frames import (
    DEVELOPER,
    END,
    MANUAL,
    SETUP,
    SOON,
    START,
    VERTEX,
    VERTEX_MODEL,
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


@pytest.mark.parametrize(
    "path",
    [
        "/ws",
        "/ws/other",
        VERTEX + "/more",
        VERTEX.replace("v1", "v1alpha"),
        VERTEX.replace("v1", "v1beta"),
        VERTEX.replace("v1", "v9"),
        DEVELOPER.replace("v1beta", "v9"),
    ],
)
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


@pytest.mark.parametrize(
    ("path", "status"), [("/", 200), ("/healthz?x=1", 200), ("/health", 404), ("/nowhere", 404), (VERTEX, 426)]
)
async def test_plain_http(emulator: EmulatorAddress, path: str, status: int) -> None:
    answer = await http(emulator, f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert answer.startswith(f"HTTP/1.1 {status} ")


TEXT_WANTED = {"generationConfig": {"responseModalities": ["TEXT"]}}
UNKNOWN = 'Invalid JSON payload received. Unknown name "nonsense" at '


@pytest.mark.parametrize(
    ("path", "frames", "code", "reason"),
    [
        (DEVELOPER, [audio(bytes(4))], 1007, "setup must be the first message and only the first"),
        (DEVELOPER, [{"setup": SETUP[DEVELOPER]}] * 2, 1007, "setup must be the first message and only the first"),
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
            "models/gone is not found for API version v1beta, or is not supported for bidiGenerateContent. Call Mo",
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
            "The requested combination of response modalities (TEXT) is not supported by the model. models/",
        ),
        (
            DEVELOPER,
            [{"setup": SETUP[DEVELOPER]}, START],
            1007,
            "Explicit activity control is not supported when automatic activity detection is enabled.",
        ),
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
    assert f"[1] ○ closed by the server: {code} {got_reason}" in log


def model(name: str, **fields: Any) -> dict[str, Any]:
    return {"setup": {"model": f"models/{name}", **fields}}


def declaring(parameters: dict[str, Any]) -> dict[str, Any]:
    return model("gemini-3.8-live", tools=[{"functionDeclarations": [{"name": "f", "parameters": parameters}]}])


def generating(name: str, **fields: Any) -> dict[str, Any]:
    return model(name, generationConfig=fields)


def unknown(name: str, path: str) -> str:
    return f"Invalid JSON payload received. Unknown name \"{name}\" at '{path}': Cannot find field."


PARAMETERS = "setup.tools[0].function_declarations[0].parameters"
INVALID = "Request contains an invalid argument."
COMBINATION = "The requested combination of response modalities ({}) is not supported by the model. models/"


@pytest.mark.parametrize(
    ("setup", "reason"),
    [
        (declaring({"additionalProperties": False}), unknown("additionalProperties", PARAMETERS)),
        (declaring({"$schema": "https://json-schema.org"}), unknown("$schema", PARAMETERS)),
        (
            declaring({"properties": {"a": {"const": 1}}}),
            unknown("const", PARAMETERS + ".properties[0].value"),
        ),
        (declaring({"type": "str"}), f"Invalid value at '{PARAMETERS}.type' (type.googleapis.com/"),
        (model("gemini-3.8-live", generation_config={"top_x": 1}), unknown("top_x", "setup.generation_config")),
        (model("gemini-3.8-live", proactivity={}), unknown("proactivity", "setup")),
        (
            model("gemini-3.8-live", sessionResumption={"transparent": True}),
            unknown("transparent", "setup.session_resumption"),
        ),
        (generating("gemini-3.8-live", responseModalities=["AUDIO", "TEXT"]), COMBINATION.format("AUDIO, TEXT")),
        (generating("gemini-3.5-transcribe-live", responseModalities=["AUDIO"]), COMBINATION.format("AUDIO")),
        (
            generating("gemini-3.8-live", thinkingConfig={"thinkingLevel": "LOW"}),
            "Thinking level is not supported for this model.",
        ),
        (model("gemini-3.8-live-extended-thinking"), "Thinking level must be specified for this model"),
        (
            model("gemini-2.5-flash-native-audio-latest", tools=[{"codeExecution": {}}]),
            "Code Execution tool is not supported for this model",
        ),
        (generating("gemini-3.1-flash-live-preview", enableAffectiveDialog=True), INVALID),
        (
            generating(
                "gemini-2.5-flash-native-audio-latest",
                speechConfig={"voiceConfig": {"prebuiltVoiceConfig": {"voiceName": "alloy"}}},
            ),
            "Requested voice api_name 'alloy' is not available for model models/gemini-2.5-flash-native-audio-latest",
        ),
    ],
)
async def test_a_refused_setup_gets_the_words_of_the_service(
    emulator: EmulatorAddress, setup: dict[str, Any], reason: str
) -> None:
    async with connect(emulator.url + DEVELOPER) as ws:
        await say(ws, setup)
        code, got = await closed(ws)
    assert code == 1007
    assert got is not None
    assert got.startswith(reason[:123])


@pytest.mark.parametrize(
    "blob",
    [
        {"audio": {"mimeType": "audio/wav", "data": "AAAA"}},
        {"audio": {"mimeType": "audio/mp3", "data": "AAAA"}},
        {"audio": {"mimeType": "audio/webm;codecs=opus", "data": "AAAA"}},
        {"audio": {"mimeType": "audio/pcm;rate=abc", "data": "AAAA"}},
        {"audio": {"mimeType": "image/png", "data": "AAAA"}},
        {"video": {"mimeType": "audio/pcm", "data": "AAAA"}},
        {"video": {"mimeType": "image/gif", "data": "AAAA"}},
    ],
)
async def test_media_of_another_kind_than_the_field_takes_are_refused(
    emulator: EmulatorAddress, blob: dict[str, Any]
) -> None:
    async with connect(emulator.url + DEVELOPER) as ws:
        await say(ws, {"setup": SETUP[DEVELOPER]})
        await hear(ws)
        await say(ws, {"realtimeInput": blob})
        assert await closed(ws) == (1007, INVALID)


async def test_scheduling_is_refused_by_extended_thinking(emulator: EmulatorAddress) -> None:
    response = {"id": "f1", "name": "f", "response": {"ok": True}, "scheduling": "WHEN_IDLE"}
    async with connect(emulator.url + DEVELOPER) as ws:
        level = {"thinkingConfig": {"thinkingLevel": "LOW"}}
        await say(ws, generating("gemini-3.8-live-extended-thinking", **level))
        await hear(ws)
        await say(ws, {"toolResponse": {"functionResponses": [response]}})
        assert await closed(ws) == (1007, "Function response scheduling is not supported for this model.")


@pytest.mark.parametrize(
    "setup",
    [
        generating("gemini-3.1-flash-live-preview", thinkingConfig={"thinkingBudget": 0}),
        generating("gemini-2.5-flash-native-audio-latest", thinkingConfig={"thinkingLevel": "LOW"}),
        generating("gemini-3.8-live", thinkingConfig={"thinkingBudget": 64, "includeThoughts": True}),
        generating("gemini-3.8-live", speechConfig={"voiceConfig": {"prebuiltVoiceConfig": {"voiceName": "x"}}}),
        model("gemini-3.8-live", tools={"googleSearch": {}}),
        model("gemini-3.8-live", system_instruction={"parts": {"text": "Be brief."}}),
        model("gemini-robotics-er-2-streaming-preview", generationConfig={"responseModalities": ["TEXT"]}),
    ],
)
async def test_a_setup_that_the_service_accepts(emulator: EmulatorAddress, setup: dict[str, Any]) -> None:
    async with connect(emulator.url + DEVELOPER) as ws:
        await say(ws, setup)
        assert "setupComplete" in await hear(ws)


async def test_v1alpha_takes_transparent_resumption(emulator: EmulatorAddress) -> None:
    async with connect(emulator.url + DEVELOPER.replace("v1beta", "v1alpha")) as ws:
        await say(ws, model("gemini-3.8-live", sessionResumption={"transparent": True}))
        assert "setupComplete" in await hear(ws)


async def test_a_single_object_is_a_list_of_one(emulator: EmulatorAddress) -> None:
    async with connect(emulator.url + DEVELOPER) as ws:
        await say(ws, model("gemini-3.8-live", outputAudioTranscription={}))
        await hear(ws)
        await say(ws, {"clientContent": {"turns": {"role": "user", "parts": {"text": "hello"}}, "turnComplete": True}})
        words = ""
        while words != "hello":
            message = await hear(ws)
            words += message.get("serverContent", {}).get("outputTranscription", {}).get("text", "")


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
    async with run_emulator(options=plain_options(), log=log.append) as emulator:
        sockets = [await connect(emulator.url + DEVELOPER) for _ in range(3)]
        await set_up(sockets[0], DEVELOPER)
        started = time.monotonic()
    assert time.monotonic() - started < CLOSE_SECONDS
    assert [(await closed(ws))[0] for ws in sockets] == [1001] * 3


async def test_leaving_does_not_wait_for_those_who_do_not_answer(silence) -> None:
    async with run_emulator(options=plain_options()) as emulator:
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
    assert time.monotonic() - started < CLOSE_SECONDS
    half_upgraded.close()
    ws.transport.abort()
    await ws.wait_closed()


async def test_a_port_that_is_taken_is_an_error_with_a_remedy(emulator: EmulatorAddress) -> None:
    with pytest.raises(ConnectError, match=rf"^port {emulator.port} (\(.*\) )?is taken$") as failed:
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


async def test_garbage_on_the_socket_does_not_disturb_others(emulator: EmulatorAddress, caplog) -> None:
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
    async with run_emulator(options=plain_options(), tls=Tls(shown.context), log=log.append) as made:
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
    assert {"[1] ● developer v1beta  gemini-3.8-live", "[2] ● vertex v1  gemini-3.8-live"} <= set(
        log
    )  # numbered as one


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
    assert log[0] == "[1] ● developer v1beta  gemini-3.8-live"


async def test_leaving_closes_both_with_1001_at_once(shown: Certificates) -> None:
    async with run_emulator(options=plain_options(), tls=Tls(shown.context)) as emulator:
        sockets = [await connect(emulator.url + DEVELOPER), await on_tls(shown, emulator, DEVELOPER)]
        started = time.monotonic()
    assert time.monotonic() - started < CLOSE_SECONDS
    assert [(await closed(ws))[0] for ws in sockets] == [1001] * 2


async def test_a_port_that_is_taken_leaves_nothing_open(emulator: EmulatorAddress, shown: Certificates) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        free = probe.getsockname()[1]
    with pytest.raises(ConnectError, match=rf"^port {emulator.port} (\(.*\) )?is taken$") as failed:
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


# What Firebase's SDKs send: the Web SDK in camelCase, Flutter's in snake_case.
FIREBASE_DEVELOPER = "/ws/google.firebase.vertexai.v1beta.GenerativeService/BidiGenerateContent"
FIREBASE_VERTEX = "/ws/google.firebase.vertexai.v1beta.LlmBidiService/BidiGenerateContent/locations/us-central1"
CAMEL = {"generationConfig": {"responseModalities": ["AUDIO"]}, "outputAudioTranscription": {}}
SNAKE = {"generation_config": {"response_modalities": ["AUDIO"]}, "output_audio_transcription": {}}


@pytest.mark.parametrize("fields", [CAMEL, SNAKE])
@pytest.mark.parametrize(
    ("path", "model", "platform"),
    [
        (FIREBASE_DEVELOPER, "projects/my-app/models/gemini-3.8-live", "developer"),
        (FIREBASE_VERTEX, VERTEX_MODEL, "vertex"),
    ],
)
async def test_the_paths_of_firebase(
    emulator: EmulatorAddress, log: list[str], path: str, model: str, platform: str, fields: dict[str, Any]
) -> None:
    async with connect(f"{emulator.url}/{path}?key=any") as ws:
        await say(ws, {"setup": {"model": model, **fields}})
        assert ("sessionId" in (await hear(ws))["setupComplete"]) is (platform == "vertex")
        await say(
            ws, {"client_content": {"turns": [{"role": "user", "parts": [{"text": "hi"}]}], "turnComplete": True}}
        )
        pieces = (m["serverContent"].get("outputTranscription", {}).get("text", "") for m in await turn(ws))
        assert "".join(pieces) == "hi"
    assert log[0] == f"[1] ● {platform} v1beta  gemini-3.8-live"


@pytest.mark.parametrize("path", [DEVELOPER, FIREBASE_VERTEX])
async def test_elsewhere_a_model_of_the_developer_api_has_no_project(emulator: EmulatorAddress, path: str) -> None:
    async with connect(emulator.url + path) as ws:
        await say(ws, {"setup": {"model": "projects/my-app/models/gemini-3.8-live"}})
        assert await closed(ws) == (1007, "Invalid resource field value in the request.")


@pytest.mark.parametrize("path", [FIREBASE_VERTEX.rpartition("/locations")[0], FIREBASE_DEVELOPER + "/locations/eu"])
async def test_other_paths_of_firebase_are_404(emulator: EmulatorAddress, path: str) -> None:
    with pytest.raises(InvalidStatus) as refused:
        await connect(emulator.url + path)
    assert refused.value.response.status_code == 404
