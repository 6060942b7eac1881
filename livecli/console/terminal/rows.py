"""The rows of a line of text, broken between words.

Every row but the last is padded with spaces to the width of the terminal. Written one after another, without line
feeds, the rows are one line for the terminal: it can be copied whole, and flows when the window changes its width. No
I/O.
"""

from __future__ import annotations

import re

from prompt_toolkit.utils import get_cwidth

Fragments = list[tuple[str, str]]
"""Text in pieces: the style and the characters of each."""

CLOSING = "、。，．・：；？！）］｝」』】〉》ー"
"""Characters that do not begin a row."""

MARKER = re.compile(r" *(?:(?:[-*+•>]|\d{1,3}[.)]|error:|hint:|warning:) +|/\S+(?: \S+)?  +)?")
"""The beginning of a line whose other rows are indented under its end: spaces, and a sign, a word or a command."""

TAB_CELLS = 8
"""The distance of tab stops, in cells."""


def plain(fragments: Fragments) -> str:
    """The characters of styled text."""
    return "".join(text for _, text in fragments)


def with_spaces(text: str, column: int) -> str:
    """`text` with spaces for its tabs. It begins at `column`, counted from 0."""
    pieces = text.split("\t")
    for number, piece in enumerate(pieces[:-1]):
        column += get_cwidth(piece)
        spaces = TAB_CELLS - column % TAB_CELLS
        pieces[number] += " " * spaces
        column += spaces
    return "".join(pieces)


def hanging_indent(line: str, columns: int) -> int:
    """The cells before the second row of a line, and before the others: less than half of `columns`, or none."""
    found = MARKER.match(line)
    cells = get_cwidth(found[0]) if found else 0
    return cells if 2 * cells < columns else 0


def take_rows(
    line: Fragments, columns: int, *, indent: int = 0, hang: int | None = None, in_words: bool = True
) -> tuple[list[Fragments], Fragments, int]:
    """The full rows of a line, padded to `columns` cells; the rest, which fits; and the cells before the rest.

    `indent` are the cells before the first row, which begins the line where `hang` is None: then its other rows get
    its hanging indent, else `hang`. With `in_words` false a row ends at any character.
    """
    text, start, rows = plain(line), 0, []
    # The sign of an item is no row of its own.
    lead = hanging_indent(text, columns) if in_words and hang is None else 0
    hang = (lead if hang is None else hang) if in_words else 0
    while (end := _row_end(text, start, columns - indent, lead, in_words=in_words)) is not None:
        row = text[start:end].rstrip(" ") if in_words else text[start:end]
        padding = columns - indent - get_cwidth(row)
        rows.append([("", " " * indent), *_cut(line, start, start + len(row)), ("", " " * padding)])
        is_in_word = not padding and get_cwidth(text[end - 1]) < 2 and text[end] != " "
        start, lead = end, 0
        # A row without padding would be joined to the next word, so that keeps its space.
        while in_words and padding and text.startswith(" ", start):
            start += 1
        indent = 0 if is_in_word else hang
    return rows, _cut(line, start, len(text)), indent


def _row_end(text: str, start: int, columns: int, lead: int, *, in_words: bool) -> int | None:
    """Where the row ends that begins at `start`, None if the rest of `text` fits.

    A row ends before a space or beside a wide character, or within a word that is longer than a row. No row ends in its
    first `lead` characters.
    """
    width, end, previous_end = 0, start, start
    for place in range(start, len(text)):
        character = text[place]
        cells = get_cwidth(character)
        if in_words and character in CLOSING and end == place:
            end = previous_end
        elif in_words and cells == 2:
            end = place
        width += cells
        if width > columns and not (character == " " and place > start and text[place - 1] == " " and in_words):
            return end if end > start + lead else max(place, start + 1)
        if in_words and (character == " " or cells == 2 or (cells == 0 and end == place)):
            previous_end, end = end, place + 1
    return None


def _cut(line: Fragments, start: int, end: int) -> Fragments:
    """The part of styled text between two characters."""
    part, place = [], 0
    for style, text in line:
        if piece := text[max(start - place, 0) : max(end - place, 0)]:
            part.append((style, piece))
        place += len(text)
    return part
