"""Over a real socket: interruption, tools, sessions that are resumed, and connections that end."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from livecli.emulator.core.lifetime import Limits
from livecli.emulator.pace import Pace
from livecli.emulator.server import run_emulator
from tests.emulator.plain_models import plain_options

DEVELOPER = "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent"
VERTEX = "/ws/google.cloud.aiplatform.v1.LlmBidiService/BidiGenerateContent"
MODELS = {
    DEVELOPER: "models/gemini-3.8-live",
    VERTEX: "projects/p/locations/us-central1/publishers/google/models/gemini-3.8-live",
}
MANUAL = {"realtimeInputConfig": {"automaticActivityDetection": {"disabled": True}}}
SOON = 10.0


async def say(ws: ClientConnection, **message: Any) -> None:
    await ws.send(json.dumps(message))


async def hear(ws: ClientConnection) -> dict:
    return json.loads(await asyncio.wait_for(ws.recv(), SOON))


async def set_up(ws: ClientConnection, path: str, **fields: Any) -> None:
    await say(ws, setup={"model": MODELS[path], **fields})


async def until(ws: ClientConnection, key: str) -> list[dict]:
    """Messages up to the one that has this in it."""
    heard = [await hear(ws)]
    while f'"{key}"' not in json.dumps(heard[-1]):
        heard.append(await hear(ws))
    return heard


async def close_of(ws: ClientConnection) -> tuple[int | None, str | None]:
    with pytest.raises(ConnectionClosed):
        while True:
            await asyncio.wait_for(ws.recv(), SOON)
    return ws.close_code, ws.close_reason


@pytest.mark.parametrize("path", [DEVELOPER, VERTEX])
async def test_barge_in_while_the_reply_is_played(path: str) -> None:
    async with (
        run_emulator(options=plain_options(pace=Pace.REALTIME)) as emulator,
        connect(emulator.url + path) as ws,
    ):
        await set_up(ws, path, **MANUAL)
        await say(ws, realtimeInput={"text": "a long story, which takes its time to be told"})
        await until(ws, "modelTurn")
        await say(ws, realtimeInput={"activityStart": {}})
        heard = await until(ws, "turnComplete")
        kinds = [next(iter(message["serverContent"])) for message in heard]
        assert kinds[-2:] == ["interrupted", "turnComplete"]
        assert "generationComplete" not in kinds
        assert "usageMetadata" in heard[-1]


async def test_a_reply_takes_as_long_as_its_sound_in_real_time() -> None:
    async with (
        run_emulator(options=plain_options(pace=Pace.REALTIME)) as emulator,
        connect(emulator.url + DEVELOPER) as ws,
    ):
        await set_up(ws, DEVELOPER)
        await hear(ws)
        started = time.monotonic()
        await say(ws, realtimeInput={"text": "ten tones."})  # 0.6 s
        heard = await until(ws, "turnComplete")
        assert time.monotonic() - started >= 0.6
        sound = [part["inlineData"]["data"] for message in heard for part in _parts(message)]
        assert sum(len(base64.b64decode(data)) for data in sound) == 10 * 2_880


def _parts(message: dict) -> list[dict]:
    return message.get("serverContent", {}).get("modelTurn", {}).get("parts", [])


@pytest.mark.parametrize("path", [DEVELOPER, VERTEX])
async def test_a_function_is_called_and_returns(path: str) -> None:
    tools = [{"functionDeclarations": [{"name": "get_weather", "behavior": "BLOCKING"}]}]
    async with run_emulator(options=plain_options()) as emulator, connect(emulator.url + path) as ws:
        await set_up(ws, path, tools=tools, outputAudioTranscription={})
        await hear(ws)
        await say(ws, realtimeInput={"text": 'call get_weather {"place": "x"}'})
        (call,) = (await hear(ws))["toolCall"]["functionCalls"]
        assert (call["name"], call["args"]) == ("get_weather", {"place": "x"})
        answer = {"id": call["id"], "name": call["name"], "response": {"output": "sunny"}}
        await say(ws, toolResponse={"functionResponses": [answer]})
        heard = await until(ws, "turnComplete")
        spoken = [message["serverContent"].get("outputTranscription", {}).get("text", "") for message in heard]
        assert "".join(spoken) == "sunny"


async def test_a_session_is_resumed_after_its_connection() -> None:
    tools = [{"functionDeclarations": [{"name": "f"}]}]
    async with run_emulator(options=plain_options()) as emulator:
        async with connect(emulator.url + VERTEX) as ws:
            await set_up(ws, VERTEX, tools=tools, sessionResumption={"transparent": True})
            await until(ws, "newHandle")
            await say(ws, realtimeInput={"text": "hi"})
            update = (await until(ws, "newHandle"))[-1]["sessionResumptionUpdate"]
            assert update["resumable"] is True
            assert update["lastConsumedClientMessageIndex"] == "1"
            async with connect(emulator.url + VERTEX) as second:
                await set_up(second, VERTEX, sessionResumption={"handle": update["newHandle"]})
                assert (await close_of(second))[0] == 1011  # the first is still open
        async with connect(emulator.url + VERTEX) as ws:
            await set_up(ws, VERTEX, sessionResumption={"handle": update["newHandle"]})
            await until(ws, "newHandle")
            await say(ws, realtimeInput={"text": "call f"})
            heard = await until(ws, "turnComplete")
            assert any("toolCall" in message for message in heard)
            assert heard[-1]["usageMetadata"]["promptTokenCount"] == 5  # "hi", its answer of 0.12 s, and "call f"


async def test_an_unknown_handle_closes_the_session() -> None:
    async with run_emulator(options=plain_options()) as emulator, connect(emulator.url + DEVELOPER) as ws:
        await set_up(ws, DEVELOPER, sessionResumption={"handle": "1b4e28ba-2fa1-4d20-883f-0016d3cca427"})
        assert await close_of(ws) == (1008, "BidiGenerateContent session not found")


async def test_a_text_that_never_was_a_handle_closes_the_session() -> None:
    async with run_emulator(options=plain_options()) as emulator, connect(emulator.url + DEVELOPER) as ws:
        await set_up(ws, DEVELOPER, sessionResumption={"handle": "h1"})
        assert await close_of(ws) == (1007, "Invalid session handle")


async def test_a_handle_of_another_model_closes_the_session() -> None:
    async with run_emulator(options=plain_options()) as emulator:
        async with connect(emulator.url + DEVELOPER) as ws:
            await set_up(ws, DEVELOPER, sessionResumption={})
            handle = ""
            while not handle:
                handle = (await hear(ws)).get("sessionResumptionUpdate", {}).get("newHandle", "")
        async with connect(emulator.url + DEVELOPER) as ws:
            model = "models/gemini-3.1-flash-live-preview"
            await set_up(ws, DEVELOPER, model=model, sessionResumption={"handle": handle})
            assert await close_of(ws) == (1007, "Invalid session handle")


async def test_go_away_and_the_end_of_the_connection() -> None:
    limits = Limits(connection_seconds=0.3, goaway_seconds=0.2)
    async with (
        run_emulator(options=plain_options(limits=limits)) as emulator,
        connect(emulator.url + DEVELOPER) as ws,
    ):
        started = time.monotonic()
        await set_up(ws, DEVELOPER)
        assert await hear(ws) == {"setupComplete": {}}
        (left,) = (await hear(ws))["goAway"].values()
        assert float(left.removesuffix("s")) == pytest.approx(0.2)
        code, reason = await close_of(ws)
        assert code == 1008
        assert reason.startswith(
            "Connection aborted because the client failed to close the connection after receiving a"
        )
        assert time.monotonic() - started >= 0.3


async def test_affective_dialog_closes_at_the_first_message() -> None:
    async with run_emulator(options=plain_options()) as emulator, connect(emulator.url + DEVELOPER) as ws:
        await set_up(ws, DEVELOPER, generationConfig={"enableAffectiveDialog": True})
        assert "setupComplete" in await hear(ws)
        await say(ws, realtimeInput={"text": "hi"})
        assert await close_of(ws) == (1007, "Request contains an invalid argument.")


async def test_media_chunks_are_of_the_past() -> None:
    async with run_emulator(options=plain_options()) as emulator, connect(emulator.url + DEVELOPER) as ws:
        await set_up(ws, DEVELOPER)
        await hear(ws)
        await say(ws, realtimeInput={"mediaChunks": [{"mimeType": "audio/pcm", "data": "AAAA"}]})
        assert await close_of(ws) == (1007, "Request contains an invalid argument.")
