"""A recorded session played back: what the service said then is said again, byte by byte, whoever asks. Pure.

What the client says is matched by kind, never by content. Each frame that the client sent then is a cue: the server's
frames behind it are said once the client has sent something of that kind again, as long after it as they came then.

Audio is a kind of its own sort, since nobody cuts it as it was cut then. An utterance is one cue, however many chunks
it has: it has been heard when the client marks its end (activityEnd and audioStreamEnd are the same here), or says
something else. What the server said in the middle of it comes as soon as the client has sent as much audio as then.

A message that the recording does not go on with is passed over and logged. After the last frame the session stays open
and silent: it is for the client to leave.
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
from ..toml_reader import LineError
from .wire_log import Direction, RecordedFrame


class CueKind(StrEnum):
    """What a client's message is matched by."""

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
    events.ActivityStart: CueKind.AUDIO,  # the first of it, with nothing in it yet
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
    """The client is to say something of this kind; of audio, so many seconds since the cue before."""

    kind: CueKind
    audio_seconds: float = 0.0


@dataclass(frozen=True)
class ReplayLine:
    """The server says this, so long after the cue before it."""

    frame: bytes
    after_seconds: float = 0.0


Play = tuple[Cue | ReplayLine, ...]
"""A recorded session, ready to be played any number of times."""

_SLACK_SECONDS = 0.001
"""What adding up many chunks may lose."""


def arrange(recorded: Iterable[RecordedFrame]) -> Play:
    """The cues and the lines of a recording. Raises Mistake where it cannot be played."""
    play: list[Cue | ReplayLine] = []
    cue_at: float | None = None
    for one in recorded:
        if one.direction is Direction.CLIENT:
            for cue in _cues(one):
                _append(cue, play)
            cue_at = one.at_seconds
        elif not play:
            raise LineError(
                one.line, "the service does not speak first", hint="a session begins with the client's setup"
            )
        else:
            known = one.at_seconds is not None and cue_at is not None
            play.append(ReplayLine(one.frame, (one.at_seconds or 0.0) - (cue_at or 0.0) if known else 0.0))
    return tuple(play)


def _cues(recorded: RecordedFrame) -> Iterator[Cue]:
    try:
        said = decode_client(recorded.frame)
    except Refusal as refusal:
        raise LineError(recorded.line, f"no client says this: {refusal.reason}") from refusal
    for event in map(_unwrapped, said):
        yield Cue(KINDS[type(event)], _audio_seconds(event))


def _unwrapped(event: events.Event) -> events.Event:
    return event.media if isinstance(event, events.MediaChunks) else event


def _audio_seconds(event: events.Event) -> float:
    return len(event.pcm) / (SAMPLE_BYTES * event.rate) if isinstance(event, events.AudioChunk) else 0.0


def _append(cue: Cue, play: list[Cue | ReplayLine]) -> None:
    """Chunks that nothing was said between are one cue."""
    before = play[-1] if play else None
    if cue.kind is CueKind.AUDIO and isinstance(before, Cue) and before.kind is CueKind.AUDIO:
        play[-1] = Cue(CueKind.AUDIO, before.audio_seconds + cue.audio_seconds)
    else:
        play.append(cue)


class Replay:
    """One session of a play. `speed` is times the recorded time, 0 as fast as the client takes it.

    It stands where a Conversation does, but what it says are whole frames: `next_frame` instead of `next_message`. Nor
    is there a LiveProtocol around it: what the client says is decoded, and may be said whenever it was said then.
    """

    accepts_input = has_output = True

    def __init__(self, play: Play, *, speed: float = 1.0, log: Callable[[str], None] = lambda line: None) -> None:
        self._play = play
        self._speed = speed
        self._log = log
        self._heard = 0  # what lies before this was said by the client, or need not be any more
        self._said = 0  # what lies before this was said by the server
        self._met_at: deque[float] = deque()  # of the cues between `_said` and `_heard`
        self._cue_at = 0.0  # of the last cue before `_said`
        self._audio_seconds = 0.0  # heard since the last cue of audio

    def receive_message(self, said: Sequence[events.Event], now: float) -> None:
        """One message of the client, at this time in seconds."""
        for event in said:
            self.receive(event, now)

    def receive(self, event: events.Event, now: float) -> None:
        event = _unwrapped(event)
        kind = KINDS[type(event)]
        self._audio_seconds += _audio_seconds(event)
        place = self._place_of(kind)
        if place is None and kind is not CueKind.AUDIO:
            self._log(f"replay: passed over {kind}: {self._expected()}")
        while place is not None:
            self._meet(place, now)
            place = (
                self._place_of(kind) if kind is CueKind.AUDIO else None
            )  # a long chunk may be enough for the next too
        if kind is CueKind.AUDIO_END:
            self._audio_seconds = 0.0

    def next_frame(self, now: float) -> bytes | None:
        """What is to be said next, at this time in seconds; None while there is nothing, or nothing yet."""
        line = self._next_line()
        if line is None or self._due(line) > now:
            return None
        self._said += 1
        if self._said == len(self._play):
            self._log("replay: the recording ends here")
        return line.frame

    @property
    def wake_at(self) -> float | None:
        """When `next_frame` has something to say even if the client says nothing before; None: it waits for that."""
        line = self._next_line()
        return None if line is None else self._due(line)

    def close(self, now: float | None = None) -> None:
        """The session is over: nothing is held."""

    def _place_of(self, kind: CueKind) -> int | None:
        """The cue that a message of this kind meets, if any. Only audio that went on then may be left out for it."""
        ahead = list(itertools.islice(self._cues_ahead(), 1))
        if kind is CueKind.AUDIO:
            return next((place for place, cue in ahead if self._is_enough_for(cue)), None)
        not_audio = next(((place, cue) for place, cue in self._cues_ahead() if cue.kind is not CueKind.AUDIO), None)
        if not_audio and not_audio[1].kind is kind:
            return not_audio[0]
        # The end of an utterance is also that of one whose end was not said then.
        return next((place for place, cue in ahead if cue.kind is CueKind.AUDIO and kind is CueKind.AUDIO_END), None)

    def _is_enough_for(self, cue: Cue) -> bool:
        return cue.kind is CueKind.AUDIO and self._audio_seconds >= cue.audio_seconds - _SLACK_SECONDS

    def _cues_ahead(self) -> Iterator[tuple[int, Cue]]:
        for place in range(self._heard, len(self._play)):
            part = self._play[place]
            if isinstance(part, Cue):
                yield place, part

    def _meet(self, place: int, now: float) -> None:
        met = [part for part in self._play[self._heard : place + 1] if isinstance(part, Cue)]
        self._met_at.extend(itertools.repeat(now, len(met)))
        more_audio = met[-1].kind is CueKind.AUDIO
        self._audio_seconds = max(0.0, self._audio_seconds - met[-1].audio_seconds) if more_audio else 0.0
        self._heard = place + 1

    def _next_line(self) -> ReplayLine | None:
        while self._said < len(self._play):
            part = self._play[self._said]
            if isinstance(part, ReplayLine):
                return part
            if not self._met_at:
                return None
            self._cue_at = self._met_at.popleft()
            self._said += 1
        return None

    def _due(self, line: ReplayLine) -> float:
        return self._cue_at + (line.after_seconds / self._speed if self._speed else 0.0)

    def _expected(self) -> str:
        cue = next(self._cues_ahead(), None)
        return f"the recording waits for {cue[1].kind}" if cue else "the recording waits for nothing more"
