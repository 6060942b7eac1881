"""The input of a chat through a pipe: each line is a turn, which is answered before the next line is read."""

from __future__ import annotations

import asyncio
import sys
from codecs import BOM_UTF8
from collections.abc import AsyncIterator, Callable
from typing import BinaryIO

from ..errors import FileError, LivecliError, UsageError
from ..report.reporter import Reporter
from ..report.summary import Summary
from .chat import Chat
from .commands import Quit, parse_command

MAX_LINE_BYTES = 1024 * 1024
"""The length of a line. No model has a context for a longer one."""


async def read_lines() -> AsyncIterator[str]:
    """The lines of standard input, without line ends. Raises FileError when it cannot be read."""
    if sys.stdin is None:
        raise FileError("standard input is closed")
    file = _stdin_file()
    # Windows programs begin a text with a byte order mark.
    mark = BOM_UTF8
    while line := await asyncio.to_thread(_read_line, file):
        yield line.removeprefix(mark).decode(errors="replace").rstrip("\r\n")
        mark = b""


async def no_lines() -> AsyncIterator[str]:
    """No lines, where standard input has something else."""
    for line in list[str]():
        yield line


def _stdin_file() -> BinaryIO:
    """Standard input, with a buffer of its own.

    A thread may wait for a line when the process ends, and the interpreter aborts if that has the lock of `sys.stdin`.
    """
    try:
        return open(sys.stdin.fileno(), "rb", closefd=False)
    except (OSError, ValueError):
        # A program has replaced it by an object without a descriptor.
        return sys.stdin.buffer


def _read_line(file: BinaryIO) -> bytes:
    """The next line. Of a line longer than MAX_LINE_BYTES it returns one byte more than that, and skips the rest."""
    try:
        line = part = file.readline(MAX_LINE_BYTES + 1)
        while len(part) > MAX_LINE_BYTES and not part.endswith(b"\n"):
            part = file.readline(MAX_LINE_BYTES + 1)
        return line
    except (OSError, ValueError) as error:
        raise FileError(f"cannot read standard input: {getattr(error, 'strerror', None) or error}") from error


async def converse(
    chat: Chat,
    lines: AsyncIterator[str],
    reporter: Reporter,
    show: Callable[[list[str]], None],
    *,
    question: str | None = None,
    has_commands: bool = True,
) -> list[int]:
    """Process each line, and return the exit statuses of the turns. Ends early when the session has ended for good.

    `question` is a text that comes first. `show` prints what a command was asked for; other output of a command is a
    remark. Without `has_commands`, each line is text.
    """
    statuses: list[int] = []
    async for line in _with_first(question, lines):
        try:
            summary = await _process(chat, line, reporter, show, has_commands=has_commands and line is not question)
        except Quit:
            break
        except LivecliError as error:
            summary = Summary(line, error=error)
            reporter.finished(summary)
        if summary is not None:
            statuses.append(summary.exit_code)
        if chat.failure is not None:
            break
    return statuses


async def _with_first(first: str | None, lines: AsyncIterator[str]) -> AsyncIterator[str]:
    if first is not None:
        yield first
    async for line in lines:
        yield line


async def _process(
    chat: Chat, line: str, reporter: Reporter, show: Callable[[list[str]], None], *, has_commands: bool
) -> Summary | None:
    """Process a line. Returns the summary of a turn, None for a command that is no turn and for an empty line."""
    if len(line) > MAX_LINE_BYTES // 4 and len(line.encode()) > MAX_LINE_BYTES:
        raise UsageError(f"a line of more than {MAX_LINE_BYTES:,} bytes is too long", hint="/send sends a recording")
    parsed = parse_command(line) if has_commands else None
    if parsed is None:
        return await chat.send_text(line) if line.strip() else None
    command, argument = parsed
    output = await command.run(chat, argument)
    if isinstance(output, Summary):
        return output
    if command.is_report:
        show(output)
    else:
        for text in output:
            reporter.remark(text)
    return None
