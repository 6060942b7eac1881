"""Saved conversations: `chat --resume`, `--list`, `--no-history` and `/save NAME`."""

from __future__ import annotations

import json
import signal
import stat
from pathlib import Path

import platformdirs
import pytest
from websockets.frames import Opcode
from websockets.sync.server import ServerConnection

from tests.end_to_end.conftest import wait_until
from tests.end_to_end.test_chat_wire import REFUSED, Model, history, texts
from tests.hostile import frame
from tests.live_server import live_server
from tests.serving import serving


@pytest.fixture
def kept(tmp_path):
    """The file of the first conversation."""
    return tmp_path / "home/.local/state/livecli/conversations/1.jsonl"


def lines(kept):
    return [json.loads(line) for line in kept.read_text().splitlines()]


def last(kept, key):
    """The last value of a field."""
    return [line[key] for line in lines(kept) if key in line][-1]


def asked(kept):
    """The questions of a conversation, by the numbers of their turns."""
    return {line["turn"]: line["question"] for line in lines(kept) if "question" in line}


def age(kept, seconds):
    """Have a conversation ended so long ago."""
    at = last(kept, "at") - seconds
    kept.write_text("".join(json.dumps(line | ({"at": at} if "at" in line else {})) + "\n" for line in lines(kept)))


def test_the_session_goes_on_with_its_handle(converse, kept):
    model = Model(handles=True)
    with live_server(model) as server:
        assert converse("one\ntwo\n", "--base-url", server.url).status == 0
        ran = converse("three\n/history\n", "--base-url", server.url, "--resume")
    assert (ran.status, ran.out) == (0, "<three>\n")
    assert "continuing conversation 1 of 20" in ran.err and "which has 2 turns" in ran.err
    assert model.setups[1]["sessionResumption"]["handle"] == "handle-2"
    assert model.told == []
    assert "> one\n<one>\n> two\n<two>\n> three\n<three>\n" in ran.err
    assert asked(kept) == {1: "one", 2: "two", 3: "three"}


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
    assert last(kept, "handle") == "the last one"


def test_only_the_user_can_read_what_is_kept_and_no_credential_is_in_it(converse, kept, monkeypatch):
    monkeypatch.setenv("GEMINI_API_KEY", "AIzaSecretSecret")
    with live_server(Model(handles=True)) as server:
        converse("my key is AIzaSecretSecret\n", "--base-url", server.url, "--platform", "developer")
    assert "my key is …" in kept.read_text()
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert "SecretSecret" not in kept.read_text()
    assert [path.name for path in kept.parent.iterdir()] == ["1.jsonl"]


@pytest.mark.parametrize(
    "why", ["refused", "held elsewhere", "no handle", "expired", "another model", "another project"]
)
def test_without_a_handle_that_is_good_the_model_is_told(converse, kept, why):
    words = {
        "another model": ["--model", "gemini-live-2.5-flash-native-audio"],
        "another project": ["--platform", "vertex", "--project", "other"],
    }
    refusals = {"refused": REFUSED, "held elsewhere": (1011, "Internal error encountered.")}
    model = Model(handles=why != "no handle", refuse=refusals.get(why))
    with live_server(model) as server:
        assert converse("one\ntwo\n", "--base-url", server.url).status == 0
        if why == "expired":
            age(kept, 25 * 3600)
        ran = converse("three\n", "--base-url", server.url, "--resume", *words.get(why, []))
    assert (ran.status, ran.out) == (0, "<three>\n")
    assert [texts(turns) for turns in model.told] == [history("one", "two")]
    assert "handle" not in model.setups[-1]["sessionResumption"]
    assert ("the service or the model has changed" in ran.err) == ("another" in why)
    assert ("a new one is given the text of the conversation" in ran.err) == (why in refusals)
    assert "trying again" not in ran.err


def test_a_handle_of_the_developer_api_lasts_two_hours(converse, kept, monkeypatch):
    monkeypatch.setenv("GEMINI_API_KEY", "AIzaTest")
    model = Model(handles=True)
    with live_server(model) as server:
        words = ("--base-url", server.url, "--platform", "developer")
        converse("one\n", *words)
        age(kept, 1.9 * 3600)
        converse("two\n", *words, "--resume")
        age(kept, 2.1 * 3600)
        converse("three\n", *words, "--resume")
    assert [setup["sessionResumption"].get("handle") for setup in model.setups] == [None, "handle-1", None]
    assert [texts(turns) for turns in model.told] == [history("one", "two")]


def test_without_a_conversation_it_is_a_new_one(converse):
    ran = converse("one\n", "--local", "--resume")
    assert (ran.status, ran.out) == (0, "one\n")
    assert "there is no earlier conversation" in ran.err


def test_a_damaged_one_is_a_warning_and_a_new_one(converse, kept):
    kept.parent.mkdir(parents=True)
    kept.write_text("{")
    ran = converse("one\n", "--local", "--resume")
    assert (ran.status, ran.out) == (0, "one\n")
    assert f"warning: the saved conversation cannot be read from {kept}: it is damaged\n" in ran.err
    assert converse("two\n", "--local", "--resume").err.count("which has 1 turn") == 1


def test_a_reset_forgets_it_unless_it_has_a_name(converse, livecli, kept):
    converse("one\n/reset\n", "--local")
    assert not kept.exists()
    converse("one\n/reset\ntwo\n/save trip\n/clear\nthree\n", "--local")
    assert asked(kept) == {1: "two"}
    assert asked(kept.with_name("2.jsonl")) == {1: "three"}


def test_a_chat_in_which_nothing_is_said_leaves_the_last_one(converse, kept):
    converse("one\n", "--local")
    converse("/help\n", "--local")
    converse("", "--local", "--resume")
    assert [path.name for path in kept.parent.iterdir()] == ["1.jsonl"]
    assert asked(kept) == {1: "one"}


def test_conversations_are_listed_named_and_chosen(converse, livecli):
    assert livecli("chat", "--list").out == ""
    ran = converse("What is the fare?\n/save trip\n/save\n", "--local")
    assert "this conversation is named trip: livecli chat --resume trip goes on with it\n" in ran.err
    assert "this is conversation trip" in ran.err
    assert converse("hello\nthere\n", "--local").err == ""
    rows = [line.split(None, 5) for line in livecli("chat", "--list").out.splitlines()]
    assert [(number, turns, words) for number, _, _, turns, _, words in rows] == [
        ("2", "2", "hello"),
        ("1", "1", "trip  What is the fare?"),
    ]
    for key in ("1", "trip"):
        assert "> What is the fare?\n" in converse("/history\n", "--local", "--resume", key).err
        assert "> What is the fare?\n" in converse("/history\n", "--local", f"--resume={key}").err
    assert "> hello\n" in converse("/history\n", "--resume", "--local").err, "the newest"
    rows = livecli("completion", "fish", "--", "chat", "--resume", "").out.splitlines()
    assert [row.split("\t")[0] for row in rows] == ["2", "trip"]
    words = ("--local", "--pace", "instant", "--resume")
    assert converse("", *words, "--", "And then?").out == "And then?\n"
    assert "--local" in livecli("completion", "fish", "--", "chat", "--resume", "--lo").out


@pytest.mark.parametrize("key", ["7", "nope"])
def test_a_conversation_that_is_not_there_is_a_usage_error(converse, key):
    ran = converse("hello\n", "--local", "--resume", key)
    assert (ran.status, ran.out) == (2, "")
    assert "hint: livecli chat --list\n" in ran.err


def test_a_name_that_is_taken_is_refused(converse):
    converse("one\n/save trip\n", "--local")
    assert "error: conversation 1 is named 'trip'\n" in converse("two\n/save trip\n", "--local").err


def test_without_a_history_nothing_is_kept(converse, kept):
    ran = converse("one\n/save trip\n", "--local", "--no-history")
    assert (ran.status, ran.out) == (2, "one\n")
    assert "error: the conversation is not kept, so it cannot be named\n" in ran.err
    assert not kept.parent.exists()


def test_two_chats_at_once_keep_a_conversation_each(fork, kept):
    with serving() as server:
        chats = [fork("chat", "--base-url", server.url) for _ in range(2)]
        for number in range(2):
            for chat, word in zip(chats, (b"a", b"b"), strict=True):
                chat.stdin.write(b"%s%d\n" % (word, number))
                chat.stdin.flush()
                assert chat.stdout.readline() == b"%s%d\n" % (word, number)
        for chat in chats:
            chat.communicate(timeout=20)
    found = [asked(path) for path in sorted(kept.parent.iterdir())]
    assert sorted(found, key=str) == [{1: "a0", 2: "a1"}, {1: "b0", 2: "b1"}]


def test_a_conversation_that_is_open_goes_on_as_a_copy(fork, converse, kept):
    with serving() as server:
        first = fork("chat", "--base-url", server.url)
        first.stdin.write(b"one\n")
        first.stdin.flush()
        assert first.stdout.readline() == b"one\n"
        ran = converse("two\n/history\n", "--base-url", server.url, "--resume")
        first.communicate(timeout=20)
    assert (ran.status, ran.out) == (0, "two\n")
    assert "it is open in another chat: this one goes on with a copy of it" in ran.err
    assert "> one\none\n> two\ntwo\n" in ran.err
    assert (asked(kept), asked(kept.with_name("2.jsonl"))) == ({1: "one"}, {1: "one", 2: "two"})


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


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGHUP])
def test_the_turn_under_way_survives_a_signal(spawn, fork, converse, kept, number):
    def begin(connection):
        connection.set_up()
        connection.receive()
        connection.content(outputTranscription={"text": "the beginning"})
        connection.drain()

    with live_server(begin) as server:
        process = (spawn if number == signal.SIGKILL else fork)("chat", "--base-url", server.url)
        process.stdin.write(b"one\n")
        process.stdin.flush()
        assert process.stdout.read(13) == b"the beginning"
        wait_until(lambda: kept.exists() and asked(kept))
        process.send_signal(number)
        process.wait(20)
    ran = converse("/history\n", "--local", "--resume")
    # What has come since the last write, which is a second ago at most, dies with the process.
    assert ran.err.endswith("\n> one\n" if number == signal.SIGKILL else "\n> one\nthe beginning\n")


def test_the_emulator_takes_the_handle_of_another_run(converse, tmp_path):
    with serving() as server:
        converse("one\n", "--base-url", server.url)
        ran = converse("two\n", "--base-url", server.url, "--resume", "--events", "e.jsonl")
        assert (ran.status, ran.out) == (0, "two\n")
    setup = json.loads((tmp_path / "e.jsonl").read_text().splitlines()[0])["setup"]
    assert "characters)" in setup["sessionResumption"]["handle"]  # not the handle itself
