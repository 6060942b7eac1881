"""What a program reads: JSON lines, on standard output or in a file."""

from __future__ import annotations

import io
import json
from copy import copy
from typing import Any, Self

from ..errors import FileError, UsageError
from ..process.stdio import write_stdout
from ..protocol import events
from ..report.reporter import Reporter, event_fields
from ..report.summary import Summary


class JsonSummaries(Reporter):
    """`--json`: one line for each run, on success and on failure alike, with the warnings it had."""

    def __init__(self) -> None:
        self._warnings: list[str] = []

    def warning(self, text: str) -> None:
        self._warnings.append(text)

    def finished(self, summary: Summary) -> None:
        if isinstance(summary.error, UsageError):
            return  # of a chat: what was typed is no turn
        warnings, self._warnings = self._warnings, []
        write_stdout(json.dumps({**summary.as_json(), "warnings": warnings}) + "\n")


class EventLog(Reporter):
    """`--events`: one JSON object a line for all that is said, in order; never audio bytes.

    Raises FileError where `path` cannot be written; "-" is standard output. `several` inputs are told apart by `input`.
    """

    def __init__(self, path: str, *, several: bool = False) -> None:
        self._several = several
        self._input: dict[str, str] = {}
        self._path = path
        self._file: io.FileIO | None = None
        if path != "-":
            try:
                self._file = io.FileIO(path, "w")  # unbuffered: nothing is left to fail when it is closed
            except OSError as error:
                raise FileError(f"cannot write {path}: {error.strerror}") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()

    def one(self) -> EventLog:
        """The same log, for one of several runs at once."""
        return copy(self)

    def started(self, summary: Summary, description: str | None, seconds: float | None) -> None:
        self._input = {"input": summary.input} if self._several else {}

    def event(self, direction: str, event: events.Event, at: float) -> None:
        self._write(direction, event.log_name, event_fields(event), at)

    def closed(self, direction: str, code: int | None, reason: str | None, at: float) -> None:
        self._write(direction, "close", {"code": code, "reason": reason or None}, at)

    def _write(self, direction: str, kind: str, fields: dict[str, Any], at: float) -> None:
        # The type's own `type` (of VoiceActivity) gives way to the name that readers select by.
        own = {("activity" if name == "type" else name): value for name, value in fields.items()}
        line = json.dumps({"t": round(at, 6), "direction": direction, "type": kind, **self._input, **own}) + "\n"
        if self._file is None:
            return write_stdout(line)
        rest = line.encode()
        try:
            while rest:  # a part is taken on a disk that is nearly full
                rest = rest[self._file.write(rest) :]
        except OSError as error:
            raise FileError(f"cannot write {self._path}: {error.strerror}") from error
