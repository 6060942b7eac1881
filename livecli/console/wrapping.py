"""Text broken into a terminal's rows, word by word, by the cells that its characters take. Pure."""

from __future__ import annotations

from prompt_toolkit.utils import get_cwidth

from ..process.stdio import one_line

CLOSING = "、。，．・：；？！）］｝」』】〉》ー"
"""No row begins with one of these."""
JOINERS = ("\u200c", "\u200d")
"""What joins letters, and emoji: they are not printable, but no terminal obeys them."""


def rows(text: str, columns: int) -> list[str]:
    """`text`, which is one line, in rows of at most `columns` cells; the last of them has room for more."""
    broken = []
    while (end := _end(text, columns)) is not None:
        broken.append(text[:end].rstrip(" "))
        text = text[end:].lstrip(" ")
    return [*broken, text]


def _end(text: str, columns: int) -> int | None:
    """Where the first row ends: after a space or beside a wide character, else in the middle of a word."""
    width = end = before = 0
    for place, character in enumerate(text):
        cells = get_cwidth(character)
        if character in CLOSING and end == place:
            end = before
        elif cells == 2:
            end = place
        width += cells
        if width > columns and character != " ":
            return end or max(place, 1)
        if character == " " or cells == 2 or (cells == 0 and end == place):
            before, end = end, place + 1
    return None


def safe(text: str, joiners: tuple[str, ...] = JOINERS) -> str:
    """A line that a peer sent, with nothing in it that a terminal would obey."""
    if text.isprintable():
        return text
    joiner, *others = joiners or ("",)
    if not joiner:
        return one_line(text)
    return joiner.join(safe(part, tuple(others)) for part in text.split(joiner))
