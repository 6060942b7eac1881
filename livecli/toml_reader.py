"""TOML, where in the text a value stands, and a Reader of values that says so. Pure; where is slow to find, and asked
only once something is wrong.

tomllib tells no lines. But a text that ends just before a value begins does not have that value yet, and one that ends
with the line where it begins has it, as soon as whatever is still open there is closed. So that line is found by
parsing ever more of the text.
"""

from __future__ import annotations

import itertools
import json
import re
import tomllib
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import Any, NoReturn


# What is wrong with a file that was given to us, a script, a recording or a table of tools, and where. Pure.
#
# Whoever has read the file knows its name; the readers know the line.
class LineError(ValueError):
    """`reason` says what is wrong in line `line` (from 1), `hint` what to do about it."""

    def __init__(self, line: int, reason: str, *, hint: str | None = None) -> None:
        super().__init__(f"line {line}: {reason}")
        self.line = line
        self.reason = reason
        self.hint = hint


Path = Sequence[str | int]
"""Keys and indexes from the top: `("turn", 2, "steps", 0)`."""

_STRINGS = ("", '"""', "'''")
_BRACKETS = ["".join(some) for count in range(5) for some in itertools.product("]}", repeat=count)]
CLOSINGS = tuple(string + brackets for string, brackets in itertools.product(_STRINGS, _BRACKETS))
"""What can be open at the end of a line: a string of several lines, arrays, and inline tables around those."""


_TYPES = {str: "a text", bool: "true or false", dict: "a table", list: "a list", int: "a number", float: "a number"}


class Reader:
    """Of one TOML text. Every value is read together with its path, to tell where it stands if it is wrong.

    `members` are what one of a list is called, by the name of the list; `item` is one of any other. All methods raise
    Mistake.
    """

    def __init__(self, text: str, item: str, **members: str) -> None:
        self._text = text
        self._item, self._members = item, members

    def words(self, value: Any, path: Path) -> str:
        """A text that is not empty."""
        words: str = self.expect(value, str, path)
        return words if words else self.wrong(path, f"{path[-1]} is empty")

    def json(self, value: Any, path: Path) -> dict[str, Any]:
        """A table that can be said in JSON."""
        table: dict[str, Any] = self.expect(value, dict, path)
        try:
            json.dumps(table, allow_nan=False)
        except (TypeError, ValueError):
            self.wrong(path, "there is something in it that JSON has no word for", hint="write dates and nan as texts")
        return table

    def expect(self, value: Any, wanted: type, path: Path) -> Any:
        """`value`, if it is a `wanted`."""
        if isinstance(value, wanted) and (wanted is bool or not isinstance(value, bool)):
            return value
        what = _TYPES.get(type(value), "a date")
        return self.wrong(path, f"{self._name_at(path)} must be {_TYPES[wanted]}, and is {what}")

    def unknown(self, key: str, known: Iterable[str], path: Path) -> NoReturn:
        """Nothing is called `key` here."""
        meant = get_close_matches(key, known := list(known), 1)
        hint = f"did you mean {meant[0]}?" if meant else f"there are {', '.join(known)}"
        self.wrong(path, f"there is no {key!r} here", hint=hint)

    def wrong(self, path: Path, reason: str, *, hint: str | None = None) -> NoReturn:
        """What stands at `path` cannot be meant."""
        raise LineError(line_of(self._text, path), reason, hint=hint)

    def _name_at(self, path: Path) -> str:
        """What the value is called: `say`, or for one of a list `a step`."""
        return path[-1] if isinstance(path[-1], str) else self._members.get(str(path[-2]), self._item)


def line_of(text: str, path: Path) -> int:
    """The line, from 1, where the value at `path` begins; where it cannot be told, where the table around it does.

    `text` is valid TOML.
    """
    lines = text.split("\n")
    first, block = _block(lines, path)
    inner = [path[0], 0, *path[2:]] if first is not None else path
    name = path[-1]
    for count, line in enumerate(block, 1):
        if (not isinstance(name, str) or name in line) and _has("\n".join(block[:count]), inner):
            return (first or 0) + count
    return (first or 0) + 1


def load(text: str) -> dict[str, Any]:
    """The tables of a TOML text. Raises Mistake where it is none."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        named = re.search(r" \(at line (\d+), ", str(error))
        line = int(named[1]) if named else text.rstrip().count("\n") + 1  # without one it speaks of the end
        complaint = re.sub(r" \(at .*\)$", "", str(error))
        raise LineError(line, f"this is not TOML: {complaint}") from error
    except RecursionError as error:
        raise LineError(1, "this is not TOML: there are too many brackets within brackets") from error


def _block(lines: list[str], path: Path) -> tuple[int | None, list[str]]:
    """For a path into an array of tables (`[[turn]]`) the lines of that table, and the number of lines before it."""
    if len(path) < 2:
        return None, lines
    header = re.compile(rf"\s*\[\[\s*{re.escape(str(path[0]))}\s*\]\]")
    starts = [0]
    for number, line in enumerate(lines):
        # What looks like a header may stand within a string: then the text before it is not complete.
        if header.match(line) and _parsed("\n".join(lines[starts[-1] : number])) is not None:
            starts.append(number)
    starts = [*starts[1:], len(lines)]
    nth = path[1]
    if not isinstance(nth, int) or nth + 1 >= len(starts):
        return None, lines  # written as an inline array
    return starts[nth], lines[starts[nth] : starts[nth + 1]]


def _has(text: str, path: Path) -> bool:
    closed = (_parsed(f"{text}\n{closing}") for closing in CLOSINGS)
    return _reaches(next((value for value in closed if value is not None), None), path)


def _parsed(text: str) -> Any:
    try:
        return tomllib.loads(text + "\n")
    except tomllib.TOMLDecodeError:
        return None


def _reaches(value: Any, path: Path) -> bool:
    for step in path:
        try:
            value = value[step]
        except (KeyError, IndexError, TypeError):
            return False
    return True
