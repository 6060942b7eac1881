"""The input of a chat through a pipe: each line is a turn, which is answered before the next line is read."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Callable, Iterable

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
    while line := await asyncio.to_thread(_read_line):
        yield line.decode(errors="replace").rstrip("\r\n")


def _read_line() -> bytes:
    """The next line. Of a line longer than MAX_LINE_BYTES it returns one byte more than that, and skips the rest."""
    try:
        line = part = sys.stdin.buffer.readline(MAX_LINE_BYTES + 1)
        while len(part) > MAX_LINE_BYTES and not part.endswith(b"\n"):
            part = sys.stdin.buffer.readline(MAX_LINE_BYTES + 1)
        return line
    except (OSError, ValueError) as error:
        raise FileError(f"cannot read standard input: {getattr(error, 'strerror', None) or error}") from error


async def converse(
    chat: Chat,
    lines: AsyncIterator[str],
    reporter: Reporter,
    show: Callable[[Iterable[str]], None],
    *,
    has_commands: bool = True,
) -> list[int]:
    """Process each line, and return the exit statuses of the turns. Ends early when the session has ended for good.

    `show` prints the output of a command. Without `has_commands`, each line is text.
    """
    statuses: list[int] = []
    async for line in lines:
        try:
            output = await _process(chat, line, has_commands=has_commands)
        except Quit:
            break
        except LivecliError as error:
            output = Summary(line, error=error)
            reporter.finished(output)
        if isinstance(output, Summary):
            statuses.append(output.exit_code)
        else:
            show(output)
        if chat.failure is not None:
            break
    return statuses


async def _process(chat: Chat, line: str, *, has_commands: bool) -> Summary | list[str]:
    """The summary of a turn, or the output of a command."""
    if len(line) > MAX_LINE_BYTES // 4 and len(line.encode()) > MAX_LINE_BYTES:
        raise UsageError(f"a line of more than {MAX_LINE_BYTES:,} bytes is too long", hint="/send sends a recording")
    parsed = parse_command(line) if has_commands else None
    if parsed is not None:
        command, argument = parsed
        return await command.run(chat, argument)
    return await chat.send_text(line) if line.strip() else []
