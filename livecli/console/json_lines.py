"""Machine-readable output: JSON lines on standard output or in a file."""

from __future__ import annotations

import json
from copy import copy
from typing import Any, Self

from ..errors import UsageError
from ..process.line_file import LineFile
from ..process.stdio import write_stdout
from ..protocol import events
from ..report.reporter import Reporter, event_fields
from ..report.summary import Summary


class JsonSummaries(Reporter):
    """The output of `--json`: one line per run, successful or not, with the warnings of the run."""

    def __init__(self) -> None:
        self._warnings: list[str] = []

    def warning(self, text: str) -> None:
        self._warnings.append(text)

    def finished(self, summary: Summary) -> None:
        # In a chat, a mistyped command is reported as a usage error, but it is not a turn.
        if isinstance(summary.error, UsageError):
            return
        warnings, self._warnings = self._warnings, []
        write_stdout(json.dumps({**summary.as_json(), "warnings": warnings}) + "\n")


class EventLog(Reporter):
    """The output of `--events`: one JSON object per line for each event, in order, without audio bytes.

    The `path` "-" is standard output. With `several` inputs each line has the field `input`. Raises FileError when
    `path` cannot be written.
    """

    def __init__(self, path: str, *, several: bool = False) -> None:
        self._several = several
        self._input: dict[str, str] = {}
        self._file = LineFile(path)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.__exit__()

    def for_run(self) -> EventLog:
        """A reporter for one of several concurrent runs, which writes to the same log."""
        return copy(self)

    def started(self, summary: Summary, description: str | None, seconds: float | None) -> None:
        self._input = {"input": summary.input} if self._several else {}

    def event(self, direction: str, event: events.Event, at: float) -> None:
        self._write(direction, event.log_name, event_fields(event), at)

    def closed(self, direction: str, code: int | None, reason: str | None, at: float) -> None:
        self._write(direction, "close", {"code": code, "reason": reason or None}, at)

    def _write(self, direction: str, kind: str, fields: dict[str, Any], at: float) -> None:
        line = {"t": round(at, 6), "direction": direction, "type": kind, **self._input, **fields}
        self._file.write(json.dumps(line) + "\n")
