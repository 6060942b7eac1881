"""`--resume-from`: leaves out the requests that the `--json` of an earlier run reports as done."""

from __future__ import annotations

import json
import os
import shlex
import stat
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import FileError

if TYPE_CHECKING:
    from .request import Request

LINE_START = b'{"schema"'
"""How each line of --json begins."""


def unanswered(requests: Sequence[Request], path: str, remark: Callable[[str], None]) -> list[Request]:
    """The requests without a line in `path` that reports success, and those whose input or reply has changed since.

    The file is read at once, so the lines of this run may be appended to it. Lines that are not of `--json` are
    skipped, as is the half line of a run that was killed while it wrote one. Raises FileError where the file cannot be
    read, or has such lines and none of `--json`.
    """
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise FileError(f"cannot read {path}: {error.strerror}") from error
    if data and not data.endswith(b"\n"):
        _end_line(path)
    whole_lines = [line for line in data.splitlines(keepends=True) if line.endswith(b"\n") and line.strip()]
    foreign = sum(_summary(line) is None and not _is_half(line) for line in whole_lines)
    if foreign and not any(map(_summary, whole_lines)):
        raise FileError(f"{path} has no line of --json", hint=f"livecli send ... --json > {shlex.quote(path)}")
    if foreign:
        remark(f"{foreign} of {len(whole_lines)} lines skipped in {path} that are not of --json")
    lines = [line for line in map(_succeeded, data.splitlines()) if line is not None]
    answered = {_absolute(line["input"]): line for line in lines}
    left, changed = [], 0
    for request in requests:
        line = answered.get(_absolute(request.name)) if request.name != "-" else None
        if line is None or not _is_done(request, line):
            left.append(request)
            changed += line is not None and _has_reply(request, line)
    if len(left) < len(requests):
        remark(f"{len(requests) - len(left)} of {len(requests)} are done already, as {path} says")
    if changed:
        remark(f"{changed} {'is' if changed == 1 else 'are'} sent again: the input or the reply has changed since")
    return left


def file_stamp(path: str) -> Mapping[str, float] | None:
    """The size and the time of the last change of a regular file; None for anything else."""
    try:
        status = Path(path).stat()
    except (OSError, ValueError):
        return None
    return {"bytes": status.st_size, "modified": status.st_mtime} if stat.S_ISREG(status.st_mode) else None


def _is_half(line: bytes) -> bool:
    """Whether a line may be the beginning of a summary, which a later run has ended."""
    return LINE_START.startswith(line.strip()[: len(LINE_START)])


def _end_line(path: str) -> None:
    """End the half line at the end of `path`, if standard output is appended to it: it would swallow the next line."""
    from ..process.stdio import write_stdout

    try:
        is_stdout = os.path.samestat(os.fstat(sys.stdout.fileno()), Path(path).stat())
    except (AttributeError, ValueError, OSError):
        # Standard output is closed, or an object without a descriptor.
        return
    if is_stdout:
        write_stdout("\n")


def _summary(line: bytes) -> dict[str, Any] | None:
    """The object of a line of `--json`; None for another line."""
    try:
        summary = json.loads(line)
    except (ValueError, RecursionError):
        return None
    match summary:
        case {"ok": bool(), "input": str()}:
            return dict(summary)
    return None


def _succeeded(line: bytes) -> dict[str, Any] | None:
    """The object of a line that reports success, else None."""
    match _summary(line):
        case {"ok": True, "input": str(name), "output": str() | None} as summary if name != "-":
            return summary
    return None


def _is_done(request: Request, line: Mapping[str, Any]) -> bool:
    """Whether `line`, which names the input, tells of this request, and its files are as they were then."""
    if not _has_reply(request, line) or line.get("input_file") not in (None, file_stamp(request.name)):
        return False
    if line["output"] is None:
        return True  # no audio was asked for
    reply = file_stamp(line["output"])
    if reply is None:
        return False
    match line:
        case {"output_bytes": int(size)}:
            return reply["bytes"] == size
        case {"received": {"bytes": int(size)}}:
            # Earlier versions did not report the size of the file, which has a header as well.
            return reply["bytes"] >= size
    return True


def _has_reply(request: Request, line: Mapping[str, Any]) -> bool:
    """Whether the reply of `line` is where this request wants it, or no audio was asked for."""
    return line["output"] is None or _absolute(line["output"]) == _absolute(request.reply)


def _absolute(path: str) -> str:
    return os.path.abspath(path)  # noqa: PTH100 - Path.resolve would follow links
