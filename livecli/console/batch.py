"""Many runs told in plain lines on standard error: one for each that is over, where all of them stand now and then, and
their percentiles at the end.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from ..errors import Interrupted, OutputClosed
from ..process.stdio import one_line, print_error, write_stderr
from ..protocol.messages import FunctionCall, Json
from ..report.batch_stats import BatchStats
from ..report.reporter import Reporter, Retry
from ..report.summary import Summary
from . import formatting
from .explain import explained
from .lines import PROGRESS_SECONDS, PlainLines


class BatchLines(Reporter):
    """Of `total` runs; told what concerns them all. `one` is whoever is told of a single one."""

    look_seconds = PROGRESS_SECONDS
    """How often it is told where they stand."""

    def __init__(
        self, total: int, *, quiet: bool = False, verbose: bool = False, debug: bool = False, explain: bool = False
    ) -> None:
        self.tally = BatchStats(total, time.monotonic())
        self.quiet, self.verbose, self.debug = quiet, verbose or debug, debug
        self._explain = explain
        self._hints: set[str | None] = set()

    def one(self, name: str) -> list[Reporter]:
        """Whoever is told of one run."""
        each: list[Reporter] = [BatchItem(self, name)]
        return [PrefixedLines(self, name), *each] if self.verbose and not self.quiet else each

    @asynccontextmanager
    async def watching(self) -> AsyncIterator[None]:
        """While they run. What came of all of them is told at the end, however that comes."""
        watch = asyncio.create_task(self._watch())
        try:
            yield
        finally:
            watch.cancel()
            self.end()

    def write(self, line: str) -> None:
        """One line of talk."""
        write_stderr(line + "\n")

    def talk(self, line: str) -> None:
        """A line that `quiet` leaves out."""
        if not self.quiet:
            self.write(line)

    def remark(self, text: str) -> None:
        self.talk(one_line(text))

    def warning(self, text: str) -> None:
        self.write(f"warning: {one_line(text)}")

    def look(self) -> None:
        """Tell where they stand."""
        self.talk(formatting.batch_progress(self.tally, time.monotonic()))

    def failed(self, summary: Summary) -> None:
        """Tell what was wrong with one; the same advice is given once."""
        error = summary.error
        if error is None or isinstance(error, Interrupted | OutputClosed):
            return
        hint, error.hint = error.hint, None if error.hint in self._hints else error.hint
        self._hints.add(hint)
        print_error(error, about=summary.input, debug=self.debug)
        error.hint = hint
        if self._explain:
            write_stderr(explained(error, summary.endpoint))

    def end(self) -> None:
        """Tell what came of all of them."""
        now = time.monotonic()
        self.talk(formatting.totals(self.tally, now))
        if self.tally.chunks:
            self.talk(formatting.throughput(self.tally, now))
            self.tell_percentiles()

    def tell_percentiles(self) -> None:
        """The latencies of those that have any."""
        self.talk(f"{'':12}" + "".join(f"{name:>10}" for name in formatting.SHARES))
        for name, row in formatting.percentiles(self.tally):
            self.talk(f"{name:12}" + "".join(f"{value:>10}" for value in row))

    def leave(self) -> None:
        """Leave the terminal as it was found; called at the end of a command, whatever ends it."""

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(self.look_seconds)
            self.look()


class BatchItem(Reporter):
    """One run of a crowd: counted, and told in a line when it is over."""

    def __init__(self, crowd: BatchLines, name: str) -> None:
        self._crowd, self._name = crowd, one_line(name)

    def started(self, summary: Summary, description: str | None, seconds: float | None) -> None:
        self._crowd.tally.begin(summary, seconds)

    def called(self, call: FunctionCall) -> None:
        self._crowd.talk(f"{self._name}: tool {formatting.call(call.name, call.args)}")

    def returned(self, call: FunctionCall, response: Json, *, failed: bool, noise: str) -> None:
        if failed:
            self.warning(f"{call.name}: {formatting.short(str(response['error']))}")
        else:
            self._crowd.talk(f"{self._name}: {one_line(call.name)}: {formatting.result(response)}")

    def warning(self, text: str) -> None:
        self._crowd.warning(f"{self._name}: {text}")

    def retrying(self, retry: Retry) -> None:
        self._crowd.tally.retries += 1

    def finished(self, summary: Summary) -> None:
        self._crowd.tally.end(summary)
        if summary.ok:
            self._crowd.talk(formatting.ended_well(summary))
        self._crowd.failed(summary)


class PrefixedLines(PlainLines):
    """All that is known of one run of a crowd, each line with its name before it."""

    def __init__(self, crowd: BatchLines, name: str) -> None:
        super().__init__(verbose=crowd.verbose, debug=crowd.debug)
        self._crowd, self._name = crowd, one_line(name)

    def write(self, line: str) -> None:
        self._crowd.write(f"{self._name}: {line}")

    def called(self, call: FunctionCall) -> None:
        """Told anyway, as are warnings, responses and errors."""

    def returned(self, call: FunctionCall, response: Json, *, failed: bool, noise: str) -> None:
        for line in noise.splitlines():
            self.write(f"{one_line(call.name)}: {one_line(line)}")

    def warning(self, text: str) -> None:
        """Told anyway."""

    def finished(self, summary: Summary) -> None:
        if summary.ok:
            self.tell_summary(summary)
