"""Recorded sessions of today's models against the emulator: what the client sent is sent again, over a real socket.

The emulator must answer with the kinds of frames that the service sent, in their order. Texts, the lengths of audio and
the number of frames in a run are not compared; nor is where `{}` stands in an answer, which differs from recording to
recording.
"""

from __future__ import annotations

import asyncio
import base64
import itertools
import json
from collections.abc import Iterator
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect

from livecli.emulator.core.script import ScriptedBehaviour
from livecli.emulator.core.script_file import read_script
from livecli.emulator.options import EmulatorOptions
from livecli.emulator.pace import Pace
from livecli.emulator.server import run_emulator
from tests.recorded_sessions import NAMES, recorded_session, tone

PATHS = {
    "developer": "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent",
    "vertex": "/ws/google.cloud.aiplatform.v1beta1.LlmBidiService/BidiGenerateContent",
}
BOUND_SECONDS = 15

CALL_WEATHER = 'call = {name = "get_weather", args = {city = "London"}}\nthen = "It is foggy and 12 degrees in London."'
SCRIPTS = {
    "developer_2.5-native_async_tool_interrupt": (
        'steps = [{call = {name = "search_flights", args = {city = "London"}}, then = ["It is foggy there, I hear."]},'
        ' "I am looking that up for you."]'
    ),
    "developer_2.5-native_barge_in": (
        'think = "Greeting."\nsay = "Hello Marcelo, it is nice to meet you. How can I help you today? Just ask."\n'
        '[[turn]]\nthink = "Greeting."\nsay = "Yes, Marcelo."'
    ),
    "developer_2.5-native_tool_spoken_vad_split": f'think = "Which day?"\n{CALL_WEATHER}',
    "developer_2.5-native_tool_typed": CALL_WEATHER,
    "developer_2.5-native_typed": 'think = "Greeting."\nsay = "Hello."',
    "developer_3.1-live_tool_spoken": CALL_WEATHER,
    "developer_3.1-live_tool_typed": CALL_WEATHER,
    "developer_3.8-live_image_then_typed": 'say = "It is a small kiwi, I think."',
    "developer_3.8-live_vad_turn": 'say = "Hello Marcelo, nice to meet you."',
    "vertex_2.5-flash_tool_typed": CALL_WEATHER,
    "vertex_2.5-flash_typed": 'say = "Hello there."',
}

SPEECH = {
    "developer_2.5-native_barge_in": ((1.88, 5.0),),
    "developer_2.5-native_tool_spoken_vad_split": ((0.2, 2.0), (3.0, 4.0)),
    "developer_3.1-live_tool_spoken": ((0.2, 4.0),),
    "developer_3.8-live_vad_turn": ((1.88, 5.0),),
}
"""When the user speaks in a clip, in seconds. The recordings have no sound; voiceActivity tells it for one clip."""

Kind = tuple[str, ...]


def kinds(message: dict[str, Any]) -> Kind:
    """The kind of a frame: the names of its fields, and of those of its `serverContent`."""
    return tuple(kind for key, value in message.items() for kind in _field_kinds(key, value)) or ("{}",)


def _field_kinds(key: str, value: Any) -> Iterator[str]:
    match key, value:
        case "serverContent", {}:
            yield from [kind for name, item in value.items() for kind in _field_kinds(name, item)] or ["serverContent"]
        case "modelTurn", {"parts": parts}:
            role = "role first, " if next(iter(value)) == "role" else "role last, " if "role" in value else ""
            yield from (role + ("thought" if part.get("thought") else next(iter(part))) for part in parts)
        case "inputTranscription" | "outputTranscription", _:
            yield key + (" finished" if value.get("finished") else "" if value.get("text") else " empty")
        case "voiceActivity", {"type": kind}:
            yield kind
        case _:
            yield key


ANSWER = {"{}", "inlineData", "role first, inlineData", "role last, inlineData", "outputTranscription"}


def outline(messages: list[dict[str, Any]]) -> list[Any]:
    """The kinds in their order: one for each run of the same, and one set for the frames of an answer in a row."""
    found: list[Any] = []
    for is_answer, run in itertools.groupby(map(kinds, messages), ANSWER.issuperset):
        in_order = list(dict.fromkeys(run))
        found += [set(in_order)] if is_answer else in_order
    return found


def clips(name: str, asked: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The messages of the client, with speech in the place of the tone in its audio."""
    sent_bytes, spoken = 0, []
    for message in asked:
        audio = (message.get("realtimeInput") or message.get("realtime_input") or {}).get("audio")
        if audio is None:
            spoken.append(message)
            continue
        length = len(base64.b64decode(audio["data"]))
        at = sent_bytes / 32_000
        is_speech = any(begin <= at < end for begin, end in SPEECH[name])
        blob = base64.b64encode(tone(length) if is_speech else bytes(length)).decode()
        spoken.append({"realtimeInput": {"audio": {"mimeType": "audio/pcm;rate=16000", "data": blob}}})
        sent_bytes += length
    return spoken


async def replay(name: str, socket: ClientConnection) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Send what the client sent, each time once the emulator has sent what came before it.

    Returns (what the emulator sent, what the service sent).
    """
    said: list[dict[str, Any]] = []
    recorded: list[dict[str, Any]] = []
    for asked, answered in recorded_session(name).exchanges:
        for message in clips(name, asked):
            await socket.send(json.dumps(rebound(message, said)))
        recorded += answered
        last = kinds(answered[-1])
        due = sum(kinds(message) == last for message in recorded) if "inlineData" not in str(last) else 1
        while sum(kinds(message) == last for message in said) < due:
            said.append(json.loads(await socket.recv()))
    return said, recorded


def rebound(message: dict[str, Any], said: list[dict[str, Any]]) -> dict[str, Any]:
    """`message` with the id of the call that this session got, where it is a function response."""
    response = message.get("toolResponse") or message.get("tool_response")
    if response is None:
        return message
    calls = [call for each in said if "toolCall" in each for call in each["toolCall"]["functionCalls"]]
    (returned,) = response["functionResponses"]
    return {"toolResponse": {"functionResponses": [{**returned, "id": calls[-1]["id"], "name": calls[-1]["name"]}]}}


@pytest.mark.parametrize("name", NAMES)
async def test_the_emulator_answers_with_the_frames_that_the_service_sent(name: str) -> None:
    def no_audio(file: str) -> list[bytes]:
        raise FileNotFoundError(file)

    turns = read_script(f"[[turn]]\n{SCRIPTS[name]}", no_audio)
    options = EmulatorOptions(behaviour=lambda: ScriptedBehaviour(turns), pace=Pace.BURST)
    path = PATHS[recorded_session(name).platform]
    async with (
        asyncio.timeout(BOUND_SECONDS),
        run_emulator(options=options) as emulator,
        connect(emulator.url + path) as socket,
    ):
        said, recorded = await replay(name, socket)
    assert outline(said) == outline(recorded)
