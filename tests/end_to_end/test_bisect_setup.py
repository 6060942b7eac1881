"""`--bisect-setup`: the field that a bare 1007 is about, against the emulator and servers of every mind."""

import json

import pytest

from livecli.client import bisect as bisection
from tests.live_server import live_server

INVALID = "Request contains an invalid argument."
VOICE = {"voiceConfig": {"prebuiltVoiceConfig": {"voiceName": "kore"}}}
HARMLESS = {"temperature": 1, "topP": 0.5, "topK": 3, "maxOutputTokens": 9, "seed": 1}


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch):
    monkeypatch.setattr(bisection, "PAUSE_SECONDS", 0)


@pytest.fixture
def bisect(livecli, tmp_path):
    def run(setup, *options, where=("--local",)):
        path = tmp_path / "setup.json"
        path.write_text(json.dumps(setup))
        return livecli("send", *where, "--setup", path, "--bisect-setup", "--json", *options)

    return run


def attempts(err):
    return sum(line.startswith("attempt ") for line in err.splitlines())


V3_1 = ("--platform", "developer", "--model", "gemini-3.1-flash-live-preview")
LEVEL = {"thinking_level": "XHIGH", "include_thoughts": True}


@pytest.mark.parametrize(
    ("options", "setup", "blamed"),
    [
        ((), {"tools": [{"googleSearch": {}}, {"urlContext": {}}]}, ["tools[1]"]),
        (V3_1, {"generationConfig": {"enableAffectiveDialog": True}}, ["generationConfig.enableAffectiveDialog"]),
        (
            V3_1,
            {"generation_config": {"thinking_config": LEVEL, **HARMLESS}},
            ["generationConfig.thinkingConfig.thinkingLevel"],
        ),
        (
            V3_1,
            {"generationConfig": {"enableAffectiveDialog": True, **HARMLESS}, "tools": [{"urlContext": {}}]},
            ["tools[0]", "generationConfig.enableAffectiveDialog"],
        ),
    ],
)
def test_each_field_that_the_emulator_refuses_is_named(bisect, options, setup, blamed):
    ran = bisect(setup, *options)
    assert ran.status == 6
    assert sorted(ran.summary["error"]["blamed"]) == sorted(blamed)
    assert ran.summary["error"]["close_reason"] == INVALID
    assert all(path in ran.summary["error"]["hint"] for path in blamed)
    assert "the setup is accepted without" in ran.err
    assert 3 <= attempts(ran.err) <= bisection.MOST_ATTEMPTS


@pytest.mark.parametrize(
    ("setup", "remedy"),
    [
        ({"generationConfig": {"thinkingConfig": {"thinkingLevel": "LOW"}}}, "thinkingConfig.thinkingLevel out"),
        ({"generationConfig": {"speechConfig": VOICE}}, "has no voice kore"),
        ({"tools": [{"codeExecution": {}}]}, "leave codeExecution out of tools"),
    ],
)
def test_nothing_is_searched_for_where_the_service_names_the_field(bisect, setup, remedy):
    ran = bisect(setup)
    assert ran.status == 6
    assert remedy in ran.summary["error"]["hint"]
    assert attempts(ran.err) == 0


def test_one_of_thirty_functions_is_named(bisect):
    declared = [{"name": f"f{number}"} for number in range(30)]
    declared[17]["behavior"] = "NON_BLOCKING"
    ran = bisect({"tools": [{"functionDeclarations": declared}]}, *V3_1)
    assert ran.summary["error"]["blamed"] == ["tools[0].functionDeclarations[17]"]
    assert attempts(ran.err) < 12


def test_without_the_option_nothing_is_tried_again(livecli, tmp_path):
    def refuse(server):
        server.receive()
        server.close(1007, INVALID)

    with live_server(refuse) as server:
        ran = livecli("send", "--base-url", server.url, "--json")
    assert ran.status == 6
    assert ran.summary["error"]["blamed"] is None
    assert len(server.requests) == 1


def refusing(refuses, reason=INVALID, code=1007):
    """A server that closes where `refuses(setup)`; it never expects to be said anything after the setup."""

    def handle(server):
        setup = server.receive()["setup"]
        if refuses(setup):
            server.close(code, reason)
        else:
            server.say({"setupComplete": {}})

    return live_server(handle)


def test_a_model_that_is_refused_on_its_own_is_said_so(bisect):
    with refusing(lambda setup: True) as server:
        ran = bisect({}, where=("--base-url", server.url))
    assert ran.status == 6
    assert "the model alone is refused too" in ran.summary["error"]["hint"]
    assert len(server.requests) == 2


def test_fields_that_are_refused_only_together_are_named_together(bisect):
    with refusing(lambda setup: {"temperature", "seed"} <= setup.get("generationConfig", {}).keys()) as server:
        ran = bisect({"generationConfig": HARMLESS}, where=("--base-url", server.url))
    assert set(ran.summary["error"]["blamed"]) == {"generationConfig.temperature", "generationConfig.seed"}
    assert "together with" in ran.summary["error"]["hint"]
    assert len(server.requests) <= 1 + bisection.MOST_ATTEMPTS


def test_attempts_are_bounded_and_what_was_found_is_said(bisect):
    names = [f"label{number}" for number in range(40)]

    def refuses(setup):
        return any(tool.get("googleMaps") for tool in setup.get("tools", []))

    with refusing(refuses) as server:
        ran = bisect({"tools": [{"googleMaps": {"name": name}} for name in names]}, where=("--base-url", server.url))
    assert ran.status == 6
    assert len(server.requests) == 1 + bisection.MOST_ATTEMPTS
    assert ran.summary["error"]["blamed"][0].startswith("tools[")
    assert "perhaps more: stopped after 24 attempts" in ran.summary["error"]["hint"]


@pytest.mark.parametrize(("code", "reason"), [(1011, "You exceeded your current quota"), (1007, "API key not valid.")])
def test_a_service_that_refuses_for_another_reason_meanwhile_ends_the_search(bisect, code, reason):
    seen = []

    def handle(server):
        seen.append(server.receive())
        server.close(*((1007, INVALID) if len(seen) == 1 else (code, reason)))

    with live_server(handle) as server:
        ran = bisect({}, where=("--base-url", server.url))
    assert ran.status == 6
    assert ran.summary["error"]["close_reason"] == INVALID
    assert reason in ran.summary["error"]["hint"]
    assert len(server.requests) == 2


def test_a_service_of_two_minds_is_not_believed(bisect):
    seen = []
    with refusing(lambda setup: seen.append(setup) or len(seen) == 1) as server:
        ran = bisect({}, where=("--base-url", server.url))
    assert ran.status == 6
    assert ran.summary["error"]["blamed"] is None
    assert "differs from one attempt to the next" in ran.summary["error"]["hint"]
    assert len(server.requests) <= 1 + bisection.MOST_ATTEMPTS


def test_what_is_left_may_be_refused_in_other_words(bisect):
    def handle(server):
        config = server.receive()["setup"].get("generationConfig", {})
        if "thinkingConfig" in config:
            server.close(1007, INVALID)
        elif "TEXT" in config.get("responseModalities", []):
            server.close(1007, "Cannot extract voices from a non-audio request.")
        else:
            server.say({"setupComplete": {}})

    config = {"thinkingConfig": {}, "responseModalities": ["TEXT"]}
    with live_server(handle) as server:
        ran = bisect({"generationConfig": config}, where=("--base-url", server.url))
    assert ran.summary["error"]["blamed"] == ["generationConfig.thinkingConfig"]
    assert "without, the server closed the session (1007): Cannot extract voices" in ran.summary["error"]["hint"]


@pytest.mark.parametrize("reason", ["Cannot extract voices from a non-audio request.", "API key not valid."])
def test_a_reason_that_says_enough_is_not_bisected(bisect, reason):
    with refusing(lambda setup: True, reason) as server:
        bisect({}, where=("--base-url", server.url))
    assert len(server.requests) == 1


def test_no_audio_is_ever_sent(bisect):
    with refusing(lambda setup: "temperature" in setup.get("generationConfig", {})) as server:
        bisect({"generationConfig": HARMLESS}, where=("--base-url", server.url))
    assert len(server.frames) > 3
    assert all(list(frame) == ["setup"] for frame in server.frames)
