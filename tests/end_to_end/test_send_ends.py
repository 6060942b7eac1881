"""A run ends with the last thing that is due, not a while after it."""

import time

import pytest

from tests.live_server import Connection, live_server

HEARD, SAID = ({"text": words, "finished": True} for words in ("heard", "said"))


@pytest.mark.parametrize("order", ["all at once", "the end of the turn last", "usage last"])
def test_nothing_is_waited_for_that_has_come(livecli, monkeypatch, tmp_path, order):
    monkeypatch.setattr("livecli.client.turn.LINGER_SECONDS", 30)

    def talk(connection: Connection) -> None:
        connection.set_up()
        connection.hear()
        connection.audio(bytes(9600))
        transcripts = {"inputTranscription": HEARD, "outputTranscription": SAID}
        if order == "all at once":
            connection.say({"serverContent": {**transcripts, "turnComplete": True}, "usageMetadata": {"n": 1}})
        elif order == "the end of the turn last":
            connection.say({"serverContent": transcripts, "usageMetadata": {"n": 1}})
            connection.content(turnComplete=True)
        else:
            connection.content(**transcripts, turnComplete=True)
            connection.say({"usageMetadata": {"n": 1}})
        connection.drain()

    started = time.monotonic()
    with live_server(talk) as server:
        ended = livecli("send", "--base-url", server.url, "--speed", "0", "-o", str(tmp_path / "r.wav"))
    assert ended.status == 0, ended.err
    assert time.monotonic() - started < 15
