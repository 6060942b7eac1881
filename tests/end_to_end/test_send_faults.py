"""Everything that `serve --fault` does wrong, done to `send`: how it ends, how soon, and what it leaves behind."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from livecli.emulator.pace import Pace
from tests.end_to_end.conftest import read_wav, tone, write_wav
from tests.serving import serving

PARTS = [8_640, 16_800]
"""Bytes of the first part of a reply, and of the following ones."""
SENDS_NO_HANDLE_UNASKED = "gemini-live-2.5-flash-native-audio"
WHOLE = 48_000
"""Bytes of the echo of one second, at 24 kHz."""
OLDER = bytes(range(100))

BOUND_SECONDS = 20.0

SHORT = ("--idle-timeout", 0.3)
"""For those that wait for an answer in vain."""


@pytest.fixture
def question(tmp_path: Path) -> Path:
    path = tmp_path / "question.wav"
    write_wav(path, tone(16_000))
    return path


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The reply where nothing goes wrong."""
    folder = tmp_path_factory.mktemp("undisturbed")
    write_wav(folder / "question.wav", tone(16_000))
    command = [sys.executable, "-m", "livecli", "send", "question.wav", "--local", "--speed", "0", "-q"]
    subprocess.run(command, cwd=folder, check=True, timeout=30)
    return read_wav(folder / "question.reply.wav")[1]


@dataclass
class Sent:
    """A run against an emulator that goes wrong: the reply's bytes so far, and the types of what was received."""

    status: int
    error: dict
    partial: bytes
    events: list[str]
    err: str
    log: list[str]


@pytest.fixture
def send(livecli, question, tmp_path):
    """Send the question to an emulator with these faults. An older reply is there, and must stay as it is."""

    def run(*faults: str, words=(), **options) -> Sent:
        reply, partial = tmp_path / "question.reply.wav", tmp_path / "question.reply.partial.wav"
        write_wav(reply, OLDER)
        older = reply.read_bytes()
        with serving(*faults, **options) as served:
            where = ("--base-url", served.url, "--speed", 0)
            started = time.monotonic()
            ran = livecli("send", question, *where, "--json", "--events", "events.jsonl", *words)
            assert time.monotonic() - started < BOUND_SECONDS
        summary = ran.summary
        assert (summary["exit_code"], summary["ok"]) == (ran.status, ran.status == 0)
        kept = {"home", "question.wav", "question.reply.wav", "events.jsonl"}
        names = {path.name for path in tmp_path.iterdir()}
        told = [json.loads(line) for line in (tmp_path / "events.jsonl").read_text().splitlines()]
        received = [event["type"] for event in told if event["direction"] == "received"]
        assert "Traceback" not in ran.err
        assert not any("Traceback" in line or "failed" in line for line in served.log), served.log
        if ran.status == 0:
            assert names == kept
            return Sent(0, {}, read_wav(reply)[1], received, ran.err, served.log)
        assert reply.read_bytes() == older, "an older reply is untouched"
        assert names == kept | ({partial.name} if summary["output"] else set())
        assert summary["received"]["bytes"] == (len(read_wav(partial)[1]) if partial.exists() else 0)
        assert summary["output"] == (partial.name if partial.exists() else None)
        error = [line for line in ran.err.splitlines() if line.startswith("error: ")]
        assert len(error) == 1
        assert not partial.exists() or partial.name in ran.err
        came = read_wav(partial)[1] if partial.exists() else b""
        return Sent(ran.status, summary["error"], came, received, ran.err, served.log)

    return run


CAME = {"setup": 0, "audio:3": 0, "reply:1": 0, "reply:3": sum(PARTS), "turn:1": WHOLE}
"""How much of the reply has come when something goes wrong at this moment."""

ENDS = {
    "close=1011:Internal error encountered.": (6, "server", 1011),
    "close=1011:The service is overloaded.": (8, "quota", 1011),
    "close=1008:API key not valid.": (4, "auth", 1008),
    "close=1000": (6, "server", 1000),
    "drop": (6, "server", 1006),
    "garbage": (6, "server", None),
}
"""What ends a session at once: exit status, kind, close code."""


@pytest.mark.parametrize("when", CAME)
@pytest.mark.parametrize("what", ENDS)
def test_the_session_ends(send, undisturbed, what, when):
    sent = send(f"{what}@{when}")
    assert (sent.status, sent.error["kind"], sent.error["close_code"]) == ENDS[what], sent.err
    assert sent.partial == undisturbed[: CAME[when]]
    assert any(f"fault: {what.partition('=')[0]} at " in line for line in sent.log)


@pytest.mark.parametrize("when", CAME)
def test_it_stalls_for_too_long(send, undisturbed, when):
    # What was not read hides that the client has gone: until it reads again the emulator cannot know.
    seconds = 1 if when.startswith("audio") else 600
    sent = send(f"stall={seconds}@{when}", words=SHORT)
    assert (sent.status, sent.error["kind"]) == (7, "timeout")
    assert sent.partial == undisturbed[: CAME[when]]


@pytest.mark.parametrize("when", CAME)
def test_it_stalls_and_goes_on(send, undisturbed, when):
    sent = send(f"stall=0.1@{when}")
    assert (sent.status, sent.partial) == (0, undisturbed)


def test_what_goes_wrong_at_one_moment_goes_wrong_in_its_order(send, undisturbed):
    sent = send("stall=600@reply:2", "drop@reply:2", words=SHORT)
    assert (sent.status, sent.partial) == (7, undisturbed[: PARTS[0]])
    sent = send("drop@reply:2", "stall=600@reply:2")
    assert (sent.status, sent.partial) == (6, undisturbed[: PARTS[0]])


@pytest.mark.parametrize("when", ["setup", "reply:3", "turn:1"])
def test_the_answer_is_cut_off(send, undisturbed, when):
    sent = send(f"truncate@{when}", words=SHORT)
    assert (sent.status, sent.error["kind"]) == (7, "timeout")
    assert "setup_complete" in sent.events
    assert "turn_complete" not in sent.events
    assert sent.partial == undisturbed[: CAME[when]]


def test_a_turn_that_a_pause_ended_is_not_the_answer(send, undisturbed):
    sent = send("vad-split@audio:10")
    assert (sent.status, sent.partial) == (0, undisturbed)
    assert (sent.events.count("interrupted"), sent.events.count("turn_complete")) == (1, 2)
    # With detection by the server the reply echoes the second that it found, with some silence around it.
    sent = send("vad-split@audio:10", words=("--activity", "auto"))
    assert sent.status == 0
    assert len(sent.partial) >= WHOLE
    assert (sent.events.count("interrupted"), sent.events.count("turn_complete")) == (1, 2)


@pytest.mark.parametrize("when", ["reply:2", "reply:3"])
def test_it_is_too_slow(send, undisturbed, when):
    sent = send(f"slow=1000@{when}", words=SHORT)
    assert (sent.status, sent.error["kind"]) == (7, "timeout")
    assert sent.partial == undisturbed[: sum(PARTS[:1] + PARTS[1:] * (int(when[-1]) - 1))]


@pytest.mark.parametrize("when", ["setup", "audio:3", "reply:3", "turn:1"])
def test_it_is_slow_and_comes_to_its_end(send, undisturbed, when):
    started = time.monotonic()
    sent = send(f"slow=200000@{when}")
    assert (sent.status, sent.partial) == (0, undisturbed)
    assert when not in ("setup", "audio:3") or time.monotonic() - started > WHOLE / 200_000


@pytest.mark.parametrize("when", ["setup", "audio:3", "reply:3", "turn:1", "0s"])
def test_it_will_go_away(send, undisturbed, when):
    sent = send(f"goaway=30@{when}")
    assert (sent.status, sent.partial) == (0, undisturbed)
    assert sent.events.count("go_away") == 1
    assert "warning" not in sent.err, "the session would go on elsewhere: nothing to care about"


@pytest.mark.parametrize("when", ["setup", "audio:3", "0s"])
def test_it_goes_away_and_the_session_goes_on(send, undisturbed, when):
    sent = send(f"goaway=0.5@{when}", words=["--speed", 1])
    assert (sent.status, sent.partial) == (0, undisturbed)
    assert "go_away" in sent.events
    assert sent.events.count("setup_complete") > 1


def test_it_goes_away_for_who_cannot_go_on(send, tmp_path):
    (tmp_path / "home" / "setup.json").write_text('{"sessionResumption": null}')
    words = ["--speed", 1, "--setup", "home/setup.json", "--model", SENDS_NO_HANDLE_UNASKED]
    sent = send("goaway=0.1@audio:3", words=words)
    assert (sent.status, sent.error["close_code"]) == (6, 1011)
    assert "Deadline expired" in sent.error["message"]
    assert "warning: the server will close the connection in 0.1 s" in sent.err
    assert sent.partial == b""


TIMED = {
    "close=1011:Internal error encountered.@0.2s": 6,
    "close=1013:The service is overloaded.@0.2s": 8,
    "drop@0.2s": 6,
    "garbage@0.2s": 6,
    "goaway=0.1@0.1s": 6,
    "stall=600@0.2s": 7,
    "truncate@0.2s": 7,
    "slow=1@0.2s": 7,
}


@pytest.mark.parametrize("fault", TIMED)
def test_in_the_middle_of_the_reply(send, undisturbed, fault):
    """In real time the reply takes a second, and a quarter of it comes ahead."""
    sent = send(fault, words=SHORT, pace=Pace.REALTIME)
    assert sent.status == TIMED[fault], sent.err
    assert sent.partial == undisturbed[: len(sent.partial)]
    assert len(sent.partial) < WHOLE


def test_what_was_to_come_later_never_comes(send, undisturbed):
    """Nor does it hold anything up: `serving` sees to that."""
    sent = send("close=1011@600s", "stall=600@600s", "goaway=600@turn:1")
    assert (sent.status, sent.partial) == (0, undisturbed)


def test_a_second_turn_is_not_reached(send, undisturbed):
    sent = send("drop@turn:2", "drop@audio:1000", "garbage@reply:100")
    assert (sent.status, sent.partial) == (0, undisturbed)


CONNECT = {
    "http=401": (4, "auth"),
    "http=403": (4, "auth"),
    "http=404": (5, "connect"),
    "http=429": (8, "quota"),
    "http=500": (5, "connect"),
    "http=503": (8, "quota"),
    "drop": (5, "connect"),
    "stall=600": (7, "timeout"),
    "close=1011:Internal error encountered.": (6, "server"),
    "close=1013:Resource exhausted": (8, "quota"),
}


@pytest.mark.parametrize("what", CONNECT)
def test_at_the_upgrade(send, what):
    sent = send(f"{what}@connect", words=["--connect-timeout", 0.3 if "stall" in what else 10, "--retries", 0])
    assert (sent.status, sent.error["kind"]) == CONNECT[what], sent.err
    assert sent.partial == b""
    assert sent.log[0].endswith(f"fault: {what.partition('=')[0]} at connect") or "close" in what
    assert len([line for line in sent.log if "●" in line]) == ("close" in what)


def test_a_stall_at_the_upgrade_and_then_it_goes_on(send, undisturbed):
    sent = send("stall=0.1@connect")
    assert (sent.status, sent.partial) == (0, undisturbed)


def test_every_input_meets_the_same(livecli, question, tmp_path, undisturbed):
    write_wav(tmp_path / "other.wav", tone(16_000))
    with serving("drop@reply:2") as served:
        ran = livecli("send", question, "other.wav", "--base-url", served.url, "--speed", 0, "--json")
    assert ran.status == 6
    for name in ("question", "other"):
        assert read_wav(tmp_path / f"{name}.reply.partial.wav")[1] == undisturbed[: PARTS[0]]
        assert not (tmp_path / f"{name}.reply.wav").exists()


@pytest.mark.parametrize(
    ("fault", "status"),
    [("close=1011:Internal error@reply:2", 6), ("http=503@connect", 8)],
)
def test_around_a_command(livecli_and_children, question, fault, status):
    command = [sys.executable, "-m", "livecli", "send", "question.wav", "--speed", "0", "-q"]
    ran = livecli_and_children("serve", "-q", "--fault", fault, "--", *command)
    # The words that came before the fault are printed, as curl prints what came of a body.
    assert (ran.status, ran.out) == (status, "[1.0\n" if "reply" in fault else "")
    assert ran.err.startswith("error: ")
    assert question.with_name("question.reply.partial.wav").exists() is ("reply" in fault)
    assert not question.with_name("question.reply.wav").exists()
