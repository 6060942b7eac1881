"""Two runs with one output name, and a partial file that is something else: refused before connecting."""

from __future__ import annotations

import os
import signal
import sys
import threading

import pytest

from tests.end_to_end.conftest import finished, read_wav, tone, wait_until, write_wav
from tests.live_server import Connection, live_server

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no flock")

FIRST, SECOND = tone(2_400, 24_000), bytes(range(200)) * 10


def refused(ran, *parts):
    """The summary of a run that wrote nothing and did not connect."""
    assert ran.status == 3, ran.err
    assert ran.summary["error"]["kind"] == "file"
    for part in parts:
        assert part in ran.summary["error"]["message"]
    assert ran.summary["error"]["hint"] == "-o names another file"
    assert (ran.summary["url"], ran.summary["output"]) == (None, None)


@pytest.fixture
def holding():
    """A server that sends half of the first answer, then waits for `goes_on`."""
    started, goes_on = threading.Event(), threading.Event()

    def handle(connection: Connection) -> None:
        connection.set_up()
        if "activityStart" in connection.receive().get("realtimeInput", {}):
            connection.hear()
        if started.is_set():
            connection.answer(SECOND)
            connection.drain()
            return
        connection.audio(FIRST[:2000])
        started.set()
        assert goes_on.wait(30)
        connection.answer(FIRST[2000:])
        connection.drain()

    with live_server(handle) as server:
        yield server, started, goes_on
        goes_on.set()


def test_the_second_is_refused_and_the_first_has_its_own_audio(holding, spawn, livecli, tmp_path):
    server, started, goes_on = holding
    words = ["send", "--base-url", server.url, "--json", "--text"]
    first = spawn(*words, "A")
    assert started.wait(20)
    ran = livecli(*words, "B")
    holder = f"process {first.pid}" if sys.platform == "linux" else "another process"
    refused(ran, "text.reply.partial.wav", f"{holder} is writing it")
    assert len(server.requests) == 1, "it did not connect"
    other = livecli(*words, "B", "-o", "b.wav")
    goes_on.set()
    done = finished(first)
    assert (done.status, other.status) == (0, 0), done.err
    assert read_wav(tmp_path / "text.reply.wav") == (24_000, FIRST)
    assert read_wav(tmp_path / "b.wav") == (24_000, SECOND)
    assert sorted(path.name for path in tmp_path.glob("*.wav")) == ["b.wav", "text.reply.wav"]


def test_inputs_of_one_name_in_two_runs_share_the_reply(holding, fork, livecli, tmp_path):
    server, started, goes_on = holding
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        write_wav(tmp_path / folder / "q.wav", tone(800))
    words = ["--base-url", server.url, "--json", "--speed", 0]
    first = fork("send", "a/q.wav", *words)
    assert started.wait(20)
    refused(livecli("send", "b/q.wav", *words), "q.reply.partial.wav")
    goes_on.set()
    assert finished(first).status == 0
    assert read_wav(tmp_path / "q.reply.wav") == (24_000, FIRST)


def test_a_batch_fails_for_that_input_alone(holding, fork, livecli, tmp_path):
    server, started, goes_on = holding
    for name in ("p.wav", "q.wav"):
        write_wav(tmp_path / name, tone(800))
    (tmp_path / "out").mkdir()
    words = ["--base-url", server.url, "--json", "--speed", 0]
    first = fork("send", "q.wav", "-o", "out/q.reply.wav", *words)
    assert started.wait(20)
    ran = livecli("send", "p.wav", "q.wav", "--jobs", 2, "-o", "out", *words)
    assert ran.status == 3
    assert {each["input"]: each["exit_code"] for each in ran.summaries} == {"p.wav": 0, "q.wav": 3}
    goes_on.set()
    assert finished(first).status == 0


def test_a_killed_run_holds_nothing_and_its_empty_file_goes(holding, spawn, livecli, tmp_path):
    server, started, goes_on = holding
    words = ["send", "--base-url", server.url, "--json", "--text"]
    first = spawn(*words, "A")
    assert started.wait(20)
    first.kill()
    assert first.wait(10) == -signal.SIGKILL
    (tmp_path / "text.reply.partial.wav").write_bytes(b"")
    goes_on.set()
    ran = livecli(*words, "B", "--no-transcripts")
    assert ran.status == 0, ran.err
    assert read_wav(tmp_path / "text.reply.wav") == (24_000, SECOND)
    assert not (tmp_path / "text.reply.partial.wav").exists()


def test_a_second_chat_in_the_folder_of_another_is_refused(spawn, converse, tmp_path):
    first = spawn("chat", "--local", "--save", "kept")
    first.stdin.write(b"hello\n")
    first.stdin.flush()
    wait_until((tmp_path / "kept/turn-001.wav").exists)
    with live_server(Connection.drain) as server:
        ran = converse("hello\n", "--base-url", server.url, "--save", "kept")
    assert ran.status == 3
    holder = f"process {first.pid}" if sys.platform == "linux" else "another process"
    assert f"error: cannot write kept/conversation.md: {holder} is writing it\nhint: choose another folder\n" in ran.err
    assert not server.requests
    ran = converse(f"hello\n/save {tmp_path}/kept\nand then?\n", "--local", "--save", "mine")
    assert "kept/conversation.md: " in ran.err
    assert finished(first).status == 0
    assert sorted(path.name for path in (tmp_path / "kept").iterdir()) == ["conversation.md", "turn-001.wav"]
    assert sorted(path.name for path in (tmp_path / "mine").glob("*.wav")) == ["turn-001.wav", "turn-002.wav"]
    assert converse("hello\n", "--local", "--save", "kept").status == 0, "it is free again"
    assert sorted(path.name for path in (tmp_path / "kept").glob("*.wav")) == ["turn-001.wav", "turn-002.wav"]


@pytest.mark.parametrize("kind", ["link", "fifo", "folder"])
def test_a_partial_file_that_is_something_else_is_left_alone(livecli, tmp_path, kind):
    partial, victim = tmp_path / "x.partial.wav", tmp_path / "victim"
    victim.write_bytes(b"kept")
    if kind == "link":
        partial.symlink_to(victim)
    elif kind == "fifo":
        os.mkfifo(partial)
    else:
        partial.mkdir()
    with live_server(Connection.drain) as server:
        ran = livecli("send", "--text", "A", "--base-url", server.url, "-o", "x.wav", "--json")
    refused(ran, "x.partial.wav", "a symbolic link" if kind == "link" else "no regular file")
    assert not server.requests
    assert victim.read_bytes() == b"kept"
    assert not (tmp_path / "x.wav").exists()
