"""The tokens and the price of a run, from the usage that a server reports to what is printed."""

from __future__ import annotations

import pytest

from livecli.client import retry
from tests.end_to_end.conftest import tone, write_wav
from tests.live_server import Connection, live_server
from tests.report.test_usage import EMPTY, SPOKEN, VERTEX_ANSWER, VERTEX_CALL, details

SPOKEN_MILLIONTHS = 339 * 0.75 + 287 * 3 + 63 * 12 + 40 * 4.5
"""The cost of SPOKEN, in millionths of a dollar, at the prices of gemini-3.8-live."""
EMPTY_MILLIONTHS = 510 * 0.75 + 1 * 3


def turn(connection: Connection, usage: dict, pcm: bytes = bytes(9600)) -> None:
    connection.audio(pcm)
    connection.content(generationComplete=True)
    connection.say({"serverContent": {"turnComplete": True}, "usageMetadata": usage})


def answering(*usages: dict):
    """A handler that answers each question with the next usage, in all connections together."""
    left = iter(usages)

    def handle(connection: Connection) -> None:
        connection.set_up()
        connection.hear()
        turn(connection, next(left))
        connection.drain()

    return handle


@pytest.fixture
def send(livecli, speech):
    """Send half a second of sound to a server that does this."""

    def run(handler, *words):
        with live_server(handler) as server:
            return livecli("send", speech, "--base-url", server.url, "--speed", 0, "--json", *words)

    return run


def test_one_turn(send):
    ran = send(answering(SPOKEN), "--stats")
    assert (ran.status, ran.summary["usage"]) == (0, SPOKEN)
    assert "usage     text in 339 · audio in 287 · audio out 63 · thoughts 40 tokens\n" in ran.err


CALLED = {"functionCalls": [{"id": "1", "name": "f", "args": {}}]}
BOTH_TURNS = {
    "promptTokenCount": 68,
    "candidatesTokenCount": 66,
    "totalTokenCount": 134,
    "promptTokensDetails": details(TEXT=68),
    "candidatesTokensDetails": details(TEXT=16, AUDIO=50),
}


def call(connection: Connection) -> None:
    """Vertex AI ends one turn with the call, and answers in another (recorded)."""
    connection.hear()
    connection.say({"toolCall": CALLED})
    while "toolResponse" not in connection.receive():
        pass
    connection.say({"serverContent": {"turnComplete": True}, "usageMetadata": VERTEX_CALL})


def test_both_turns_of_a_function_call_are_billed(send):
    def calling(connection: Connection) -> None:
        connection.set_up()
        call(connection)
        turn(connection, VERTEX_ANSWER)
        connection.drain()

    ran = send(calling, "--tool", "f=echo 1")
    assert (ran.status, ran.summary["usage"]) == (0, BOTH_TURNS), ran.err


def split(connection: Connection) -> None:
    """A pause in the question ends an empty turn, and one answer comes to all of it."""
    connection.set_up()
    connection.content(interrupted=True)
    connection.say({"serverContent": {"turnComplete": True}, "usageMetadata": EMPTY})
    connection.hear()
    turn(connection, SPOKEN)
    connection.drain()


def test_a_turn_that_a_pause_cut_short_is_billed_for_its_prompt(send):
    ran = send(split)
    assert ran.status == 0, ran.err
    assert (ran.summary["usage"]["promptTokenCount"], ran.summary["usage"]["thoughtsTokenCount"]) == (1137, 40)


def test_a_turn_that_is_repeated_after_a_lost_connection_counts_once(send, monkeypatch):
    """The first connection is lost after a turn that no handle includes, so that turn comes again."""
    monkeypatch.setattr(retry, "FIRST_PAUSE_SECONDS", 0.02)
    connections = []

    def losing(connection: Connection) -> None:
        connections.append(connection)
        connection.set_up()
        if len(connections) == 1:
            connection.say({"sessionResumptionUpdate": {"newHandle": "h", "resumable": True}})
        call(connection)
        if len(connections) == 1:
            connection.close(1011)
        else:
            turn(connection, VERTEX_ANSWER)
            connection.drain()

    ran = send(losing, "--tool", "f=echo 1", "--platform", "developer")
    assert (ran.status, len(connections)) == (0, 2), ran.err
    assert ran.summary["usage"] == BOTH_TURNS


def test_each_turn_of_a_chat_and_all_of_them(converse):
    def handle(connection: Connection) -> None:
        connection.set_up()
        for usage in (SPOKEN, EMPTY):
            connection.receive()
            turn(connection, usage)
        connection.drain()

    with live_server(handle) as server:
        ran = converse("a\nb\n/usage\n", "--base-url", server.url, "--json")
    assert [summary["usage"] for summary in ran.summaries] == [SPOKEN, EMPTY]
    rows = [line.split() for line in ran.err.splitlines()]
    assert ["1", "339", "287", "63", "40", "$0.002051"] in rows
    assert ["2", "510", "1", "0", "0", "$0.000385"] in rows
    assert ["total", "849", "288", "63", "40", "$0.002437"] in rows
    assert [summary["cost_usd"] for summary in ran.summaries] == pytest.approx(
        [SPOKEN_MILLIONTHS / 1e6, EMPTY_MILLIONTHS / 1e6]
    )


# --- the cost ---


def test_the_cost_of_a_run(send):
    ran = send(answering(SPOKEN), "--stats")
    assert ran.summary["cost_usd"] == pytest.approx(SPOKEN_MILLIONTHS / 1e6)
    assert "cost      $0.002051 at the prices of 2026-09-18\n" in ran.err


def test_the_cost_of_several_turns_is_that_of_each(send):
    assert send(split).summary["cost_usd"] == pytest.approx((SPOKEN_MILLIONTHS + EMPTY_MILLIONTHS) / 1e6)


UNKNOWN = "no price is known for {}, so the cost is not: --prices FILE.toml names it\n"


@pytest.mark.parametrize(
    ("model", "missing"),
    [
        ("gemini-3.1-flash-live-preview", "audio in of {0}, audio out of {0}"),
        ("gemini-9", "text in of {0}, audio in of {0}, audio out of {0}, thoughts of {0}"),
    ],
)
def test_a_model_without_a_full_price_has_no_cost_and_that_is_said_once(livecli, tmp_path, model, missing):
    for name in ("a.wav", "b.wav"):
        write_wav(tmp_path / name, tone(800))
    with live_server(answering(SPOKEN, SPOKEN, SPOKEN, SPOKEN)) as server:
        words = ("send", "a.wav", "b.wav", "--base-url", server.url, "--speed", 0, "--json", "--model", model)
        for more in ((), ("--jobs", 1)):
            ran = livecli(*words, *more)
            assert (ran.status, [summary["cost_usd"] for summary in ran.summaries]) == (0, [None, None])
            assert ran.err.count("no price") == 1
            assert UNKNOWN.format(missing.format(model)) in ran.err
            assert "cost " not in ran.err.replace("the cost is", "")


def test_the_cost_of_a_batch(livecli, tmp_path):
    for name in ("a.wav", "b.wav"):
        write_wav(tmp_path / name, tone(800))
    with live_server(answering(SPOKEN, EMPTY)) as server:
        ran = livecli("send", "a.wav", "b.wav", "--base-url", server.url, "--speed", 0, "--json", "--jobs", 2)
    assert sum(summary["cost_usd"] for summary in ran.summaries) == pytest.approx(
        (SPOKEN_MILLIONTHS + EMPTY_MILLIONTHS) / 1e6
    )
    assert " · $0.002437 → ./\n" in ran.err


def test_prices_of_a_file(send, tmp_path):
    prices = tmp_path / "prices.toml"
    prices.write_text('["gemini-3.8-live"]\ntext_in = 100\naudio_in = 0\n')
    ran = send(answering(SPOKEN), "--stats", "--prices", prices)
    assert ran.summary["cost_usd"] == pytest.approx((339 * 100 + 63 * 12 + 40 * 4.5) / 1e6)
    assert "cost      $0.0348\n" in ran.err


def test_prices_of_a_file_for_a_chat(converse, tmp_path):
    (tmp_path / "prices.toml").write_text("[m]\ntext_in = 1\naudio_in = 1\n")

    def handle(connection: Connection) -> None:
        connection.set_up()
        for usage in (EMPTY, SPOKEN):
            connection.receive()
            turn(connection, usage)
        connection.drain()

    with live_server(handle) as server:
        words = ("--base-url", server.url, "--model", "m", "--prices", "prices.toml", "--json")
        ran = converse("a\n/usage\nb\n/usage\n", *words)
    assert [summary["cost_usd"] for summary in ran.summaries] == [pytest.approx(511e-6), None]
    rows = [line.split() for line in ran.err.splitlines()]
    assert ["total", "510", "1", "$0.000511"] in rows
    assert ["2", "339", "287", "63", "40", "–"] in rows
    assert ["total", "849", "288", "63", "40", "–"] in rows
    assert UNKNOWN.format("audio out of m, thoughts of m") in ran.err


@pytest.mark.parametrize("command", ["send", "chat"])
@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[m]\ntext_in = 1\ntext_on = 2\n", "prices.toml:3: there is no 'text_on' here\nhint: did you mean text_in?\n"),
        ("[m\n", "prices.toml:1: this is not TOML: "),
    ],
)
def test_a_mistake_in_a_file_of_prices_is_one_of_usage(livecli, tmp_path, command, text, says):
    (tmp_path / "prices.toml").write_text(text)
    ran = livecli(command, "--prices", "prices.toml", "--base-url", "ws://127.0.0.1:1", "--json")
    assert (ran.status, ran.out) == (2, "")
    assert says in ran.err


@pytest.mark.parametrize(("content", "says"), [(None, "cannot read"), (b"\xff", "is not UTF-8 text")])
def test_a_file_of_prices_that_cannot_be_read(livecli, tmp_path, content, says):
    if content is not None:
        (tmp_path / "prices.toml").write_bytes(content)
    ran = livecli("send", "--prices", "prices.toml", "--base-url", "ws://127.0.0.1:1")
    assert (ran.status, ran.out) == (3, "")
    assert says in ran.err
