"""The terminal of a chat: what is told stands above the prompt for good, and an answer grows there row by row.

A row that is not full yet is part of the prompt (`live`), which is redrawn; it is printed once it is full. Whatever
else is written to standard error meanwhile goes above the prompt, too.
"""

from __future__ import annotations

import asyncio
import io
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout
from typing import Any, TextIO

from prompt_toolkit.application import Application
from prompt_toolkit.formatted_text import ANSI, StyleAndTextTuples, to_formatted_text
from prompt_toolkit.output import ColorDepth, Output, create_output
from prompt_toolkit.renderer import print_formatted_text
from prompt_toolkit.styles import Style
from prompt_toolkit.utils import get_cwidth

from ..process.stdio import one_line

# Text broken into a terminal's rows, word by word, by the cells that its characters take. Pure.
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


STYLE = Style.from_dict(
    {
        "prompt": "bold ansigreen",
        "you": "bold",
        "heard": "italic",
        "thought": "dim italic",
        "note": "dim",
        "tool": "ansicyan",
        "source": "ansiblue",
        "warning": "ansiyellow",
        "question": "bold ansiyellow",
        "bottom-toolbar": "noreverse",
        "bottom-toolbar.text": "dim",
        "state": "nodim bold",
        "state.ready": "nodim ansigreen",
        "state.thinking": "nodim ansiyellow",
        "state.speaking": "nodim ansicyan",
        "state.trouble": "nodim ansired",
    }
)
PREFIXES = {"heard": ("> ", "  ")}
"""What stands before the first row of a kind, and before the others."""


class Screen:
    """Writes to standard error. Not for other threads, but for what they write to `sys.stderr`."""

    def __init__(self) -> None:
        self.output = _output()
        self._app: Application[Any] | None = None
        self._kind, self._row = "", ""
        self._blank = True

    # --- for good ---

    def print(self, style: str, *lines: str) -> None:
        """Lines, each whole; what they are made of is safe."""
        self.close()
        self._print([(style, "\n".join(lines) + "\n")])
        self._blank = lines[-1:] == ("",)

    def leave_blank(self) -> None:
        """A line between what was told and what follows."""
        if not (self._blank or self._row):
            self.print("", "")

    def _print(self, fragments: StyleAndTextTuples) -> None:
        app = self._app if self._app is not None and self._app.is_running else None
        if app is not None:
            app.renderer.erase()
        print_formatted_text(self.output, fragments, STYLE)
        self._blank = False
        if app is not None:
            app.invalidate()

    # --- as it comes ---

    def grow(self, kind: str, text: str) -> None:
        """The next piece of what is said, of a `kind` (a style's name); hostile until it is shown."""
        if kind != self._kind:
            self.close()
            self._kind, self._row = kind, PREFIXES.get(kind, ("", ""))[0]
        first, *others = text.split("\n")
        self._extend(safe(first))
        for line in others:
            self._end_row()
            self._extend(safe(line))
        if self._app is not None:
            self._app.invalidate()

    def _extend(self, text: str) -> None:
        *full, rest = rows(self._row + text, self._columns)
        if full:
            self._print([(self._style, "".join(f"{row}\n" for row in full))])
            rest = PREFIXES.get(self._kind, ("", ""))[1] + rest
        self._row = rest

    def _end_row(self) -> None:
        self._print([(self._style, f"{self._row}\n")])
        self._row = PREFIXES.get(self._kind, ("", ""))[1]

    def close(self) -> None:
        """What was growing is whole."""
        if self._row.strip():
            self._end_row()
        self._kind = self._row = ""

    @property
    def live(self) -> StyleAndTextTuples:
        """The row that is not full yet; several, where the terminal has become narrower."""
        return [(self._style, "".join(f"{row}\n" for row in rows(self._row, self._columns)))] if self._row else []

    @property
    def _style(self) -> str:
        return f"class:{self._kind}"

    @property
    def _columns(self) -> int:
        return max(self.output.get_size().columns - 1, 10)

    # --- beside a prompt ---

    @contextmanager
    def above(self, app: Application[Any]) -> Iterator[None]:
        """For as long as `app` is the prompt."""
        self._app = app
        with ExitStack() as redirected:
            stream = Above(self, sys.stderr)
            redirected.enter_context(redirect_stderr(stream))
            if sys.stdout is not None and sys.stdout.isatty():
                redirected.enter_context(redirect_stdout(stream))
            try:
                yield
            finally:
                self.close()
                stream.finish()
                self._app = None

    def print_ansi(self, text: str) -> None:
        """Whole lines with colours of ours in them."""
        self.close()
        self._print(to_formatted_text(ANSI(text.replace("\x01", "").replace("\x02", ""))))


class Above(io.TextIOBase):
    """Standard error, and standard output at a terminal, while there is a prompt: whole lines, above it."""

    def __init__(self, screen: Screen, real: TextIO) -> None:
        self._screen, self._real = screen, real
        self._loop, self._thread = asyncio.get_running_loop(), threading.get_ident()
        self._held = ""

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return self._real.encoding

    def isatty(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._real.fileno()

    def write(self, text: str) -> int:
        if threading.get_ident() == self._thread:
            self._take(text)
        else:
            self._loop.call_soon_threadsafe(self._take, text)
        return len(text)

    def _take(self, text: str) -> None:
        whole, newline, self._held = (self._held + text).rpartition("\n")
        if newline:
            self._screen.print_ansi(whole + newline)

    def finish(self) -> None:
        """Nothing more is written."""
        if self._held:
            self._take("\n")


def _output() -> Output:
    if sys.platform == "win32":
        return create_output(sys.stderr)
    from prompt_toolkit.output.vt100 import Vt100_Output

    class Vt100(Vt100_Output):
        # The terminal is not asked: the prompt would fill what room there is, and its last line jump to and fro.
        def get_rows_below_cursor_position(self) -> int:
            return 1

    return Vt100.from_pty(sys.stderr, default_color_depth=ColorDepth.from_env())  # NO_COLOR
