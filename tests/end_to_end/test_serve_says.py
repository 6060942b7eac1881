"""What `livecli serve` is told to say, through the command: scripts, recordings, models, and how long it lasts."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from livecli.recording.format import Direction
from livecli.recording.websocket_log import read_websocket_log
from tests.emulator.recorded import recorded_log
from tests.end_to_end.conftest import read_wav, tone, write_wav
from tests.end_to_end.test_serve import FREE, exports

VERTEX = "/ws/google.cloud.aiplatform.v1.LlmBidiService/BidiGenerateContent"
DEVELOPER = "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent"
SEND = ("--", "livecli", "send", "-q", "--json")
BOUND_SECONDS = 20

pytestmark = pytest.mark.usefixtures("livecli_on_path")


def served(fork: Callable[..., Any], *words: Any) -> str:
    return exports(fork("serve", *FREE, "-q", *words))["LIVECLI_BASE_URL"]


async def say(ws: ClientConnection, **message: Any) -> None:
    await ws.send(json.dumps(message))


async def heard(ws: ClientConnection, until: str) -> list[dict[str, Any]]:
    """The messages up to the first one that has `until` anywhere in it."""
    messages: list[dict[str, Any]] = []
    while not messages or f'"{until}"' not in json.dumps(messages[-1]):
        messages.append(json.loads(await ws.recv()))
    return messages


def without_sound(messages: list[dict[str, Any]]) -> list[str]:
    """What was said, one word for each kind, and the texts."""
    found = []
    for message in messages:
        content = message.get("serverContent", {})
        for part in content.get("modelTurn", {}).get("parts", []):
            if "inlineData" not in part:
                found.append(f"{'thought' if part.get('thought') else 'text'}: {part['text']}")
        if words := content.get("outputTranscription", {}).get("text"):
            found.append(words)
        found += [key for key in ("interrupted", "generationComplete", "turnComplete") if key in content]
        found += [call["name"] for call in message.get("toolCall", {}).get("functionCalls", [])]
    return found


# --- scripts ---

SCRIPT = """
[[turn]]
think = "Somebody is there."
say = "Hello!"

[[turn]]
match = "weather in (paris|rome)"
call = {name = "get_weather", args = {city = "Paris"}}
then = [{delay_ms = 200}, "It is sunny."]

[[turn]]
match = "cut"
say = "I was going to"
interrupt = true

[[turn]]
match = "goodbye"
say = "Goodbye."
close = {code = 4001, reason = "so long"}
"""


async def test_a_script_is_followed(fork, tmp_path):
    (tmp_path / "script.toml").write_text("\ufeff" + SCRIPT, encoding="utf-8")
    url = await asyncio.to_thread(served, fork, "--script", "script.toml")
    async with asyncio.timeout(BOUND_SECONDS), connect(url + VERTEX) as ws:
        model = "projects/p/locations/l/publishers/google/models/gemini-live-2.5-flash-native-audio"
        thinking = {"responseModalities": ["AUDIO"], "thinkingConfig": {"includeThoughts": True}}
        tools = [{"functionDeclarations": [{"name": "get_weather"}]}]
        setup = {"model": model, "generationConfig": thinking, "tools": tools, "outputAudioTranscription": {}}
        await say(ws, setup=setup)
        await heard(ws, "setupComplete")

        async def asked(text: str, until: str = "turnComplete") -> list[str]:
            turn = {"role": "user", "parts": [{"text": text}]}
            await say(ws, clientContent={"turns": [turn], "turnComplete": True})
            return without_sound(await heard(ws, until))

        ended = ["generationComplete", "turnComplete"]
        assert await asked("Hello?") == ["thought: Somebody is there.", "Hello!", *ended]
        [call] = await asked("The WEATHER in Rome?", "toolCall")
        assert call == "get_weather"
        responded = time.monotonic()
        await say(ws, toolResponse={"functionResponses": [{"name": "get_weather", "response": {"sky": "blue"}}]})
        assert without_sound(await heard(ws, "turnComplete")) == ended
        answer = without_sound(await heard(ws, "turnComplete"))
        assert time.monotonic() - responded >= 0.2
        assert answer == ["It", " is sunny.", *ended]
        assert await asked("Cut it") == ["I", " was going to", "interrupted", "turnComplete"]
        assert (await asked("goodbye"))[-2:] == ended, "the turn ends before the session"
        with pytest.raises(ConnectionClosed):
            await ws.recv()
        assert (ws.close_code, ws.close_reason) == (4001, "so long")


SLOW = """
[[turn]]
match = '(a|aa)+$'
say = "never"

[[turn]]
match = '(?<!x)yes'
say = "found"

[[turn]]
match = '.*'
say = "lost"
"""


async def test_a_match_that_takes_years_ends_its_own_session_only(fork, tmp_path):
    (tmp_path / "s.toml").write_text(SLOW)
    url = await asyncio.to_thread(served, fork, "--script", "s.toml")
    setup = {"model": "models/gemini-3.8-live", "outputAudioTranscription": {}}
    async with asyncio.timeout(BOUND_SECONDS), connect(url + DEVELOPER) as hostile, connect(url + DEVELOPER) as other:
        for ws in (hostile, other):
            await say(ws, setup=setup)
            await heard(ws, "setupComplete")
        await say(hostile, realtimeInput={"text": 60 * "a" + "!"})
        with pytest.raises(ConnectionClosed):
            await heard(hostile, "turnComplete")
        reason = "the script's match takes more than 0.1 s on this text: '(a|aa)+$'"
        assert (hostile.close_code, hostile.close_reason) == (1011, reason)
        await say(other, realtimeInput={"text": 100_000 * " " + "yes"})
        assert "lost" in without_sound(await heard(other, "turnComplete"))
        await say(other, realtimeInput={"text": "yes" + 100_000 * " "})
        assert "found" in without_sound(await heard(other, "turnComplete"))


def test_a_sound_of_the_script_is_the_reply(livecli_and_children, tmp_path):
    folder = tmp_path / "scripts"
    folder.mkdir()
    sound = tone(30_011, 24_000)
    write_wav(folder / "hello.wav", sound, 24_000)
    (folder / "s.toml").write_text('[[turn]]\nsay = "Hello!"\naudio = "hello.wav"')
    asked = (*SEND, "--text", "Hi", "-o", "reply.wav")
    ran = livecli_and_children("serve", "-q", "--script", "scripts/s.toml", *asked)
    assert (ran.status, ran.err) == (0, "")
    assert ran.summary["transcript"]["output"] == "Hello!"
    assert read_wav(tmp_path / "reply.wav") == (24_000, sound)


MISTAKES = {
    '[[turn]]\nsay = "a"\n\n[[turn]]\nsya = "b"\n': ("s.toml:5: there is no 'sya' here", "did you mean say?"),
    "[[turn]]\nsay = \n": ("s.toml:2: this is not TOML: ", ""),
    '[[turn]]\nsay = "a"\naudio = "missing.wav"\n': ("s.toml:3: ", "missing.wav"),
    '[[turn]]\nsay = "a"\naudio = "s.toml"\n': ("s.toml:3: ", "s.toml"),
    '[[turn]]\nmatch = "("\nsay = "a"\n': ("s.toml:2: '(' is not a regular expression", ""),
    "[[turn]]\nmatch = 'a{99999999999}'\nsay = 'a'\n": ("s.toml:2: 'a{99999999999}' is not a regular expression", ""),
    f"[[turn]]\nmatch = '{3000 * '('}{3000 * ')'}'\nsay = 'a'\n": (
        "s.toml:2: ",
        "is not a regular expression: maximum",
    ),
    "": ("s.toml:1: the script has no [[turn]]", 'say = "Hello"'),
    b"[[turn]]\nsay = '\xff'": ("s.toml is not UTF-8 text", ""),
}


@pytest.mark.parametrize("script", MISTAKES)
def test_a_mistake_is_told_with_its_line_before_anything_runs(livecli, tmp_path, script):
    (tmp_path / "s.toml").write_bytes(script if isinstance(script, bytes) else script.encode())
    ran = livecli("serve", "--script", "s.toml", "--", "touch", "ran")
    begins, contains = MISTAKES[script]
    assert (ran.status, ran.out) == (3, "")
    assert ran.err.startswith(f"error: {begins}")
    assert contains in ran.err
    assert len(ran.err.splitlines()) <= 2
    assert not (tmp_path / "ran").exists()


# --- recordings ---


@pytest.mark.parametrize(("name", "path"), [("vertex_send_text", VERTEX), ("developer_send_tool_response", DEVELOPER)])
async def test_a_recording_is_said_again_byte_for_byte(fork, tmp_path, name, path):
    log = recorded_log(name)
    (tmp_path / "session.log").write_bytes(log)
    url = await asyncio.to_thread(served, fork, "--replay", "session.log", "--speed", 0)
    async with asyncio.timeout(BOUND_SECONDS), connect(url + path, max_size=None) as ws:
        for one in read_websocket_log(log):
            if one.direction is Direction.CLIENT:
                await ws.send(one.data)
            else:
                assert await ws.recv(decode=False) == one.data


@pytest.mark.parametrize(("speed", "recorded", "least"), [("1", 0.6, 0.6), ("2", 0.6, 0.3), ("0", 60, 0)])
async def test_a_recording_has_its_own_time(fork, tmp_path, speed, recorded, least):
    log = f'>1 @0.0 {{"setup": {{"model": "models/m"}}}}\n<1 @{recorded} {{"setupComplete": {{}}}}\n'
    (tmp_path / "session.log").write_text(log)
    url = await asyncio.to_thread(served, fork, "--replay", "session.log", "--speed", speed)
    async with asyncio.timeout(BOUND_SECONDS), connect(url + DEVELOPER) as ws:
        started = time.monotonic()
        await say(ws, setup={"model": "models/x"})
        assert await ws.recv() == b'{"setupComplete": {}}'
        assert time.monotonic() - started >= least


def test_faults_meet_a_recording_too(livecli_and_children, tmp_path):
    """Two parts of it; the second is not said."""
    log = recorded_log("vertex_send_text")
    (tmp_path / "session.log").write_bytes(log)
    ran = livecli_and_children(
        "serve", "-q", "--replay", "session.log", "--speed", 0, "--fault", "close=1011:Internal error@reply:2",
        *SEND, "--text", "Hi", "--model", "gemini-live-2.5-flash", "-o", "reply.wav",
    )  # fmt: skip
    assert (ran.status, ran.summary["received"]["chunks"]) == (6, 1)
    assert read_wav(tmp_path / "reply.partial.wav")[1] == bytes(9_600)


@pytest.mark.parametrize(
    ("log", "says"),
    [
        ("hello", "session.log:1: a frame begins with > or <"),
        ('>1 {"setup": {"model": "m"}}\n<1 {"setup', "session.log:2: the frame is not JSON"),
        ('<1 {"setupComplete": {}}', "session.log:1: the server sends the first frame"),
        ('>1 {"setup": {"model": "m"}}\n>1 {"nonsense": 1}', "session.log:2: not a message of a client"),
    ],
)
def test_a_recording_that_is_none(livecli, tmp_path, log, says):
    (tmp_path / "session.log").write_text(log)
    ran = livecli("serve", "--replay", "session.log", "--", "touch", "ran")
    assert (ran.status, ran.out) == (3, "")
    assert ran.err.startswith(f"error: {says}"), ran.err
    assert not (tmp_path / "ran").exists()


# --- models ---


def test_a_table_of_models_brings_one_back(livecli_and_children, tmp_path):
    asked = [*SEND, "--text", "Hi", "--model", "gemini-2.0-flash-live-preview-04-09", "-o", "reply.wav"]
    ran = livecli_and_children("serve", "-q", *asked)
    assert ran.status == 6
    assert "is not supported in the live api" in ran.summary["error"]["close_reason"]
    (tmp_path / "models.toml").write_text('["gemini-2.0-flash-live-preview-04-09"]\nretired = false\n')
    ran = livecli_and_children("serve", "-q", "--model-table", "models.toml", *asked)
    assert (ran.status, ran.err) == (0, "")


@pytest.mark.parametrize(
    ("table", "says"),
    [
        ("[gemini-2.0-flash-exp]\nretired = false", "(a name with a dot in it needs quotes)"),
        ('["gemini-9"]\nretired = "no"', "model 'gemini-9': retired = 'no': expected bool, got str"),
        ('["gemini-9"]\nlike = "gemini-8"', "like = 'gemini-8' is not a known model"),
        ('["gemini-9"]\nretired = \n', "models.toml:2: this is not TOML: "),
        ("a = " + 50_000 * "[", "models.toml:1: this is not TOML: "),
    ],
)
def test_a_table_that_is_wrong(livecli, tmp_path, table, says):
    (tmp_path / "models.toml").write_text(table)
    ran = livecli("serve", "--model-table", "models.toml", "--", "true")
    assert (ran.status, ran.out) == (3, "")
    assert ran.err.startswith("error: models.toml:")
    assert says in ran.err
    assert len(ran.err.splitlines()) == 1


@pytest.mark.parametrize("option", ["--script", "--replay", "--model-table"])
@pytest.mark.parametrize("path", ["missing", ".", ""])
def test_a_file_that_cannot_be_read(livecli, option, path):
    ran = livecli("serve", option, path, "--", "true")
    assert (ran.status, ran.out) == (3, "")
    assert ran.err.startswith(f"error: cannot read {path}: " if path else "error: the name of the file is empty")


# --- time ---


def test_in_real_time_a_reply_takes_as_long_as_its_sound(livecli_and_children, tmp_path):
    write_wav(tmp_path / "short.wav", tone(9_600))
    asked = (*SEND, "short.wav", "--speed", 0, "--events", "events.jsonl")
    assert livecli_and_children("serve", "-q", "--realtime", *asked).status == 0
    told = [json.loads(line) for line in (tmp_path / "events.jsonl").read_text().splitlines()]
    asked_at, ended_at = (event["t"] for event in told if event["type"] in ("activity_end", "turn_complete"))
    assert len(read_wav(tmp_path / "short.reply.wav")[1]) == 28_800
    assert ended_at - asked_at > 0.55


def test_a_connection_ends_and_says_so_ahead(livecli_and_children, tmp_path):
    write_wav(tmp_path / "long.wav", tone(16_000) * 5)
    (tmp_path / "setup.json").write_text('{"sessionResumption": null}')
    limits = ("--connection-seconds", 0.4, "--goaway-seconds", 0.2)
    # This model sends no handle unasked.
    model = ("--model", "gemini-live-2.5-flash-native-audio")
    send = (*SEND, "long.wav", "--speed", 1, "--events", "events.jsonl", "--setup", "setup.json", *model)
    ran = livecli_and_children("serve", "-q", *limits, *send)
    assert ran.status == 6
    assert "warning: the server will close the connection in 0.2 s" in ran.err
    assert "after receiving a GoAway" in ran.summary["error"]["close_reason"]
    told = [json.loads(line) for line in (tmp_path / "events.jsonl").read_text().splitlines()]
    received = [event["type"] for event in told if event["direction"] == "received"]
    assert received == ["setup_complete", "go_away", "close"]


def test_a_session_ends(livecli_and_children, tmp_path):
    write_wav(tmp_path / "long.wav", tone(16_000) * 5)
    ran = livecli_and_children("serve", "-q", "--session-seconds", 0.3, *SEND, "long.wav", "--speed", 1)
    assert ran.status == 6
    assert ran.summary["error"]["close_code"] == 1000


# --- usage ---


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--fault", "explode@setup"], "--fault: unknown fault 'explode'; the faults are close, drop, "),
        (["--fault", "drop@setup", "--fault", "drop"], "--fault: 'drop' is not WHAT@WHEN, as in drop@audio:100"),
        (["--fault", f"close=1011:{'x' * 124}@setup"], "more than 123 bytes"),
        (["--script", "a.toml", "--replay", "b.log"], "--script cannot be combined with --replay"),
        (["--replay-match", "strict"], "--replay-match is for a recording"),
        (["--speed", "2"], "--replay-speed is for a recording"),
        (["--replay-speed", "nan"], "--replay-speed is not a number"),
        (["--session-seconds", "nan"], "--session-seconds is not a number"),
        (["--connection-seconds", "-1"], "--connection-seconds"),
    ],
)
def test_usage(livecli, tmp_path, words, says):
    ran = livecli("serve", *words, "--", "touch", "ran")
    assert (ran.status, ran.out) == (2, "")
    assert says in ran.err
    assert not (tmp_path / "ran").exists()
