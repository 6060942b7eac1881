"""What is wrong with a file that was given to us, a script, a recording or a table of tools, and where. Pure.

Whoever has read the file knows its name; the readers know the line.
"""

from __future__ import annotations


class Mistake(ValueError):
    """`reason` says what is wrong in line `line` (from 1), `hint` what to do about it."""

    def __init__(self, line: int, reason: str, *, hint: str | None = None) -> None:
        super().__init__(f"line {line}: {reason}")
        self.line = line
        self.reason = reason
        self.hint = hint
