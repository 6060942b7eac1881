"""The lines of `--explain`."""

from __future__ import annotations

import pytest

from livecli.console.explain import ExplanationLines, explanation
from livecli.errors import Advice, FileError, OutputClosed, QuotaError, ServerError
from tests.console.runs import ENDPOINT, answered_run, failed_run

ADVICE = Advice("the model is not served there", ("use another location", "use another model"), "reported")


def lines(error, endpoint=None):
    """The lines as (label, text)."""
    return [(line[2:10].strip(), line[12:]) for line in explanation(error, endpoint).splitlines()]


def test_all_facts_in_their_order():
    error = ServerError("no such model", advice=ADVICE, close_code=1008, close_reason="Not found.", retry="never")
    assert lines(error, ENDPOINT) == [
        ("cause", "the model is not served there"),
        ("seen", 'close 1008, "Not found."'),
        ("where", "vertex, gemini-live, us-central1"),
        ("", "wss://us-central1-aiplatform.googleapis.com/ws/x"),
        ("try", "1. use another location"),
        ("", "2. use another model"),
        ("retry", "does not help: the same request fails in the same way"),
        ("status", "6: The server refused or ended the session before the run's end."),
        ("source", "reported"),
    ]


def test_an_error_without_advice_has_its_message_and_hint():
    assert lines(FileError("no such file", hint="make one")) == [
        ("seen", "no such file"),
        ("try", "1. make one"),
        ("status", "3: A local file or audio device cannot be read or written."),
    ]


@pytest.mark.parametrize(
    ("code", "reason", "seen"),
    [
        (1006, "", "no close: the connection was lost"),
        (1011, "", "close 1011, without a reason"),
        (1011, "a\x1b[2J", 'close 1011, "a\\x1b[2J"'),
    ],
)
def test_the_symptom_is_the_close(code, reason, seen):
    assert ("seen", seen) in lines(ServerError("ended", close_code=code, close_reason=reason))


@pytest.mark.parametrize(("retry", "advice"), [("later", "may help after a pause"), ("resume", "helps at once")])
def test_whether_a_retry_helps(retry, advice):
    [text] = [text for label, text in lines(QuotaError("full", retry=retry)) if label == "retry"]
    assert text.startswith(advice)


def test_secrets_are_left_out():
    error = ServerError("no", advice=Advice("the key AIza-secret-key is bad"), hint="renew AIza-secret-key")
    error.elide("AIza-secret-key")
    assert "AIza" not in explanation(error, None)
    assert ("cause", "the key … is bad") in lines(error)


def test_runs_that_failed_are_explained(capsys):
    reporter = ExplanationLines()
    reporter.finished(answered_run())
    reporter.finished(failed_run(OutputClosed("closed")))
    assert capsys.readouterr().err == ""
    error = FileError("no such file")
    reporter.finished(failed_run(error))
    assert capsys.readouterr().err == explanation(error, ENDPOINT)
