"""The answers of `send` as text, on standard output."""

from __future__ import annotations

import sys

import pytest

from livecli.console.answer import AnswerLines
from livecli.errors import QuotaError
from livecli.protocol import events
from livecli.report.reporter import Reporter
from tests.console.conftest import TerminalText
from tests.console.runs import answered_run, failed_run


class Display(Reporter):
    """A display that notes what standard output had when it left the terminal, and when it returned."""

    def __init__(self, capsys):
        self.seen = []
        self._capsys = capsys

    def interlude(self, begins):
        self.seen.append((begins, self._capsys.readouterr().out))


def run_with(*texts, name="q.wav"):
    summary = failed_run(None, name)
    for text in texts:
        summary.stats.note(events.OutputTranscript(text), 1.0)
        summary.stats.note(events.TurnComplete(), 2.0)
    return summary


def test_each_turn_is_one_line(capsys):
    AnswerLines(Reporter()).finished(run_with(" one\r\ntwo ", "three\u200d"))
    assert capsys.readouterr() == ("one two\nthree\u200d\n", "")


def test_the_name_of_the_input_is_before_each_line_of_several(capsys):
    lines = AnswerLines(Reporter(), several=True)
    lines.finished(run_with("one", "two", name="a\x07.wav"))
    lines.finished(run_with("three", name="b.wav"))
    assert capsys.readouterr().out == "a\\x07.wav: one\na\\x07.wav: two\nb.wav: three\n"


def test_the_display_leaves_the_terminal_meanwhile(capsys):
    display = Display(capsys)
    AnswerLines(display).finished(answered_run())
    assert display.seen == [(True, ""), (False, "over there\n")]


def test_a_run_without_text_prints_nothing_and_disturbs_no_display(capsys):
    display = Display(capsys)
    AnswerLines(display).finished(run_with("", " "))
    assert (display.seen, capsys.readouterr().out) == ([], "")


def test_the_part_of_an_answer_that_came_before_an_error_is_printed(capsys):
    summary = answered_run()
    summary.error = QuotaError("full")
    AnswerLines(Reporter()).finished(summary)
    assert capsys.readouterr().out == "over there\n"


@pytest.mark.parametrize(("stream", "text"), [(TerminalText, "क्\u200dष\\x1b[2J\n"), (None, "क्\u200dष\x1b[2J\n")])
def test_control_characters_are_escaped_for_a_terminal_only(monkeypatch, capsys, stream, text):
    with monkeypatch.context() as patched:
        if stream:
            patched.setattr(sys, "stdout", stream())
        AnswerLines(Reporter()).finished(run_with("क्\u200dष\x1b[2J"))
        written = sys.stdout.getvalue() if stream else capsys.readouterr().out
    assert written == text
