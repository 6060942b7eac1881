"""`--setup FILE.json`: whatever is in the file, the run ends as the contract says."""

import json

import pytest

from tests.end_to_end.conftest import Ran
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


@pytest.mark.parametrize(("typed", "sent"), [("kore", "Kore"), ("ZEPHYR", "Zephyr"), ("Puck", "Puck")])
def test_a_voice_is_named_in_any_case(livecli, typed, sent):
    ran = livecli("send", "--local", "--dry-run", "--voice", typed)
    speech = json.loads(ran.out.splitlines()[2])["setup"]["generationConfig"]["speechConfig"]
    assert speech == {"voiceConfig": {"prebuiltVoiceConfig": {"voiceName": sent}}}


@pytest.mark.parametrize(
    ("typed", "sent"),
    [("english (india)", "en-IN"), ("German", "de-DE"), ("PT_br", "pt-BR"), ("cy", "cy"), ("zh-hant-tw", "zh-Hant-TW")],
)
def test_a_language_is_named_by_its_code_or_in_english(livecli, typed, sent):
    ran = livecli("send", "--local", "--dry-run", "--language", typed)
    speech = json.loads(ran.out.splitlines()[2])["setup"]["generationConfig"]["speechConfig"]
    assert speech == {"languageCode": sent}


def test_a_model_is_named_in_any_case(livecli):
    ran = livecli("send", "--local", "--dry-run", "--model", "Gemini-3.1-Flash-Live-Preview")
    assert json.loads(ran.out.splitlines()[2])["setup"]["model"].endswith("/models/gemini-3.1-flash-live-preview")


@pytest.mark.parametrize(
    ("words", "problem", "hint"),
    [
        (["--voice", "Koré"], "no voice 'Koré'; did you mean Kore?", "livecli help voices"),
        (["--voice", "alloy"], "no voice 'alloy'", "livecli help voices"),
        (["--language", "germn"], "no language 'germn'; did you mean German (de-DE)?", "livecli help languages"),
        (["--language", "klingon"], "no language 'klingon'", "livecli help languages"),
        (["--language", "english"], "english is en-IN or en-US", "--language en-US"),
    ],
)
@pytest.mark.parametrize("several", [False, True])
def test_names_that_do_not_exist_are_refused_before_connecting(livecli, speech, words, problem, hint, several):
    with live_server(lambda connection: None) as server:
        jobs = ["--jobs", 2] if several else []
        ran = livecli("send", speech, "--base-url", server.url, "--json", "-q", *words, *jobs)
    assert ran == Ran(2, "", f"error: {problem}\nhint: {hint}\n")
    assert server.requests == []


def test_a_voice_of_a_model_that_is_not_known_is_sent_as_it_is(livecli):
    ran = livecli("send", "--local", "--dry-run", "--model", "gemini-9-live", "--voice", "Koré")
    assert '"voiceName":"Koré"' in ran.out.splitlines()[2].replace(": ", ":")


def test_a_setup_in_json_on_the_command_line(livecli):
    ran = livecli("send", "--local", "--dry-run", "--setup", ' {"labels": {"a": "b"}}')
    assert json.loads(ran.out.splitlines()[2])["setup"]["labels"] == {"a": "b"}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('{"labels":', "--setup is not JSON: Expecting value: line 1 column 11 (char 10)"),
        (f'{{"a": {nested(101).decode()}}}', "--setup has more than 100 levels"),
    ],
)
def test_a_setup_on_the_command_line_that_cannot_be_sent(livecli, text, problem):
    ran = livecli("send", "--local", "--dry-run", "--setup", text)
    assert ran == Ran(2, "", f"error: {problem}\n")
