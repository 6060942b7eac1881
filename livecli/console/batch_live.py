"""Many runs shown at a terminal: a live line for all of them, a table of percentiles at the end."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from rich.console import Console, RenderableType
from rich.live import Live as LiveDisplay
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from . import formatting
from .batch import BatchLines

BAR_COLUMNS = 24


class LiveBatch(BatchLines):
    """A crowd's lines, with a live display below them. The loop draws it: a thread would be in everybody's way."""

    look_seconds = 0.25

    def __init__(self, total: int, *, verbose: bool = False, debug: bool = False, explain: bool = False) -> None:
        super().__init__(total, verbose=verbose, debug=debug, explain=explain)
        self._console = Console(stderr=True, highlight=False)
        self._display = LiveDisplay(
            get_renderable=self._line,
            console=self._console,
            auto_refresh=False,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._shown = False

    @asynccontextmanager
    async def watching(self) -> AsyncIterator[None]:
        self._show(True)
        async with super().watching():
            yield

    def _show(self, shown: bool) -> None:
        if shown != self._shown:
            (self._display.start if shown else self._display.stop)()
            self._shown = shown

    def write(self, line: str) -> None:
        # Text, not a string: markup in what a peer sent is not for us to obey.
        self._console.print(Text(line), soft_wrap=True)

    def interlude(self, begins: bool) -> None:
        self._show(not begins)

    def look(self) -> None:
        self._display.refresh()

    def failed(self, summary):  # type: ignore[no-untyped-def]
        shown = self._shown
        self._show(False)  # errors are written past the console
        super().failed(summary)
        self._show(shown)

    def end(self) -> None:
        self._show(False)
        super().end()

    def leave(self) -> None:
        self._show(False)

    def tell_percentiles(self) -> None:
        table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
        table.add_column("")
        for name in formatting.SHARES:
            table.add_column(name, justify="right", style="green")
        for name, row in formatting.percentiles(self.tally):
            table.add_row(Text(name, style="dim"), *row)
        self._console.print(table)

    def _line(self) -> RenderableType:
        bar = ProgressBar(total=self.tally.total, completed=self.tally.ended, width=BAR_COLUMNS)
        grid = Table.grid(padding=(0, 1))
        grid.add_row(bar, Text(formatting.batch_progress(self.tally, time.monotonic())))
        return grid
