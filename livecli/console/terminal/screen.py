"""The terminal of a chat: finished lines stand above the prompt, and an answer grows there row by row.

A row that is not full yet is drawn as a part of the prompt (`unfinished_rows`), and printed once it is full. The rows
of one line remain one line for the terminal, also where another row is printed later. Other writes to standard error
appear above the prompt as well.
"""

from __future__ import annotations

import asyncio
import base64
import io
import os
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from typing import Any, TextIO

from prompt_toolkit.application import Application
from prompt_toolkit.formatted_text import ANSI, StyleAndTextTuples, to_formatted_text
from prompt_toolkit.formatted_text.utils import split_lines
from prompt_toolkit.output import ColorDepth, Output, create_output
from prompt_toolkit.renderer import print_formatted_text
from prompt_toolkit.styles import Style
from prompt_toolkit.utils import get_cwidth

from ...process.stdio import JOINERS, in_colour, one_line
from .markdown_stream import BLOCK, MarkdownStream
from .rows import Fragments, hanging_indent, plain, take_rows, with_spaces


def escaped(text: str, column: int = 0) -> str:
    """A line from a peer, with spaces for tabs, and control characters escaped. It begins at `column`."""
    return one_line(with_spaces(text, column), keep=JOINERS)


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
        "heading": "bold underline",
        "strong": "bold",
        "emphasis": "italic",
        "code": "ansicyan",
        "block": "ansicyan",
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
"""The characters of one piece of text that are shown, since more would hold up the prompt. A piece has some words."""

MAX_ROW_CHARACTERS = 4_096
"""The length at which a row ends that does not become wide, of characters that take no room."""


MARKDOWN = "markdown"
"""The kind of text that is shown as Markdown."""


@dataclass(frozen=True)
class Joint:
    """The end of a row that was printed: its last character, the cells of that, and the width of the terminal.

    Once that character is written again in its place, what follows continues the line of that row.
    """

    last: tuple[str, str]
    cells: int
    columns: int


@dataclass(frozen=True)
class DrawnPrompt:
    """The prompt as it was drawn: the width of the terminal, the widths of the rows above the cursor, its column."""

    columns: int
    widths: tuple[int, ...]
    cursor_column: int

    def more_rows(self, columns: int) -> int:
        """The rows above the cursor that were added when the terminal changed its width."""
        if columns == self.columns or not _reflows(os.environ):
            return 0
        return sum(max(width - 1, 0) // columns for width in self.widths) + self.cursor_column // columns


def _reflows(env: Mapping[str, str]) -> bool:
    """Whether the terminal breaks its rows when it becomes narrower. Of those in use, xterm and consoles do not."""
    return "TMUX" in env or not ("XTERM_VERSION" in env or "STY" in env or env.get("TERM") == "linux")


class Screen:
    """Writes to standard error. Its methods must be called in the event loop's thread."""

    def __init__(self) -> None:
        self.output = _create_output()
        self._app: Application[Any] | None = None
        self._drawn: DrawnPrompt | None = None
        self._drawn_columns = 0
        # The text that grows: its kind, the row that is not full, the cells before that, and those before the next
        # row of the line, which are None in its first row.
        self._kind = ""
        self._row: Fragments = []
        self._indent, self._hang = 0, None  # type: int, int | None
        self._markdown: MarkdownStream | None = None
        self._joint: Joint | None = None
        self._ends_blank = True
        # What waits to be printed, while another program has the terminal.
        self._held: Fragments | None = None

    @contextmanager
    def held(self) -> Iterator[None]:
        """During the block another program has the terminal. What is printed meanwhile appears at its end."""
        self._held = []
        try:
            yield
        finally:
            fragments, self._held = self._held, None
            self.break_line()
            self._print(fragments)

    def copy(self, text: str) -> None:
        """Have the terminal copy text to its clipboard (OSC 52), where it allows that."""
        self.output.write_raw(f"\x1b]52;c;{base64.b64encode(text.encode()).decode()}\x07")
        self.output.flush()

    # --- finished lines ---

    def print(self, style: str, *lines: str, in_words: bool = True) -> None:
        """Print whole lines, which must be escaped. With `in_words` false every space of them is kept."""
        self.finish_row()
        self._print_lines([[(style, line)] for line in lines], in_words=in_words)
        self._ends_blank = lines[-1:] == ("",)

    def separate(self) -> None:
        """Print an empty line, unless the last line is empty."""
        if not (self._ends_blank or self._row):
            self.print("", "")

    def _print_lines(self, lines: Sequence[Fragments], *, in_words: bool = True) -> None:
        printed: Fragments = []
        for line in lines:
            rows, rest, indent = take_rows(line, self._columns, in_words=in_words)
            printed += [*(fragment for row in rows for fragment in row), ("", " " * indent), *rest, ("", "\n")]
        self._print(printed)

    def _print(self, fragments: Fragments, *, continues: bool = False) -> None:
        """Print whole rows. With `continues` they belong to the line of the row that was printed last."""
        joint, self._joint = self._joint, None
        self._ends_blank = False
        if self._held is not None:
            self._held += fragments
            return
        app = self._app if self._app is not None and self._app.is_running else None
        is_above = True
        if app is not None:
            drawn = app.renderer.last_rendered_screen
            is_above = drawn is None or drawn.height < self.output.get_size().rows
            self.erase_prompt(app)
        if continues and joint is not None and joint.columns == self._columns and is_above:
            self.output.cursor_up(1)
            self.output.cursor_forward(joint.columns - joint.cells)
            fragments = [joint.last, *fragments]
        print_formatted_text(self.output, StyleAndTextTuples(fragments), STYLE)
        if app is not None:
            app.invalidate()

    # --- growing text ---

    def append(self, kind: str, text: str) -> None:
        """Append text from a peer to the growing text of this `kind`, the name of a style. Escapes it."""
        if kind != self._kind:
            self.finish_row()
            self._kind = kind
            self._markdown = MarkdownStream(in_colour=in_colour()) if kind == MARKDOWN else None
            self._begin_line(PREFIXES.get(kind, NO_PREFIXES)[0])
        if len(text) > MAX_PIECE_CHARACTERS:
            text = f"{text[:MAX_PIECE_CHARACTERS]}… ({len(text) - MAX_PIECE_CHARACTERS:,} more characters)"
        self._append([("", text)] if self._markdown is None else self._markdown.feed(text))
        if self._app is not None:
            self._app.invalidate()

    def _append(self, fragments: Fragments) -> None:
        for style, text in fragments:
            first, *others = text.split("\n")
            self._extend_row(style, first)
            for line in others:
                self._end_row()
                self._begin_line(PREFIXES.get(self._kind, NO_PREFIXES)[1])
                self._extend_row(style, line)

    def _begin_line(self, prefix: str) -> None:
        self._row = [(f"class:{self._kind}", prefix)] if prefix else []
        self._indent, self._hang = 0, None

    def _extend_row(self, style: str, text: str) -> None:
        if not text:
            return
        text = escaped(text, self._indent + get_cwidth(plain(self._row)))
        self._row.append((f"class:{self._kind} {style}".rstrip(), text))
        hang = hanging_indent(plain(self._row), self._columns) if self._hang is None else self._hang
        rows, self._row, self._indent = take_rows(
            self._row, self._columns, indent=self._indent, hang=self._hang, in_words=self._in_words
        )
        if rows:
            self._hang = hang
            self._print([*(fragment for row in rows for fragment in row), ("", "\n")], continues=True)
            self._joint = _joint(rows[-1], self._columns)
        if len(plain(self._row)) > MAX_ROW_CHARACTERS:
            self._end_row()
            self._begin_line("")

    def _end_row(self) -> None:
        self._print([("", " " * self._indent), *self._row, ("", "\n")], continues=True)
        self._row = []

    def finish_row(self) -> None:
        """End the growing text: print its last row."""
        if self._markdown is not None:
            markdown, self._markdown = self._markdown, None
            self._append(markdown.finish())
        if plain(self._row).strip():
            self._end_row()
        self._kind, self._row = "", []
        self.break_line()

    def break_line(self) -> None:
        """Let what is printed next begin a line. To be called where the terminal's contents are about to change."""
        self._joint = None

    @property
    def unfinished_rows(self) -> StyleAndTextTuples:
        """The row that is not full yet. It is several rows when the terminal has become narrower."""
        if not self._row:
            return []
        rows, rest, indent = take_rows(
            self._row, self._columns, indent=self._indent, hang=self._hang, in_words=self._in_words
        )
        drawn = [*([*row[:-1], ("", "\n")] for row in rows), [("", " " * indent), *rest, ("", "\n")]]
        return [fragment for row in drawn for fragment in row]

    @property
    def _in_words(self) -> bool:
        """Whether the row is broken between words, which code is not."""
        return not any(BLOCK in style for style, _ in self._row)

    @property
    def _columns(self) -> int:
        return max(self.output.get_size().columns, 2)

    # --- beside a prompt ---

    @contextmanager
    def above_prompt(self, app: Application[Any]) -> Iterator[None]:
        """During the block, print above the prompt `app`, including writes to standard error and standard output."""
        self._app = app
        app.before_render += self._note_columns
        app.after_render += self._note_drawn
        with ExitStack() as redirected:
            streams = [AbovePrompt(self.print_ansi, sys.stderr)]
            redirected.enter_context(redirect_stderr(streams[0]))
            if sys.stdout is not None and sys.stdout.isatty():
                # It is data, which is not broken between words.
                streams.append(AbovePrompt(self.print_raw, sys.stdout))
                redirected.enter_context(redirect_stdout(streams[1]))
            try:
                yield
            finally:
                self.finish_row()
                for stream in streams:
                    stream.finish()
                self._app = None

    def print_ansi(self, text: str) -> None:
        """Print whole lines that contain livecli's own colour sequences."""
        self.finish_row()
        # prompt_toolkit treats the text between these two characters as a raw escape sequence.
        fragments = to_formatted_text(ANSI(text.replace("\x01", "").replace("\x02", "")))
        lines = split_lines([(style, piece) for style, piece, *_ in fragments])
        self._print_lines([[(style, piece) for style, piece, *_ in line] for line in lines][:-1])

    def print_raw(self, text: str) -> None:
        """Print whole lines, which must be escaped, with every space of them."""
        self.print("", *text.removesuffix("\n").split("\n"), in_words=False)

    # --- the window ---

    def erase_prompt(self, app: Application[Any]) -> None:
        """Erase the prompt, also the rows that it has become in a window that is narrower now."""
        if app.renderer.last_rendered_screen is not None:
            app.renderer.erase()
        drawn, self._drawn = self._drawn, None
        if drawn is not None and (rows := drawn.more_rows(self._columns)):
            self.output.cursor_up(rows)
            self.output.erase_down()

    def _note_columns(self, _: Application[Any]) -> None:
        # The window may change while the prompt is drawn.
        self._drawn_columns = self._columns

    def _note_drawn(self, app: Application[Any]) -> None:
        drawn = app.renderer.last_rendered_screen
        if drawn is None:
            return
        cursor = drawn.get_cursor_position(app.layout.current_window)
        columns = (
            max((x for x, cell in drawn.data_buffer[y].items() if cell.char != " "), default=-1)
            for y in range(cursor.y)
        )
        self._drawn = DrawnPrompt(self._drawn_columns, tuple(column + 1 for column in columns), cursor.x)

    @property
    def is_resized(self) -> bool:
        """Whether the terminal has changed its width since the prompt was drawn."""
        return self._drawn is not None and self._drawn.columns != self._columns


def _joint(row: Fragments, columns: int) -> Joint | None:
    """The joint of a row that fills the terminal's width."""
    if sys.platform == "win32":
        # Its consoles do not all keep the rows of a line together.
        return None
    style = next((style for style, text in reversed(row) if text), "")
    text = plain(row)
    start = len(text) - 1
    while start > 0 and not get_cwidth(text[start]):
        start -= 1
    return Joint((style, text[start:]), get_cwidth(text[start:]), columns)


class AbovePrompt(io.TextIOBase):
    """A stream that prints whole lines above the prompt. Any thread may write to it."""

    def __init__(self, print_lines: Callable[[str], None], terminal: TextIO) -> None:
        self._print_lines, self._terminal = print_lines, terminal
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
            self._print_lines(whole + newline)

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
