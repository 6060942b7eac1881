"""A run ends with the last thing that is due, not a while after it."""

import time

import pytest

from tests.live_server import Connection, live_server

HEARD, SAID = ({"text": words, "finished": True} for words in ("heard", "said"))
BOUND_SECONDS = 15
AUDIO = bytes([7, 64]) * 2400


@pytest.fixture
def send(livecli, speech, monkeypatch, tmp_path):
    """Send speech to a server that does this once it has heard it. The run may not wait for what is late."""
    monkeypatch.setattr("livecli.client.turn.LINGER_SECONDS", 2 * BOUND_SECONDS)

    def run(then, *words):
        def talk(connection: Connection) -> None:
            connection.set_up()
            connection.hear()
            then(connection)
            connection.drain()

        started = time.monotonic()
        with live_server(talk) as server:
            ended = livecli(
                *("send", speech, "--base-url", server.url, "--speed", "0", "-o", tmp_path / "r.wav", "--json", *words)
            )
        assert ended.status == 0, ended.err
        assert time.monotonic() - started < BOUND_SECONDS
        return ended.summary

    return run


@pytest.mark.parametrize("order", ["all at once", "the end of the turn last", "transcripts without an end"])
def test_nothing_is_waited_for_that_has_come(send, order):
    def answer(connection: Connection) -> None:
        connection.audio(AUDIO)
        transcripts = {"inputTranscription": HEARD, "outputTranscription": SAID}
        if order == "all at once":
            connection.say({"serverContent": {**transcripts, "turnComplete": True}, "usageMetadata": {"n": 1}})
        elif order == "the end of the turn last":
            connection.say({"serverContent": transcripts, "usageMetadata": {"n": 1}})
            connection.content(turnComplete=True)
        else:
            connection.content(inputTranscription={"text": "heard"}, outputTranscription={"text": "said"})
            connection.say({"serverContent": {"turnComplete": True}, "usageMetadata": {"n": 1}})

    summary = send(answer)
    assert summary["transcript"] == {"input": "heard", "output": "said"}
    assert summary["usage"] == {"n": 1}


def test_nor_is_a_transcript_that_was_not_asked_for(send):
    assert send(Connection.answer, "--no-transcripts")["transcript"] == {"input": None, "output": None}


def test_until_all_audio_is_there(send):
    def answer(connection: Connection) -> None:
        connection.content(inputTranscription={"text": "heard"}, outputTranscription={"text": "said"})
        connection.audio(AUDIO)
        connection.audio(AUDIO)
        connection.content(generationComplete=True)

    summary = send(answer, "--until", "generated")
    assert summary["received"]["bytes"] == 2 * len(AUDIO)
    assert (summary["turn"]["complete"], summary["usage"], summary["latency_ms"]["turn"]) == (False, None, None)


def test_until_is_one_of_two_words(livecli):
    ran = livecli("send", "--text", "hello", "--until", "heard")
    assert ran.status == 2
    assert "--until" in ran.err
