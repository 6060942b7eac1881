"""`send --max-cost`: the inputs that are sent before the runs have cost that much, and the errors of the others."""

from __future__ import annotations

import threading

import pytest

from tests.end_to_end.conftest import tone, write_wav
from tests.end_to_end.test_usage import EMPTY_MILLIONTHS, SPOKEN_MILLIONTHS, answering
from tests.live_server import Connection, live_server
from tests.report.test_usage import EMPTY, SPOKEN, details

FAST = ("--speed", 0, "--connect-rate", 500, "--json")


@pytest.fixture
def inputs(tmp_path):
    for number in range(5):
        write_wav(tmp_path / f"q{number}.wav", tone(800))
    return [f"q{number}.wav" for number in range(5)]


@pytest.fixture
def send(livecli, inputs):
    """Send the five inputs to a server that does this."""

    def run(handler, *words):
        with live_server(handler) as server:
            ran = livecli("send", *inputs, "--base-url", server.url, *FAST, *words)
        ran.sessions = len(server.requests)
        return ran

    return run


def refused(ran):
    """The inputs that were not sent, according to their lines of JSON."""
    return [summary["input"] for summary in ran.summaries if "not sent" in (summary["error"] or {}).get("message", "")]


@pytest.mark.parametrize("jobs", [(), ("--jobs", 1)])
def test_no_session_is_started_once_the_sum_has_reached_it(send, jobs):
    """Two runs cost 0.0041025, and the sum is looked at before each."""
    ran = send(answering(*[SPOKEN] * 5), "--max-cost", 0.0021, *jobs)
    assert (ran.status, ran.sessions) == (8, 2)
    assert [summary["ok"] for summary in ran.summaries] == [True, True, False, False, False]
    assert refused(ran) == ["q2.wav", "q3.wav", "q4.wav"]
    message = "$0.0041025 are spent, and --max-cost is 0.0021: 3 of 5 inputs were not sent"
    hint = "--resume-from sends what is left, given the --json output of this run"
    assert ran.err.count(f"error: {message}\nhint: {hint}\n") == 1
    assert ran.err.count("error: ") == 1


def test_the_sum_itself_is_reached(send):
    ran = send(answering(*[EMPTY] * 5), "--max-cost", EMPTY_MILLIONTHS / 1e6)
    assert (ran.status, ran.sessions, refused(ran)) == (8, 1, ["q1.wav", "q2.wav", "q3.wav", "q4.wav"])


def test_an_input_that_was_not_sent_has_a_line_of_json(send):
    ran = send(answering(SPOKEN), "--max-cost", 0.001, "--jobs", 1)
    summary = ran.summaries[-1]
    assert (summary["ok"], summary["exit_code"], summary["output"], summary["usage"]) == (False, 8, None, None)
    assert (summary["cost_usd"], summary["sent"]["chunks"], summary["received"]["messages"]) == (None, 0, 0)
    assert summary["error"] == {
        "kind": "quota",
        "message": "$0.00205125 are spent, and --max-cost is 0.001: the input was not sent",
        "hint": "--resume-from sends what is left, given the --json output of this run",
        "close_code": None,
        "close_reason": None,
        "blamed": None,
    }
    assert "\n1/5 · 4 not sent · " in ran.err


@pytest.mark.parametrize("limit", [5 * SPOKEN_MILLIONTHS / 1e6 + 1e-9, 4.5 * SPOKEN_MILLIONTHS / 1e6, 100])
def test_all_are_sent_where_the_sum_is_reached_by_the_last_or_never(send, limit):
    ran = send(answering(*[SPOKEN] * 5), "--max-cost", limit)
    assert (ran.status, ran.sessions, refused(ran)) == (0, 5, [])
    assert "--max-cost" not in ran.err


def test_runs_in_flight_go_on_to_their_end(send, tmp_path):
    """Three run at once. The first ends and has cost too much; the others are answered after that."""
    together, first = threading.Barrier(3, timeout=20), threading.Lock()
    ended = threading.Event()

    def handle(connection: Connection) -> None:
        connection.set_up()
        connection.hear()
        together.wait()
        if first.acquire(blocking=False):
            connection.answer(bytes(9600), usageMetadata=SPOKEN)
            connection.drain()
            ended.set()
        else:
            assert ended.wait(20)
            connection.answer(bytes(9600), usageMetadata=SPOKEN)
            connection.drain()

    ran = send(handle, "--max-cost", 0.001, "--jobs", 3)
    assert (ran.status, ran.sessions, len(refused(ran))) == (8, 3, 2)
    assert sum(summary["ok"] for summary in ran.summaries) == 3
    assert f"${3 * SPOKEN_MILLIONTHS / 1e6:.6g} are spent, and --max-cost is 0.001: 2 of 5 inputs" in ran.err
    assert len(list(tmp_path.glob("*.reply.wav"))) == 3


def test_what_is_left_is_sent_by_the_next_run(livecli, inputs, tmp_path):
    with live_server(answering(*[SPOKEN] * 5)) as server:
        words = ("send", *inputs, "--base-url", server.url, *FAST, "--max-cost", 0.005)
        one = livecli(*words)
        (tmp_path / "done.jsonl").write_text(one.out)
        two = livecli(*words, "--resume-from", "done.jsonl")
    assert (one.status, refused(one)) == (8, ["q3.wav", "q4.wav"])
    assert (two.status, [summary["input"] for summary in two.summaries]) == (0, ["q3.wav", "q4.wav"])


def test_the_gravest_status_wins(send):
    count = [0]

    def handle(connection: Connection) -> None:
        count[0] += 1
        connection.set_up()
        connection.hear()
        connection.answer(bytes(9600), usageMetadata=SPOKEN) if count[0] > 1 else connection.close(1007, "no")
        connection.drain()

    ran = send(handle, "--max-cost", 0.001)
    assert (ran.status, ran.sessions, len(refused(ran))) == (6, 2, 3)
    assert [summary["exit_code"] for summary in ran.summaries] == [6, 0, 8, 8, 8]


def test_a_run_that_failed_is_paid_for_as_well(send):
    """No audio came, but the service reported its tokens."""

    def silent(connection: Connection) -> None:
        connection.set_up()
        connection.hear()
        connection.say({"serverContent": {"turnComplete": True}, "usageMetadata": SPOKEN})
        connection.drain()

    ran = send(silent, "--max-cost", 0.001)
    assert (ran.status, ran.sessions, len(refused(ran))) == (8, 1, 4)
    assert ran.summaries[0]["error"]["kind"] == "check"


# --- where the cost is not known ---


@pytest.mark.parametrize(
    ("model", "missing"),
    [("gemini-3.1-flash-live-preview", "audio_in, audio_out"), ("gemini-9", "text_in, audio_in, text_out, audio_out")],
)
def test_a_model_without_a_full_price_is_a_usage_error_before_connecting(send, model, missing):
    ran = send(answering(SPOKEN), "--max-cost", 1, "--model", model)
    assert (ran.status, ran.out, ran.sessions) == (2, "", 0)
    assert f"--max-cost needs all prices of {model}, and {missing} is not known\n" in ran.err
    assert "hint: --prices FILE.toml names prices\n" in ran.err


def test_prices_of_a_file_count(send, tmp_path):
    (tmp_path / "p.toml").write_text("[m]\ntext_in = 1000\naudio_in = 0\ntext_out = 0\naudio_out = 0\n")
    ran = send(answering(*[EMPTY] * 5), "--max-cost", 1, "--model", "m", "--prices", "p.toml")
    assert (ran.status, ran.sessions) == (8, 2)
    assert "$1.02 are spent, and --max-cost is 1: 3 of 5 inputs were not sent\n" in ran.err


@pytest.mark.parametrize(
    ("usage", "cause"),
    [
        ({"promptTokensDetails": details(DOCUMENT=5)}, "no price is known for document in of gemini-3.8-live"),
        ({}, "the service reported no tokens for q0.wav"),
    ],
)
def test_a_cost_that_turns_out_to_be_unknown_stops_the_rest(send, usage, cause):
    ran = send(answering(usage), "--max-cost", 1)
    assert (ran.status, ran.sessions, len(refused(ran))) == (8, 1, 4)
    assert f"error: {cause}, so --max-cost cannot be kept: 4 of 5 inputs were not sent\n" in ran.err


@pytest.mark.parametrize("value", ["0", "-1", "nan", "inf", "x"])
def test_a_budget_that_is_none(livecli, value):
    ran = livecli("send", "--local", f"--max-cost={value}")
    assert (ran.status, ran.out) == (2, "")
    assert "--max-cost" in ran.err
