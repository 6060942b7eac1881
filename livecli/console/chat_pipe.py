"""Display of a chat through pipes: the answers on standard output, everything else on standard error."""

from __future__ import annotations

import sys
from collections.abc import Iterable

from ..errors import Interrupted, LivecliError, OutputClosed
from ..process.stdio import JOINERS, one_line, print_error, write_stdout
from ..protocol import events
from ..protocol.endpoint import Endpoint
from ..report.reporter import NO_OPTIONS, DisplayOptions
from ..report.summary import Summary
from . import formatting
from .lines import PlainLines

KEPT = f"\t{JOINERS}"
"""The characters of a text that are not printable, and are not escaped."""


class PipeChat(PlainLines):
    """The reporter of a chat without a prompt. With `silent`, answers are not written to standard output."""

    def __init__(self, options: DisplayOptions = NO_OPTIONS, *, silent: bool = False) -> None:
        super().__init__(options)
        self._silent = silent
        # True at a terminal that has no prompt (TERM=dumb) too.
        self._is_typed = sys.stdin is not None and sys.stdin.isatty()
        self._line_is_open = False

    def connecting(self, endpoint: Endpoint) -> None:
        if self._is_typed and not self.options.has_conversation:
            self.info(f"connecting to {endpoint.host} ({endpoint.platform}, {one_line(endpoint.model)})")
        else:
            super().connecting(endpoint)

    def connected(self, summary: Summary) -> None:
        if self._is_typed and not self.options.has_conversation:
            self.info(formatting.connection(summary))
        else:
            super().connected(summary)

    def turn_event(self, event: events.Event) -> None:
        if isinstance(event, events.OutputTranscript | events.ModelText) and event.text:
            self._write_answer(event.text)

    def _write_answer(self, text: str) -> None:
        if not self._silent:
            self._line_is_open = True
            write_stdout(_escaped(text) if sys.stdout is not None and sys.stdout.isatty() else text)

    def end_line(self) -> None:
        """End the line of an answer on standard output, if one has begun."""
        if self._line_is_open:
            write_stdout("\n")
        self._line_is_open = False

    def finished(self, summary: Summary) -> None:
        self.end_line()
        for line in formatting.source_lines(summary.stats.citations):
            self.info(line)
        # A turn is interrupted because the chat ends, which says why.
        if summary.error and not isinstance(summary.error, OutputClosed | Interrupted):
            print_error(summary.error, debug=self.options.debug)
        elif summary.stats.interrupted:
            self.info("the answer was interrupted")

    def show_lines(self, lines: Iterable[str]) -> None:
        """Show what a command was asked for, even with `quiet`."""
        for line in lines:
            self.write(one_line(line, keep=KEPT))

    def ended(self, error: LivecliError | None) -> None:
        """Nothing is written: the next turn, or the end of the chat, raises the same error."""


def _escaped(text: str) -> str:
    """Text for a terminal, in which control characters other than tabs and line feeds are escaped."""
    return "\n".join(one_line(line, keep=KEPT) for line in text.split("\n"))
