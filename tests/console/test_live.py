"""A run at a terminal: lines, a live display below them, and its result at the end."""

from __future__ import annotations

import pytest

from livecli.console.charts import cells
from livecli.console.live import LiveLines, progress_lines
from livecli.errors import QuotaError
from livecli.protocol import events
from livecli.report.reporter import DisplayOptions
from livecli.report.summary import Summary
from livecli.report.timeline import Timeline
from tests.console.runs import ENDPOINT, answered_run, failed_run, report_run

HIDE_CURSOR, SHOW_CURSOR = "\x1b[?25l", "\x1b[?25h"


@pytest.fixture
def display(stderr):
    """A display whose live part is gone at the end of the test."""
    made = LiveLines()
    yield made
    made.restore_terminal()


def test_a_run_ends_with_its_result(display, stderr):
    report_run(display, answered_run())
    assert stderr.lines[-1] == "reply.wav · complete"
    assert stderr.getvalue().count(HIDE_CURSOR) == stderr.getvalue().count(SHOW_CURSOR) == 1


def test_each_interim_transcript_replaces_the_one_before(display, stderr):
    display.connected(answered_run())
    for guess in ("Where", "Where is", "Where is\x1b[2J the station?"):
        display.event("received", events.InterimTranscript(guess), 1.0)
    display._display.refresh()
    assert "Where is\\x1b[2J the station?" in stderr.text
    length = len(stderr.text)
    display.event("received", events.InputTranscript("Where is the station?"), 1.0)
    display._display.refresh()
    assert "Where" not in stderr.text[length:]
    display.finished(answered_run())
    length = len(stderr.text)
    display.connected(answered_run())
    display._display.refresh()
    assert "Where" not in stderr.text[length:]


def test_there_is_no_live_display_before_the_connection(display, stderr):
    display.started(answered_run(), None, 4.0)
    display.connecting(ENDPOINT)
    display.interlude(True)
    display.interlude(False)
    assert HIDE_CURSOR not in stderr.getvalue()


def test_an_interlude_gives_the_terminal_back(display, stderr):
    display.connected(answered_run())
    display.interlude(True)
    assert stderr.getvalue().rindex(HIDE_CURSOR) < stderr.getvalue().rindex(SHOW_CURSOR)
    display.interlude(False)
    display.finished(answered_run())
    assert stderr.getvalue().count(HIDE_CURSOR) == stderr.getvalue().count(SHOW_CURSOR) == 2


def test_an_error_stands_below_the_display(display, stderr):
    display.connected(answered_run())
    display.finished(failed_run(QuotaError("full")))
    assert stderr.lines[-1] == "error: full"
    assert SHOW_CURSOR in stderr.getvalue()


def test_events_are_lines_if_verbose(stderr):
    display = LiveLines(DisplayOptions(verbosity=2))
    display.event("received", events.OutputTranscript("a"), 1.0)
    assert stderr.lines == ['   1.000 s  received output_transcript {"text": "a"}']


def test_markup_is_printed_as_it_is(display, stderr):
    display.warning("[bold]x[/bold] [link=file:///]y")
    assert stderr.lines == ["warning: [bold]x[/bold] [link=file:///]y"]


def test_a_long_line_is_not_broken(display, stderr):
    display.warning("x " * 100)
    assert stderr.lines == [f"warning: {'x ' * 100}".rstrip()]


# --- the live lines ---


def live_lines(summary, columns=80, *, seconds=2.0, guess="", now=3.0):
    return [
        "".join(text for _, text in line).rstrip() for line in progress_lines(summary, seconds, guess, columns, now)
    ]


def run_so_far(sent=0, said="", received=0):
    """A run of which so many seconds were sent at twice the pace, and so many received."""
    summary = Summary("question.wav")
    for flow, chunks, rate in ((summary.stats.sent, sent, 16_000), (summary.stats.received, received, 24_000)):
        flow.timeline = Timeline()
        for number in range(chunks):
            flow.add(events.AudioChunk(bytes(2 * rate), rate), number / 2)
    if said:
        summary.stats.note(events.OutputTranscript(said), 1.0)
    return summary


def test_what_was_sent_has_a_share_times_speed_and_what_is_left():
    question, answer = live_lines(run_so_far(3), seconds=12.0)
    assert question == "question.wav  ━━━━━━━──────────────────────   25%  0:03 / 0:12  3.0×  0:03 left"
    assert answer == "gemini        listening"


def test_the_bar_is_full_once_all_was_sent():
    summary = run_so_far(3)
    summary.stats.asked_at = 1.0
    question, answer = live_lines(summary, seconds=3.1)
    assert "─" not in question
    assert question.endswith("100%  0:03 / 0:03  3.0×  sent")
    assert answer == "gemini        waiting 0:02"


@pytest.mark.parametrize("columns", [20, 30, 40, 60, 80, 120])
def test_the_lines_fit(columns):
    summary = run_so_far(100, "日本語でも、どうぞ。" * 20, received=2)
    for line in live_lines(summary, columns, seconds=6000.0):
        assert cells(line) < columns


def test_the_words_end_where_the_level_begins():
    [_, answer] = live_lines(run_so_far(1, "one two three " * 10, received=2), 60)
    words, figures = answer.split("▌")
    assert words.startswith("gemini        …")
    assert words.endswith("one two three ")
    assert figures.split() == ["0:02", "▁▁▁▁▁▁"]


def test_a_question_of_unknown_length_has_no_bar():
    assert live_lines(run_so_far(3), seconds=None)[0] == "question.wav  0:03 sent  3.0×"


def test_a_text_question_has_no_sound_to_send():
    summary = Summary("text")
    summary.stats.asked_at = 1.0
    assert live_lines(summary, seconds=None) == ["gemini  waiting 0:02"]


def test_an_interim_transcript_is_among_the_words():
    assert live_lines(run_so_far(), guess="Where\x1b") == ["gemini  Where\\x1b▌"]
