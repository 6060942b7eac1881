"""The tokens and the price of a run, from the usage that a server reports to what is printed."""

from __future__ import annotations

import pytest

from livecli.client import retry
from tests.live_server import Connection, live_server
from tests.report.test_usage import EMPTY, SPOKEN, VERTEX_ANSWER, VERTEX_CALL, details


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
    ran = send(answering(SPOKEN))
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


def test_a_turn_that_a_pause_cut_short_is_billed_for_its_prompt(send):
    def split(connection: Connection) -> None:
        connection.set_up()
        connection.content(interrupted=True)
        connection.say({"serverContent": {"turnComplete": True}, "usageMetadata": EMPTY})
        connection.hear()
        turn(connection, SPOKEN)
        connection.drain()

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
    assert ["1", "339", "287", "63", "40"] in rows
    assert ["2", "510", "1", "0", "0"] in rows
    assert ["total", "849", "288", "63", "40"] in rows
