"""Display of a run at a terminal: two live lines while it lasts, its result at the end."""

from __future__ import annotations

import io
import time
from collections.abc import Sequence

from rich.console import Console, RenderableType
from rich.live import Live as LiveDisplay
from rich.text import Text

from ..process.stdio import STYLES, Span, in_colour, one_line, write_stderr
from ..protocol import events
from ..report.reporter import NO_OPTIONS, DisplayOptions
from ..report.summary import Summary
from . import charts, formatting
from .lines import PlainLines

REFRESHES_PER_SECOND = 10

RICH_STYLES = {**{style: style for style in STYLES}, "red": "bold red"}

GUESS_CHARACTERS = 1_000
"""The part of an interim transcript, and of the last words, that is displayed: more than a row of a terminal holds."""
NARROWEST_BAR = 10
LEVELS = 6
"""The columns of the level of the answer."""
NAME_SHARE = 4
"""A name takes at most one column in so many."""
LEAST_IMPORTANT = ("rate", "times", "left", "share")
"""The order in which figures are left out where there is no room."""
LEFT_COLUMNS = 11
WITH_LEVEL = 32
"""The width from which the length and the level of the answer are behind its words."""
CURSOR = "▌"
ANSWERS = "gemini"


class _StandardError(io.StringIO):
    """Standard error for rich: a terminal whose encoding may lack characters, and whose errors are ignored."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True

    def write(self, text: str) -> int:
        write_stderr(text)
        return len(text)


def terminal_console() -> Console:
    """A console on standard error, which is a terminal."""
    return Console(
        file=_StandardError(),
        force_terminal=True,
        color_system="standard" if in_colour() else None,
        no_color=False,
        highlight=False,
    )


def rich_text(spans: Sequence[Span]) -> Text:
    """A line for rich. In a string rich would interpret markup that a peer sent."""
    return Text.assemble(*((text, RICH_STYLES[style]) for style, text in spans))


class LiveLines(PlainLines):
    """Plain lines, with a live display below them while the run lasts."""

    def __init__(self, options: DisplayOptions = NO_OPTIONS) -> None:
        super().__init__(options)
        self._console = terminal_console()
        self._display: LiveDisplay | None = None
        self._connected: Summary | None = None  # the run, while it lasts
        self._guess = ""  # what a transcribing model takes the words so far to be

    @property
    def columns(self) -> int:
        return self._console.width

    def write(self, line: str) -> None:
        self.write_spans([("", line)])

    def write_spans(self, spans: Sequence[Span]) -> None:
        self._console.print(rich_text(spans), soft_wrap=True)

    def connected(self, summary: Summary) -> None:
        super().connected(summary)
        self._guess = ""
        self._connected = summary
        self._start(summary)

    def _start(self, summary: Summary) -> None:
        # A display that is started for the second time would erase as many lines above it as it had.
        self._display = LiveDisplay(
            get_renderable=lambda: self._progress_lines(summary),
            console=self._console,
            refresh_per_second=REFRESHES_PER_SECOND,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._display.start()

    def interlude(self, begins: bool) -> None:
        if begins:
            self.restore_terminal()
        elif self._connected:
            self._start(self._connected)

    def _progress_lines(self, summary: Summary) -> RenderableType:
        lines = progress_lines(summary, self._seconds, self._guess, self.columns, time.monotonic())
        return Text("\n", no_wrap=True, overflow="crop").join(map(rich_text, lines))

    def event(self, direction: str, event: events.Event, at: float) -> None:
        if isinstance(event, events.InterimTranscript):
            self._guess = event.text[:GUESS_CHARACTERS]
        elif isinstance(event, events.InputTranscript):
            # This is what the guesses were about.
            self._guess = ""
        if self._has_line(event):
            self._print_event(direction, event, at)

    def finished(self, summary: Summary) -> None:
        self._connected = None
        self.restore_terminal()
        super().finished(summary)

    def restore_terminal(self) -> None:
        if self._display:
            self._display.stop()
            self._display = None


def progress_lines(summary: Summary, seconds: float | None, guess: str, columns: int, now: float) -> list[list[Span]]:
    """The live lines of a run: how much of the question was sent, unless it is text, and the last words of the answer.

    `seconds` is the length of the question where that is known, `guess` an interim transcript, `now` the time.
    """
    stats, columns = summary.stats, columns - 1
    name = charts.end_of(formatting.input_name(summary), max(len(ANSWERS), columns // NAME_SHARE))
    is_spoken = bool(stats.sent.chunks)
    label = max(len(ANSWERS), charts.cells(name) if is_spoken else 0) + 2
    answer: list[Span] = [("dim", charts.padded(ANSWERS, label))]
    said, level = one_line((stats.said[-GUESS_CHARACTERS:] + guess)[-GUESS_CHARACTERS:]), ""
    if stats.received.chunks and stats.received.timeline:
        level = charts.level_bars(stats.received.timeline.envelope.last_levels(LEVELS))
    length = formatting.duration(stats.received.audio_seconds) if stats.received.chunks else ""
    right = f" {length} {level:{LEVELS}}" if length and columns >= WITH_LEVEL else ""
    room = columns - label - len(right)
    if said or length:
        words = charts.end_of(said, room - 1)
        answer += [("", words), ("green", charts.padded(CURSOR, room - charts.cells(words))), ("green", right)]
    elif stats.asked_at is not None:
        answer.append(("dim", f"waiting {formatting.duration(now - stats.asked_at)}"))
    else:
        answer.append(("dim", "listening" if is_spoken else ""))
    question: list[Span] = [("dim", charts.padded(name, label)), *_sent(summary, seconds, columns - label)]
    return [question, answer] if is_spoken else [answer]


def _sent(summary: Summary, seconds: float | None, columns: int) -> list[Span]:
    """How much of the question was sent: a bar and figures, as far as there is room for them."""
    figures = {name: f"  {text}" for name, text in formatting.sending_progress(summary, seconds).items()}
    if "left" in figures:
        figures["left"] = f"{figures['left']:{LEFT_COLUMNS}}"
    while len(figures) > 1 and columns - sum(map(len, figures.values())) < NARROWEST_BAR:
        del figures[next(name for name in LEAST_IMPORTANT if name in figures)]
    text = "".join(figures[name] for name in ("share", "times", "rate", "left") if name in figures)
    if seconds is None:
        return [("", text.strip())]
    return [*charts.progress_bar(formatting.sent_share(summary, seconds), max(0, columns - len(text))), ("", text)]
