"""The page of one recorded session: verdicts, figures, picture, player, transcript, frames and setup."""

from __future__ import annotations

import json
import shlex
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from functools import reduce
from pathlib import Path, PurePath
from typing import NamedTuple

from ..process.stdio import counted
from ..protocol import events
from ..protocol.close_reasons import NORMAL_CLOSE
from ..protocol.messages import Json
from ..recording.format import By, Direction, RecordedClose, RecordedItem
from ..recording.session_analysis import RecordedTurn, SessionAnalysis, sounds, transcript
from ..recording.session_events import REDACTED_FRAME, SessionEvent, audio_in
from ..report import stats
from ..report.reporter import event_fields
from ..report.usage import added
from .document import document, escaped, figures, section
from .picture import session_svg
from .sound import encode_sound, sound_player

MOST_ROWS = 10_000
"""The rows of the table of frames at most."""
CUT_SECONDS = 0.002
"""The mean length of frames of audio below which it was cut: pydantic-ai's cassettes keep 33 bytes of each."""
MOST_CHARACTERS = 2_000
"""The characters of a frame that a row of the table shows at most."""

SIDES = {Direction.CLIENT: ("user", "you"), Direction.SERVER: ("model", "model")}
"""The class and the name of each side."""


class Verdict(NamedTuple):
    """A finding about a session. `grade` is `good`, `warn` or `bad`."""

    grade: str
    text: str


WORDS = {"good": "ok", "warn": "notice", "bad": "failed"}
"""The word before a verdict of each grade, since colour alone does not print."""


def session_page(items: Iterable[RecordedItem], name: str, errors: Sequence[str] = ()) -> Iterator[bytes]:
    """The parts of the page of a recording, which is read once, and of which no audio stays in memory.

    `name` is that of the recording's file, `errors` are those of the run that made it. Raises FileError where the sound
    cannot be encoded.
    """
    found = SessionAnalysis()
    with tempfile.TemporaryDirectory() as folder:
        sound = Path(folder, "sound")
        media_type = encode_sound(sounds(items, found), sound)
        title = f"{PurePath(name).name} · {_about(found)[0]}" if found.headers else name
        player = sound_player(media_type, sound) if media_type is not None else ()
        yield from document(title, _body(found, name, errors, player))


def _body(found: SessionAnalysis, name: str, errors: Sequence[str], player: Iterable[str]) -> Iterator[str]:
    yield f'<h1>{escaped(PurePath(name).name)}</h1>\n<p class="about">{escaped(" · ".join(_about(found)))}</p>\n'
    yield verdict_list([*(Verdict("bad", error) for error in errors), *verdicts(found)])
    yield figures(session_figures(found))
    yield section("Both sides on one clock", session_svg(found, "picture"))
    yield from player
    yield from _turn_table(found.turns)
    if lines := transcript_list(found):
        yield section("Transcript", lines)
    yield from _frames(found.events)
    yield section("Setup", f"<pre>{escaped(_setup(found))}</pre>")
    yield section("How to reproduce", f"<pre>{escaped(_commands(found, name))}</pre>")


def _about(found: SessionAnalysis) -> list[str]:
    header = found.headers[0] if found.headers else None
    known = [header.model, header.platform, header.started, header.client, header.url] if header else []
    return [each for each in known if each] or ["no connection"]


def verdict_list(found: Sequence[Verdict]) -> str:
    """Verdicts, one below the other."""
    rows = "".join(f'<li class="{each.grade}"><b>{WORDS[each.grade]}</b>{escaped(each.text)}</li>' for each in found)
    return f'<ul class="verdicts">{rows}</ul>\n'


def verdicts(found: SessionAnalysis) -> Iterator[Verdict]:
    """The findings about a session, its end first."""
    yield _end(found.close)
    if found.headers and not found.setups:
        yield Verdict("bad", "the setup was never confirmed")
    if len(found.headers) > 1:
        yield Verdict("warn", f"{len(found.headers)} connections: the session was resumed")
    if is_cut := is_without_audio(found):
        yield Verdict("warn", "the recording has no audio: it was left out when it was made")
    answered = [turn for turn in found.turns if turn.first_at is not None]
    for number, turn in enumerate(found.turns, 1):
        if turn.first_at is None and turn.asked_at is not None:
            # What was sent last may be the noise of a microphone.
            yield Verdict("bad" if turn.question else "warn", f"turn {number} has no answer")
        elif turn.audio_at is not None and turn.sound_at is None and not is_cut:
            yield Verdict("bad", f"turn {number} has only silence")
        elif turn.first_at is not None and turn.complete_at is None:
            yield Verdict("warn", f"turn {number} is not complete")
    if interrupted := [str(number) for number, turn in enumerate(found.turns, 1) if turn.is_interrupted]:
        yield Verdict("warn", f"interrupted: turn {', '.join(interrupted)}")
    if answered:
        yield Verdict("good", f"{counted(len(answered), 'turn')} answered")
    if found.redacted:
        yield Verdict("warn", f"{counted(found.redacted, 'frame')} left out, since a secret may be in it")
    if wrong := sum(isinstance(each.event, str) and each.event != REDACTED_FRAME for each in found.events):
        yield Verdict("bad", f"{counted(wrong, 'frame')} not understood")


def is_without_audio(found: SessionAnalysis) -> bool:
    """Whether the frames of audio hold next to none, since their data was cut."""
    frames = sum(each.frames for each in found.events if audio_in(each.event) is not None)
    return frames > 0 and sum(lane.seconds for lane in found.lanes.values()) / frames < CUT_SECONDS


def _end(close: RecordedClose | None) -> Verdict:
    if close is None:
        return Verdict("warn", "the recording ends before the close")
    reason = f": {close.reason}" if close.reason else ""
    if close.code == NORMAL_CLOSE and close.by is not By.NETWORK:
        return Verdict("good", f"closed by the {close.by} (1000){reason}")
    if close.by is By.NETWORK:
        return Verdict("bad", f"the connection was lost ({close.code}){reason}")
    return Verdict("bad", f"closed by the {close.by} ({close.code}){reason}")


def session_figures(found: SessionAnalysis) -> Iterator[tuple[str, str]]:
    """The figures of a session; several turns have their median."""
    yield "length", seconds(found.ends_at)
    yield "turns", f"{len(found.turns):,}"
    if found.setups:
        yield "setup", milliseconds(found.setups[0])
    of = "" if len(found.turns) < 2 else ", median"
    yield f"first byte{of}", milliseconds(median([turn.latency(turn.first_at) for turn in found.turns]))
    yield f"first sound{of}", milliseconds(median([turn.latency(turn.sound_at) for turn in found.turns]))
    yield f"whole answer{of}", milliseconds(median([turn.latency(turn.complete_at) for turn in found.turns]))
    if not is_without_audio(found):
        yield "sent audio", seconds(found.lanes[Direction.CLIENT].seconds)
        yield "received audio", seconds(found.lanes[Direction.SERVER].seconds)
    if calls := sum(len(turn.calls) for turn in found.turns):
        yield "tool calls", f"{calls:,}"
    yield "frames", f"{found.frames:,}"
    if tokens := total_tokens(found):
        yield "tokens", f"{tokens:,}"


def total_tokens(found: SessionAnalysis) -> int:
    """The tokens of all turns."""
    usage: Json = reduce(added, (each for turn in found.turns for each in turn.usage), {})
    count = usage.get("totalTokenCount")
    return count if isinstance(count, int) else 0


def median(values: Sequence[float | None]) -> float | None:
    """The median of the values that are known."""
    return percentile(values, 0.5)


def percentile(values: Sequence[float | None], share: float) -> float | None:
    """The value that `share` (0 to 1) of the values that are known do not exceed."""
    known = sorted(value for value in values if value is not None)
    return stats.percentile(known, share) if known else None


def milliseconds(value: float | None) -> str:
    """A latency, given in seconds; a dash for none."""
    return "–" if value is None else f"{1000 * value:,.0f} ms"


def seconds(value: float) -> str:
    """A length."""
    return f"{value:.1f} s" if round(value, 1) < 60 else clock(value)


def _turn_table(turns: Sequence[RecordedTurn]) -> Iterator[str]:
    if len(turns) < 2:
        return
    names = ("turn", "first byte", "first sound", "whole answer", "audio", "level", "silence")
    head = "".join(f'<th class="number">{name}</th>' for name in names)
    rows = []
    for number, turn in enumerate(turns, 1):
        latencies = [milliseconds(turn.latency(at)) for at in (turn.first_at, turn.sound_at, turn.complete_at)]
        sound = [seconds(turn.audio_seconds), f"{turn.level:.0f} dBFS", seconds(turn.silent_seconds)]
        cells = [str(number), *latencies, *(sound if turn.pieces else ["–"] * 3)]
        at = turn.asked_at if turn.asked_at is not None else turn.first_at
        rows.append(
            f'<tr data-at="{at or 0:.3f}">' + "".join(f'<td class="number">{cell}</td>' for cell in cells) + "</tr>"
        )
    yield section(
        "Turns",
        f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{"".join(rows)}</tbody></table></div>',
    )


def transcript_list(found: SessionAnalysis) -> str:
    """The transcript, each line with its time; empty where nothing was said."""
    rows = []
    for line in transcript(found):
        style, name = SIDES[line.direction]
        rows.append(
            f'<li class="{style} {line.kind}" data-at="{line.at:.3f}"><time>{clock(line.at)}</time><b>{name}</b>'
            f"<span>{escaped(line.text.strip())}</span></li>"
        )
    return f'<ol class="transcript">{"".join(rows)}</ol>' if rows else ""


def clock(at: float) -> str:
    """A time as minutes and seconds."""
    minutes, tenths = divmod(round(10 * at), 600)
    return f"{minutes:,}:{tenths // 10:02}.{tenths % 10}"


def _frames(found: Sequence[SessionEvent]) -> Iterator[str]:
    """The table of frames, and the form that filters it where scripts run."""
    kinds = sorted({_kind(each) for each in found})
    options = "".join(f'<option value="{escaped(kind)}">{escaped(kind)}</option>' for kind in kinds)
    left_out = f"<p>{len(found) - MOST_ROWS:,} more are left out.</p>" if len(found) > MOST_ROWS else ""
    rows = "".join(_frame_row(each) for each in found[:MOST_ROWS])
    yield section(
        "Frames",
        '<form class="filter" hidden><input type="search" name="text" placeholder="filter" aria-label="Filter frames">'
        f'<select name="kind" aria-label="Kind of frame"><option value="">all kinds</option>{options}</select>'
        '<output></output></form><div class="scroll"><table class="frames"><thead><tr><th class="number">seconds</th>'
        f"<th>by</th><th>kind</th><th>contents</th></tr></thead><tbody>{rows}</tbody></table></div>{left_out}",
    )


def _kind(each: SessionEvent) -> str:
    match each.event:
        case str():
            return "not understood" if each.event != REDACTED_FRAME else REDACTED_FRAME
        case RecordedClose():
            return "close"
        case event:
            return event.log_name


def _frame_row(each: SessionEvent) -> str:
    style, name = SIDES[each.direction] if each.direction is not None else ("", "")
    return (
        f'<tr class="{style}" data-kind="{escaped(_kind(each))}"><td class="number">{each.at:.3f}</td><td>{name}</td>'
        f'<td>{escaped(_kind(each))}</td><td class="mono">{escaped(_contents(each))}</td></tr>'
    )


def _contents(each: SessionEvent) -> str:
    match each.event:
        case str(text):
            pass
        case RecordedClose(code, reason, by):
            text = f"{code} {reason}".strip() + f", by the {by}"
        case events.AudioChunk(_, rate):
            text = f"{each.seconds:.2f} s, {counted(each.frames, 'frame')}, {rate:,} Hz"
        case event:
            stated = {name: value for name, value in event_fields(event).items() if value}
            text = json.dumps(stated, ensure_ascii=False) if stated else ""
    return text if len(text) <= MOST_CHARACTERS else f"{text[:MOST_CHARACTERS]}…"


def _setup(found: SessionAnalysis) -> str:
    setups = (event_fields(each.event)["setup"] for each in found.events if isinstance(each.event, events.Setup))
    return json.dumps(next(setups, None), ensure_ascii=False, indent=2)


def _commands(found: SessionAnalysis, name: str) -> str:
    """The commands that play the session again, and that ask the service the same."""
    file = PurePath(name).name
    header = found.headers[0] if found.headers else None
    typed = next((turn.typed for turn in found.turns if turn.typed), None)
    asked = f"--text {shlex.quote(typed)}" if typed else "question.wav"
    where = [f"--platform {shlex.quote(header.platform)}"] if header and header.platform else []
    model = [f"--model {shlex.quote(header.model)}"] if header and header.model else []
    return "\n".join(
        [
            "# The same session without the service:",
            f"livecli send {asked} --local --replay {shlex.quote(file)}",
            "# The same question to the service, with the setup above in setup.json:",
            f"livecli send {' '.join([asked, *where, *model])} --setup setup.json --record again.live",
        ]
    )
