"""`send` to models whose answers begin, end or are asked for in another way than most."""

import struct
import time

import pytest

from livecli.client import turn_end
from tests.end_to_end.conftest import tone
from tests.live_server import Connection, live_server

BOUND_SECONDS = 15
AUDIO = tone(4800, 24_000)
EMPTY = {"serverContent": {}}


@pytest.fixture
def send(livecli, tmp_path):
    """Send something to a server that does this with the connection. It must not run into a timeout."""

    def run(talk, *words, model):
        def handle(connection: Connection) -> None:
            talk(connection)
            connection.drain()

        started = time.monotonic()
        with live_server(handle) as server:
            ran = livecli(
                *("send", *words, "--base-url", server.url, "--platform", "developer", "--model", model),
                *("--speed", 0, "--json", "-o", tmp_path / "reply.wav"),
            )
        assert time.monotonic() - started < BOUND_SECONDS
        return ran, server.frames[0]["setup"]

    return run


# --- transcription: frames as probed by a third party on 2026-09-10, 1,542 of them ---


def interim(text: str) -> dict[str, object]:
    return {"serverContent": {"interimInputTranscription": {"text": text}}}


def activity(kind: str, offset: str) -> dict[str, object]:
    return {**EMPTY, "voiceActivity": {"type": f"ACTIVITY_{kind}", "audioOffset": offset}}


@pytest.mark.parametrize("last", [[{"serverContent": {"generationComplete": True}}, activity("END", "0.500s")], []])
def test_a_transcribing_model_answers_with_what_it_heard(send, speech, tmp_path, last):
    (tmp_path / "reply.wav").write_bytes(b"an earlier reply")

    def talk(connection: Connection) -> None:
        connection.set_up()
        connection.say(activity("START", "0.100s"))
        connection.say(interim("Where"))
        connection.say(interim("Where is"))
        connection.hear()
        connection.content(inputTranscription={"text": "Where is the station?"})
        for message in last or [activity("END", "0.500s")]:
            connection.say(message)

    ran, setup = send(talk, speech, "--events", "events.jsonl", model="gemini-3.5-transcribe-live")
    assert ran.status == 0, ran.err
    assert setup["generationConfig"] == {"responseModalities": ["TEXT"]}
    assert setup["inputAudioTranscription"] == {}
    assert "outputAudioTranscription" not in setup
    assert ran.summary["transcript"] == {"input": "Where is the station?", "output": "Where is the station?"}
    assert (ran.summary["output"], ran.summary["turn"]["complete"]) == (None, False)
    assert (tmp_path / "reply.wav").read_bytes() == b"an earlier reply"
    events = (tmp_path / "events.jsonl").read_text()
    assert events.index('"Where"') < events.index('"Where is"') < events.index('"Where is the station?"')


def test_it_may_have_heard_nothing(send, speech):
    def talk(connection: Connection) -> None:
        connection.set_up()
        connection.hear()
        connection.say(activity("END", "0.500s"))

    ran, _ = send(talk, speech, model="gemini-3.5-transcribe-live")
    assert ran.status == 0, ran.err
    assert ran.summary["transcript"] == {"input": None, "output": None}


def test_an_empty_activity_of_it_ends_and_is_then_refused(send, speech):
    def talk(connection: Connection) -> None:
        connection.set_up()
        connection.hear()
        connection.say({"serverContent": {"turnComplete": True}, "usageMetadata": {}})
        connection.close(1007, "Precondition check failed.")

    assert send(talk, speech, model="gemini-3.5-transcribe-live")[0].status == 0


# --- translation: it completes no turn, as users of two clients report ---


def test_a_translation_is_over_after_quiet(send, speech, monkeypatch):
    monkeypatch.setattr(turn_end, "SETTLE_SECONDS", 1.5)

    def talk(connection: Connection) -> None:
        connection.set_up()
        connection.hear()
        for word in ("Wo ", "ist ", "der Bahnhof?"):
            time.sleep(0.3)
            connection.content(outputTranscription={"text": word})
            connection.audio(AUDIO)

    ran, setup = send(talk, speech, model="gemini-3.5-live-translate-preview")
    assert ran.status == 0, ran.err
    assert setup["generationConfig"]["responseModalities"] == ["AUDIO"]
    assert ran.summary["received"]["bytes"] == 3 * len(AUDIO)
    assert ran.summary["transcript"]["output"] == "Wo ist der Bahnhof?"


# --- extended thinking: frames as probed by third parties on 2026-09-19 and 2026-09-23 ---

EXTENDED = "gemini-3.8-live-extended-thinking"


def test_extended_thinking_is_over_when_it_is_idle(send):
    def talk(connection: Connection) -> None:
        connection.set_up()
        connection.receive()
        connection.audio(AUDIO)
        connection.content(generationComplete=True)
        usage = {"responseTokenCount": 20, "thoughtsTokenCount": 71}
        connection.say(
            {"serverContent": {"turnComplete": True, "interactionStatus": "IN_PROGRESS"}, "usageMetadata": usage}
        )
        connection.say({"toolCall": {"functionCalls": [{"name": "f", "args": {}, "id": "call_3850_fc_0_0"}]}})
        connection.receive()
        time.sleep(0.5)
        connection.audio(AUDIO)
        connection.content(generationComplete=True)
        connection.content(turnComplete=True, interactionStatus="IDLE")

    for until in ("turn", "generated"):
        ran, setup = send(talk, "--text", "hello", "--tool", "f=echo ok", "--until", until, model=EXTENDED)
        assert ran.status == 0, ran.err
        assert setup["generationConfig"]["thinkingConfig"] == {"thinkingLevel": "LOW"}
        assert ran.summary["received"]["bytes"] == 2 * len(AUDIO)
        assert ran.summary["usage"]["thoughtsTokenCount"] == 71


def answer(connection: Connection) -> None:
    connection.set_up()
    connection.receive()
    connection.answer(struct.pack("<h", 9000) * 2400)


def test_the_level_of_thinking_can_be_chosen(send):
    _, setup = send(answer, "--text", "hello", "--thinking", "high", model=EXTENDED)
    assert setup["generationConfig"]["thinkingConfig"] == {"thinkingLevel": "HIGH"}


def test_json_of_the_users_own_comes_before_that(send, tmp_path):
    (tmp_path / "own.json").write_text('{"generationConfig": {"thinkingConfig": {"thinkingLevel": "MEDIUM"}}}')
    _, setup = send(answer, "--text", "hello", "--setup", "own.json", model=EXTENDED)
    assert setup["generationConfig"]["thinkingConfig"] == {"thinkingLevel": "MEDIUM"}


@pytest.mark.parametrize("model", ["gemini-3.8-live", "gemini-live-2.5-flash"])
def test_a_model_without_levels_is_not_asked_for_one(livecli, model):
    ran = livecli("send", "--text", "hello", "--local", "--thinking", "low", "--model", model)
    assert ran.status == 2
    error, hint = ran.err.splitlines()[-2:]
    assert error == f"error: {model} takes no level of thinking"
    assert hint.startswith("hint: leave out --thinking")
