"""What a program reads: JSON lines, on standard output or in a file."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any, Self, TextIO

from ..errors import FileError, OutputClosed
from ..figures import Summary
from ..protocol import events
from ..report import Reporter, event_fields, type_name


def write_out(line: str) -> None:
    """One line of data on standard output, at once. Raises OutputClosed where nobody reads it any more."""
    try:
        sys.stdout.write(line + "\n")
        sys.stdout.flush()
    except BrokenPipeError as error:
        # The interpreter flushes once more at exit: that goes nowhere instead of into the broken pipe.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise OutputClosed("whoever read standard output has gone") from error


class JsonSummaries(Reporter):
    """`--json`: one line for each run, on success and on failure alike."""

    def finished(self, summary: Summary) -> None:
        write_out(json.dumps(summary.as_json()))


class EventLog(Reporter):
    """`--events`: one JSON object a line for all that is said, in order; never audio bytes.

    Raises FileError where `path` cannot be written; "-" is standard output. `several` inputs are told apart by `input`.
    """

    def __init__(self, path: str, *, several: bool = False) -> None:
        self._several = several
        self._input: dict[str, str] = {}
        self._path = path
        self._file: TextIO | None = None
        if path != "-":
            try:
                self._file = Path(path).open("w", buffering=1, encoding="utf-8")  # noqa: SIM115 - open as long as we
            except OSError as error:
                raise FileError(f"cannot write {path}: {error.strerror}") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()

    def started(self, summary: Summary, description: str | None, seconds: float | None) -> None:
        self._input = {"input": summary.input} if self._several else {}

    def event(self, direction: str, event: events.Event, at: float) -> None:
        self._write(direction, type_name(event), event_fields(event), at)

    def closed(self, direction: str, code: int | None, reason: str | None, at: float) -> None:
        self._write(direction, "close", {"code": code, "reason": reason or None}, at)

    def _write(self, direction: str, kind: str, fields: dict[str, Any], at: float) -> None:
        # The type's own `type` (of VoiceActivity) gives way to the name that readers select by.
        own = {("activity" if name == "type" else name): value for name, value in fields.items()}
        line = json.dumps({"t": round(at, 6), "direction": direction, "type": kind, **self._input, **own})
        if self._file is None:
            return write_out(line)
        try:
            self._file.write(line + "\n")
        except OSError as error:
            raise FileError(f"cannot write {self._path}: {error.strerror}") from error
