"""Markdown as text for a terminal: headings, paragraphs, lists, tables and blocks of code. No I/O.

It renders what the topics of `livecli help` use. Nested lists, quotes and HTML are not among it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

STYLES = {"heading": "1", "code": "36", "strong": "1", "emphasis": "3", "prompt": "1;36"}

INLINE = re.compile(r"`(?P<code>[^`]+)`|\*\*(?P<strong>[^*]+)\*\*|\*(?P<emphasis>[^*\s][^*]*)\*")

ITEM = re.compile(r"(\* |\d+\. )")

INDENT = "    "
"""Before each line of code."""

NARROWEST_COLUMN = 16
"""A column of a table is not made narrower than its longest word, or than this."""

Line = tuple[str, int]
"""A line with the codes of its styles, and the columns that it takes."""


def render(text: str, *, width: int, in_colour: bool) -> str:
    """The document in lines of up to `width` columns. Code, and words that are longer, are not broken."""
    rendered, was_item = "", False
    for block in blocks(text.splitlines()):
        if part := _rendered(block, width, in_colour=in_colour):
            is_item = bool(ITEM.match(block[0]))
            rendered += ("\n" if was_item and is_item else "\n\n" if rendered else "") + part
            was_item = is_item
    return f"{rendered}\n"


def blocks(lines: list[str]) -> Iterator[list[str]]:
    """The lines of each block. A block of code has its fences, and each item of a list is a block."""
    block: list[str] = []
    in_code = False
    for line in lines:
        is_fence = line.startswith("```")
        if in_code:
            block.append(line)
            if is_fence:
                yield block
                block, in_code = [], False
            continue
        joins_table = bool(block) and block[0].startswith("|") and line.startswith("|")
        starts = is_fence or line.startswith(("#", "|")) or ITEM.match(line)
        if block and not joins_table and (starts or not line.strip()):
            yield block
            block = []
        if line.strip():
            block.append(line)
        in_code = is_fence
    if block:
        yield block


def _rendered(block: list[str], width: int, *, in_colour: bool) -> str:
    first = block[0]
    if first.startswith("```"):
        return "\n".join(_code(line, in_colour=in_colour) for line in block[1:-1])
    if first.startswith("|"):
        return "\n".join(_table(block, width, in_colour=in_colour))
    if first.startswith("#"):
        return _styled("heading", first.lstrip("# "), in_colour=in_colour)
    marker = ITEM.match(first)
    indent = marker[0] if marker else ""
    text = " ".join(line.strip() for line in block)[len(indent) :]
    lines = [line for line, _ in _wrapped(without_links(text), width - len(indent), in_colour=in_colour)]
    return indent + f"\n{' ' * len(indent)}".join(lines) if lines else ""


def _code(line: str, *, in_colour: bool) -> str:
    if line.startswith("$ "):
        return f"{INDENT}{_styled('prompt', line, in_colour=in_colour)}"
    return f"{INDENT}{line}" if line else ""


def without_links(text: str) -> str:
    """The text of each link, with the address of one that leaves the project. A picture is left out."""
    text = re.sub(r"!\[[^\]]*\]\([^)]*\)", "", text)
    text = re.sub(r"\[([^\]]+)\]\((https?:[^)]+)\)", r"\1 (\2)", text)
    return re.sub(r"\[([^\]]+)\]\([^)]*\)", r"\1", text)


def _wrapped(text: str, width: int, *, in_colour: bool, breaks: bool = False) -> list[Line]:
    """`text` in lines of up to `width` columns. Longer words are broken where it `breaks` them."""
    lines: list[Line] = []
    for word, length in _words(text, width if breaks else 0, in_colour=in_colour):
        if lines and lines[-1][1] + 1 + length <= width:
            lines[-1] = f"{lines[-1][0]} {word}", lines[-1][1] + 1 + length
        else:
            lines.append((word, length))
    return lines


def _words(text: str, longest: int, *, in_colour: bool) -> Iterator[Line]:
    """The words of `text` in their styles. With `longest`, a word is broken into parts of that length."""
    word: list[tuple[str, str]] = []
    for kind, span in [*_spans(text, in_colour=in_colour), ("", " ")]:
        for number, part in enumerate(span.split(" ")):
            if number and word:
                yield from _broken(word, longest, in_colour=in_colour)
                word = []
            if part:
                word.append((kind, part))


def _broken(word: list[tuple[str, str]], longest: int, *, in_colour: bool) -> Iterator[Line]:
    length = sum(len(part) for _, part in word)
    if longest and length > longest:
        text = "".join(part for _, part in word)
        word, rest = [(word[0][0], text[:longest])], [(word[0][0], text[longest:])]
        yield from _broken(word, longest, in_colour=in_colour)
        yield from _broken(rest, longest, in_colour=in_colour)
    else:
        yield "".join(_styled(kind, part, in_colour=in_colour) for kind, part in word), length


def _spans(text: str, *, in_colour: bool) -> Iterator[tuple[str, str]]:
    """The style and the text of each part. Code keeps its backquotes where there are no colours."""
    at = 0
    for found in INLINE.finditer(text):
        yield "", text[at : found.start()]
        kind = str(found.lastgroup)
        yield kind, found[0] if kind == "code" and not in_colour else found[kind]
        at = found.end()
    yield "", text[at:]


def _styled(kind: str, text: str, *, in_colour: bool) -> str:
    return f"\x1b[{STYLES[kind]}m{text}\x1b[0m" if in_colour and kind else text


def _table(rows: list[str], width: int, *, in_colour: bool) -> Iterator[str]:
    """The lines of a table: a heading above a rule, and cells that are wrapped in their columns."""
    heading, *cells = table_rows(rows)
    columns = list(zip(heading, *cells, strict=True))
    widths = [
        max(length for cell in column for _, length in _wrapped(cell, width, in_colour=in_colour) or [("", 0)])
        for column in columns
    ]
    least = [
        min(
            NARROWEST_COLUMN,
            max((length for cell in column for _, length in _words(cell, 0, in_colour=in_colour)), default=0),
        )
        for column in columns
    ]
    while sum(widths) + 2 * (len(widths) - 1) > width and widths != least:
        widest = max((size - low, number) for number, (size, low) in enumerate(zip(widths, least, strict=True)))[1]
        widths[widest] -= 1
    for number, row in enumerate([heading, *cells]):
        wrapped = [
            _wrapped(cell, size, in_colour=in_colour, breaks=True) for cell, size in zip(row, widths, strict=True)
        ]
        for line in range(max(map(len, wrapped))):
            parts = [cell[line] if line < len(cell) else ("", 0) for cell in wrapped]
            yield "  ".join(
                _styled("" if number else "heading", part, in_colour=in_colour) + " " * (size - length)
                for (part, length), size in zip(parts, widths, strict=True)
            ).rstrip()
        if number == 0:
            yield "  ".join("─" * size for size in widths)


def table_rows(lines: list[str]) -> list[list[str]]:
    """The cells of the heading and of each row of a table, without links and with the bars that were escaped."""
    return [
        [without_links(cell.strip().replace("\\|", "|")) for cell in re.split(r"(?<!\\)\|", line.strip())[1:-1]]
        for line in lines
        if not re.fullmatch(r"[|\s:-]+", line)
    ]
