"""`chat --resume`: the last conversation goes on, with its handle as long as that is good, else told anew."""

from __future__ import annotations

import json
import signal
import stat
from pathlib import Path

import platformdirs
import pytest
from websockets.frames import Opcode
from websockets.sync.server import ServerConnection

from tests.end_to_end.test_chat_wire import Model, history, texts
from tests.hostile import frame
from tests.live_server import live_server
from tests.serving import serving


@pytest.fixture
def kept(tmp_path):
    return tmp_path / "home/.local/state/livecli/conversation.json"


def change(kept, **fields):
    kept.write_text(json.dumps({**json.loads(kept.read_text()), **fields}))


def test_the_session_goes_on_with_its_handle(converse, kept):
    model = Model(handles=True)
    with live_server(model) as server:
        assert converse("one\ntwo\n", "--base-url", server.url).status == 0
        ran = converse("three\n/history\n", "--base-url", server.url, "--resume")
    assert (ran.status, ran.out) == (0, "<three>\n")
    assert "continuing the conversation of 20" in ran.err and "which has 2 turns" in ran.err
    assert model.setups[1]["sessionResumption"]["handle"] == "handle-2"
    assert model.told == []
    assert "> one\n<one>\n> two\n<two>\n> three\n<three>\n" in ran.err
    assert [asked for asked, _ in json.loads(kept.read_text())["entries"]] == ["one", "two", "three"]


class Late(ServerConnection):
    """Gives a handle only when it has been told that the session is to be closed, just before it agrees."""

    def send_data(self):
        if self.protocol.close_rcvd is not None and not hasattr(self, "given"):
            self.given = {"sessionResumptionUpdate": {"newHandle": "the last one", "resumable": True}}
            self.socket.sendall(frame(Opcode.BINARY, json.dumps(self.given).encode()))
        super().send_data()


def test_a_handle_that_comes_while_it_leaves_is_kept(converse, kept):
    with live_server(Model(), create_connection=Late) as server:
        assert converse("one\n", "--base-url", server.url).status == 0
    assert json.loads(kept.read_text())["handle"] == "the last one"


def test_only_the_user_can_read_what_is_kept_and_no_credential_is_in_it(converse, kept, monkeypatch):
    monkeypatch.setenv("GEMINI_API_KEY", "AIzaSecretSecret")
    with live_server(Model(handles=True)) as server:
        converse("one\n", "--base-url", server.url, "--platform", "developer")
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert "SecretSecret" not in kept.read_text()
    assert [path.name for path in kept.parent.iterdir()] == ["conversation.json"]


@pytest.mark.parametrize("why", ["refused", "no handle", "expired", "another model", "another project"])
def test_without_a_handle_that_is_good_the_model_is_told(converse, kept, why):
    words = {
        "another model": ["--model", "gemini-live-2.5-flash-native-audio"],
        "another project": ["--platform", "vertex", "--project", "other"],
    }
    model = Model(handles=why != "no handle", refuse=why == "refused")
    with live_server(model) as server:
        assert converse("one\ntwo\n", "--base-url", server.url).status == 0
        if why == "expired":
            change(kept, at=json.loads(kept.read_text())["at"] - 25 * 3600)
        ran = converse("three\n", "--base-url", server.url, "--resume", *words.get(why, []))
    assert (ran.status, ran.out) == (0, "<three>\n")
    assert [texts(turns) for turns in model.told] == [history("one", "two")]
    assert "handle" not in model.setups[-1]["sessionResumption"]
    assert ("the service or the model has changed" in ran.err) == ("another" in why)


def test_a_handle_of_the_developer_api_lasts_two_hours(converse, kept, monkeypatch):
    monkeypatch.setenv("GEMINI_API_KEY", "AIzaTest")
    model = Model(handles=True)
    with live_server(model) as server:
        words = ("--base-url", server.url, "--platform", "developer")
        converse("one\n", *words)
        at = json.loads(kept.read_text())["at"]
        change(kept, at=at - 1.9 * 3600)
        converse("two\n", *words, "--resume")
        change(kept, at=at - 2.1 * 3600)
        converse("three\n", *words, "--resume")
    assert [setup["sessionResumption"].get("handle") for setup in model.setups] == [None, "handle-1", None]
    assert [texts(turns) for turns in model.told] == [history("one", "two")]


def test_without_a_conversation_it_is_a_new_one(converse):
    ran = converse("one\n", "--local", "--resume")
    assert (ran.status, ran.out) == (0, "one\n")
    assert "there is no earlier conversation" in ran.err


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "null", '{"schema": "livecli/conversation@1"}', "[" * 100_000, '{"entries": [["a"]]}', "\xff"],
)
def test_a_damaged_one_is_a_warning_and_a_new_one(converse, kept, text):
    kept.parent.mkdir(parents=True)
    kept.write_text(text, encoding="latin-1")
    ran = converse("one\n", "--local", "--resume")
    assert (ran.status, ran.out) == (0, "one\n")
    assert f"warning: the saved conversation cannot be read from {kept}: it is damaged\n" in ran.err
    assert converse("two\n", "--local", "--resume").err.count("which has one turn") == 1


def test_a_reset_forgets_it(converse, kept):
    converse("one\n/reset\n", "--local")
    assert not kept.exists()
    converse("one\n/reset\ntwo\n", "--local")
    assert json.loads(kept.read_text())["entries"] == [["two", "two"]]


def test_a_chat_in_which_nothing_is_said_leaves_the_last_one(converse, kept):
    converse("one\n", "--local")
    before = kept.read_text()
    converse("/help\n", "--local")
    converse("", "--local", "--resume")
    assert json.loads(kept.read_text())["entries"] == json.loads(before)["entries"]


@pytest.mark.parametrize("where", ["no home", "no folder"])
def test_where_nothing_can_be_kept_the_chat_goes_on(converse, kept, monkeypatch, where):
    if where == "no home":
        monkeypatch.setattr(platformdirs, "user_state_path", lambda *_, **__: Path("~/.local/state/livecli"))
    else:
        kept.parent.parent.mkdir(parents=True)
        kept.parent.write_text("")
    ran = converse("one\ntwo\n", "--local")
    assert (ran.status, ran.out) == (0, "one\ntwo\n")
    assert ran.err.count("cannot be saved") + ran.err.count("no home folder") == 1


def test_what_was_said_survives_a_kill(spawn, converse, kept):
    with serving() as server:
        process = spawn("chat", "--base-url", server.url)
        for word in (b"one\n", b"two\n"):
            process.stdin.write(word)
            process.stdin.flush()
            assert process.stdout.readline() == word
        process.stdin.write(b"call nobody\n")
        process.stdin.flush()
        process.stdout.readline()
        process.send_signal(signal.SIGKILL)
        process.wait(20)
        ran = converse("/history\n", "--base-url", server.url, "--resume")
    assert ran.status == 0
    assert "> one\none\n> two\ntwo\n" in ran.err


def test_the_emulator_takes_the_handle_of_another_run(converse, tmp_path):
    with serving() as server:
        converse("one\n", "--base-url", server.url)
        ran = converse("two\n", "--base-url", server.url, "--resume", "--events", "e.jsonl")
        assert (ran.status, ran.out) == (0, "two\n")
    setup = json.loads((tmp_path / "e.jsonl").read_text().splitlines()[0])["setup"]
    assert "characters)" in setup["sessionResumption"]["handle"]  # not the handle itself
