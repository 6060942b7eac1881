"""A batch at a terminal: lines, a progress line below them, and a table of percentiles at the end."""

from __future__ import annotations

import asyncio

import pytest

from livecli.console.batch_live import LiveBatch
from livecli.errors import QuotaError
from tests.console.runs import answered_run, failed_run
from tests.virtual_time import in_virtual_time

HIDE_CURSOR, SHOW_CURSOR = "\x1b[?25l", "\x1b[?25h"


@pytest.fixture
def batch(stderr):
    """A display whose live part is gone at the end of the test."""
    made = LiveBatch(4)
    yield made
    made.restore_terminal()


def test_progress_is_a_live_line(batch, stderr):
    @in_virtual_time
    async def run():
        async with batch.progress_reports():
            await asyncio.sleep(0.3)
            assert "0 of 4 done, 0 running" in stderr.text
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
    assert stderr.lines[-1].startswith("0 of 4 done, in ")


def test_percentiles_are_a_table(batch, stderr):
    batch.stats.end(answered_run())
    batch.print_totals()
    rows = [line.split() for line in stderr.lines]
    assert ["p50", "p95", "p99", "max"] in rows
    assert ["first", "audio", *["500", "ms"] * 4] in rows


def test_a_failure_is_written_while_the_display_is_away(batch, stderr):
    batch._set_displayed(True)
    batch.print_failure(failed_run(QuotaError("full"), "a.wav"))
    shown = stderr.getvalue()
    assert "error: a.wav: full\n" in stderr.text
    assert shown.index(SHOW_CURSOR) < shown.index("a.wav") < shown.rindex(HIDE_CURSOR)


def test_a_failure_before_the_display_does_not_begin_it(batch, stderr):
    batch.print_failure(failed_run(QuotaError("full"), "a.wav"))
    assert HIDE_CURSOR not in stderr.getvalue()


def test_an_interlude_gives_the_terminal_back(batch, stderr):
    batch._set_displayed(True)
    batch.interlude(True)
    assert stderr.getvalue().rindex(HIDE_CURSOR) < stderr.getvalue().rindex(SHOW_CURSOR)
    batch.interlude(False)
    assert stderr.getvalue().count(HIDE_CURSOR) == 2


def test_markup_is_printed_as_it_is(batch, stderr):
    batch.warning("[bold]x[/bold]")
    assert stderr.lines == ["warning: [bold]x[/bold]"]
