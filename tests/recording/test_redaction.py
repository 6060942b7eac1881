"""No secret gets into a recording, wherever it stands, and what may not be kept is marked."""

from __future__ import annotations

import json

import pytest

from livecli.recording.format import REDACTED, Direction
from livecli.recording.redaction import Redactor, clean_url

SECRET = "s3cret/" + 'with+odd"chars-0123456789'
KEY = "AIza" + 35 * "k"
FRAME = {"serverContent": {"outputTranscription": {"text": "%s"}}}


def said(text: str) -> bytes:
    return json.dumps({"serverContent": {"outputTranscription": {"text": text}}}).encode()


def cleaned(*frames: bytes, direction: Direction = Direction.SERVER, secrets: tuple[str, ...] = (SECRET,)) -> list[str]:
    redactor = Redactor(secrets)
    return [redactor.clean(direction, frame).decode() for frame in frames]


@pytest.mark.parametrize(
    "frame",
    [
        said(f"it is {SECRET}!"),
        said(f"it is {SECRET}!").replace(b"/", b"\\/"),
        json.dumps({"setup": {"systemInstruction": {"parts": [{"text": SECRET}]}}}).encode(),
        json.dumps({"toolResponse": {"functionResponses": [{"response": {"output": SECRET}}]}}).encode(),
        json.dumps({"toolCall": {"functionCalls": [{"args": {SECRET: 1}}]}}).encode(),
    ],
)
@pytest.mark.parametrize("direction", Direction)
def test_a_known_secret_is_removed_by_its_value(frame: bytes, direction: Direction) -> None:
    [clean] = cleaned(frame, direction=direction)
    assert json.loads(clean)
    assert "0123456789" not in clean


@pytest.mark.parametrize("cut", [9, 16, len(SECRET) - 9])
def test_a_secret_that_comes_in_two_frames_is_removed(cut: int) -> None:
    first, second = cleaned(said("it is " + SECRET[:cut]), said(SECRET[cut:] + " so"))
    assert json.loads(first)["serverContent"]["outputTranscription"]["text"] == "it is …"
    assert json.loads(second)["serverContent"]["outputTranscription"]["text"] in (" so", "… so")


@pytest.mark.parametrize(
    "name", ["api_key", "apiKey", "API-KEY", "access_token", "Authorization", "client_secret", "password"]
)
def test_a_credential_is_removed_by_the_name_of_its_field(name: str) -> None:
    frame = json.dumps({"toolCall": {"functionCalls": [{"id": "1", "args": {name: "short", "near": "me"}}]}}).encode()
    [clean] = cleaned(frame, secrets=())
    assert json.loads(clean)["toolCall"]["functionCalls"][0] == {"id": "1", "args": {name: "REDACTED", "near": "me"}}


@pytest.mark.parametrize(
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


@pytest.mark.parametrize("frame", [b"", b"garbage", b"[]", b'{"a": ', b'{"a": "\xff"}', b'{"a": 1} {"b": 2}', b"{}x"])
def test_a_frame_that_is_no_json_object_is_marked(frame: bytes) -> None:
    assert Redactor().clean(Direction.CLIENT, frame) == REDACTED


def test_a_frame_that_cannot_be_understood_where_a_secret_may_come_in_pieces_is_marked() -> None:
    strange = b'{"serverContent": {"outputTranscription": {"text": 3}}}'
    assert cleaned(strange) == [REDACTED.decode()]
    assert cleaned(strange, secrets=()) == [strange.decode()]


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
    assert frames[0]["setup"]["sessionResumption"]["handle"] == "id-2"
    assert ids == ["id-3", "id-4"]
    assert frames[2]["toolCallCancellation"]["ids"] == ids[::-1]


def test_a_url_loses_its_query_and_its_user() -> None:
    assert clean_url("wss://me:pw@host:1/ws/path?key=abc#x") == "wss://host:1/ws/path"
