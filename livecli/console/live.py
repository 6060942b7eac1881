"""Display of a run at a terminal: live lines for the data sent and received, a table at the end."""

from __future__ import annotations

from rich.console import Console, Group, RenderableType
from rich.live import Live as LiveDisplay
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from ..process.stdio import one_line
from ..protocol import events
from ..report.summary import Summary
from . import formatting
from .lines import PlainLines

REFRESHES_PER_SECOND = 10
BAR_COLUMNS = 24
GUESS_CHARACTERS = 1_000
"""The part of an interim transcript that is displayed: more than a row of a terminal holds."""


class LiveLines(PlainLines):
    """Plain lines, with a live display below them while the run lasts."""

    def __init__(self, *, verbose: bool = False, debug: bool = False, several: bool = False) -> None:
        super().__init__(verbose=verbose, debug=debug, several=several)
        self._console = Console(stderr=True, highlight=False)
        self._display: LiveDisplay | None = None
        self._guess = ""  # what a transcribing model takes the words so far to be

    def write(self, line: str) -> None:
        # A Text object is printed as it is; in a string rich would interpret markup that a peer sent.
        self._console.print(Text(line), soft_wrap=True)

    def connected(self, summary: Summary) -> None:
        super().connected(summary)
        self._guess = ""
        self._display = LiveDisplay(
            get_renderable=lambda: self._progress_lines(summary),
            console=self._console,
            refresh_per_second=REFRESHES_PER_SECOND,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._display.start()

    def interlude(self, begins: bool) -> None:
        if self._display:
            (self._display.stop if begins else self._display.start)()

    def _progress_lines(self, summary: Summary) -> RenderableType:
        sent, received = formatting.transfer_progress(summary, self._seconds)
        bar = ProgressBar(
            total=self._seconds,
            completed=summary.stats.sent.audio_seconds,
            width=BAR_COLUMNS,
            pulse=self._seconds is None and summary.stats.asked_at is None,
        )
        grid = Table.grid(padding=(0, 1))
        grid.add_row(Text("sent", style="cyan"), bar if summary.stats.sent.chunks else "", Text(sent))
        grid.add_row(Text("received", style="green"), "", Text(received))
        if not self._guess:
            return grid
        return Group(grid, Text(one_line(self._guess), style="dim", no_wrap=True, overflow="ellipsis"))

    def event(self, direction: str, event: events.Event, at: float) -> None:
        if isinstance(event, events.InterimTranscript):
            self._guess = event.text[:GUESS_CHARACTERS]
        if self._verbose:
            self._print_event(direction, event, at)

    def finished(self, summary: Summary) -> None:
        self.restore_terminal()
        super().finished(summary)

    def restore_terminal(self) -> None:
        if self._display:
            self._display.stop()
            self._display = None

    def print_summary(self, summary: Summary) -> None:
        table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold", title_justify="left")
        table.add_column("")
        table.add_column("sent", justify="right", style="cyan")
        table.add_column("received", justify="right", style="green")
        for name, sent, received in formatting.transfer_rows(summary):
            table.add_row(Text(name, style="dim"), sent, received)
        facts = Table.grid(padding=(0, 2, 0, 0))
        facts.add_column(style="dim")
        facts.add_column(overflow="fold")
        for name, value in formatting.summary_rows(summary):
            facts.add_row(name, Text(value, style="bold" if name == "reply" else ""))
        self._console.print(Group(table, "", facts))
