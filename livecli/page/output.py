"""The option `--report`: keeps what a page needs of each run, and writes the page once all recordings are complete."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from ..process.whole_file import write_whole
from ..recording.conversion import recorded_items
from ..recording.format import RecordedItem
from ..report.reporter import Reporter
from ..report.summary import Summary
from .batch import RecordedRun, batch_page
from .session import session_page


@dataclass
class ReportedRun(Reporter):
    """A run of which a page is written: its recording, and its summaries, of which a chat has one for each turn."""

    name: str
    path: Path
    summaries: list[Summary] = field(default_factory=list)

    def finished(self, summary: Summary) -> None:
        self.summaries.append(summary)

    def read(self) -> Iterable[RecordedItem]:
        """The items of the recording; none where the run was never about to connect."""
        return recorded_items(str(self.path)) if self.path.exists() else ()

    @property
    def errors(self) -> list[str]:
        """The messages of what went wrong."""
        return [each.error.message for each in self.summaries if each.error is not None]


def write_report(path: str, runs: list[ReportedRun], *, several: bool) -> None:
    """Write the page of a run, or of several. Raises FileError."""
    if several:
        write_whole(
            path, batch_page([RecordedRun(run.name, run.read, run.summaries[-1]) for run in runs if run.summaries])
        )
    else:
        [run] = runs
        write_whole(path, session_page(run.read(), run.name, run.errors))
