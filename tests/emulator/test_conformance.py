"""Google's own sessions against the emulator: what the js-genai test suite sent is sent again, over a real socket, and
what the emulator answers is compared with what the service answered, message by message.

Equal must be the kinds and their order, the fields and theirs, what is said in fixed words (roles, mime types, forms of
ids), the layout of the JSON and the type of frame, up to the point where the recording stops. Into how many parts a
reply is cut is the service's own affair, down to none: no sound was recorded on the Developer API.
"""

from __future__ import annotations

import asyncio
import dataclasses
import itertools
import json
import re
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from websockets.asyncio.client import ClientConnection, connect

from livecli.emulator.core.behaviour import Behaviour
from livecli.emulator.core.script import ScriptedBehaviour
from livecli.emulator.core.script_file import read_script
from livecli.emulator.options import EmulatorOptions
from livecli.emulator.server import run_emulator
from livecli.protocol import models
from livecli.recording.format import Direction
from livecli.recording.websocket_log import read_websocket_log
from tests.cases import in_one_test
from tests.emulator.recorded import NAMES, recorded_log

PATHS = {
    "developer": "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent",
    "vertex": "/ws/google.cloud.aiplatform.v1beta1.LlmBidiService/BidiGenerateContent",
}
LOOK_UP = 'call = {name = "look_up_the_weather", args = {location = "Lucerne, CH"}}'
TALK = (
    "So many things come to mind here: music and mountains, for instance, and the birds' names are in all the "
    "languages, if such things are to your taste this sunday"
)
SCRIPTS = {
    "developer_handle_activity_start_and_end": 'say = "Sure, every word. Carry on then."',
    "developer_receive_transcription": f'say = "{TALK}"',
    "developer_reply_to_realtime_text_input": 'say = "Oh, he\'s here! Ask him whatever you like"',
    "developer_send_text": f'say = "{TALK}"',
    "developer_send_tool_response": (
        f"""code = "print(default_api.look_up_the_weather(location='Lucerne, CH'))"\n{LOOK_UP}"""
    ),
    "vertex_initialize_session_with_publishers_prefix": 'say = "never"',
    "vertex_receive_transcription": f'say = "{TALK}"',
    "vertex_send_text": f'say = "{TALK}"',
    "vertex_send_tool_response": LOOK_UP,
}
SOON = 10.0

IN_FIXED_WORDS = {"role", "mimeType", "language", "name", "location"}
UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
ID_FORMS = {"a random UUID": UUID, "as on Developer": r"function-call-\d+"}

Facts = tuple[str, ...]
"""A message without what is particular to it."""


def facts(value: Any, path: str = "") -> Iterator[str]:
    key = path.rpartition(".")[2]
    if isinstance(value, dict):
        yield path + " {}"
        for inner, item in value.items():
            yield from facts(item, f"{path}.{inner}")
    elif isinstance(value, list):
        yield path + " []"
        for item, _ in itertools.groupby(tuple(facts(item, path)) for item in value):
            yield from item
    elif key in ("id", "sessionId"):
        yield f"{path} {next((form for form, pattern in ID_FORMS.items() if re.fullmatch(pattern, value)), value)}"
    elif value is True or key in IN_FIXED_WORDS:
        yield f"{path} {value}"
    else:
        yield f"{path}: {type(value).__name__}"


def is_sound(message: Facts) -> bool:
    return any(".inlineData" in fact for fact in message)


def comparable(frames: list[bytes], *, sound: bool) -> list[Facts]:
    """What the messages are, one for each run of the same; without those that are sound, if the other side has none."""
    messages = (tuple(facts(json.loads(frame))) for frame in frames)
    return [message for message, _ in itertools.groupby(m for m in messages if sound or not is_sound(m))]


def words(frames: list[bytes]) -> str:
    contents = [json.loads(frame).get("serverContent", {}) for frame in frames]
    parts = [part for content in contents for part in content.get("modelTurn", {}).get("parts", [])]
    transcripts = [content.get("outputTranscription", {}) for content in contents]
    return "".join(one.get("text", "") for one in (*parts, *transcripts))


def sound_lengths(frames: list[bytes]) -> list[int]:
    return [len(frame) for frame in frames if b"inlineData" in frame]


@dataclasses.dataclass
class Exchange:
    """What the client said, and what the service said to that."""

    asked: list[bytes]
    answered: list[bytes]


def exchanges(name: str) -> list[Exchange]:
    found: list[Exchange] = []
    for one in read_websocket_log(recorded_log(name)):
        if one.direction is Direction.CLIENT and (not found or found[-1].answered):
            found.append(Exchange([], []))
        (found[-1].asked if one.direction is Direction.CLIENT else found[-1].answered).append(one.data)
    return found


@pytest.fixture(autouse=True)
def living_models(monkeypatch: pytest.MonkeyPatch) -> None:
    """The recorded models are retired; here they are not."""
    for name in ("gemini-live-2.5-flash-preview", "gemini-2.0-flash-live-preview-04-09"):
        monkeypatch.setitem(models.MODELS, name, msgspec.structs.replace(models.MODELS[name], retired=False))


def no_audio(name: str) -> list[bytes]:
    raise FileNotFoundError(name)


def scripted(name: str) -> Behaviour:
    return ScriptedBehaviour(read_script(f"[[turn]]\n{SCRIPTS[name]}", no_audio))


async def answer(socket: ClientConnection, like: Exchange) -> list[bytes]:
    """The emulator's frames, as far as the recording goes."""
    for frame in like.asked:
        await socket.send(frame.decode())
    wanted = comparable(like.answered, sound=True)
    sound = any(map(is_sound, wanted))
    said: list[bytes] = []
    parts = max(1, len(sound_lengths(like.answered)))
    while not (said and b'"turnComplete": true' in said[-1]):
        if len(comparable(said, sound=sound)) == len(wanted) and len(sound_lengths(said)) >= sound * parts:
            break
        frame = await asyncio.wait_for(socket.recv(), SOON)
        assert isinstance(frame, bytes), "the service answers in binary frames"
        said.append(frame)
    return said


def same_messages(said: list[bytes], recorded: list[bytes]) -> None:
    wanted = comparable(recorded, sound=True)
    assert comparable(said, sound=any(map(is_sound, wanted)))[: len(wanted)] == wanted


def same_words(said: list[bytes], recorded: list[bytes]) -> None:
    """Compare as far as both go, because they end at different places. The service chooses the length of sounds."""
    common = min(len(words(recorded)), len(words(said)))
    assert words(said)[:common] == words(recorded)[:common]
    lengths = sound_lengths(recorded)
    assert not lengths or sound_lengths(said)[: len(lengths)] == lengths


def same_layout(frames: list[bytes]) -> None:
    for frame in frames:
        assert frame.decode() == json.dumps(json.loads(frame), indent=2, ensure_ascii=False) + "\n"


@pytest.mark.parametrize("name", NAMES)
async def test_the_emulator_answers_as_the_service_did(name: str) -> None:
    path = PATHS[name.partition("_")[0]]
    options = EmulatorOptions(behaviour=lambda: scripted(name))
    async with asyncio.timeout(60), run_emulator(options=options) as emulator, connect(emulator.url + path) as socket:
        for exchange in exchanges(name):
            said = await answer(socket, exchange)
            same_messages(said, exchange.answered)
            same_words(said, exchange.answered)
            same_layout(said)


@in_one_test("name", NAMES)
def test_the_facts_of_the_recordings_are_as_they_were(name: str) -> None:
    """The copies have been edited: every frame is still as long as its number says, and laid out by the service."""
    log = recorded_log(name)
    lengths = [int(number) for number in re.findall(rb"^[<>](\d+) ", log, re.MULTILINE)]
    recorded = read_websocket_log(log)
    assert [len(one.data) + 1 for one in recorded] == lengths
    same_layout([one.data for one in recorded if one.direction is Direction.SERVER])
