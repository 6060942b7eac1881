"""Analysis of a recorded session on one clock: turns, transcript, sound of both sides, events. No I/O.

No audio is kept.
"""

from __future__ import annotations

import itertools
import json
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import msgspec

from ..media.levels import PIECE_SECONDS, AlikeChunks, measured
from ..media.mixdown import PlacedSound, joined
from ..media.pcm import SAMPLE_BYTES, SILENCE_DBFS
from ..protocol import events
from ..protocol.messages import Json
from .format import Direction, Frame, Header, RecordedClose, RecordedItem
from .session_events import (
    REDACTED_FRAME,
    Lane,
    MergedEvents,
    SessionEvent,
    audio_in,
    dbfs,
    session_events,
)

SILENT_POWER = 10 ** (SILENCE_DBFS / 10)
"""The power up to which a piece of audio is silent."""

MEASURED_BYTES, MEASURED_EVENTS = 2**20, 250
"""The audio that is measured at once, and the events that wait for it."""


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
    pieces: int = 0
    """The pieces of the answer's audio that have a power."""
    silent_pieces: int = 0
    power: float = 0.0
    """The sum of their powers."""
    audio_seconds: float = 0.0
    usage: list[Json] = field(default_factory=list)

    @property
    def question(self) -> str:
        """The words that the user typed and said."""
        return " ".join(each.strip() for each in (self.typed, self.heard) if each.strip())

    @property
    def is_empty(self) -> bool:
        """Whether it has neither a question nor an answer."""
        return self.asked_at is None and self.first_at is None

    @property
    def level(self) -> float:
        """The loudness of the answer's audio in dBFS."""
        return dbfs(self.power / self.pieces) if self.pieces else dbfs(0)

    @property
    def silent_seconds(self) -> float:
        """The seconds of the answer's audio that are silent."""
        return self.silent_pieces * PIECE_SECONDS

    def latency(self, at: float | None) -> float | None:
        """Seconds from the end of the question to `at`; None where either is missing."""
        return None if at is None or self.asked_at is None else max(at - self.asked_at, 0.0)


class ChunkLevel(msgspec.Struct, frozen=True):
    """The pieces of a chunk of audio, how many of them are silent, and the sum of their powers."""

    pieces: int = 0
    silent_pieces: int = 0
    power: float = 0.0

    @property
    def is_heard(self) -> bool:
        """Whether it is more than silence."""
        return self.silent_pieces < self.pieces


@dataclass
class TranscriptLine:
    """The words or the call of one side, from `at` on. `kind` is `text`, `thought` or `call`."""

    at: float
    direction: Direction
    text: str
    kind: str = "text"


@dataclass
class SessionAnalysis:
    """A recorded session: its events with audio merged, the sound of each side, its turns and its transcript."""

    headers: list[Header] = field(default_factory=list)
    """The headers of its connections."""
    close: RecordedClose | None = None
    """The end of its last connection; None where the recording ends before it was closed."""
    frames: int = 0
    redacted: int = 0
    """The frames whose JSON could not be kept."""
    events: list[SessionEvent] = field(default_factory=list)
    lanes: dict[Direction, Lane] = field(default_factory=lambda: {direction: Lane() for direction in Direction})
    turns: list[RecordedTurn] = field(default_factory=list)
    setups: list[float] = field(default_factory=list)
    """The seconds from each setup to its confirmation."""
    ends_at: float = 0.0


def analysed(items: Iterable[RecordedItem]) -> SessionAnalysis:
    """The analysis of a recording, made in one pass over its items."""
    found = SessionAnalysis()
    deque(sounds(items, found), maxlen=0)
    return found


def sounds(items: Iterable[RecordedItem], found: SessionAnalysis) -> Iterator[PlacedSound]:
    """The sounds of a recording, in order. `found` must be empty, and is the analysis once all sounds are taken."""
    turn = RecordedTurn()
    found.turns.append(turn)
    setup_at = 0.0
    merging = MergedEvents(found.events)
    for block in _blocks(session_events(_counted(items, found))):
        levels, placed = _place_audio(block, found.lanes)
        for each, chunk in block:
            begins_run = merging.add(each, chunk)
            found.ends_at = max(found.ends_at, each.at)
            if chunk is not None and each.direction is not None:
                level = next(levels[each.direction])
                if each.direction is Direction.SERVER:
                    _note_sound(turn, each.at, chunk, level)
                    if begins_run:
                        _note_answer(turn, each.at, chunk)
                elif turn.first_at is None and level.is_heard:
                    turn.asked_at = each.at
                continue
            match each.event:
                case RecordedClose():
                    continue
                case str(problem):
                    found.redacted += problem == REDACTED_FRAME
                    continue
                case events.Setup():
                    setup_at = each.at
                case events.SetupComplete():
                    found.setups.append(each.at - setup_at)
            if each.direction is Direction.CLIENT:
                _note_question(turn, each.at, each.event)
            else:
                _note_answer(_turn_of(found.turns, each.event), each.at, each.event)
            if isinstance(each.event, events.TurnComplete):
                turn = RecordedTurn()
                found.turns.append(turn)
        yield from placed
    found.turns = [turn for turn in found.turns if not turn.is_empty]
    found.ends_at = max([found.ends_at, *(lane.ends_at for lane in found.lanes.values())])


def _place_audio(
    block: Iterable[tuple[SessionEvent, events.AudioChunk | None]], lanes: dict[Direction, Lane]
) -> tuple[dict[Direction, Iterator[ChunkLevel]], list[PlacedSound]]:
    """Add the audio of a block of events to the lanes. Returns the level of each side's chunks, and the sounds."""
    chunks: list[PlacedSound] = []
    for each, chunk in block:
        if chunk is not None and each.direction is not None:
            begins_at = lanes[each.direction].place(chunk, each.at, plays=True)
            chunks.append(PlacedSound(each.direction, each.at, begins_at, chunk.pcm, chunk.rate))
    levels = {}
    for direction, lane in lanes.items():
        of_side = [chunk for chunk in chunks if chunk.side is direction]
        found = measured(of_side)
        lane.add(found, [chunk.begins_at for chunk in of_side])
        levels[direction] = iter(_levels(found, len(of_side)))
    return levels, joined(chunks)


def _levels(found: Iterable[AlikeChunks], count: int) -> list[ChunkLevel]:
    """The levels of `count` chunks that were measured."""
    levels = [ChunkLevel()] * count
    for alike in found:
        pieces = alike.powers.shape[1]
        silent = (alike.powers <= SILENT_POWER).sum(axis=1).tolist()
        for place, silent_pieces, power in zip(alike.places, silent, alike.powers.sum(axis=1).tolist(), strict=True):
            levels[place] = ChunkLevel(pieces, silent_pieces, power)
    return levels


def _blocks(passing: Iterable[SessionEvent]) -> Iterator[list[tuple[SessionEvent, events.AudioChunk | None]]]:
    """The events that pass, each with its audio, in blocks of which the audio is measured at once."""
    block: list[tuple[SessionEvent, events.AudioChunk | None]] = []
    size = 0
    for each in passing:
        chunk = audio_in(each.event)
        block.append((each, chunk))
        size += len(chunk.pcm) if chunk is not None else 0
        if size > MEASURED_BYTES or len(block) > MEASURED_EVENTS:
            yield block
            block, size = [], 0
    yield block


def _counted(items: Iterable[RecordedItem], found: SessionAnalysis) -> Iterator[RecordedItem]:
    """The items, which are counted in `found`."""
    for each in items:
        if isinstance(each, Frame):
            found.frames += 1
        elif isinstance(each, Header):
            found.headers.append(each)
            found.close = None
        else:
            found.close = each
        yield each


def _turn_of(turns: list[RecordedTurn], event: object) -> RecordedTurn:
    """The turn that an event belongs to: a late transcript or usage is of the turn before, until a question follows."""
    late = isinstance(event, events.InputTranscript | events.OutputTranscript | events.Usage | events.Grounding)
    return turns[-2] if late and turns[-1].is_empty and len(turns) > 1 else turns[-1]


def _note_question(turn: RecordedTurn, at: float, event: object) -> None:
    match event:
        case events.Text(text):
            turn.typed += text
        case events.ClientTurns(contents):
            # What comes before an answer of the model is the history of another connection.
            asked = [*itertools.takewhile(lambda content: content.role != "model", reversed(contents))]
            turn.typed += " ".join("".join(part.text or "" for part in each.parts) for each in reversed(asked))
        case events.ToolResponse(responses):
            turn.responses += [(response.name, response.response) for response in responses]
            return
        case events.ActivityEnd():
            pass
        case _:
            return
    if turn.first_at is None:
        turn.asked_at = at


def _note_sound(turn: RecordedTurn, at: float, chunk: events.AudioChunk, level: ChunkLevel) -> None:
    """Note audio of the answer."""
    turn.audio_at = at if turn.audio_at is None else turn.audio_at
    if turn.sound_at is None and level.is_heard:
        turn.sound_at = at
    turn.pieces += level.pieces
    turn.silent_pieces += level.silent_pieces
    turn.power += level.power
    turn.audio_seconds += len(chunk.pcm) / SAMPLE_BYTES / chunk.rate


def _note_answer(turn: RecordedTurn, at: float, event: events.Event) -> None:
    if event.begins_answer and turn.first_at is None:
        turn.first_at = at
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
            turn.complete_at = at


def transcript(found: SessionAnalysis) -> list[TranscriptLine]:
    """The words and calls of both sides, in order; consecutive pieces of one side are one line."""
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
