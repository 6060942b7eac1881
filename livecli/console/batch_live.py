"""Display of a batch at a terminal: a row for each run that is over, and live below them those under way."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from rich.console import RenderableType
from rich.live import Live as LiveDisplay
from rich.text import Text

from ..errors import LivecliError
from ..process.stdio import Span, print_traceback
from ..report.batch_stats import BatchStats
from ..report.reporter import NO_OPTIONS, DisplayOptions
from ..report.summary import Summary
from . import charts, formatting
from .batch import BatchLines
from .live import rich_text, terminal_console

SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
TURNS_PER_SECOND = 4

BAR_COLUMNS = 6, 27
"""The narrowest and the widest bar."""
MOST_ROWS = 8
"""Runs under way that are displayed at most."""
OTHER_LINES = 4
"""The lines of a terminal that are left for other things than runs under way."""


class LiveBatch(BatchLines):
    """The lines of a batch, with a live display below them.

    The event loop refreshes the display: a thread of rich's would compete with the runs for the interpreter lock.
    """

    progress_seconds = 0.25

    def __init__(self, names: Sequence[str], folder: str = "./", options: DisplayOptions = NO_OPTIONS) -> None:
        super().__init__(names, folder, options)
        self._console = terminal_console()
        self._display: LiveDisplay | None = None

    @property
    def columns(self) -> int:
        return self._console.width

    @asynccontextmanager
    async def progress_reports(self) -> AsyncIterator[None]:
        self._set_displayed(True)
        async with super().progress_reports():
            yield

    def _set_displayed(self, displayed: bool) -> None:
        if displayed and not self._display:
            # A display that is started for the second time would erase as many lines above it as it had.
            self._display = LiveDisplay(
                get_renderable=self._live_lines,
                console=self._console,
                auto_refresh=False,
                transient=True,
                redirect_stdout=False,
                redirect_stderr=False,
            )
            self._display.start(refresh=True)
        elif self._display and not displayed:
            self._display.stop()
            self._display = None

    def write(self, line: str) -> None:
        self.write_spans([("", line)])

    def write_spans(self, spans: Sequence[Span]) -> None:
        self._console.print(rich_text(spans), soft_wrap=True)

    def interlude(self, begins: bool) -> None:
        self._set_displayed(not begins)

    def show_progress(self) -> None:
        if self._display:
            self._display.refresh()

    def finish(self, summary: Summary) -> None:
        # The run is no longer under way. Rich prints the row above what it has drawn last.
        self.show_progress()
        super().finish(summary)

    def print_failure(self, summary: Summary, error: LivecliError, *, hint: bool) -> None:
        if self.options.debug:
            self._set_displayed(False)
            print_traceback(error)
            self._set_displayed(True)
        for row in formatting.failed_rows(summary, error, self.name_columns, self.columns, hint=hint):
            self.write_spans(row)

    def stopped(self, error: LivecliError) -> None:
        self._set_displayed(False)
        super().stopped(error)

    def print_totals(self) -> None:
        self._set_displayed(False)
        super().print_totals()

    def restore_terminal(self) -> None:
        self._set_displayed(False)

    def _live_lines(self) -> RenderableType:
        rows = max(1, min(MOST_ROWS, self._console.height - OTHER_LINES))
        now = time.monotonic()
        lines = live_lines(self.stats, self.name_columns, self.columns - 1, rows, now, self._folder)
        return Text("\n", no_wrap=True, overflow="crop").join(map(rich_text, lines))


def live_lines(
    stats: BatchStats, name_columns: int, columns: int, rows: int, now: float, folder: str
) -> list[list[Span]]:
    """The runs under way, at most so many `rows` of them, and the progress of the whole batch."""
    runs = stats.runs_under_way
    lines = [run_under_way(summary, seconds, name_columns, columns, now) for summary, seconds in runs[:rows]]
    others = f"   (+ {formatting.count(len(runs) - rows)} more)"
    if len(runs) > rows and _width(lines[-1]) + len(others) <= columns:
        lines[-1].append(("dim", others))
    narrowest, widest = BAR_COLUMNS
    facts = formatting.dotted(formatting.batch_progress(stats, now))
    # What does not fit behind the narrowest bar is left out, from the end.
    room = columns - narrowest - 2
    while len(facts) > 1 and _width(facts) > room:
        facts = facts[:-2]
    length = _width(facts)
    arrow = f" → {folder}"
    if length + charts.cells(arrow) <= room:
        facts.append(("", arrow))
        length += charts.cells(arrow)
    share = stats.ended / stats.total if stats.total else 1.0
    bar = charts.progress_bar(share, max(narrowest, min(widest, columns - 2 - length)))
    return [*lines, [*bar, ("", "  "), *facts]]


def _width(spans: Sequence[Span]) -> int:
    return sum(charts.cells(text) for _, text in spans)


def run_under_way(summary: Summary, seconds: float | None, name_columns: int, columns: int, now: float) -> list[Span]:
    """A run: its name, and how much of its input was sent, or of its answer received."""
    stats = summary.stats
    spin = SPINNER[int(now * TURNS_PER_SECOND) % len(SPINNER)]
    line: list[Span] = [("cyan", f"{spin} "), ("", formatting.name_cell(formatting.input_name(summary), name_columns))]
    sent, received = stats.sent.audio_seconds, stats.received.audio_seconds
    if summary.setup_seconds is None:
        return [*line, ("dim", "  connecting")]
    figures = f"{sent:.1f} / {formatting.short_seconds(seconds)}" if seconds else formatting.short_seconds(sent)
    if stats.asked_at is not None:
        figures = f"{formatting.short_seconds(sent)} → {formatting.short_seconds(received)}"
    narrowest, widest = BAR_COLUMNS
    width = min(widest // 2, columns - name_columns - len(figures) - len("    (+ 99 more)") - 4)
    if width >= narrowest and seconds:
        share = 1.0 if stats.asked_at is not None else sent / seconds
        line += [("", "  "), *charts.progress_bar(share, width)]
    return [*line, ("", f"  {figures}")]
