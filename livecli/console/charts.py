"""Pictures in characters: envelopes, sparklines, bars and a waterfall, and text cut to a width. No I/O."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Iterable, Iterator, Sequence

from ..process.stdio import Span
from ..report.stats import FlowStats
from ..report.summary import Summary, TransferStats, latencies

HEIGHTS = "▁▂▃▄▅▆▇█"
EIGHTHS = "▏▎▍▌▋▊▉█"
ELLIPSIS = "…"

LOWEST_DBFS, LOUDEST_DBFS = -42.0, -6.0
"""The levels of the lowest and of the highest bar of an envelope. Speech is between -30 and -10."""

PHASE_COLUMNS, DURATION_COLUMNS, NOTE_COLUMNS = 10, 10, 30
NOTES_FROM_COLUMNS = 72
"""The columns of a waterfall around its axis, and the width from which it has notes."""

TICKS = 5
"""The most intervals on the time axis of a waterfall."""
MILLISECOND_TICKS_TO = 2.0
"""Up to this length in seconds a time axis is in milliseconds."""


def cells(text: str) -> int:
    """The width of printable `text` in columns of a terminal."""
    if text.isascii():
        return len(text)
    return sum(map(_width, text))


def _width(character: str) -> int:
    if unicodedata.combining(character) or unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def end_of(text: str, columns: int) -> str:
    """The end of `text` that fits into `columns`, after an ellipsis where that is not all of it."""
    if cells(text) <= columns:
        return text
    room, start = columns - 1, len(text)
    while start and (room := room - _width(text[start - 1])) >= 0:
        start -= 1
    return (ELLIPSIS + text[start:])[: max(columns, 0)]


def start_of(text: str, columns: int) -> str:
    """The start of `text` that fits into `columns`, before an ellipsis where that is not all of it."""
    if cells(text) <= columns:
        return text
    room, end = columns - 1, 0
    while (room := room - _width(text[end])) >= 0:
        end += 1
    return (text[:end] + ELLIPSIS)[: max(columns, 0)]


def padded(text: str, columns: int) -> str:
    """`text` with spaces up to `columns`."""
    return text + " " * (columns - cells(text))


def sparkline(values: Sequence[float], highest: float | None = None) -> str:
    """A bar for each value from 0 up to `highest`, by default the largest of them."""
    top = highest or max(values, default=0) or 1
    return "".join(HEIGHTS[max(0, min(7, math.floor(8 * value / top)))] for value in values)


def level_bars(levels: Iterable[float]) -> str:
    """A bar for each level in dBFS."""
    return sparkline([level - LOWEST_DBFS for level in levels], LOUDEST_DBFS - LOWEST_DBFS)


def progress_bar(share: float, columns: int) -> tuple[Span, Span]:
    """A bar of which `share` (0 to 1) is finished."""
    halves = math.floor(2 * columns * min(max(share, 0.0), 1.0))
    done = "━" * (halves // 2) + "╸" * (halves % 2)
    return ("green", done), ("dim", "─" * (columns - len(done)))


# --- one time axis for both sounds ---


def envelopes(summary: Summary, columns: int) -> tuple[str, str, str]:
    """The envelopes of the question and of the answer on one axis of the time in which they sound, and the latency.

    The question takes as long as it sounds, not as long as it took to send. A missing one is empty.
    """
    stats = summary.stats
    asked, answered = stats.sent.audio_seconds, stats.received.audio_seconds
    known = latencies(summary)
    latency = known["first_audio"] if known["first_sound"] is None else known["first_sound"]
    end = asked * _share(stats.sent, stats.asked_at)
    begin = end + latency / 1000 if latency is not None else asked * _share(stats.sent, stats.audio_at)
    scale = columns / (max(asked, begin + answered) or 1.0)
    question = _envelope(stats.sent, _columns(asked, scale))
    answer = _envelope(stats.received, min(_columns(answered, scale), columns))
    place = min(round(begin * scale), columns - len(answer))
    pause = min(round(end * scale), place)
    dots = "·" * (place - pause) if latency is not None else " " * (place - pause)
    shown = f"{' ' * pause}└ {milliseconds(latency)}" if latency is not None else ""
    return question, " " * pause + dots + answer if answer else "", shown


def _columns(seconds: float, scale: float) -> int:
    return max(1, round(seconds * scale)) if seconds else 0


def _share(flow: FlowStats, at: float | None) -> float:
    """How much of the audio had passed `at` some time, 0 to 1."""
    if at is None or flow.first_at is None or flow.last_at is None or flow.last_at == flow.first_at:
        return 1.0
    return min(max((at - flow.first_at) / (flow.last_at - flow.first_at), 0.0), 1.0)


def _envelope(flow: FlowStats, columns: int) -> str:
    levels = flow.timeline.envelope.levels(columns) if flow.timeline else []
    return level_bars(levels) if levels else "─" * columns


def milliseconds(number: float) -> str:
    """A time in milliseconds, with one digit after the point below 10 ms."""
    return f"{number:.1f} ms" if number < 10 else f"{number:,.0f} ms"


# --- a waterfall ---


def waterfall(summary: Summary, columns: int) -> Iterator[list[Span]]:
    """The phases of a run one below the other on an axis of the time that they took, and the axis.

    On the right, where `columns` leave room for it, are the gaps between chunks.
    """
    phases = list(_phases(summary))
    if not phases:
        return
    length = max(end for _, _, end, _, _ in phases) or 1e-9
    has_notes = columns >= NOTES_FROM_COLUMNS
    axis = max(1, columns - PHASE_COLUMNS - DURATION_COLUMNS - (NOTE_COLUMNS if has_notes else 0))
    for name, begin, end, style, note in phases:
        row: list[Span] = [("dim", f"{name:{PHASE_COLUMNS}}"), (style, padded(_bar(begin, end, length, axis), axis))]
        row.append(("", f"{milliseconds(1000 * (end - begin)):>{DURATION_COLUMNS}}"))
        yield [*row, ("dim", f"   {note}")] if has_notes and note else row
    yield [("dim", " " * PHASE_COLUMNS + _axis(length, axis))]


def _phases(summary: Summary) -> Iterator[tuple[str, float, float, str, str]]:
    """(name, begin, end, style, note) of each phase that there was, in seconds since the connection was begun."""
    stats = summary.stats
    connect, setup = summary.connect_seconds, summary.setup_seconds
    if connect is None or setup is None:
        return
    yield "connect", 0.0, connect, "yellow", ""
    yield "setup", connect, connect + setup, "yellow", ""
    first = stats.sent.first_at if stats.sent.first_at is not None else stats.asked_at
    if first is None:
        return
    origin = first - connect - setup
    asked = stats.asked_at if stats.asked_at is not None else stats.sent.last_at
    if stats.sent.first_at is not None and asked is not None:
        yield "speech", first - origin, asked - origin, "cyan", gaps_note(stats.sent)
    answer_at = stats.sound_at or stats.audio_at
    if stats.asked_at is not None and answer_at is not None and answer_at >= stats.asked_at:
        yield "waiting", stats.asked_at - origin, answer_at - origin, "dim", "← what a caller feels"
    if answer_at is not None and stats.received.last_at is not None:
        yield (
            "reply",
            answer_at - origin,
            _end(stats, stats.received.last_at) - origin,
            "green",
            gaps_note(stats.received),
        )


def _end(stats: TransferStats, last_at: float) -> float:
    return max(last_at, stats.turn_at or 0.0)


def gaps_note(flow: FlowStats, columns: int = 9) -> str:
    """The longest gaps between chunks along the time, as a sparkline, and their 95th percentile."""
    high = flow.gaps.percentile(0.95)
    gaps = flow.timeline.longest_gaps(columns) if flow.timeline else []
    return f"gaps {sparkline(gaps)}  p95 {milliseconds(1000 * high)}" if high is not None and gaps else ""


def _bar(begin: float, end: float, length: float, columns: int) -> str:
    """A bar from `begin` to `end` of an axis of `length`, exact to an eighth of a column at its end."""
    start = min(int(begin / length * columns), columns - 1)
    eighths = max(1, min(round(8 * (end / length * columns - start)), 8 * (columns - start)))
    return " " * start + "█" * (eighths // 8) + (EIGHTHS[eighths % 8 - 1] if eighths % 8 else "")


def _axis(length: float, columns: int) -> str:
    """Round times below an axis of `length` seconds."""
    unit, scale = ("ms", 1000) if length <= MILLISECOND_TICKS_TO else ("s", 1)
    most = max(1, min(TICKS, columns // 6))
    step = 10 ** math.floor(math.log10(length * scale / most))
    step = next(step * factor for factor in (1, 2, 5, 10) if length * scale / (step * factor) <= most)
    text = ""
    for number in range(most + 1):
        place = round(number * step / scale / length * columns)
        if place < columns and place >= len(text):
            text = f"{text:{place}}{number * step:g}"
    return f"{text} {unit}"
