"""`--setup FILE.json`: whatever is in the file, the run ends as the contract says."""

import json

import pytest

from tests.hostile import nested
from tests.live_server import live_server


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"{", "is not JSON"),
        (b"[]", "is not a JSON object"),
        (b'{"labels": {"a": "\\ud800"}}', "is not JSON"),
        (b'{"generationConfig": {"temperature": NaN}}', "is not JSON"),
        (nested(101), "has more than 100 levels"),
        (nested(900), "has more than 100 levels"),
        (nested(20_000), ""),
    ],
    ids=range(7),
)
def test_what_cannot_be_sent_is_found_before_connecting(livecli, speech, tmp_path, text, said):
    (tmp_path / "setup.json").write_bytes(text)
    ran = livecli("send", speech, "--base-url", "ws://127.0.0.1:1", "--setup", "setup.json")
    assert ran.status == 3, ran.err
    assert f"setup.json {said}" in ran.err


@pytest.mark.parametrize(
    "text",
    [
        '{"realtimeInputConfig": 5}',
        '{"realtimeInputConfig": {"automaticActivityDetection": ["x"]}}',
        '{"generationConfig": 5}',
        '{"generationConfig": {"responseModalities": 5}}',
    ],
)
def test_a_wrong_type_is_for_the_server_to_judge(livecli, tmp_path, text):
    (tmp_path / "setup.json").write_text(text)

    def handle(connection):
        connection.set_up()
        connection.receive()
        connection.answer()
        connection.drain()

    with live_server(handle) as server:
        ran = livecli("send", "--text", "hi", "--base-url", server.url, "--setup", "setup.json")
    assert ran.status == 0, ran.err


def test_a_null_takes_a_key_away(livecli, tmp_path):
    (tmp_path / "setup.json").write_text(
        '{"session_resumption": null, "realtimeInputConfig": {"turnCoverage": null}, "labels": null}'
    )
    ran = livecli("send", "--local", "--dry-run", "--setup", "setup.json")
    setup = json.loads(ran.out.splitlines()[2])["setup"]
    assert "sessionResumption" not in setup
    assert setup["realtimeInputConfig"] == {"automaticActivityDetection": {"disabled": True}}


@pytest.mark.parametrize(
    ("typed", "sent"), [("kore", "Kore"), ("ZEPHYR", "Zephyr"), ("Puck", "Puck"), ("nobody", "nobody")]
)
def test_a_voice_is_named_in_any_case(livecli, typed, sent):
    ran = livecli("send", "--local", "--dry-run", "--voice", typed)
    speech = json.loads(ran.out.splitlines()[2])["setup"]["generationConfig"]["speechConfig"]
    assert speech == {"voiceConfig": {"prebuiltVoiceConfig": {"voiceName": sent}}}
