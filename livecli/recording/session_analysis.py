"""Analysis of a recorded session on one clock: turns, transcript, sound of both sides, events. No I/O, no audio kept.

The clock of a connection begins where the connection before it ended.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from ..media.pcm import SILENCE_DBFS
from ..protocol import events
from ..protocol.messages import Json
from .format import Direction, Recording
from .session_events import PIECE_SECONDS, Lane, SessionEvent, audio_in, dbfs, merged, session_events

SILENT_POWER = 10 ** (SILENCE_DBFS / 10)
"""The power up to which a piece of audio is silent."""


@dataclass
class RecordedTurn:
    """A question and its answer. Times are in seconds on the clock of the session, None for what did not happen."""

    asked_at: float | None = None
    """When the last sound of the question, or its text, was sent."""
    first_at: float | None = None
    audio_at: float | None = None
    sound_at: float | None = None
    complete_at: float | None = None
    is_interrupted: bool = False
    typed: str = ""
    heard: str = ""
    """The transcript of the user's speech."""
    said: str = ""
    """The text of the answer, or the transcript of its speech."""
    calls: list[tuple[str, Any]] = field(default_factory=list)
    """The functions that the model called, and their arguments."""
    responses: list[tuple[str, Any]] = field(default_factory=list)
    kinds: list[str] = field(default_factory=list)
    """The kinds of the server's events, of which those that follow one another are one."""
    powers: list[float] = field(default_factory=list)
    """The powers of the pieces of the answer's audio."""
    audio_seconds: float = 0.0
    usage: list[Json] = field(default_factory=list)

    @property
    def question(self) -> str:
        """What the user typed and said."""
        return " ".join(each.strip() for each in (self.typed, self.heard) if each.strip())

    @property
    def is_empty(self) -> bool:
        """Whether it has neither a question nor an answer."""
        return self.asked_at is None and self.first_at is None

    @property
    def level(self) -> float:
        """The loudness of the answer's audio in dBFS."""
        return dbfs(sum(self.powers) / len(self.powers)) if self.powers else dbfs(0)

    @property
    def silent_seconds(self) -> float:
        """The seconds of the answer's audio that are silent."""
        return sum(power <= SILENT_POWER for power in self.powers) * PIECE_SECONDS

    def latency(self, at: float | None) -> float | None:
        """Seconds from the end of the question to `at`; None where either is missing."""
        return None if at is None or self.asked_at is None else max(at - self.asked_at, 0.0)


@dataclass
class TranscriptLine:
    """What one side said or called from `at` on. `kind` is `text`, `thought` or `call`."""

    at: float
    direction: Direction
    text: str
    kind: str = "text"


@dataclass
class SessionAnalysis:
    """A recorded session: its events with audio merged, the sound of each side, its turns and its transcript."""

    events: list[SessionEvent] = field(default_factory=list)
    lanes: dict[Direction, Lane] = field(default_factory=lambda: {direction: Lane() for direction in Direction})
    turns: list[RecordedTurn] = field(default_factory=list)
    setups: list[float] = field(default_factory=list)
    """The seconds from each setup to its confirmation."""
    ends_at: float = 0.0


def events_on_one_clock(recording: Recording) -> Iterator[SessionEvent]:
    """The events of all connections."""
    begins_at = 0.0
    for connection in recording.connections:
        at = 0.0
        for each in session_events(connection):
            at = each.at
            yield replace(each, at=begins_at + at) if begins_at else each
        begins_at += at


def analysed(recording: Recording) -> SessionAnalysis:
    """The analysis of a recording, made in one pass over its frames."""
    found = SessionAnalysis()
    found.events = [*merged(_without_pcm(found, events_on_one_clock(recording)))]
    found.turns = [turn for turn in found.turns if not turn.is_empty]
    lanes = [lane.ends_at for lane in found.lanes.values()]
    found.ends_at = max([*lanes, *(each.at for each in found.events)], default=0.0)
    return found


def _without_pcm(found: SessionAnalysis, passing: Iterator[SessionEvent]) -> Iterator[SessionEvent]:
    """The events that pass, each of which is noted in `found`; `merged` keeps of audio what it needs."""
    turn = RecordedTurn()
    found.turns.append(turn)
    setup_at = 0.0
    for each in passing:
        if each.direction is Direction.CLIENT:
            _note_question(turn, found.lanes[each.direction], each)
        elif each.direction is Direction.SERVER:
            _note_answer(_turn_of(found.turns, each.event), found.lanes[each.direction], each)
        match each.event:
            case events.Setup():
                setup_at = each.at
            case events.SetupComplete():
                found.setups.append(each.at - setup_at)
            case events.TurnComplete():
                turn = RecordedTurn()
                found.turns.append(turn)
        yield each


def _turn_of(turns: list[RecordedTurn], event: object) -> RecordedTurn:
    """The turn that an event belongs to: a late transcript or usage is of the turn before, until a question follows."""
    late = isinstance(event, events.InputTranscript | events.OutputTranscript | events.Usage | events.Grounding)
    return turns[-2] if late and turns[-1].is_empty and len(turns) > 1 else turns[-1]


def _note_question(turn: RecordedTurn, lane: Lane, each: SessionEvent) -> None:
    loud = [audio for chunk in audio_in(each.event) for audio in lane.add(chunk, each.at, plays=True)]
    match each.event:
        case events.Text(text):
            turn.typed += text
        case events.ClientTurns(contents):
            turn.typed += "".join(part.text or "" for content in contents for part in content.parts)
        case events.ToolResponse(responses):
            turn.responses += [(response.name, response.response) for response in responses]
            return
        case events.ActivityEnd():
            pass
        case _ if not any(power > SILENT_POWER for power in loud):
            return
    if turn.first_at is None:
        turn.asked_at = each.at


def _note_answer(turn: RecordedTurn, lane: Lane, each: SessionEvent) -> None:
    event = each.event
    if not isinstance(event, events.Event):
        return
    if event.begins_answer and turn.first_at is None:
        turn.first_at = each.at
    for chunk in audio_in(event):
        measured = lane.add(chunk, each.at, plays=True)
        turn.audio_at = each.at if turn.audio_at is None else turn.audio_at
        if turn.sound_at is None and any(power > SILENT_POWER for power in measured):
            turn.sound_at = each.at
        turn.powers += measured
        turn.audio_seconds += len(chunk.pcm) / 2 / chunk.rate
    if not event.of_session and turn.kinds[-1:] != [event.log_name]:
        turn.kinds.append(event.log_name)
    match event:
        case events.InputTranscript(text):
            turn.heard += text
        case events.OutputTranscript(text) | events.ModelText(text):
            turn.said += text
        case events.ToolCall(calls):
            turn.calls += [(call.name, call.args) for call in calls]
        case events.Interrupted():
            turn.is_interrupted = True
        case events.Usage(metadata):
            turn.usage.append(metadata)
        case events.TurnComplete():
            turn.complete_at = each.at


def transcript(found: SessionAnalysis) -> list[TranscriptLine]:
    """What was said, typed and called, in order; pieces of one side that follow one another are one."""
    lines: list[TranscriptLine] = []
    for each in found.events:
        match each.event:
            case events.TurnComplete() | events.Interrupted():
                lines.append(TranscriptLine(each.at, Direction.SERVER, "", "end"))
            case _:
                for line in _utterances(each):
                    last = _last_of(lines, line) if line.kind != "call" else None
                    if last is None:
                        lines.append(line)
                    else:
                        last.text += line.text
    return [line for line in lines if line.text.strip()]


def _last_of(lines: list[TranscriptLine], line: TranscriptLine) -> TranscriptLine | None:
    """The utterance that `line` continues: the last one of its side and kind since a turn ended."""
    for each in reversed(lines):
        if each.kind in ("end", "call"):
            return None
        if (each.direction, each.kind) == (line.direction, line.kind):
            return each
    return None


def _utterances(each: SessionEvent) -> Iterator[TranscriptLine]:
    user, model = Direction.CLIENT, Direction.SERVER
    match each.event:
        case events.Text(text) | events.InputTranscript(text):
            yield TranscriptLine(each.at, user, text)
        case events.ClientTurns(contents):
            for content in contents:
                side = model if content.role == "model" else user
                yield TranscriptLine(each.at, side, "".join(part.text or "" for part in content.parts))
        case events.OutputTranscript(text) | events.ModelText(text):
            yield TranscriptLine(each.at, model, text)
        case events.Thought(text):
            yield TranscriptLine(each.at, model, text, "thought")
        case events.ToolCall(calls):
            for call in calls:
                yield TranscriptLine(each.at, model, f"{call.name}({_json(call.args)})", "call")
        case events.ToolResponse(responses):
            for response in responses:
                yield TranscriptLine(each.at, user, f"{response.name} → {_json(response.response)}", "call")


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
