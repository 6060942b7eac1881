"""The differences of two recorded sessions: the first side by side, and a line for each. No I/O."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from itertools import zip_longest
from typing import Any

from ..process.stdio import Span, counted, one_line
from ..recording.comparison import Difference
from .charts import cells, padded, start_of

NARROWEST = 40
"""The columns at least."""
COLUMN_GAP = "  "


def difference_lines(found: Sequence[Difference], first: str, second: str, columns: int) -> Iterator[list[Span]]:
    """The lines of a comparison, at most `columns` wide; none where nothing differs."""
    if not found:
        return
    columns = max(columns, NARROWEST)
    yield from _side_by_side(found[0], first, second, columns)
    for each in found[1:]:
        text = f"{_text(each.a)} → {_text(each.b)}"
        note = f" ({each.note})" if each.note else ""
        head = f"{each.where}: {one_line(each.what)}{note}: "
        head = start_of(head, columns - 10)
        yield [("bold", head), ("", start_of(text, columns - cells(head)))]
    yield [("dim", counted(len(found), "difference"))]


def _side_by_side(each: Difference, first: str, second: str, columns: int) -> Iterator[list[Span]]:
    """Both values in two columns, each under the name of its file."""
    width = (columns - len(COLUMN_GAP)) // 2
    note = f" ({each.note})" if each.note else ""
    yield [("bold", start_of(f"{each.where}: {one_line(each.what)}{note}", columns))]
    left, right = (start_of(one_line(name), width) for name in (first, second))
    yield _row(left, right, width, ("dim", "dim"))
    pairs = zip_longest(_lines(each.a, width), _lines(each.b, width), fillvalue="")
    for left, right in pairs:
        yield _row(left, right, width, ("", "") if left == right else ("red", "green"))
    yield []


def _row(left: str, right: str, width: int, styles: tuple[str, str]) -> list[Span]:
    return [(styles[0], padded(left, width)), ("", COLUMN_GAP), (styles[1], right)]


def _lines(value: Any, width: int) -> list[str]:
    """The value in lines: one for each element of a list, and a text folded at its words."""
    if isinstance(value, list):
        return [start_of(_text(each), width) for each in value]
    lines = [""]
    for word in _text(value).split(" "):
        joined = f"{lines[-1]} {word}" if lines[-1] else word
        if cells(joined) <= width:
            lines[-1] = joined
        else:
            lines.append(start_of(word, width))
    return [line for line in lines if line]


def _text(value: Any) -> str:
    match value:
        case None:
            return "(missing)"
        case str():
            return one_line(value) or "(empty)"
        case float():
            return f"{value:.2f}"
        case _:
            return one_line(json.dumps(value, ensure_ascii=False))
