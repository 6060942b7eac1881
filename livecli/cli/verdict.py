"""The results of the expectations of `send`, printed at the end: on standard error, in files, and to GitHub Actions."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import CheckError, FileError, LivecliError
from ..process.stdio import one_line, print_error, write_spans, write_stderr

if TYPE_CHECKING:
    from ..checks.expectations import Judge
    from .options import CheckFlags


def report(judge: Judge, flags: CheckFlags, *, quiet: bool) -> list[int]:
    """Print and write the results. Returns the exit statuses that come to those of the runs."""
    from ..checks import outputs
    from ..checks.expectations import broken_message

    [*verdict] = judge.verdict()
    repeated = len(judge.runs) > 1
    results = verdict if repeated else [*judge.runs[0][1]] if judge.runs else []
    if not quiet:
        for each in results:
            share = repeated and not judge.is_aggregate(each.text)
            style, mark = ("green", "✓") if each.ok else ("red", "✗")
            value = f"in {each.actual:.0%} of {len(judge.runs)} runs" if share else each.found
            write_spans([(style, f"{mark} "), ("", one_line(each.text)), ("dim", f"  {one_line(value)}\n")])
    statuses: list[int] = []
    broken = [each for each in verdict if not each.ok]
    if repeated and broken:
        error = CheckError(broken_message(broken, len(verdict)))
        print_error(error)
        statuses.append(error.exit_status)
    if os.environ.get("GITHUB_ACTIONS") == "true":
        for line in outputs.workflow_commands(judge):
            write_stderr(line + "\n")
    files = [
        (flags.junit, outputs.junit(judge), "wb"),
        (flags.tap, "".join(f"{line}\n" for line in outputs.tap(judge)).encode(), "wb"),
        (os.environ.get("GITHUB_STEP_SUMMARY"), outputs.step_summary(judge).encode(), "ab"),
    ]
    if judge.observed:
        files.append((flags.write_expect, outputs.toml(judge.observed).encode(), "wb"))
    for path, data, mode in files:
        if path:
            try:
                with Path(path).open(mode) as file:
                    file.write(data)
            except OSError as failed:
                unwritten: LivecliError = FileError(f"cannot write {path}: {failed.strerror}")
                print_error(unwritten)
                statuses.append(unwritten.exit_status)
    return statuses
