"""A chat through pipes: answers on standard output, everything else on standard error."""

from __future__ import annotations

import io
import sys

import pytest

from livecli.console.chat_pipe import PipeChat
from livecli.errors import OutputClosed, QuotaError, ServerError
from livecli.protocol import events
from livecli.protocol.grounding import Citation
from tests.console.runs import answered_run, failed_run


def say(reporter, *texts):
    for text in texts:
        reporter.turn_event(events.OutputTranscript(text))


def test_an_answer_is_one_line_of_standard_output(capsys):
    reporter = PipeChat()
    say(reporter, "one ", "two")
    reporter.turn_event(events.ModelText(" three"))
    assert capsys.readouterr().out == "one two three", "each part is written at once"
    reporter.finished(answered_run())
    assert capsys.readouterr() == ("\n", "")


def test_only_text_of_the_model_is_an_answer(capsys):
    reporter = PipeChat()
    reporter.event("sent", events.OutputTranscript("sent"), 0.0)
    for event in (events.InputTranscript("heard"), events.Thought("hm"), events.OutputTranscript("")):
        reporter.turn_event(event)
    reporter.finished(answered_run())
    assert capsys.readouterr().out == "", "and without an answer there is no line to end"


def test_a_silent_chat_writes_no_answers(capsys):
    reporter = PipeChat(silent=True)
    say(reporter, "one")
    reporter.finished(answered_run())
    assert capsys.readouterr().out == ""


def test_an_answer_with_control_characters_is_passed_on_to_a_program(capsys):
    say(PipeChat(), "a\x1b[2J\nb")
    assert capsys.readouterr().out == "a\x1b[2J\nb"


def test_an_answer_is_escaped_for_a_terminal(monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    monkeypatch.setattr(sys, "stdout", Terminal())
    say(PipeChat(), "a\x1b[2J\nb\tक्\u200dष")
    assert sys.stdout.getvalue() == "a\\x1b[2J\nb\tक्\u200dष"


def test_sources_and_an_interruption_are_notes(capsys):
    summary = answered_run()
    summary.stats.citations = [Citation("A", "https://a.example")]
    summary.stats.interrupted = True
    PipeChat().finished(summary)
    assert capsys.readouterr().err.splitlines() == ["[1] A https://a.example", "the answer was interrupted"]


@pytest.mark.parametrize(("error", "lines"), [(QuotaError("full"), ["error: full"]), (OutputClosed("closed"), [])])
def test_an_error_ends_the_line(capsys, error, lines):
    reporter = PipeChat()
    say(reporter, "half")
    reporter.finished(failed_run(error))
    out, err = capsys.readouterr()
    assert (out, err.splitlines()) == ("half\n", lines)


def test_the_end_of_a_session_is_told_by_the_next_turn(capsys):
    PipeChat().ended(ServerError("gone"))
    assert capsys.readouterr() == ("", "")
