"""No secret gets into a recording, wherever it stands, and what may not be kept is marked."""

from __future__ import annotations

import base64
import json
import re
from typing import Any
from urllib.parse import quote

import pytest

from livecli.errors import SHORTEST_SECRET
from livecli.recording.format import REDACTED, Direction, Header
from livecli.recording.redaction import MASK, Redactor, clean_url
from tests.cases import in_one_test

SECRET = "s3cret/" + 'with+odd"chars-0123456789'
KEY = "AIza" + 35 * "k"
FRAME = {"serverContent": {"outputTranscription": {"text": "%s"}}}


def said(text: str) -> bytes:
    return json.dumps({"serverContent": {"outputTranscription": {"text": text}}}).encode()


def cleaned(*frames: bytes, direction: Direction = Direction.SERVER, secrets: tuple[str, ...] = (SECRET,)) -> list[str]:
    redactor = Redactor(secrets)
    return [redactor.clean(direction, frame).decode() for frame in frames]


@in_one_test(
    "frame",
    [
        said(f"it is {SECRET}!"),
        said(f"it is {SECRET}!").replace(b"/", b"\\/"),
        json.dumps({"setup": {"systemInstruction": {"parts": [{"text": SECRET}]}}}).encode(),
        json.dumps({"toolResponse": {"functionResponses": [{"response": {"output": SECRET}}]}}).encode(),
        json.dumps({"toolCall": {"functionCalls": [{"args": {SECRET: 1}}]}}).encode(),
    ],
)
@in_one_test("direction", Direction)
def test_a_known_secret_is_removed_by_its_value(frame: bytes, direction: Direction) -> None:
    [clean] = cleaned(frame, direction=direction)
    assert json.loads(clean)
    assert "0123456789" not in clean


@pytest.mark.parametrize("cut", [9, 16, len(SECRET) - 9])
def test_a_secret_that_comes_in_two_frames_is_removed(cut: int) -> None:
    first, second = cleaned(said("it is " + SECRET[:cut]), said(SECRET[cut:] + " so"))
    assert json.loads(first)["serverContent"]["outputTranscription"]["text"] == "it is …"
    assert json.loads(second)["serverContent"]["outputTranscription"]["text"] in (" so", "… so")


@in_one_test("name", ["api_key", "apiKey", "API-KEY", "access_token", "Authorization", "client_secret", "password"])
def test_a_credential_is_removed_by_the_name_of_its_field(name: str) -> None:
    frame = json.dumps({"toolCall": {"functionCalls": [{"id": "1", "args": {name: "short", "near": "me"}}]}}).encode()
    [clean] = cleaned(frame, secrets=())
    assert json.loads(clean)["toolCall"]["functionCalls"][0] == {"id": "1", "args": {name: "REDACTED", "near": "me"}}


@in_one_test(
    ("text", "clean"),
    [
        ("wss://host/ws?key=abc&alt=ws", "wss://host/ws?key=REDACTED&alt=ws"),
        ("?x=1&access_token=abc", "?x=1&access_token=REDACTED"),
        (f"the key {KEY}.", "the key REDACTED."),
        (f"Bearer {40 * 'x'}", "Bearer REDACTED"),
        (f"ya29.{40 * 'x'}", "REDACTED"),
        (f"auth_tokens/{40 * 'x'}", "REDACTED"),
    ],
)
def test_a_credential_is_removed_by_its_query_or_its_shape(text: str, clean: str) -> None:
    assert json.loads(cleaned(said(text), secrets=())[0]) == json.loads(said(clean))
    assert Redactor().clean_text(text) == clean


@pytest.mark.parametrize("text", ["local", "the key of C major", "promptTokenCount", "a token"])
def test_a_placeholder_and_plain_words_are_kept(text: str) -> None:
    assert cleaned(said(text), secrets=("local", "a token")) == [said(text).decode()]


@in_one_test(
    "frame",
    [
        b"",
        b"garbage",
        b"[]",
        b'{"a": ',
        b'{"a": "\xff"}',
        b'{"a": 1} {"b": 2}',
        b"{}x",
        b'{"a": NaN}',
        b'{"a": 1, "a": 2}',
        b"[" * 99_999,
        '{"a": "x"}'.encode("utf-16"),
        '{"a": "x"}'.encode("utf-32-le"),
        b'\xef\xbb\xbf{"a": 1}',
        b'{"a": "\\ud83d"}',
        b'{"\\udc00": 1}',
        b'{"a": "\xed\xa0\xbd"}',
    ],
)
def test_a_frame_that_is_no_json_object_is_marked(frame: bytes) -> None:
    assert Redactor().clean(Direction.CLIENT, frame) == REDACTED


def test_a_frame_without_secrets_is_the_same_to_the_byte() -> None:
    frame = b'{"serverContent":  {"outputTranscription":{"text":"caf\\u00e9 \\/"}}}'
    assert cleaned(frame) == [frame.decode()]


def test_ids_and_projects_are_renamed_wherever_they_stand() -> None:
    redactor = Redactor(anonymous=True)
    setup = {"setup": {"model": "projects/mine/locations/x", "sessionResumption": {"handle": "h1"}}}
    call = {"toolCall": {"functionCalls": [{"id": "c1", "name": "f"}, {"id": "c2", "name": "f"}]}}
    cancel = {"toolCallCancellation": {"ids": ["c2", "c1"]}}
    frames = [json.loads(redactor.clean(Direction.SERVER, json.dumps(each).encode())) for each in (setup, call, cancel)]
    assert frames[0]["setup"]["model"] == "projects/project-1/locations/x"
    ids = [each["id"] for each in frames[1]["toolCall"]["functionCalls"]]
    assert frames[0]["setup"]["sessionResumption"]["handle"].startswith("handle-")
    assert ids == ["id-2", "id-3"]
    assert frames[2]["toolCallCancellation"]["ids"] == ids[::-1]


def test_a_url_loses_its_query_and_its_user() -> None:
    assert clean_url("wss://me:pw@host:1/ws/path?key=abc#x") == "wss://host:1/ws/path"


# --- secrets in every place ---

PLACES = {
    "a text": {"realtimeInput": {"text": "%s"}},
    "a turn": {"clientContent": {"turns": [{"role": "user", "parts": [{"text": "it is %s."}]}]}},
    "an instruction": {"setup": {"systemInstruction": {"parts": [{"text": "%s"}]}}},
    "a description": {"setup": {"tools": [{"functionDeclarations": [{"name": "f", "description": "x%sx"}]}]}},
    "a response": {"toolResponse": {"functionResponses": [{"id": "1", "response": {"output": ["%s"]}}]}},
    "arguments": {"toolCall": {"functionCalls": [{"id": "1", "args": {"deep": [{"er": "%s"}]}}]}},
    "a name": {"toolCall": {"functionCalls": [{"id": "1", "args": {"%s": 1}}]}},
    "an id": {"toolCall": {"functionCalls": [{"id": "%s", "name": "f"}]}},
    "a thought": {"serverContent": {"modelTurn": {"parts": [{"text": "%s", "thought": True}]}}},
    "a transcript": {"serverContent": {"inputTranscription": {"text": "%s"}}},
    "a field that nobody knows": {"news": {"%s": ["%s", {"x": "%s"}]}},
    "short data": {"realtimeInput": {"audio": {"data": "%s", "mimeType": "audio/pcm"}}},
    "JSON in a text": {"realtimeInput": {"text": '{"x": {"y": "%s"}}'}},
}


def planted(place: Any, secret: str) -> Any:
    match place:
        case dict():
            return {planted(name, secret): planted(each, secret) for name, each in place.items()}
        case list():
            return [planted(each, secret) for each in place]
        case str():
            return place.replace("%s", secret)
    return place


@in_one_test("direction", Direction)
@in_one_test("place", PLACES)
@in_one_test("secret", [SECRET, "plain-0123456789abcdef", "ünï-0123456789-✓✓✓✓", "0123456789012345678"])
def test_no_secret_stays_in_any_place(place: str, secret: str, direction: Direction) -> None:
    message = planted(PLACES[place], secret)
    escaped = "".join(f"\\u{ord(character):04x}" for character in secret)
    for frame in (
        json.dumps(message).encode(),
        json.dumps(message, ensure_ascii=False, indent=2).encode(),
        json.dumps(planted(PLACES[place], "@")).replace("@", escaped).encode(),
    ):
        [clean] = cleaned(frame, direction=direction, secrets=(secret,))
        assert isinstance(json.loads(clean), dict)
        assert secret not in json.dumps(json.loads(clean), ensure_ascii=False)
        assert secret not in clean


@pytest.mark.parametrize("offset", range(3))
def test_a_secret_in_base64_or_in_percents_is_found(offset: int) -> None:
    data = base64.b64encode(bytes(offset) + SECRET.encode() + bytes(90)).decode()
    blob = {"realtimeInput": {"video": {"data": data, "mimeType": "text/plain"}}}
    assert cleaned(json.dumps(blob).encode()) == [REDACTED.decode()]
    assert cleaned(said(quote(SECRET, safe=""))) == [REDACTED.decode()]


@in_one_test("place", ["a text", "an instruction", "a response", "arguments", "a thought", "a transcript"])
def test_a_secret_in_several_frames_is_removed(place: str) -> None:
    for pieces in ([SECRET[:12], SECRET[12:]], [SECRET[:9], SECRET[9:20], SECRET[20:]], list(SECRET)):
        frames = [json.dumps(planted(PLACES[place], piece)).encode() for piece in pieces]
        kept = "".join(cleaned(*frames))
        assert SECRET[SHORTEST_SECRET:][:8] not in kept
        together = "".join(json.dumps(json.loads(each)) for each in cleaned(*frames))
        assert "0123456789" not in together.replace('"', "")


def audio(pcm: bytes) -> bytes:
    blob = {"mimeType": "audio/pcm;rate=16000", "data": base64.b64encode(pcm).decode()}
    return json.dumps({"realtimeInput": {"audio": blob}}).encode()


def test_audio_is_kept_to_the_byte_whatever_it_looks_like() -> None:
    # In base64: AIza, and 35 characters more.
    looks = base64.b64decode("AIza" + 44 * "k")
    redactor = Redactor([SECRET])
    for pcm in (bytes(600), looks * 20, bytes(30) + looks + bytes(8000)):
        assert redactor.clean(Direction.CLIENT, audio(pcm)) == audio(pcm)


@pytest.mark.parametrize(
    "data",
    ['","password":"hunter22222222', "\\u0041" * 20, "plain-0123456789abcdef" * 4, "A" * 64 + '"}, "x": {"key": "'],
)
def test_what_only_begins_and_ends_like_audio_is_looked_at(data: str) -> None:
    redactor = Redactor(["plain-0123456789abcdef"])
    before, after = audio(bytes(600)).split(base64.b64encode(bytes(600)))
    assert redactor.clean(Direction.CLIENT, audio(bytes(600))) == audio(bytes(600))
    clean = redactor.clean(Direction.CLIENT, before + data.encode() + after)
    assert b"hunter2" not in clean
    assert b"plain-0123456789abcdef" not in clean


def test_a_handle_is_renamed_alike_everywhere() -> None:
    redactor = Redactor()
    handle = "handle/of+a.session-0123456789"
    frames = [
        (Direction.SERVER, {"sessionResumptionUpdate": {"newHandle": handle, "resumable": True}}),
        (Direction.CLIENT, {"setup": {"sessionResumption": {"handle": handle}}}),
        (Direction.CLIENT, {"setup": {"session_resumption": {"handle": handle}}}),
        (Direction.SERVER, {"serverContent": {"modelTurn": {"parts": [{"text": f"it is {handle}"}]}}}),
    ]
    texts = [redactor.clean(direction, json.dumps(message).encode()).decode() for direction, message in frames]
    names = [re.findall("handle-[0-9a-f]{12}", text) for text in texts]
    assert names[0] == names[1] == names[2] != []
    assert handle not in "".join([*texts, redactor.clean_text(f"unknown handle {handle}")])
    for number in range(200):
        update = {"sessionResumptionUpdate": {"newHandle": f"{handle}-{number}"}}
        redactor.clean(Direction.SERVER, json.dumps(update).encode())
    assert redactor.clean_text(f"unknown handle {handle}-199") == "unknown handle …"
    again = texts[0].encode()
    assert redactor.clean(Direction.SERVER, again) == again, "a recording that is converted keeps its names"


@pytest.mark.parametrize(
    ("args", "kept"),
    [
        ({"credentials": {"user": "me", "pass": ["hunter2", 7, None]}}, {"user": MASK, "pass": [MASK, MASK, None]}),
        ({"api_key": ["hunter2"]}, [MASK]),
        ({"token": "hunter2"}, MASK),
    ],
)
def test_everything_below_a_credential_s_name_is_removed(args: dict[str, Any], kept: Any) -> None:
    [clean] = cleaned(json.dumps({"toolCall": {"functionCalls": [{"args": args}]}}).encode(), secrets=())
    assert [*json.loads(clean)["toolCall"]["functionCalls"][0]["args"].values()] == [kept]


def test_the_parameters_of_a_function_may_have_any_name() -> None:
    parameters = {"type": "OBJECT", "properties": {"password": {"type": "STRING", "description": "the new one"}}}
    declaration = {"setup": {"tools": [{"functionDeclarations": [{"name": "f", "parameters": parameters}]}]}}
    assert cleaned(json.dumps(declaration).encode()) == [json.dumps(declaration)]


@in_one_test(
    ("text", "clean"),
    [
        ('{"access_token": "abc", "x": 1}', '{"access_token": "REDACTED", "x": 1}'),
        ("curl -H 'Authorization: Bearer abc' x", "curl -H 'Authorization: Bearer REDACTED' x"),
        ("export GEMINI_API_KEY=abc", "export GEMINI_API_KEY=REDACTED"),
        ("https://me:pw@host/x", "https://REDACTED@host/x"),
        ("-----BEGIN PRIVATE KEY-----\nabc\n-----END PRIVATE KEY-----.", "REDACTED."),
        ("The password: say friend. A token = a sign.", "The password: say friend. A token = a sign."),
    ],
)
def test_a_credential_within_a_text_is_removed(text: str, clean: str) -> None:
    assert json.loads(cleaned(said(text), secrets=())[0]) == json.loads(said(clean))


def test_a_header_is_cleaned() -> None:
    header = Header("vertex", f"m{SECRET}", f"wss://u:p@host/ws?key={SECRET}", f"agent/1 {SECRET}", "2026")
    assert Redactor([SECRET]).clean_header(header) == Header("vertex", "m…", "wss://host/ws", "agent/1 …", "2026")


def test_a_secret_may_become_known_later() -> None:
    redactor = Redactor()
    redactor.know([SECRET, "local"])
    assert SECRET not in json.loads(redactor.clean(Direction.SERVER, said(SECRET)))["serverContent"].values()
    assert redactor.clean_text(f"local {SECRET}") == "local …"
