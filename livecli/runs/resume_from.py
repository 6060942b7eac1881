"""`--resume-from`: leaves out the requests that the `--json` of an earlier run reports as done."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import FileError

if TYPE_CHECKING:
    from .request import Request


def unanswered(requests: Sequence[Request], path: str, remark: Callable[[str], None]) -> list[Request]:
    """The requests without a line in `path` that reports success, and those whose reply is no longer there.

    The file is read at once, so the lines of this run may be appended to it. Lines that are not JSON, as of a run that
    was killed while it wrote one, are skipped. Raises FileError where the file cannot be read.
    """
    try:
        lines = Path(path).read_bytes().splitlines()
    except OSError as error:
        raise FileError(f"cannot read {path}: {error.strerror}") from error
    answered = {name: output for name, output in map(_succeeded, lines) if name is not None}
    left = [request for request in requests if not _is_done(request, answered)]
    if len(left) < len(requests):
        remark(f"{len(requests) - len(left)} of {len(requests)} are done already, as {path} says")
    return left


def _succeeded(line: bytes) -> tuple[str | None, str | None]:
    """The input (absolute path) and the output of a line that reports success, else two None."""
    try:
        summary = json.loads(line)
    except ValueError:
        return None, None
    match summary:
        case {"ok": True, "input": str(name), "output": str() | None as output} if name != "-":
            return os.path.abspath(name), output  # noqa: PTH100 - Path.resolve would follow links
    return None, None


def _is_done(request: Request, answered: dict[str, str | None]) -> bool:
    name = os.path.abspath(request.name)  # noqa: PTH100
    if request.name == "-" or name not in answered:
        return False
    output = answered[name]
    if output is None:
        return True  # no audio was asked for
    same = os.path.abspath(output) == os.path.abspath(request.reply)  # noqa: PTH100
    return same and Path(output).is_file()
