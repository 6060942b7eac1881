"""A batch at a terminal: rows, live lines below them, and totals at the end."""

from __future__ import annotations

import asyncio

import pytest

from livecli.console.batch_live import LiveBatch, live_lines
from livecli.console.charts import cells
from livecli.errors import QuotaError
from livecli.protocol import events
from livecli.report.batch_stats import BatchStats
from livecli.report.summary import Summary
from tests.console.runs import answered_run, failed_run
from tests.virtual_time import in_virtual_time

HIDE_CURSOR, SHOW_CURSOR = "\x1b[?25l", "\x1b[?25h"


@pytest.fixture
def batch(stderr):
    """A display whose live part is gone at the end of the test."""
    made = LiveBatch(["a.wav"] * 4, "replies/")
    yield made
    made.restore_terminal()


def test_progress_is_a_live_line(batch, stderr):
    @in_virtual_time
    async def run():
        async with batch.progress_reports():
            await asyncio.sleep(0.3)
            assert "0/4 · 0 running" in stderr.text
            assert stderr.getvalue().count(SHOW_CURSOR) == 0
        assert stderr.getvalue().count(HIDE_CURSOR) == stderr.getvalue().count(SHOW_CURSOR) == 1

    run()


def test_the_display_is_gone_after_an_error(batch, stderr):
    @in_virtual_time
    async def run():
        with pytest.raises(ZeroDivisionError):
            async with batch.progress_reports():
                raise ZeroDivisionError

    run()
    assert stderr.getvalue().count(HIDE_CURSOR) == stderr.getvalue().count(SHOW_CURSOR) == 1
    assert stderr.lines[-1].startswith("0/4 · ")


def test_the_end_has_the_totals(batch, stderr):
    batch.stats.end(answered_run())
    batch.print_totals()
    sent, received, total = stderr.lines
    assert sent == "sent      4 chunks · 64,000 bytes · 2.00 s"
    assert received == "received  2 chunks · 48,000 bytes · 1.00 s"
    assert total.startswith("1/4 · ")
    assert total.endswith("× → replies/")


def test_runs_that_are_over_are_rows(batch, stderr):
    for summary in (answered_run("a.wav"), failed_run(QuotaError("full", hint="wait"), "b.wav")):
        batch.finish(summary)
    assert stderr.lines == ["✓ a.wav       2.0 s →   1.0 s    500 ms", "✗ b.wav     full · wait"]


def test_an_interlude_gives_the_terminal_back(batch, stderr):
    batch._set_displayed(True)
    batch.interlude(True)
    assert stderr.getvalue().rindex(HIDE_CURSOR) < stderr.getvalue().rindex(SHOW_CURSOR)
    batch.interlude(False)
    assert stderr.getvalue().count(HIDE_CURSOR) == 2


def test_markup_is_printed_as_it_is(batch, stderr):
    batch.warning("[bold]x[/bold]")
    assert stderr.lines == ["warning: [bold]x[/bold]"]


def test_a_display_that_returns_erases_nothing_above_it(batch, stderr):
    for name in ("a.wav", "b.wav"):
        batch.stats.begin(answered_run(name), 2.0)
    batch._set_displayed(True)
    batch.interlude(True)
    length = len(stderr.getvalue())
    batch.interlude(False)
    assert "\x1b[1A" not in stderr.getvalue()[length:]


def test_a_run_that_is_over_is_not_under_way_too(batch, stderr):
    summary = answered_run("a.wav")
    batch.stats.begin(summary, 2.0)
    batch._set_displayed(True)
    batch.stats.end(summary)
    length = len(stderr.text)
    batch.finish(summary)
    assert stderr.text[length:].count("a.wav") == 1


# --- the live lines ---


def lines_of(stats, columns=79, rows=8, now=12.0):
    return ["".join(text for _, text in line).rstrip() for line in live_lines(stats, 8, columns, rows, now, "replies/")]


def run_under_way(name, sent=0.0, *, asked=False, connected=True):
    summary = Summary(name)
    if connected:
        summary.note_opened(None, 0.1, 0.1)
    if sent:
        summary.stats.sent.add(events.AudioChunk(bytes(round(32_000 * sent)), 16_000), 1.0)
    summary.stats.asked_at = 1.0 if asked else None
    return summary


def test_runs_under_way_have_a_bar_each():
    stats = BatchStats(4, 10.0)
    stats.begin(run_under_way("q1.wav", connected=False), 4.0)
    stats.begin(run_under_way("q2.wav", 1.0), 4.0)
    stats.begin(run_under_way("q3.wav", 4.0, asked=True), 4.0)
    stats.begin(run_under_way("q4.wav", 4.0), None)
    *runs, total = lines_of(stats)
    assert [run[2:] for run in runs] == [
        "q1.wav    connecting",
        "q2.wav    ━━━──────────  1.0 / 4.0 s",
        "q3.wav    ━━━━━━━━━━━━━  4.0 s → 0.0 s",
        "q4.wav    4.0 s",
    ]
    assert total == "───────────────────────────  0/4 · 4 running · 4.5× · 0:04 left → replies/"


def test_more_runs_than_rows_are_a_number():
    stats = BatchStats(9, 10.0)
    for number in range(9):
        stats.begin(run_under_way(f"q{number}.wav", 1.0), 4.0)
    first, second, _ = lines_of(stats, rows=2)
    assert "(+" not in first
    assert second.endswith("1.0 / 4.0 s   (+ 7 more)")


@pytest.mark.parametrize("columns", [40, 60, 79, 119])
def test_the_lines_fit(columns):
    stats = BatchStats(100, 10.0)
    for number in range(99):
        stats.begin(run_under_way(f"long/name/q{number}.wav", 100.0), 1000.0)
    assert max(map(cells, lines_of(stats, columns, rows=3))) <= columns
