"""The terminal of a chat: finished lines stand above the prompt, and an answer grows there row by row.

A row that is not full yet is drawn as a part of the prompt (`unfinished_rows`), and printed once it is full. Other
writes to standard error appear above the prompt as well.
"""

from __future__ import annotations

import asyncio
import base64
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

from ..process.stdio import in_colour, one_line

CLOSING = "、。，．・：；？！）］｝」』】〉》ー"
"""Characters that do not begin a row."""

JOINERS = "\u200c\u200d"
"""Zero-width characters that join letters and emoji. They are not printable, but harmless to a terminal."""


def wrap(text: str, columns: int) -> list[str]:
    """One line of text in rows of at most `columns` cells. There is room for more in the last row."""
    rows, start = [], 0
    while (end := _row_end(text, start, columns)) is not None:
        rows.append(text[start:end].rstrip(" "))
        start = end
        while text.startswith(" ", start):
            start += 1
    return [*rows, text[start:]]


def _row_end(text: str, start: int, columns: int) -> int | None:
    """Where the row ends that begins at `start`, None if the rest of `text` fits.

    A row ends after a space or beside a wide character, or within a word that is longer than a row.
    """
    width, end, previous_end = 0, start, start
    for place in range(start, len(text)):
        character = text[place]
        cells = get_cwidth(character)
        if character in CLOSING and end == place:
            end = previous_end
        elif cells == 2:
            end = place
        width += cells
        if width > columns and character != " ":
            return end if end > start else max(place, start + 1)
        if character == " " or cells == 2 or (cells == 0 and end == place):
            previous_end, end = end, place + 1
    return None


def escaped(text: str) -> str:
    """A line from a peer, with control characters escaped and joiners kept."""
    return one_line(text, keep=JOINERS)


STYLE = Style.from_dict(
    {
        # prompt_toolkit gives this style to everything that it draws above the line being typed, answers included.
        "prompt": "",
        "sign": "bold ansigreen",
        "you": "bold ansigreen",
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
        "state.no": "nodim ansired",
    }
)
PREFIXES = {"heard": ("> ", "  ")}
"""By kind of text, the prefix of its first row and of the rows that follow."""

NO_PREFIXES = ("", "")


MAX_PIECE_CHARACTERS = 100_000
"""What is shown of one piece of text. A model sends some words in each; more would only hold up the prompt."""

MAX_ROW_CHARACTERS = 4_096
"""The length at which a row ends that does not become wide, of characters that take no room."""


class Screen:
    """Writes to standard error. Its methods must be called in the event loop's thread."""

    def __init__(self) -> None:
        self.output = _create_output()
        self._app: Application[Any] | None = None
        self._kind, self._row = "", ""
        self._ends_blank = True
        # What waits to be printed, while another program has the terminal.
        self._held: StyleAndTextTuples | None = None

    @contextmanager
    def held(self) -> Iterator[None]:
        """During the block another program has the terminal. What is printed meanwhile appears at its end."""
        self._held = []
        try:
            yield
        finally:
            fragments, self._held = self._held, None
            self._print(fragments)

    def copy(self, text: str) -> None:
        """Have the terminal copy text to its clipboard (OSC 52), where it allows that."""
        self.output.write_raw(f"\x1b]52;c;{base64.b64encode(text.encode()).decode()}\x07")
        self.output.flush()

    # --- finished lines ---

    def print(self, style: str, *lines: str) -> None:
        """Print whole lines, which must be escaped."""
        self.finish_row()
        self._print([(style, "\n".join(lines) + "\n")])
        self._ends_blank = lines[-1:] == ("",)

    def rows(self, line: str) -> list[str]:
        """A line, which must be escaped, in rows that fit: a terminal would break it within a word."""
        return wrap(line, self._columns)

    def separate(self) -> None:
        """Print an empty line, unless the last line is empty."""
        if not (self._ends_blank or self._row):
            self.print("", "")

    def _print(self, fragments: StyleAndTextTuples) -> None:
        if self._held is not None:
            self._held += fragments
            return
        app = self._app if self._app is not None and self._app.is_running else None
        if app is not None:
            app.renderer.erase()
        print_formatted_text(self.output, fragments, STYLE)
        self._ends_blank = False
        if app is not None:
            app.invalidate()

    # --- growing text ---

    def append(self, kind: str, text: str) -> None:
        """Append text from a peer to the growing text of this `kind`, the name of a style. Escapes it."""
        if kind != self._kind:
            self.finish_row()
            self._kind, self._row = kind, PREFIXES.get(kind, NO_PREFIXES)[0]
        if len(text) > MAX_PIECE_CHARACTERS:
            text = f"{text[:MAX_PIECE_CHARACTERS]}… ({len(text) - MAX_PIECE_CHARACTERS:,} more characters)"
        first, *others = text.split("\n")
        self._extend_row(escaped(first))
        for line in others:
            self._end_row()
            self._extend_row(escaped(line))
        if self._app is not None:
            self._app.invalidate()

    def _extend_row(self, text: str) -> None:
        *full, rest = wrap(self._row + text, self._columns)
        if full:
            self._print([(self._style, "".join(f"{row}\n" for row in full))])
            rest = PREFIXES.get(self._kind, NO_PREFIXES)[1] + rest
        self._row = rest
        if len(rest) > MAX_ROW_CHARACTERS:
            self._end_row()

    def _end_row(self) -> None:
        self._print([(self._style, f"{self._row}\n")])
        self._row = PREFIXES.get(self._kind, NO_PREFIXES)[1]

    def finish_row(self) -> None:
        """End the growing text: print its last row."""
        if self._row.strip():
            self._end_row()
        self._kind = self._row = ""

    @property
    def unfinished_rows(self) -> StyleAndTextTuples:
        """The row that is not full yet. It is several rows when the terminal has become narrower."""
        return [(self._style, "".join(f"{row}\n" for row in wrap(self._row, self._columns)))] if self._row else []

    @property
    def _style(self) -> str:
        return f"class:{self._kind}"

    @property
    def _columns(self) -> int:
        return max(self.output.get_size().columns - 1, 10)

    # --- beside a prompt ---

    @contextmanager
    def above_prompt(self, app: Application[Any]) -> Iterator[None]:
        """During the block, print above the prompt `app`, including writes to standard error and standard output."""
        self._app = app
        with ExitStack() as redirected:
            stream = AbovePrompt(self, sys.stderr)
            redirected.enter_context(redirect_stderr(stream))
            if sys.stdout is not None and sys.stdout.isatty():
                redirected.enter_context(redirect_stdout(stream))
            try:
                yield
            finally:
                self.finish_row()
                stream.finish()
                self._app = None

    def print_ansi(self, text: str) -> None:
        """Print whole lines that contain livecli's own colour sequences."""
        self.finish_row()
        # prompt_toolkit treats the text between these two characters as a raw escape sequence.
        self._print(to_formatted_text(ANSI(text.replace("\x01", "").replace("\x02", ""))))


class AbovePrompt(io.TextIOBase):
    """A stream that prints whole lines above the prompt. Any thread may write to it."""

    def __init__(self, screen: Screen, terminal: TextIO) -> None:
        self._screen, self._terminal = screen, terminal
        self._loop, self._loop_thread = asyncio.get_running_loop(), threading.get_ident()
        self._partial_line = ""

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return self._terminal.encoding

    def isatty(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._terminal.fileno()

    def write(self, text: str) -> int:
        if threading.get_ident() == self._loop_thread:
            self._print(text)
        else:
            self._loop.call_soon_threadsafe(self._print, text)
        return len(text)

    def _print(self, text: str) -> None:
        whole, newline, self._partial_line = (self._partial_line + text).rpartition("\n")
        if newline:
            self._screen.print_ansi(whole + newline)

    def finish(self) -> None:
        """End and print a last line that is not complete."""
        if self._partial_line:
            self._print("\n")


def _create_output() -> Output:
    if sys.platform == "win32":
        return create_output(sys.stderr)
    from prompt_toolkit.output.vt100 import Vt100_Output

    class Vt100(Vt100_Output):
        # A fixed answer keeps the prompt small. With the true number of rows, prompt_toolkit would fill the rest of
        # the screen with the prompt, and the toolbar would jump between its rows.
        def get_rows_below_cursor_position(self) -> int:
            return 1

    depth = ColorDepth.from_env() if in_colour() else ColorDepth.DEPTH_1_BIT
    return Vt100.from_pty(sys.stderr, default_color_depth=depth)
