"""The answers of `send` as text, on standard output."""

from __future__ import annotations

import sys

from ..process.stdio import JOINERS, one_line, write_stdout
from ..report.reporter import Reporter
from ..report.summary import Summary


class AnswerLines(Reporter):
    """Writes the transcript of each answer at the end of its run: one line for each turn of the model.

    Text that a connection has lost is sent once more on the next one, so a line is not written before it is certain.
    With `several` inputs each line begins with the name of its input. `display` leaves the terminal meanwhile.
    """

    def __init__(self, display: Reporter, *, several: bool = False) -> None:
        self._display = display
        self._several = several

    def finished(self, summary: Summary) -> None:
        lines = [" ".join(turn.split()) for turn in summary.stats.said_turns]
        if sys.stdout is not None and sys.stdout.isatty():
            lines = [one_line(line, keep=JOINERS) for line in lines]
        prefix = f"{one_line(summary.input)}: " if self._several else ""
        if text := "".join(f"{prefix}{line}\n" for line in lines if line):
            self._display.interlude(True)
            write_stdout(text)
            self._display.interlude(False)
