"""Markdown that arrives in pieces, as styled text: headings, emphasis, items, code. No I/O.

A piece is shown as soon as its meaning is certain, so that an answer grows word by word. What else Markdown has, such
as tables and links, stays as it is written.
"""

from __future__ import annotations

import re
import string

from .rows import Fragments

BLOCK = "class:block"
"""The style of a line of code, which is not broken between words."""

HEADING = re.compile(r" {0,3}#{1,6} +")
ITEM = re.compile(r"( *)[-*+] +")
FENCE = re.compile(r" *```")
"""A fence is indented as much as the item of a list that it belongs to."""

UNCERTAIN = re.compile(r" {0,3}(#{1,6} *|[-*+])?| *`{0,2}| *[-*+] *")
"""The beginning of a line whose meaning the next characters decide."""

MARKS = re.compile(rf"\*+|`+|\\(?![^{re.escape(string.punctuation)}])")
"""A backslash escapes punctuation only: the backslashes of a path stay."""


class MarkdownStream:
    """Markdown text that is fed in pieces. `in_colour` false keeps the backquotes of code, which has no style then."""

    def __init__(self, *, in_colour: bool = True) -> None:
        self._in_colour = in_colour
        self._pending = ""
        self._is_line_start, self._in_block = True, False
        # The styles of the text that follows, each until its closing mark or the end of the line.
        self._styles: list[str] = []
        # The last character of the line so far.
        self._previous = " "

    def feed(self, text: str) -> Fragments:
        """The styled text that is certain after this piece."""
        self._pending += text
        return self._take(is_end=False)

    def finish(self) -> Fragments:
        """The rest of the styled text."""
        return self._take(is_end=True)

    def _take(self, *, is_end: bool) -> Fragments:
        taken: Fragments = []
        while self._pending:
            line, newline, rest = self._pending.partition("\n")
            is_whole = bool(newline) or is_end
            if self._is_line_start and not is_whole and self._is_uncertain(line):
                break
            taken += self._take_line(line, is_whole=is_whole)
            if newline:
                self._pending = rest
                self._is_line_start, self._previous = True, " "
                self._styles.clear()
                taken.append(("", "\n"))
            else:
                break
        return taken

    def _is_uncertain(self, line: str) -> bool:
        return bool(FENCE.match(line) or UNCERTAIN.fullmatch(line))

    def _take_line(self, line: str, *, is_whole: bool) -> Fragments:
        """The styled text of the line's beginning, or of more of it. What is uncertain stays in `_pending`."""
        taken: Fragments = []
        if self._is_line_start:
            self._is_line_start = False
            if FENCE.match(line):
                self._in_block = not self._in_block
                self._pending = ""
                return [("class:note", line)]
            if not self._in_block and (heading := HEADING.match(line)):
                self._styles.append("class:heading")
                line = line[heading.end() :]
            elif not self._in_block and (item := ITEM.match(line)):
                taken.append(("", f"{item[1]}• "))
                line = line[item.end() :]
        if self._in_block:
            self._pending = ""
            return [(BLOCK, line)]
        place = 0
        while found := MARKS.search(line, place):
            if found.end() == len(line) and not is_whole:
                break
            taken += self._text(line[place : found.start()])
            place = found.end()
            if found[0] == "\\" and "class:code" not in self._styles and place < len(line):
                taken += self._text(line[place])
                place += 1
            else:
                taken += self._mark(found[0], line[place : place + 1])
        end = found.start() if found else len(line)
        taken += self._text(line[place:end])
        self._pending = line[end:]
        return taken

    def _text(self, text: str) -> Fragments:
        self._previous = text[-1:] or self._previous
        return [(" ".join(self._styles), text)] if text else []

    def _mark(self, mark: str, following: str) -> Fragments:
        """Begin or end a style, or return the mark as text."""
        style = {"`": "class:code", "*": "class:emphasis", "**": "class:strong"}.get(mark)
        in_code = "class:code" in self._styles
        if style is None or (in_code and mark != "`") or mark == "\\":
            return self._text(mark)
        if style in self._styles and (in_code or not self._previous.isspace()):
            shown = self._text(mark) if in_code and not self._in_colour else []
            self._styles.remove(style)
            return shown
        if style not in self._styles and following.strip() and (mark != "*" or not self._previous.isalnum()):
            self._styles.append(style)
            return self._text(mark) if style == "class:code" and not self._in_colour else []
        return self._text(mark)
