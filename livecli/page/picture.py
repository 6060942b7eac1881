"""Both sounds of a session on one clock, and its marks, as SVG, which reads without script."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import NamedTuple

from ..media.levels import column_powers
from ..media.pcm import SILENCE_DBFS
from ..protocol import events
from ..recording.format import Direction
from ..recording.session_analysis import SessionAnalysis
from ..recording.session_events import TICK_SECONDS, Lane, dbfs
from .document import escaped

LEFT = 56
"""The x coordinate of the time 0, in pixels as all lengths here. The names of the sides stand to the left of it."""
LANE_HEIGHT = 76
"""The height of the sound of one side."""
MARKS_HEIGHT = 34
"""The height of the marks below both sides."""
AXIS_HEIGHT = 22
"""The height of the time axis with its labels."""
LEAST_WIDTH = 1180
"""The width of the picture of a short session. A wider picture is divided into rows for print."""
MOST_WIDTH = 6000
"""The width of the picture of a long session, whatever its length."""
SECOND_WIDTH = 24
"""The width of a second, where the picture stays within its bounds."""

LOWEST_DBFS = SILENCE_DBFS - 10
"""The level whose bar has no height."""

"""The seconds between two ticks of the axis, of which the shortest that leaves TICK_WIDTH is used."""
SIGN_WIDTH = 9
"""The distance of the signs of two marks at least."""
TICK_WIDTH = 60
"""The distance of two ticks at least."""


class Mark(NamedTuple):
    """How an event is marked: its sign, what it means, and the class of its colour."""

    sign: str
    meaning: str
    style: str


MARKS: list[tuple[Callable[[object], bool], Mark]] = [
    (lambda event: isinstance(event, events.Interrupted), Mark("!", "interrupted", "bad")),
    (lambda event: isinstance(event, events.GoAway), Mark("A", "goAway", "warn")),
    (lambda event: isinstance(event, events.Setup), Mark("S", "setup: a connection begins", "dim")),
    (
        lambda event: isinstance(event, events.VoiceActivity) and event.type.endswith("START"),
        Mark("<", "voice begins", "user"),
    ),
    (lambda event: isinstance(event, events.VoiceActivity), Mark(">", "voice ends", "user")),
    (lambda event: isinstance(event, events.ToolCall), Mark("C", "tool call", "tool")),
    (lambda event: isinstance(event, events.ToolResponse), Mark("R", "tool response", "tool")),
    (lambda event: isinstance(event, events.GenerationComplete), Mark("G", "generationComplete", "good")),
    (lambda event: isinstance(event, events.TurnComplete), Mark("T", "turnComplete", "good")),
]
"""The mark of each event that has one."""

FIRST_BYTE, FIRST_SOUND = Mark("1", "first byte of an answer", "dim"), Mark("2", "first sound of an answer", "good")
RESUMED = Mark("U", "resumed on another connection", "warn")


def marks(found: SessionAnalysis) -> list[tuple[float, Mark]]:
    """The marks of a session, in the order of their times."""
    placed: list[tuple[float, Mark]] = []
    connections = 0
    for each in found.events:
        mark = next((mark for fits, mark in MARKS if fits(each.event)), None)
        if isinstance(each.event, events.Setup):
            connections += 1
            mark = RESUMED if connections > 1 else mark
        if mark is not None:
            placed.append((each.at, mark))
    for turn in found.turns:
        placed += [(turn.first_at, FIRST_BYTE)] if turn.first_at is not None else []
        placed += [(turn.sound_at, FIRST_SOUND)] if turn.sound_at is not None else []
    return sorted(placed, key=lambda each: each[0])


def session_svg(found: SessionAnalysis, name: str) -> str:
    """The picture, and the legend of its marks, as HTML. `name` is the id of the picture.

    A long picture is scrolled, and printed in rows.
    """
    seconds = max(found.ends_at, 0.1)
    width = min(max(LEAST_WIDTH, seconds * SECOND_WIDTH + LEFT), MOST_WIDTH)
    scale = (width - LEFT - 10) / seconds
    lanes_end = 2 * LANE_HEIGHT
    height = lanes_end + MARKS_HEIGHT + AXIS_HEIGHT
    placed = marks(found)
    parts = [
        f'<svg viewBox="0 0 {width:.0f} {height}" {_size(width, height)}data-scale="{scale:.4f}" data-left="{LEFT}" '
        f'role="img" aria-label="Both sounds of the session on one clock"><g id="{name}">',
        _lane(found.lanes[Direction.CLIENT], "user", 0, scale, width),
        _lane(found.lanes[Direction.SERVER], "model", LANE_HEIGHT, scale, width),
        *_drawn_marks(placed, scale, lanes_end),
        *_axis(seconds, scale, lanes_end + MARKS_HEIGHT, width),
        f'</g>{_names(0)}<line class="playhead" x1="{LEFT}" x2="{LEFT}" y1="0" y2="{lanes_end}" visibility="hidden"/>',
        "</svg>",
    ]
    rows = "".join(_rows(name, seconds, scale, height)) if width > LEAST_WIDTH else ""
    return f'<div class="scroll">{"".join(parts)}{rows}</div>\n{_legend(placed)}'


def _rows(name: str, seconds: float, scale: float, height: int) -> Iterator[str]:
    """The rows of a long picture, for print. Each begins at a tick, and has the names of the lanes at its left."""
    step = _tick_seconds(seconds, scale)
    row_seconds = max(1, (LEAST_WIDTH - LEFT) // (step * scale)) * step
    row_width = row_seconds * scale
    # It covers the end of the row before, but for the sign of a mark at the beginning of this one.
    cover = f"h{LEFT - 1}v{2 * LANE_HEIGHT}h{-SIGN_WIDTH / 2}V{height}"
    for number in range(math.ceil(seconds / row_seconds)):
        left = number * row_width
        yield (
            f'<svg class="row" viewBox="{left:.1f} 0 {LEFT + row_width + 1:.1f} {height}"><use href="#{name}"/>'
            f'<path class="cover" d="M{left:.1f} 0{cover}H{left:.1f}z"/>{_names(left)}</svg>'
        )


def _size(width: float, height: float) -> str:
    return f'class="long" width="{width:.0f}" height="{height}" ' if width > LEAST_WIDTH else ""


def _names(left: float) -> str:
    """The names of the lanes of a row that begins at `left`."""
    tops = {"you": 0, "model": LANE_HEIGHT}
    return "".join(
        f'<text x="{left + 6:.1f}" y="{top + LANE_HEIGHT / 2 + 4:.0f}">{name}</text>' for name, top in tops.items()
    )


def _lane(lane: Lane, style: str, top: int, scale: float, width: float) -> str:
    """A bar of each column, mirrored at the middle of the lane, as one path."""
    middle, half = top + LANE_HEIGHT / 2, LANE_HEIGHT / 2 - 6
    path = []
    for column, power in column_powers(lane.times, lane.powers, scale, MOST_WIDTH).items():
        bar = max(0.5, half * min(1.0, (dbfs(power) - LOWEST_DBFS) / -LOWEST_DBFS))
        path.append(f"M{LEFT + column} {middle - bar:.1f}h1v{2 * bar:.1f}h-1z")
    return (
        f'<line class="axis" x1="{LEFT}" x2="{width:.0f}" y1="{middle}" y2="{middle}"/>'
        f'<path class="{style}" d="{"".join(path)}"/>'
    )


def _drawn_marks(placed: list[tuple[float, Mark]], scale: float, top: int) -> Iterator[str]:
    """A line through the lanes for each mark, with its sign below, in two rows where signs would overlap."""
    taken = [-100.0, -100.0]
    for at, mark in placed:
        x = LEFT + at * scale
        row = 0 if x - taken[0] >= SIGN_WIDTH or x - taken[1] < SIGN_WIDTH else 1
        taken[row] = x
        y = top + 13 + row * 14
        yield (
            f'<g class="mark {mark.style}" data-at="{at:.3f}"><title>{at:.3f} s {escaped(mark.meaning)}</title>'
            f'<line x1="{x:.1f}" x2="{x:.1f}" y1="0" y2="{y - 10}"/>'
            f'<text x="{x:.1f}" y="{y}">{escaped(mark.sign)}</text></g>'
        )


def _tick_seconds(seconds: float, scale: float) -> float:
    """The time between two ticks."""
    return next((each for each in TICK_SECONDS if each * scale >= TICK_WIDTH), seconds)


def _axis(seconds: float, scale: float, top: int, width: float) -> Iterator[str]:
    yield f'<line class="axis" x1="{LEFT}" x2="{width:.0f}" y1="{top}" y2="{top}"/>'
    step = _tick_seconds(seconds, scale)
    for count in range(int(seconds / step) + 1):
        x = LEFT + count * step * scale
        yield f'<line class="axis" x1="{x:.1f}" x2="{x:.1f}" y1="{top}" y2="{top + 5}"/>'
        if x + 30 <= width:
            yield f'<text x="{x + 3:.1f}" y="{top + 16}">{count * step:g}{" s" if not count else ""}</text>'


def _legend(placed: list[tuple[float, Mark]]) -> str:
    seen = dict.fromkeys(mark for _, mark in placed)
    rows = "".join(
        f'<li><b class="key {mark.style}">{escaped(mark.sign)}</b> {escaped(mark.meaning)}</li>' for mark in seen
    )
    return f'<ul class="legend">{rows}</ul>' if rows else ""
