"""A chat whose lines come from a pipe: one line a turn, each answered before the next is read."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Callable, Iterable

from ..errors import FileError, LivecliError, UsageError
from ..report.reporter import Reporter
from ..report.summary import Summary
from .chat import Chat
from .commands import Quit, parse, said

LONGEST_BYTES = 1024 * 1024
"""No model has room for a longer line."""


async def typed_lines() -> AsyncIterator[str]:
    """The lines of standard input, without what ends them. Raises FileError where it cannot be read."""
    if sys.stdin is None:
        raise FileError("standard input is closed")
    while line := await asyncio.to_thread(_read_line):
        yield line.decode(errors="replace").rstrip("\r\n")


def _read_line() -> bytes:
    """Of a line that is too long its beginning, too long still."""
    try:
        line = read = sys.stdin.buffer.readline(LONGEST_BYTES + 1)
        while len(read) > LONGEST_BYTES and not read.endswith(b"\n"):
            read = sys.stdin.buffer.readline(LONGEST_BYTES + 1)
        return line
    except (OSError, ValueError) as error:
        raise FileError(f"cannot read standard input: {getattr(error, 'strerror', None) or error}") from error


async def converse(
    chat: Chat, lines: AsyncIterator[str], reporter: Reporter, show: Callable[[Iterable[str]], None]
) -> list[int]:
    """Say each line; returns the exit status of each turn. Ends where the session cannot be gone on with."""
    statuses: list[int] = []
    async for line in lines:
        try:
            summary = await _one(chat, line, show)
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


async def _one(chat: Chat, line: str, show: Callable[[Iterable[str]], None]) -> Summary | None:
    if len(line) > LONGEST_BYTES // 4 and len(line.encode()) > LONGEST_BYTES:
        raise UsageError(f"a line of more than {LONGEST_BYTES:,} bytes is too long", hint="/send sends a recording")
    command = parse(line)
    if command is not None:
        shown = await command[0].run(chat, command[1])
        if isinstance(shown, Summary):
            return shown
        show(shown or ())
        return None
    return await chat.say(said(line)) if line.strip() else None
