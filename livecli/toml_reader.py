"""A TOML reader whose errors have line numbers.

tomllib does not report lines. The line of a value is found by parsing longer and longer beginnings of the text, with
all that is open at their end closed: it is the last line of the first beginning that has the value. This is slow, and
only done for an error.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from functools import lru_cache
from typing import Any, NoReturn


class LineError(ValueError):
    """An error in line `line` (from 1) of a user's file: `reason` says what is wrong, `hint` what to do about it.

    The caller, which has opened the file, adds its name.
    """

    def __init__(self, line: int, reason: str, *, hint: str | None = None) -> None:
        super().__init__(f"line {line}: {reason}")
        self.line = line
        self.reason = reason
        self.hint = hint


Path = Sequence[str | int]
"""The keys and indexes that lead to a value: `("turn", 2, "steps", 0)`."""

_STRINGS = ("", '"""', "'''")
_BRACKETS = ["".join(some) for count in range(5) for some in itertools.product("]}", repeat=count)]

# Texts that close what can be open at the end of a line: a multi-line string, arrays and inline tables.
CLOSINGS = tuple(string + brackets for string, brackets in itertools.product(_STRINGS, _BRACKETS))

TOO_LONG = re.compile(r"[0-9_]{4301}")
"""A decimal number that Python does not convert."""

_TYPES = {str: "a text", bool: "true or false", dict: "a table", list: "a list", int: "a number", float: "a number"}


class Reader:
    """Checks the values of one TOML text. Each value is passed with its path, from which an error gets its line.

    Error messages call a member of the list NAME `members[NAME]`, and one of any other list `item`. All methods raise
    LineError.
    """

    def __init__(self, text: str, item: str, **members: str) -> None:
        self._text = text
        self._item, self._members = item, members

    def text(self, value: Any, path: Path) -> str:
        """`value`, if it is a text that is not empty."""
        text: str = self.expect(value, str, path)
        return text if text else self.wrong(path, f"{path[-1]} is empty")

    def json(self, value: Any, path: Path) -> dict[str, Any]:
        """`value`, if it is a table that JSON can represent."""
        table: dict[str, Any] = self.expect(value, dict, path)
        try:
            json.dumps(table, allow_nan=False)
        except (TypeError, ValueError):
            self.wrong(path, "it has a value that JSON cannot represent", hint="write dates and nan as texts")
        return table

    def expect(self, value: Any, kind: type, path: Path) -> Any:
        """`value`, if it is of this type. A bool is no int."""
        if isinstance(value, kind) and (kind is bool or not isinstance(value, bool)):
            return value
        actual = _TYPES.get(type(value), "a date")
        return self.wrong(path, f"{self._name_at(path)} must be {_TYPES[kind]}, and is {actual}")

    def unknown(self, key: str, known: Iterable[str], path: Path) -> NoReturn:
        """Raise the error for an unknown key, with the known one that is most like it.

        At the top of a file, a single known key is that of an array of tables.
        """
        meant = get_close_matches(key, known := list(known), 1)
        is_table = len(path) == len(known) == 1
        others = f"the only table allowed here is [[{known[0]}]]" if is_table else f"there are {', '.join(known)}"
        hint = f"did you mean {meant[0]}?" if meant else others
        self.wrong(path, f"there is no {key!r} here", hint=hint)

    def wrong(self, path: Path, reason: str, *, hint: str | None = None) -> NoReturn:
        """Raise LineError for the value at `path`."""
        raise LineError(line_of(self._text, path), reason, hint=hint)

    def _name_at(self, path: Path) -> str:
        """The name of the value in an error message: its key, or for a member of a list as in `a step`."""
        return path[-1] if isinstance(path[-1], str) else self._members.get(str(path[-2]), self._item)


def line_of(text: str, path: Path) -> int:
    """The line (from 1) where the value at `path` begins, or else where the table around it begins.

    `text` must be valid TOML.
    """
    lines = text.split("\n")
    first, block = _block(text, lines, path)
    inner = [path[0], 0, *path[2:]] if first is not None else path
    name = path[-1]
    for count, line in enumerate(block, 1):
        if (not isinstance(name, str) or name in line) and _has("\n".join(block[:count]), inner):
            return (first or 0) + count
    return (first or 0) + 1


def load(text: str) -> dict[str, Any]:
    """The tables of a TOML text. Raises LineError if it is not TOML."""
    import tomllib

    try:
        return tomllib.loads(text)
    except ValueError as error:
        if number := TOO_LONG.search(text):
            raise LineError(text.count("\n", 0, number.start()) + 1, "a number has too many digits") from error
        named = re.search(r" \(at line (\d+), ", str(error))
        # An error without a line is one at the end of the text.
        line = int(named[1]) if named else text.rstrip().count("\n") + 1
        reason = re.sub(r" \(at .*\)$", "", str(error))
        raise LineError(line, f"this is not TOML: {reason}") from error
    except RecursionError as error:
        raise LineError(1, "this is not TOML: there are too many brackets within brackets") from error


def _block(text: str, lines: list[str], path: Path) -> tuple[int | None, list[str]]:
    """The lines of the table in an array of tables (`[[turn]]`) that `path` leads into, and how many are before it.

    All lines and None for any other path.
    """
    if len(path) < 2:
        return None, lines
    starts = [*_headers(text, str(path[0])), len(lines)]
    nth = path[1]
    if not isinstance(nth, int) or nth + 1 >= len(starts):
        # The array is written inline.
        return None, lines
    return starts[nth], lines[starts[nth] : starts[nth + 1]]


@lru_cache(maxsize=4)
def _headers(text: str, name: str) -> tuple[int, ...]:
    """How many lines are before each table of an array of tables. Kept, because a caller may ask for many lines."""
    lines = text.split("\n")
    header = re.compile(rf"\s*\[\[\s*{re.escape(name)}\s*\]\]")
    starts = [0]
    for number, line in enumerate(lines):
        # A line like a header may be inside a string: then the text before it is incomplete.
        if header.match(line) and _parsed("\n".join(lines[starts[-1] : number])) is not None:
            starts.append(number)
    return tuple(starts[1:])


def _has(text: str, path: Path) -> bool:
    closed = (_parsed(f"{text}\n{closing}") for closing in CLOSINGS)
    return _reaches(next((value for value in closed if value is not None), None), path)


def _parsed(text: str) -> Any:
    import tomllib

    try:
        return tomllib.loads(text + "\n")
    except ValueError:
        return None


def _reaches(value: Any, path: Path) -> bool:
    for step in path:
        try:
            value = value[step]
        except (KeyError, IndexError, TypeError):
            return False
    return True
