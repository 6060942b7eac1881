"""`--resume-from`: what an earlier run's `--json` says is done already, so that an interrupted one goes on."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import FileError

if TYPE_CHECKING:
    from .request import Request


def unanswered(questions: Sequence[Request], path: str, remark: Callable[[str], None]) -> list[Request]:
    """Those that have no line in `path` that says they succeeded, or whose reply is not where it was written.

    It is read as it is now: the lines of this run may be appended to it. Lines that are none, as of a run that was
    killed while it wrote one, are passed over. Raises FileError where it cannot be read.
    """
    try:
        lines = Path(path).read_bytes().splitlines()
    except OSError as error:
        raise FileError(f"cannot read {path}: {error.strerror}") from error
    answered = {name: output for name, output in map(_succeeded, lines) if name is not None}
    left = [question for question in questions if not _is_there(question, answered)]
    if len(left) < len(questions):
        remark(f"{len(questions) - len(left)} of {len(questions)} are done already, as {path} says")
    return left


def _succeeded(line: bytes) -> tuple[str | None, str | None]:
    """The input as an absolute path and its output, of a line that says so."""
    try:
        said = json.loads(line)
    except ValueError:
        return None, None
    match said:
        case {"ok": True, "input": str(name), "output": str() | None as output} if name != "-":
            return os.path.abspath(name), output  # noqa: PTH100 - Path.resolve would follow links
    return None, None


def _is_there(question: Request, answered: dict[str, str | None]) -> bool:
    name = os.path.abspath(question.name)  # noqa: PTH100
    if question.name == "-" or name not in answered:
        return False
    output = answered[name]
    if output is None:
        return True  # it was asked for no audio
    same = os.path.abspath(output) == os.path.abspath(question.reply)  # noqa: PTH100
    return same and Path(output).is_file()
