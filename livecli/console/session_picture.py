"""A recorded session in characters: both sounds on one clock, marks below them, and a line for each event. No I/O.

The clock is that of the connection. The client's audio is drawn when it was sent, and the server's when a client that
plays it at once would play it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence

from ..media.levels import column_powers, measured
from ..process.stdio import Span, one_line
from ..protocol import events
from ..recording.format import Direction, RecordedClose, RecordedConnection, Recording
from ..recording.session_events import TICK_SECONDS, Lane, SessionEvent, audio_in, dbfs, merged, session_events
from ..report.reporter import event_fields
from . import charts
from .formatting import folded, short_seconds

LANES = {Direction.CLIENT: "you", Direction.SERVER: "gemini"}
LABEL_COLUMNS, LENGTH_COLUMNS = 8, 8
NARROWEST = 20
"""The columns of a picture at least."""

TICK_COLUMNS = 9
"""The distance of two ticks at least."""

MARKS: dict[type[events.Event], tuple[str, str]] = {
    events.Interrupted: ("!", "interrupted"),
    events.ToolCall: ("c", "tool call"),
    events.ToolResponse: ("r", "tool response"),
    events.TurnComplete: ("|", "turn complete"),
    events.GenerationComplete: ("g", "generation complete"),
    events.GoAway: ("a", "goAway"),
    events.VoiceActivity: ("v", "voice activity"),
}
"""The mark of each event, and what it means. Where several share a column, the first of these is drawn."""


def _bars(lane: Lane, scale: float, columns: int) -> str:
    """The bar of each column, of which there are `scale` in a second; a space where there is no audio."""
    powers = column_powers(lane.times, lane.powers, scale, columns)
    return "".join(charts.level_bars([dbfs(powers[column])]) if column in powers else " " for column in range(columns))


def session_lines(recording: Recording, columns: int) -> Iterator[list[Span]]:
    """The lines of a recording, at most `columns` wide."""
    for number, connection in enumerate(recording.connections, 1):
        if number > 1:
            yield []
        yield _title(connection, number, len(recording.connections), columns)
        found = [*session_events(connection)]
        yield from _picture(connection, found, columns)
        for each in merged(found):
            yield _event_line(each, columns)


def _title(connection: RecordedConnection, number: int, count: int, columns: int) -> list[Span]:
    header = connection.header
    known = [header.platform, header.model, header.started, header.client]
    facts = [one_line(each) for each in known if each]
    of = [f"connection {number} of {count}"] if count > 1 else []
    return [("bold", charts.start_of(" · ".join([*of, *facts]) or "a session", columns))]


def _picture(connection: RecordedConnection, found: Sequence[SessionEvent], columns: int) -> Iterator[list[Span]]:
    """The lanes, the marks and the axis; nothing where there is no audio."""
    lanes = {direction: Lane() for direction in Direction}
    for direction, lane in lanes.items():
        plays = _plays(connection, direction)
        sounds = [
            (each.at, chunk)
            for each in found
            if each.direction is direction and (chunk := audio_in(each.event)) is not None
        ]
        begin_at = [lane.place(chunk, at, plays=plays) for at, chunk in sounds]
        lane.add(measured([chunk for _, chunk in sounds]), begin_at)
    if not any(lane.powers for lane in lanes.values()):
        return
    ends_at = max([lane.ends_at for lane in lanes.values()] + [each.at for each in found])
    width = max(NARROWEST, columns - LABEL_COLUMNS - LENGTH_COLUMNS)
    scale = width / max(ends_at, 0.001)
    for direction, lane in lanes.items():
        if lane.powers:
            length = short_seconds(lane.seconds).rjust(LENGTH_COLUMNS)
            yield [("dim", LANES[direction].ljust(LABEL_COLUMNS)), ("", _bars(lane, scale, width)), ("dim", length)]
    drawn, legend = _marks(found, scale, width)
    if legend:
        yield [("", " " * LABEL_COLUMNS + drawn.rstrip())]
    yield [("dim", " " * LABEL_COLUMNS + _axis(ends_at, scale, width))]
    if legend:
        yield from folded([("", " " * LABEL_COLUMNS)], [("dim", each) for each in legend], columns)
    yield []


def _plays(connection: RecordedConnection, direction: Direction) -> bool:
    """Whether audio sounds one chunk after another: the server's does, and all of a recording without times."""
    return direction is Direction.SERVER or all(not frame.at for frame in connection.frames)


def _marks(found: Iterable[SessionEvent], scale: float, width: int) -> tuple[str, list[str]]:
    """The line of marks, and what those in it mean."""
    order = list(MARKS)
    drawn: dict[int, type[events.Event]] = {}
    for each in found:
        kind = type(each.event)
        if kind in MARKS:
            column = min(int(each.at * scale), width - 1)
            drawn[column] = min(kind, drawn.get(column, kind), key=order.index)
    line = "".join(MARKS[drawn[column]][0] if column in drawn else " " for column in range(width))
    return line, [" ".join(MARKS[kind]) for kind in order if kind in drawn.values()]


def _axis(ends_at: float, scale: float, width: int) -> str:
    step = next((each for each in TICK_SECONDS if each * scale >= TICK_COLUMNS), TICK_SECONDS[-1])
    line = ""
    for count in range(int(ends_at / step) + 1):
        column, text = int(count * step * scale), f"{count * step:g}{' s' if not count else ''}"
        if column >= len(line) and column + len(text) <= width:
            line = line.ljust(column) + text
    return line


def _event_line(each: SessionEvent, columns: int) -> list[Span]:
    arrow = each.direction or " "
    start = f"{each.at:9.3f} {arrow} "
    room = max(NARROWEST, columns - len(start))
    colour = {Direction.CLIENT: "cyan", Direction.SERVER: "green"}.get(each.direction, "") if each.direction else ""
    return [("dim", f"{each.at:9.3f} "), (colour, f"{arrow} "), ("", charts.start_of(_description(each), room))]


def _description(each: SessionEvent) -> str:
    match each.event:
        case str(text):
            return one_line(text)
        case RecordedClose(code, reason, by):
            return f"close {code} {one_line(reason)}".rstrip() + f", by the {by}"
        case events.AudioChunk(_, rate):
            count = f"{each.frames} frames" if each.frames > 1 else "1 frame"
            return f"audio {short_seconds(each.seconds)}, {count}, {rate:,} Hz"
        case events.Setup() as event:
            return f"setup {one_line(json.dumps(event_fields(event)['setup'], ensure_ascii=False))}"
        case event:
            stated = {name: value for name, value in event_fields(event).items() if value}
            text = f" {one_line(json.dumps(stated, ensure_ascii=False))}" if stated else ""
            return f"{event.log_name}{text}"
