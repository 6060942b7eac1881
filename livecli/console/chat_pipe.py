"""A chat told through pipes: what the model says on standard output, the rest in plain lines on standard error."""

from __future__ import annotations

import sys

from ..errors import LivecliError, OutputClosed
from ..process.stdio import one_line, print_error, write_stdout
from ..protocol import events
from ..report.summary import Summary
from . import formatting
from .lines import PlainLines


class PipeChat(PlainLines):
    """`silent`: standard output is wanted for something else, or nobody reads there."""

    def __init__(
        self, *, silent: bool = False, quiet: bool = False, verbose: bool = False, debug: bool = False
    ) -> None:
        super().__init__(quiet=quiet, verbose=verbose, debug=debug)
        self._silent = silent
        self._said = False

    def event(self, direction: str, event: events.Event, at: float) -> None:
        super().event(direction, event, at)
        if direction == "received" and isinstance(event, events.OutputTranscript | events.ModelText) and event.text:
            self._say(event.text)

    def _say(self, text: str) -> None:
        if not self._silent:
            self._said = True
            write_stdout(_shown(text) if sys.stdout.isatty() else text)

    def end_line(self) -> None:
        """The answer is whole."""
        if self._said:
            write_stdout("\n")
        self._said = False

    def finished(self, summary: Summary) -> None:
        self.end_line()
        for line in formatting.sources(summary.stats.citations):
            self.talk(line)
        if summary.error and not isinstance(summary.error, OutputClosed):
            print_error(summary.error, debug=self._debug)
        elif summary.stats.interrupted:
            self.talk("the answer was interrupted")

    def ended(self, error: LivecliError) -> None:
        """Whoever asked next is told."""


def _shown(text: str) -> str:
    """For a terminal, which would obey what is not printable."""
    return "\n".join(one_line(line) for line in text.split("\n"))
