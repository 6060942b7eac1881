"""A run at a terminal: lines, a live display below them, and a table at the end."""

from __future__ import annotations

import pytest

from livecli.console.live import LiveLines
from livecli.errors import QuotaError
from livecli.protocol import events
from tests.console.runs import ENDPOINT, answered_run, failed_run, report_run

HIDE_CURSOR, SHOW_CURSOR = "\x1b[?25l", "\x1b[?25h"


@pytest.fixture
def display(stderr):
    """A display whose live part is gone at the end of the test."""
    made = LiveLines()
    yield made
    made.restore_terminal()


def test_the_figures_of_a_run_are_a_table(display, stderr):
    report_run(display, answered_run())
    assert "q.wav: 2.00 s" in stderr.lines
    rows = [line.split("  ") for line in stderr.lines]
    assert ["chunks", "4", "2"] in [[cell.strip() for cell in row if cell] for row in rows]
    assert any(line.startswith("reply") and line.endswith("reply.wav") for line in stderr.lines)
    assert stderr.getvalue().count(HIDE_CURSOR) == stderr.getvalue().count(SHOW_CURSOR) == 1


def test_the_live_display_has_what_has_been_sent_and_received(display, stderr):
    display.started(answered_run(), None, 4.0)
    display.connected(answered_run())
    display._display.refresh()
    assert "64,000 bytes, 2.00 s of 4.00 s, 4 chunks" in stderr.text
    assert "48,000 bytes, 1.00 s, 2 chunks" in stderr.text


def test_each_interim_transcript_replaces_the_one_before(display, stderr):
    display.connected(answered_run())
    for guess in ("Where", "Where is", "Where is\x1b[2J the station?"):
        display.event("received", events.InterimTranscript(guess), 1.0)
    display._display.refresh()
    assert "Where is\\x1b[2J the station?" in stderr.text
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


def test_several_runs_have_a_display_each(display, stderr):
    for name in ("a.wav", "b.wav"):
        report_run(display, answered_run(name), events.OutputTranscript("hi"))
    assert [line for line in stderr.lines if ".wav:" in line] == ["a.wav: 2.00 s", "b.wav: 2.00 s"]
    assert stderr.getvalue().count(HIDE_CURSOR) == stderr.getvalue().count(SHOW_CURSOR) == 2


def test_events_are_lines_if_verbose(stderr):
    display = LiveLines(verbose=True)
    display.event("received", events.OutputTranscript("a"), 1.0)
    assert stderr.lines == ["   1.000 s  received output_transcript: text='a'"]


def test_markup_is_printed_as_it_is(display, stderr):
    display.warning("[bold]x[/bold] [link=file:///]y")
    assert stderr.lines == ["warning: [bold]x[/bold] [link=file:///]y"]


def test_a_long_line_is_not_broken(display, stderr):
    display.warning("x " * 100)
    assert stderr.lines == [f"warning: {'x ' * 100}".rstrip()]
