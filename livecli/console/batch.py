"""Display of a batch in plain lines on standard error: finished runs, progress, totals and percentiles."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from ..errors import BudgetError, Interrupted, LivecliError, OutputClosed
from ..process.stdio import Span, one_line, print_error, write_spans, write_stderr
from ..process.tasks import cancel_and_wait
from ..protocol.messages import FunctionCall, Json
from ..report.batch_stats import BatchStats
from ..report.reporter import NO_OPTIONS, DisplayOptions, Reporter, Retry
from ..report.summary import Summary
from . import charts, formatting
from .explain import explanation
from .lines import PROGRESS_SECONDS, PlainLines

# The columns of a row beside its name: a mark, the lengths of both sounds, and a latency.
FIGURE_COLUMNS = 32
LEAST_NAME_COLUMNS = 8


class BatchLines(Reporter):
    """The reporter of a whole batch of runs called `names`. `item_reporters` makes the reporters of one run.

    `folder` is where their replies are.
    """

    progress_seconds = PROGRESS_SECONDS
    """The time between two reports of the progress, in seconds."""

    def __init__(self, names: Sequence[str], folder: str = "./", options: DisplayOptions = NO_OPTIONS) -> None:
        self.stats = BatchStats(len(names), time.monotonic())
        self.options = options
        self._longest_name = max((charts.cells(one_line(name)) for name in names), default=0)
        self._folder = folder
        self._hints: set[str | None] = set()

    @property
    def columns(self) -> int | None:
        """The width of the terminal, None where lines may be of any length."""
        return None

    @property
    def name_columns(self) -> int:
        """The width of the names."""
        if self.columns is None:
            return self._longest_name
        return max(LEAST_NAME_COLUMNS, min(self._longest_name, self.columns - FIGURE_COLUMNS))

    def item_reporters(self, name: str) -> list[Reporter]:
        """The reporters of the run called `name`."""
        item = BatchItem(self, name)
        has_lines = self.options.has_conversation or (self.options.stats and not self.options.quiet)
        return [PrefixedLines(self, name), item] if has_lines else [item]

    @asynccontextmanager
    async def progress_reports(self) -> AsyncIterator[None]:
        """Show the progress during the block, and the totals at its end, also when it raises."""
        progress = asyncio.create_task(self._show_progress_repeatedly())
        try:
            yield
        finally:
            await cancel_and_wait(progress)
            self.print_totals()

    def write(self, line: str) -> None:
        """Write one line."""
        write_stderr(line + "\n")

    def write_spans(self, spans: Sequence[Span]) -> None:
        """Write one line, in colours where there are any."""
        write_spans(spans)

    def info(self, line: str) -> None:
        """Write a line that `quiet` leaves out."""
        if not self.options.quiet:
            self.write(line)

    def info_spans(self, spans: Sequence[Span]) -> None:
        """Write a line that `quiet` leaves out, in colours where there are any."""
        if not self.options.quiet:
            self.write_spans(spans)

    def remark(self, text: str) -> None:
        self.info(one_line(text))

    def warning(self, text: str) -> None:
        self.write(f"warning: {one_line(text)}")

    def show_progress(self) -> None:
        """Write how many runs are done, going on, and failed."""
        self.info_spans(formatting.dotted(formatting.batch_progress(self.stats, time.monotonic())))

    def finish(self, summary: Summary) -> None:
        """Write a line for a run that is over."""
        if summary.ok:
            self.info_spans(formatting.run_row(summary, self.name_columns))
        # `stopped` reports the inputs that were not sent, all at once.
        elif summary.error is not None and not isinstance(summary.error, Interrupted | OutputClosed | BudgetError):
            is_repeated = summary.error.hint in self._hints
            self._hints.add(summary.error.hint)
            self.print_failure(summary, summary.error, hint=not is_repeated)
            if self.options.explain:
                self.write(explanation(summary.error, summary.endpoint).rstrip())

    def print_failure(self, summary: Summary, error: LivecliError, *, hint: bool) -> None:
        """Write the error of a run. `hint` is whether no earlier error gave the same hint."""
        about = None if summary.input in error.message else summary.input
        print_error(error if hint else error.revised(hint=None), about=about, debug=self.options.debug)

    def stopped(self, error: LivecliError) -> None:
        print_error(error, debug=self.options.debug)

    def print_totals(self) -> None:
        """Write the results of all runs together."""
        now = time.monotonic()
        if self.stats.spending.unpriced:
            self.info(formatting.missing_prices(self.stats.spending.unpriced))
        if self.options.stats and self.stats.chunks:
            self.print_percentiles()
        for line in formatting.batch_flows(self.stats, self.columns):
            self.info_spans(line)
        for line in formatting.folded([], formatting.batch_totals(self.stats, now, self._folder), self.columns):
            self.info_spans(line)

    def print_percentiles(self) -> None:
        """Write the percentiles of each latency."""
        self.info(f"{'':12}" + "".join(f"{name:>10}" for name in formatting.PERCENTILES))
        for name, row in formatting.latency_percentiles(self.stats):
            self.info(f"{name:12}" + "".join(f"{value:>10}" for value in row))

    def restore_terminal(self) -> None:
        """Leave the terminal as it was found. Called at the end of the command, also after an error."""

    async def _show_progress_repeatedly(self) -> None:
        while True:
            await asyncio.sleep(self.progress_seconds)
            self.show_progress()


class BatchItem(Reporter):
    """The reporter of one run of a batch: counts it, and writes one line when it is over."""

    def __init__(self, batch: BatchLines, name: str) -> None:
        self._batch, self._name = batch, one_line(name)

    def started(self, summary: Summary, description: str | None, seconds: float | None) -> None:
        self._batch.stats.begin(summary, seconds)

    def called(self, call: FunctionCall) -> None:
        self._batch.info(f"{self._name}: tool {formatting.function_call(call.name, call.args)}")

    def returned(self, call: FunctionCall, response: Json, *, failed: bool, noise: str) -> None:
        if failed:
            self.warning(f"{call.name}: {formatting.shortened(str(response['error']))}")
        else:
            self._batch.info(f"{self._name}: {one_line(call.name)}: {formatting.function_result(response)}")

    def warning(self, text: str) -> None:
        self._batch.warning(f"{self._name}: {text}")

    def retrying(self, retry: Retry) -> None:
        self._batch.stats.retries += 1

    def finished(self, summary: Summary) -> None:
        self._batch.stats.end(summary)
        self._batch.finish(summary)


class PrefixedLines(PlainLines):
    """The verbose reporter of one run of a batch: each line begins with the name of the run.

    BatchItem writes function calls, warnings and errors, so this class leaves them out.
    """

    def __init__(self, batch: BatchLines, name: str) -> None:
        super().__init__(batch.options)
        self._batch, self._name = batch, one_line(name)

    def write(self, line: str) -> None:
        self._batch.write(f"{self._name}: {line}")

    def write_spans(self, spans: Sequence[Span]) -> None:
        self._batch.write_spans([("dim", f"{self._name}: "), *spans])

    def called(self, call: FunctionCall) -> None:
        """Written by BatchItem."""

    def returned(self, call: FunctionCall, response: Json, *, failed: bool, noise: str) -> None:
        for line in noise.splitlines():
            self.write(f"{one_line(call.name)}: {one_line(line)}")

    def warning(self, text: str) -> None:
        """Written by BatchItem."""

    def finished(self, summary: Summary) -> None:
        if summary.ok and self.options.stats:
            self.print_summary(summary)
