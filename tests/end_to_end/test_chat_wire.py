"""What a chat says on the wire, and how it ends: each exit status once, through the command and a real socket."""

from __future__ import annotations

import json
import signal

import pytest
from websockets.exceptions import ConnectionClosed

from livecli.emulator.core.behaviour import Say
from livecli.emulator.pace import Pace
from tests.end_to_end.conftest import tone
from tests.live_server import live_server
from tests.serving import serving

BEFORE_3 = "gemini-live-2.5-flash-native-audio"


REFUSED = (1008, "Requested entity was not found.")


class Left(Exception):
    """The connection was closed: later messages of the client are ignored, though they can be read."""


class Model:
    """A service that says back what is typed, over as many connections as it takes. `setups` are theirs, in order.

    `lose` says after which turn (counted over all) the connection is closed, and with what code; `handles` gives one
    with the end of each turn, `refuse` is the close of a session that shows one.
    """

    def __init__(self, lose=None, handles=False, refuse=None, unanswered=()):
        self.setups, self.told, self.asked = [], [], []
        self._lose, self._handles, self._refuse = lose or {}, handles, refuse
        self._unanswered = set(unanswered)

    def __call__(self, connection):
        setup = connection.receive()["setup"]
        self.setups.append(setup)
        if self._refuse and setup.get("sessionResumption", {}).get("handle"):
            return connection.close(*self._refuse)
        connection.say({"setupComplete": {}})
        seeding = setup.get("historyConfig", {}).get("initialHistoryInClientContent", False)
        try:
            while True:
                seeding = self._answer(connection, connection.receive(), seeding)
        except (ConnectionClosed, TimeoutError, Left):
            pass

    def _answer(self, connection, said, seeding):
        content = said.get("clientContent")
        text = said.get("realtimeInput", {}).get("text")
        if content is not None and (seeding or not content.get("turnComplete")):
            self.told.append(content["turns"])
            return seeding and not content.get("turnComplete")
        if content is not None:
            text = content["turns"][-1]["parts"][-1]["text"]
        if text is None:
            return seeding
        self.asked.append(text)
        if text in self._unanswered:
            self._unanswered.remove(text)
            connection.close(1011, "Internal error encountered.")
            raise Left
        connection.content(outputTranscription={"text": f"<{text}>"})
        update = {"newHandle": f"handle-{len(self.asked)}", "resumable": True}
        connection.answer(bytes(480), **({"sessionResumptionUpdate": update} if self._handles else {}))
        if code := self._lose.get(len(self.asked)):
            connection.close(code, "")
            raise Left
        return seeding


def texts(turns):
    return [(turn["role"], "".join(part["text"] for part in turn["parts"])) for turn in turns]


def history(*words):
    return [pair for word in words for pair in (("user", word), ("model", f"<{word}>"))]


@pytest.fixture
def talk(converse):
    """Converse with a Model; what it noted, and how the run ended."""

    def run(model, typed, *words):
        with live_server(model) as server:
            return converse(typed, "--base-url", server.url, *words)

    return run


def test_three_takes_text_in_real_time_and_forgets_rather_than_ends(talk):
    model = Model()
    assert talk(model, "one\n").out == "<one>\n"
    [setup] = model.setups
    assert setup["contextWindowCompression"] == {"slidingWindow": {}}
    assert setup["sessionResumption"] == {"transparent": True}
    assert "historyConfig" not in setup
    assert model.asked == ["one"]


def test_before_three_text_is_content(talk):
    model = Model()
    ran = talk(model, "one\ntwo\n", "--model", BEFORE_3)
    assert (ran.status, ran.out) == (0, "<one>\n<two>\n")


@pytest.mark.parametrize(
    ("command", "where"),
    [
        ("/system Be brief.", "systemInstruction"),
        ("/system @brief.txt", "systemInstruction"),
        ("/voice kore", "generationConfig"),
    ],
)
@pytest.mark.parametrize("name", ["gemini-3.8-live", BEFORE_3])
def test_another_setup_is_told_what_was_said(talk, tmp_path, command, where, name):
    (tmp_path / "brief.txt").write_text("Be brief.")
    model = Model()
    ran = talk(model, f"one\ntwo\n{command}\nthree\n", "--model", name)
    assert (ran.status, ran.out) == (0, "<one>\n<two>\n<three>\n")
    assert len(model.setups) == 2
    assert model.setups[0].get(where) != model.setups[1][where]
    assert ("Be brief." if "system" in command else "Kore") in json.dumps(model.setups[1][where])
    assert [texts(turns) for turns in model.told] == [history("one", "two")]
    assert model.setups[1].get("historyConfig", {}) == (
        {} if name == BEFORE_3 else {"initialHistoryInClientContent": True}
    )
    assert "handle" not in model.setups[1]["sessionResumption"]


def test_after_a_reset_nothing_is_told(talk):
    model = Model()
    ran = talk(model, "one\n/reset\ntwo\n/history\n")
    assert (ran.status, ran.out) == (0, "<one>\n<two>\n")
    assert (len(model.setups), model.told) == (2, [])
    assert "> one" not in ran.err


# --- when the line breaks ---


@pytest.mark.parametrize("name", ["gemini-3.8-live", BEFORE_3])
@pytest.mark.parametrize("code", [1000, 1001, 1011])
def test_between_turns_without_resumption_the_model_is_told_the_conversation(talk, tmp_path, name, code):
    (tmp_path / "s.json").write_text('{"sessionResumption": null}')
    model = Model(lose={2: code})
    ran = talk(model, "one\ntwo\nthree\n/history\n", "--setup", "s.json", "--model", name)
    assert (ran.status, ran.out) == (0, "<one>\n<two>\n<three>\n")
    assert model.asked == ["one", "two", "three"]
    assert [texts(turns) for turns in model.told] == [history("one", "two")]
    assert ran.err.count("> two") == 1


def test_within_a_turn_without_resumption_it_is_asked_again_and_told_once(talk, tmp_path):
    (tmp_path / "s.json").write_text('{"sessionResumption": null}')
    model = Model(unanswered=["two"])
    ran = talk(model, "one\ntwo\nthree\n/history\n", "--setup", "s.json")
    assert (ran.status, ran.out) == (0, "<one>\n<two>\n<three>\n")
    assert model.asked == ["one", "two", "two", "three"]
    assert [texts(turns) for turns in model.told] == [history("one")]


@pytest.mark.parametrize("platform", ["vertex", "developer"])
def test_a_handle_goes_on_with_the_session(talk, monkeypatch, platform):
    monkeypatch.setenv("GEMINI_API_KEY", "AIzaTest")
    model = Model(lose={2: 1011}, handles=True)
    ran = talk(model, "one\ntwo\nthree\n/history\n", "--platform", platform, "--project", "p")
    assert (ran.status, ran.out) == (0, "<one>\n<two>\n<three>\n")
    assert model.setups[1]["sessionResumption"]["handle"] == "handle-2"
    assert (model.told, model.asked) == ([], ["one", "two", "three"])


def test_a_handle_that_does_not_include_the_last_answer_is_not_used(talk, monkeypatch):
    """Or the model would be asked once more, and its answer be told twice."""
    monkeypatch.setenv("GEMINI_API_KEY", "AIzaTest")

    class Behind(Model):
        def _answer(self, connection, said, seeding):
            self._handles = not self.asked
            return super()._answer(connection, said, seeding)

    model = Behind(lose={2: 1011}, handles=True)
    ran = talk(model, "one\ntwo\nthree\n/history\n", "--platform", "developer")
    assert (ran.status, ran.out) == (0, "<one>\n<two>\n<three>\n")
    assert model.asked == ["one", "two", "three"]
    assert [texts(turns) for turns in model.told] == [history("one", "two")]


def test_a_handle_that_is_refused_is_followed_by_the_conversation(talk):
    model = Model(lose={2: 1011}, handles=True, refuse=REFUSED)
    ran = talk(model, "one\ntwo\nthree\n")
    assert (ran.status, ran.out) == (0, "<one>\n<two>\n<three>\n")
    assert [texts(turns) for turns in model.told] == [history("one", "two")]


@pytest.mark.parametrize("words", [[], ["--platform", "developer"]])
@pytest.mark.parametrize("faults", [["drop@turn:2"], ["drop@reply:4"], ["goaway=0.2@turn:2"], ["close=1001@0.3s"]])
def test_whatever_the_connection_does_the_order_is_right(converse, monkeypatch, words, faults):
    monkeypatch.setenv("GEMINI_API_KEY", "AIzaTest")
    lines = "".join(f"turn {number}\n" for number in range(12))
    with serving(*faults) as server:
        ran = converse(f"{lines}/history\n", "--base-url", server.url, "--json", *words)
    assert ran.status == 0, ran.err
    assert [turn["transcript"]["output"] for turn in ran.summaries] == lines.splitlines()
    told = ran.err.splitlines()
    assert [line[2:] for line in told if line.startswith("> ")] == lines.splitlines()


# --- how it ends ---


@pytest.mark.parametrize(
    ("code", "reason", "status", "kind"),
    [
        (1007, "Request contains an invalid argument.", 6, "server"),
        (1008, "API key not valid. Please pass a valid API key.", 4, "auth"),
        (1011, "You exceeded your current quota.", 8, "quota"),
    ],
)
def test_a_setup_that_is_refused(converse, code, reason, status, kind):
    def refuse(connection):
        connection.receive()
        connection.close(code, reason)

    with live_server(refuse) as server:
        ran = converse("one\ntwo\n", "--base-url", server.url, "--json", "--retries", "0")
    assert ran.status == status
    assert (ran.summary["error"]["kind"], ran.summary["error"]["close_code"]) == (kind, code)
    assert ran.err.count("error:") == 1


@pytest.mark.parametrize(("http", "status"), [(401, 4), (403, 4), (404, 5), (429, 8)])
def test_an_upgrade_that_is_refused(converse, http, status):
    with live_server(lambda connection: None, status=http) as server:
        assert converse("one\n", "--base-url", server.url, "--retries", "0").status == status


def test_nothing_listens(converse):
    ran = converse("one\n", "--base-url", "ws://127.0.0.1:1", "--retries", "0")
    assert (ran.status, ran.out) == (5, "")
    assert ran.err.count("error:") == 1


def test_no_answer_comes(converse):
    def silent(connection):
        connection.set_up()
        connection.drain()

    with live_server(silent) as server:
        ran = converse("one\n", "--base-url", server.url, "--idle-timeout", "0.3", "--json")
    assert (ran.status, ran.summary["error"]["kind"]) == (7, "timeout")


def test_a_recording_that_is_not_answered_is_a_failed_turn(converse, speech):
    def leave(connection):
        connection.set_up()
        connection.receive()
        connection.close(1008, "This is a policy violation.")

    with live_server(leave) as server:
        ran = converse("/send speech.wav\nhello\n", "--base-url", server.url, "--json")
    assert (ran.status, ran.out.count("\n")) == (6, 1)
    assert (ran.summary["ok"], ran.summary["error"]["close_code"]) == (False, 1008)


def test_a_session_that_is_ended_for_good_fails_its_turn_and_the_rest(converse):
    def leave(connection):
        connection.set_up()
        connection.receive()
        connection.content(outputTranscription={"text": "I was"})
        connection.close(1008, "This is a policy violation.")

    with live_server(leave) as server:
        ran = converse("one\ntwo\n", "--base-url", server.url, "--json")
    assert (ran.status, ran.summary["error"]["close_code"]) == (6, 1008)
    assert ran.summary["transcript"]["output"] == "I was"
    assert ran.err.count("error:") == 1


class Talker:
    """Talks for ten seconds."""

    def answer(self, heard):
        yield Say("on and on", [tone(24_000, 24_000)] * 10)


@pytest.mark.parametrize(("signum", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_in_mid_answer(fork, tmp_path, signum, status):
    with serving(behaviour=Talker, pace=Pace.REALTIME) as server:
        process = fork("chat", "--base-url", server.url, "--json", "--save", "kept", "-vv")
        process.stdin.write(b"go\n")
        process.stdin.flush()
        while b"received chunk" not in process.stderr.readline():
            pass
        process.send_signal(signum)
        out, err = process.communicate(timeout=20)
    assert process.returncode == status
    assert b"Traceback" not in err
    summary = json.loads(out)
    assert (summary["exit_code"], summary["error"]["kind"]) == (status, "interrupted")
    assert [path.name for path in (tmp_path / "kept").glob("*.wav")] == ["turn-001.partial.wav"]


# --- what the model may use ---


def test_a_tool_is_called_in_a_conversation(converse):
    ran = converse('call weather {"city": "Oslo"}\nhello\n', "--local", "--tool", "weather=cat")
    assert ran.status == 0
    assert ran.out.splitlines()[-1] == "hello"
    assert "Oslo" in ran.out
    assert "tool weather" in ran.err


def test_what_is_cited_is_listed(converse):
    ran = converse("search for it\nhello\n", "--local", "--search", "--json")
    cited, plain = ran.summaries
    assert cited["citations"][0]["uri"] == "https://example.com/"
    assert plain["citations"] is None
    ran = converse("search for it\n", "--local", "--search")
    assert "https://example.com/" in ran.err
    assert ran.out == "search for it\n"


def test_a_voice_is_named_in_any_case(talk):
    model = Model()
    ran = talk(model, "one\n/voice PUCK\ntwo\n", "--voice", "kore")
    assert (ran.status, ran.out) == (0, "<one>\n<two>\n")
    assert ["Kore" in json.dumps(model.setups[0]), "Puck" in json.dumps(model.setups[1])] == [True, True]
    assert "the voice is Puck" in ran.err


def test_a_voice_and_a_language_that_do_not_exist_leave_the_session_as_it_is(talk):
    model = Model()
    ran = talk(model, "one\n/voice Pück\n/voice Pucky\n/language klingon\ntwo\n", "--voice", "kore")
    assert ran.out == "<one>\n<two>\n"
    assert len(model.setups) == 1
    assert "no voice 'Pück'; did you mean Puck?" in ran.err
    assert "no language 'klingon'" in ran.err


def test_a_language_is_named_in_english(talk):
    model = Model()
    ran = talk(model, "one\n/language german\ntwo\n")
    assert (ran.status, ran.out) == (0, "<one>\n<two>\n")
    assert model.setups[1]["generationConfig"]["speechConfig"] == {"languageCode": "de-DE"}
    assert "the language is de-DE" in ran.err
