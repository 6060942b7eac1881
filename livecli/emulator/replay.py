"""Replay of a recorded session: sends the server's recorded frames, byte for byte, to any client. No I/O.

A client's messages are matched by kind, never by content. Each recorded frame of the client is a cue: the server's
frames after it are sent once a message of the same kind has been received, with the recorded delay.

Audio is matched by length, because no client cuts it into the recorded chunks. An utterance is one cue, however many
chunks it has: it ends when the client marks its end (activityEnd and audioStreamEnd are the same here), or sends a
message of another kind. Frames that the server sent during an utterance are due once as much audio has been received.

A message that does not match the next cue is skipped and logged. After the last frame the session stays open until the
client closes it.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from ..media.pcm import SAMPLE_BYTES
from ..protocol import events
from ..protocol.close_reasons import Refusal
from ..protocol.codec import decode_client
from ..recording.format import Direction, Frame
from ..toml_reader import LineError


class CueKind(StrEnum):
    """The kind of a client's message, by which it is matched."""

    SETUP = "setup"
    TURNS = "clientContent"
    AUDIO = "realtimeInput.audio"
    AUDIO_END = "the end of realtimeInput.audio"
    TEXT = "realtimeInput.text"
    IMAGE = "realtimeInput.video"
    TOOL_RESPONSE = "toolResponse"
    CONTEXT = "contextUpdate"


KINDS: dict[type[events.Event], CueKind] = {
    events.Setup: CueKind.SETUP,
    events.ClientTurns: CueKind.TURNS,
    events.ActivityStart: CueKind.AUDIO,  # audio of no length
    events.AudioChunk: CueKind.AUDIO,
    events.ActivityEnd: CueKind.AUDIO_END,
    events.AudioStreamEnd: CueKind.AUDIO_END,
    events.Text: CueKind.TEXT,
    events.Image: CueKind.IMAGE,
    events.ToolResponse: CueKind.TOOL_RESPONSE,
    events.ContextUpdate: CueKind.CONTEXT,
}


@dataclass(frozen=True)
class Cue:
    """A wait for a message of this kind; for audio, until this many seconds have come since the cue before."""

    kind: CueKind
    audio_seconds: float = 0.0


@dataclass(frozen=True)
class ReplayLine:
    """A frame of the server, and its delay after the cue before it."""

    frame: bytes
    after_seconds: float = 0.0


Play = tuple[Cue | ReplayLine, ...]
"""A recorded session as cues and lines, which any number of sessions can replay."""

_SLACK_SECONDS = 0.001
"""The rounding error of a sum over many chunks."""


def arrange(recorded: Iterable[Frame]) -> Play:
    """The cues and the lines of a recording. Raises LineError where it cannot be replayed."""
    play: list[Cue | ReplayLine] = []
    cue_at: float | None = None
    for one in recorded:
        if one.direction is Direction.CLIENT:
            for cue in _cues(one):
                _append(cue, play)
            cue_at = one.at
        elif not play:
            raise LineError(
                one.line, "the server sends the first frame", hint="a session begins with the client's setup"
            )
        else:
            known = one.at is not None and cue_at is not None
            play.append(ReplayLine(one.data, (one.at or 0.0) - (cue_at or 0.0) if known else 0.0))
    return tuple(play)


def _cues(recorded: Frame) -> Iterator[Cue]:
    try:
        message = decode_client(recorded.data)
    except Refusal as refusal:
        raise LineError(recorded.line, f"not a message of a client: {refusal.reason}") from refusal
    for event in map(_unwrapped, message):
        yield Cue(KINDS[type(event)], _audio_seconds(event))


def _unwrapped(event: events.Event) -> events.Event:
    return event.media if isinstance(event, events.MediaChunks) else event


def _audio_seconds(event: events.Event) -> float:
    return len(event.pcm) / (SAMPLE_BYTES * event.rate) if isinstance(event, events.AudioChunk) else 0.0


def _append(cue: Cue, play: list[Cue | ReplayLine]) -> None:
    """Add a cue to the play. Adjacent chunks of audio become one cue."""
    before = play[-1] if play else None
    if cue.kind is CueKind.AUDIO and isinstance(before, Cue) and before.kind is CueKind.AUDIO:
        play[-1] = Cue(CueKind.AUDIO, before.audio_seconds + cue.audio_seconds)
    else:
        play.append(cue)


class Replay:
    """One session of a replay. `speed` is a multiple of the recorded speed, 0 as fast as the client receives.

    It takes the place of an EmulatedSession, with two differences: it returns whole frames (`next_frame`), and there is
    no LiveProtocol around it, so a client may send a message whenever the recorded client did.
    """

    accepts_input = has_output = True

    def __init__(self, play: Play, *, speed: float = 1.0, log: Callable[[str], None] = lambda line: None) -> None:
        self._play = play
        self._speed = speed
        self._log = log
        self._next_cue = 0  # the index from which cues have not been met
        self._next_part = 0  # the index from which lines have not been sent
        self._met_at: deque[float] = deque()  # the times of the cues between `_next_part` and `_next_cue`
        self._cue_at = 0.0  # the time of the last cue before `_next_part`
        self._audio_seconds = 0.0  # received since the last cue of audio

    def receive_message(self, message: Sequence[events.Event], now: float) -> None:
        """Take one message of the client at the time `now`, in seconds."""
        for event in message:
            self.receive(event, now)

    def receive(self, event: events.Event, now: float) -> None:
        event = _unwrapped(event)
        kind = KINDS[type(event)]
        self._audio_seconds += _audio_seconds(event)
        place = self._place_of(kind)
        if place is None and kind is not CueKind.AUDIO:
            self._log(f"replay: skipped {kind}: {self._expected()}")
        while place is not None:
            self._meet(place, now)
            place = (
                self._place_of(kind) if kind is CueKind.AUDIO else None
            )  # a long chunk may be enough for the next too
        if kind is CueKind.AUDIO_END:
            self._audio_seconds = 0.0

    def next_frame(self, now: float) -> bytes | None:
        """The next frame to send at the time `now`, in seconds; None where none is due."""
        line = self._next_line()
        if line is None or self._due(line) > now:
            return None
        self._next_part += 1
        if self._next_part == len(self._play):
            self._log("replay: the recording ends here")
        return line.frame

    @property
    def wake_at(self) -> float | None:
        """When the next frame is due without another message of the client; None where it needs one."""
        line = self._next_line()
        return None if line is None else self._due(line)

    def close(self, now: float | None = None) -> None:
        """Do nothing: a replay holds no resources."""

    def _place_of(self, kind: CueKind) -> int | None:
        """The index of the cue that a message of this kind meets, if any. It may skip cues of audio, and no others."""
        ahead = list(itertools.islice(self._cues_ahead(), 1))
        if kind is CueKind.AUDIO:
            return next((place for place, cue in ahead if self._is_enough_for(cue)), None)
        not_audio = next(((place, cue) for place, cue in self._cues_ahead() if cue.kind is not CueKind.AUDIO), None)
        if not_audio and not_audio[1].kind is kind:
            return not_audio[0]
        # The end of an utterance also meets the cue of an utterance whose end is not in the recording.
        return next((place for place, cue in ahead if cue.kind is CueKind.AUDIO and kind is CueKind.AUDIO_END), None)

    def _is_enough_for(self, cue: Cue) -> bool:
        return cue.kind is CueKind.AUDIO and self._audio_seconds >= cue.audio_seconds - _SLACK_SECONDS

    def _cues_ahead(self) -> Iterator[tuple[int, Cue]]:
        for place in range(self._next_cue, len(self._play)):
            part = self._play[place]
            if isinstance(part, Cue):
                yield place, part

    def _meet(self, place: int, now: float) -> None:
        met = [part for part in self._play[self._next_cue : place + 1] if isinstance(part, Cue)]
        self._met_at.extend(itertools.repeat(now, len(met)))
        more_audio = met[-1].kind is CueKind.AUDIO
        self._audio_seconds = max(0.0, self._audio_seconds - met[-1].audio_seconds) if more_audio else 0.0
        self._next_cue = place + 1

    def _next_line(self) -> ReplayLine | None:
        while self._next_part < len(self._play):
            part = self._play[self._next_part]
            if isinstance(part, ReplayLine):
                return part
            if not self._met_at:
                return None
            self._cue_at = self._met_at.popleft()
            self._next_part += 1
        return None

    def _due(self, line: ReplayLine) -> float:
        return self._cue_at + (line.after_seconds / self._speed if self._speed else 0.0)

    def _expected(self) -> str:
        cue = next(self._cues_ahead(), None)
        return f"the recording waits for {cue[1].kind}" if cue else "the recording waits for nothing more"
