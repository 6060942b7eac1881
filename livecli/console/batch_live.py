"""Display of a batch at a terminal: a live progress line, and a table of percentiles at the end."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from rich.console import RenderableType
from rich.live import Live as LiveDisplay
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from ..errors import LivecliError
from ..process.stdio import Span
from ..report.reporter import NO_OPTIONS, DisplayOptions
from ..report.summary import Summary
from . import formatting
from .batch import BatchLines
from .live import rich_text, terminal_console

BAR_COLUMNS = 24


class LiveBatch(BatchLines):
    """The lines of a batch, with a live display below them.

    The event loop refreshes the display: a thread of rich's would compete with the runs for the interpreter lock.
    """

    progress_seconds = 0.25

    def __init__(self, total: int, options: DisplayOptions = NO_OPTIONS) -> None:
        super().__init__(total, options)
        self._console = terminal_console()
        self._display = LiveDisplay(
            get_renderable=self._progress_line,
            console=self._console,
            auto_refresh=False,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._is_displayed = False

    @asynccontextmanager
    async def progress_reports(self) -> AsyncIterator[None]:
        self._set_displayed(True)
        async with super().progress_reports():
            yield

    def _set_displayed(self, displayed: bool) -> None:
        if displayed != self._is_displayed:
            (self._display.start if displayed else self._display.stop)()
            self._is_displayed = displayed

    def write(self, line: str) -> None:
        self.write_spans([("", line)])

    def write_spans(self, spans: Sequence[Span]) -> None:
        self._console.print(rich_text(spans), soft_wrap=True)

    def interlude(self, begins: bool) -> None:
        self._set_displayed(not begins)

    def show_progress(self) -> None:
        self._display.refresh()

    def print_failure(self, summary: Summary) -> None:
        was_displayed = self._is_displayed
        # Errors are written to standard error directly, so the live display must not be there meanwhile.
        self._set_displayed(False)
        super().print_failure(summary)
        self._set_displayed(was_displayed)

    def stopped(self, error: LivecliError) -> None:
        self._set_displayed(False)
        super().stopped(error)

    def print_totals(self) -> None:
        self._set_displayed(False)
        super().print_totals()

    def restore_terminal(self) -> None:
        self._set_displayed(False)

    def print_percentiles(self) -> None:
        table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
        table.add_column("")
        for name in formatting.PERCENTILES:
            table.add_column(name, justify="right", style="green")
        for name, row in formatting.latency_percentiles(self.stats):
            table.add_row(Text(name, style="dim"), *row)
        self._console.print(table)

    def _progress_line(self) -> RenderableType:
        bar = ProgressBar(total=self.stats.total, completed=self.stats.ended, width=BAR_COLUMNS)
        grid = Table.grid(padding=(0, 1))
        grid.add_row(bar, Text(formatting.batch_progress(self.stats, time.monotonic())))
        return grid
