"""Replay of a recorded connection: sends the server's recorded frames, byte for byte, to any client. No I/O.

Each recorded message of the client is a cue: the server's frames after it are sent once a message that matches it has
been received, with the recorded delay. How much a message has to be like the recorded one is the `Match`.

Audio is matched by length, because no client cuts it into the recorded chunks. An utterance is one cue, however many
chunks it has: it ends when the client marks its end (activityEnd and audioStreamEnd are the same here), or sends a
message of another kind. Frames that the server sent during an utterance are due once as much audio has been received.
Pictures that are sent during an utterance do not end it, and are counted.

A message that does not match the next cue is skipped and logged; with Match.STRICT it closes the session. At the end
the session is closed as it was by the server; where the client closed it, it stays open until the client does.
"""

from __future__ import annotations

import itertools
import json
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import sha256
from typing import Any

import msgspec

from ..media.pcm import SAMPLE_BYTES
from ..protocol import events
from ..protocol.close_reasons import SENDABLE_CLOSE_CODES, Refusal
from ..protocol.codec import decode_client
from ..recording.format import By, Direction, Frame, RecordedClose
from ..recording.match import Match
from ..recording.redaction import ID_NAMES
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


MEDIA = {CueKind.AUDIO, CueKind.IMAGE}
"""The kinds that are counted or measured, since no client sends them in the recorded pieces."""


@dataclass(frozen=True)
class Cue:
    """A wait for a message of this kind; for audio, until this many seconds have come since the cue before.

    `content` is compared, without ids; `line` is where it stands in the recording. A setup that resumes a session has
    the `handle` of that.
    """

    kind: CueKind
    audio_seconds: float = 0.0
    content: Any = field(default=None, compare=False)
    line: int = field(default=0, compare=False)
    handle: str | None = field(default=None, compare=False)

    @property
    def place(self) -> str:
        """Where it stands in the recording; a HAR file has no lines."""
        return f"line {self.line}" if self.line else "the recording"


class ReplayLine(msgspec.Struct, frozen=True):
    """A frame of the server, and its delay after the cue before it."""

    frame: bytes
    after_seconds: float = 0.0


class ReplayClose(msgspec.Struct, frozen=True):
    """The end of the connection by the server, or by the network with the code 1006; as a ReplayLine."""

    code: int
    reason: str = ""
    after_seconds: float = 0.0


class ConnectionLost(Exception):
    """The recorded connection was lost here."""


Part = Cue | ReplayLine | ReplayClose

Play = tuple[Part, ...]
"""A recorded connection as cues and lines, which any number of sessions can replay."""

_SLACK_SECONDS = 0.001
"""The rounding error of a sum over many chunks."""

SHORTER_SECONDS = 0.5
"""An utterance that is shorter than the recorded one by more than this is a difference."""

SHOWN_CHARACTERS = 40
"""The length to which a value is shortened in a difference."""


def arrange(recorded: Iterable[Frame], close: RecordedClose | None = None) -> Play:
    """The cues and the lines of a connection. Raises LineError where it cannot be replayed.

    A frame whose JSON could not be kept is left out.
    """
    play: list[Part] = []
    cue_at: float | None = None

    def delay(at: float | None) -> float:
        return 0.0 if at is None or cue_at is None else at - cue_at

    for one in recorded:
        if not play:
            _check_first(one)
        if one.is_redacted:
            continue
        if one.direction is Direction.CLIENT:
            for cue in _cues(one):
                _append(cue, play)
            cue_at = one.at
        else:
            play.append(ReplayLine(one.data, delay(one.at)))
    if play and close is not None and close.by is not By.CLIENT:
        play.append(ReplayClose(close.code, close.reason, delay(close.at)))
    return tuple(play)


def _check_first(frame: Frame) -> None:
    """Raise LineError for a frame with which no connection that can be replayed begins."""
    begins_with_setup = "a session begins with the client's setup"
    if frame.direction is not Direction.CLIENT:
        raise LineError(frame.line, "the server sends the first frame", hint=begins_with_setup)
    if frame.is_redacted:
        raise LineError(frame.line, "the client's setup could not be recorded, so the session cannot be replayed")
    if next((each.kind for each in _cues(frame)), None) is not CueKind.SETUP:
        raise LineError(frame.line, "the first frame is not the client's setup", hint=begins_with_setup)


def _cues(recorded: Frame) -> Iterator[Cue]:
    try:
        message = decode_client(recorded.data)
    except Refusal as refusal:
        raise LineError(recorded.line, f"not a message of a client: {refusal.reason}") from refusal
    for event in map(_unwrapped, message):
        yield Cue(KINDS[type(event)], _audio_seconds(event), content_of(event), recorded.line, handle_in(event))


def _unwrapped(event: events.Event) -> events.Event:
    return event.media if isinstance(event, events.MediaChunks) else event


def _audio_seconds(event: events.Event) -> float:
    return len(event.pcm) / (SAMPLE_BYTES * event.rate) if isinstance(event, events.AudioChunk) else 0.0


def content_of(event: events.Event) -> Any:
    """The content of a client's message that a replay compares: without ids, and the model without its project."""
    match event:
        case events.AudioChunk() | events.ActivityStart() | events.ActivityEnd() | events.AudioStreamEnd():
            return None
        case events.Image(data, mime_type):
            return {"mimeType": mime_type, "bytes": len(data), "sha256": sha256(data).hexdigest()}
        case events.ToolResponse():
            # The client has the ids from the server's frames, which are the recorded ones.
            return msgspec.to_builtins(event)
    content = _without_ids(msgspec.to_builtins(event))
    if isinstance(event, events.Setup):
        content["body"]["model"] = event.body.model.rpartition("/")[2]
        return {**content["body"], **content["extra"]}
    return content


def handle_in(event: events.Event) -> str | None:
    """The handle of the session that a setup resumes, if any."""
    resumption = event.body.session_resumption if isinstance(event, events.Setup) else None
    return (resumption and resumption.handle) or None


def _without_ids(value: Any) -> Any:
    match value:
        case dict():
            return {name: _without_ids(each) for name, each in value.items() if name not in ID_NAMES}
        case list():
            return [_without_ids(each) for each in value]
    return value


def first_difference(recorded: Any, now: Any, path: str = "") -> str | None:
    """The first difference of two JSON values, with its path; None where they are equal."""
    match recorded, now:
        case dict(), dict():
            pairs = [(f"{path}.{name}", recorded.get(name), now.get(name)) for name in {**recorded, **now}]
        case list(), list():
            both = itertools.zip_longest(recorded, now)
            pairs = [(f"{path}[{place}]", one, other) for place, (one, other) in enumerate(both)]
        case _:
            if recorded == now:
                return None
            return f"{path.lstrip('.')}: recorded {_shortened(recorded)}, now {_shortened(now)}".removeprefix(": ")
    return next(filter(None, (first_difference(one, other, name) for name, one, other in pairs)), None)


def _shortened(value: Any) -> str:
    if value is None:
        return "nothing"
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= SHOWN_CHARACTERS else text[: SHOWN_CHARACTERS - 1] + "…"


def _append(cue: Cue, play: list[Part]) -> None:
    """Add a cue to the play. Adjacent chunks of audio become one cue."""
    before = play[-1] if play else None
    if cue.kind is CueKind.AUDIO and isinstance(before, Cue) and before.kind is CueKind.AUDIO:
        play[-1] = Cue(CueKind.AUDIO, before.audio_seconds + cue.audio_seconds, None, before.line)
    else:
        play.append(cue)


class Replay:
    """One session of a replay. `speed` is a multiple of the recorded speed, 0 as fast as the client receives.

    It takes the place of an EmulatedSession, with two differences: it returns whole frames (`next_frame`), and there is
    no LiveProtocol around it, so a client may send a message whenever the recorded client did.
    """

    accepts_input = has_output = True

    def __init__(
        self,
        play: Play = (),
        *,
        speed: float = 1.0,
        match: Match = Match.KINDS,
        log: Callable[[str], None] = lambda line: None,
    ) -> None:
        self._play = play
        self._speed = speed
        self._match = match
        self._log = log
        self._next_cue = 0  # the index from which cues have not been met
        self._next_part = 0  # the index from which lines have not been sent
        self._met_at: deque[float] = deque()  # the times of the cues between `_next_part` and `_next_cue`
        self._cue_at = 0.0  # the time of the last cue before `_next_part`
        self._audio_seconds = 0.0  # received since the last cue of audio
        self._early_images = 0  # received while the recording waits for audio that comes before them
        self._passed_over: list[Cue] = []
        self.difference: str | None = None
        """The first difference between what the client sent and the recording."""
        self.skipped = 0
        """How many messages matched nothing."""

    @property
    def unmet(self) -> list[Cue]:
        """The recorded messages that the client did not send, without audio and pictures."""
        return [*self._passed_over, *(cue for _, cue in self._cues_ahead() if cue.kind not in MEDIA)]

    def receive_message(self, message: Sequence[events.Event], now: float) -> None:
        """Take one message of the client at the time `now`, in seconds. Raises Refusal where it may not differ."""
        for event in message:
            self.receive(event, now)

    def receive(self, event: events.Event, now: float) -> None:
        """Take one event, as `receive_message`."""
        event = _unwrapped(event)
        kind = KINDS[type(event)]
        self._audio_seconds += _audio_seconds(event)
        if kind is CueKind.AUDIO:
            self._meet_media(now)
            return
        place = self._place_of(kind)
        if place is None:
            self._skip(kind)
        elif kind is CueKind.IMAGE:
            self._early_images += 1
            self._meet_media(now)
        else:
            self._compare(place, event)
            self._meet(place, now)
        if kind is CueKind.AUDIO_END:
            self._audio_seconds = 0.0

    def next_frame(self, now: float) -> bytes | None:
        """The next frame to send at the time `now`, in seconds; None where none is due.

        Raises Refusal or ConnectionLost where the connection is to end as the recorded one did.
        """
        line = self._next_line()
        if line is None or self._due(line) > now:
            return None
        if isinstance(line, ReplayClose):
            if line.code == 1006:
                raise ConnectionLost
            raise Refusal(line.code if line.code in SENDABLE_CLOSE_CODES else 1000, line.reason)
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
        """The index of the cue that a message of this kind meets, if any, also where media before it are to come."""
        if kind is CueKind.IMAGE:
            in_turn = itertools.takewhile(lambda each: each[1].kind in MEDIA, self._cues_ahead())
            return next((place for place, cue in in_turn if cue.kind is kind), None)
        may_pass_over = self._match is Match.LOOSE and kind is not CueKind.AUDIO_END
        for place, cue in self._cues_ahead():
            if cue.kind is kind or (may_pass_over and _group(cue.kind) is _group(kind)):
                return place
            if cue.kind not in MEDIA and not may_pass_over:
                break
        # The end of an utterance also meets the cue of an utterance whose end is not in the recording.
        ahead = next(self._cues_ahead(), None)
        return ahead[0] if ahead and ahead[1].kind is CueKind.AUDIO and kind is CueKind.AUDIO_END else None

    def _skip(self, kind: CueKind) -> None:
        cue = next((cue for _, cue in self._cues_ahead() if cue.kind not in MEDIA), None)
        self.skipped += 1
        self._log(f"replay: skipped {kind}: {self._expected()}")
        self._differ(f"{kind} came where " + (f"{cue.place} has {cue.kind}" if cue else "the recording has ended"))

    def _compare(self, place: int, event: events.Event) -> None:
        """Note how a message, and the audio before it, differ from the cue that it meets."""
        cues = [part for part in self._play[self._next_cue : place + 1] if isinstance(part, Cue)]
        audio = [cue for cue in cues if cue.kind is CueKind.AUDIO]
        recorded = sum(cue.audio_seconds for cue in audio)
        if recorded - self._audio_seconds > SHORTER_SECONDS:
            self._differ(f"{audio[0].place}: {recorded:.1f} s of audio recorded, now {self._audio_seconds:.1f} s")
        missing = [cue for cue in cues[:-1] if cue.kind not in MEDIA]
        self._passed_over += missing
        cue = cues[-1]
        if missing:
            self._differ(f"{missing[0].place}: {missing[0].kind} did not come")
        elif cue.content is not None and (difference := first_difference(cue.content, content_of(event))):
            self._differ(f"{cue.place}: {cue.kind}: {difference}")

    def _differ(self, difference: str) -> None:
        """Note a difference. Raises Refusal where there may be none."""
        self.difference = self.difference or difference
        if self._match is Match.STRICT:
            raise Refusal(1008, f"replay: {difference}")

    def _meet_media(self, now: float) -> None:
        """Meet the cues of audio and pictures for which enough has come."""
        for place, cue in itertools.takewhile(lambda each: each[1].kind in MEDIA, self._cues_ahead()):
            if cue.kind is CueKind.AUDIO:
                if self._audio_seconds < cue.audio_seconds - _SLACK_SECONDS:
                    return
            elif self._early_images:
                self._early_images -= 1
            else:
                return
            self._meet(place, now)

    def _cues_ahead(self) -> Iterator[tuple[int, Cue]]:
        for place in range(self._next_cue, len(self._play)):
            part = self._play[place]
            if isinstance(part, Cue):
                yield place, part

    def _meet(self, place: int, now: float) -> None:
        met = [part for part in self._play[self._next_cue : place + 1] if isinstance(part, Cue)]
        self._met_at.extend(itertools.repeat(now, len(met)))
        if met[-1].kind is CueKind.AUDIO:
            self._audio_seconds = max(0.0, self._audio_seconds - met[-1].audio_seconds)
        elif met[-1].kind is not CueKind.IMAGE:
            self._audio_seconds, self._early_images = 0.0, 0
        self._next_cue = place + 1

    def _next_line(self) -> ReplayLine | ReplayClose | None:
        while self._next_part < len(self._play):
            part = self._play[self._next_part]
            if not isinstance(part, Cue):
                return part
            if not self._met_at:
                return None
            self._cue_at = self._met_at.popleft()
            self._next_part += 1
        return None

    def _due(self, line: ReplayLine | ReplayClose) -> float:
        return self._cue_at + (line.after_seconds / self._speed if self._speed else 0.0)

    def _expected(self) -> str:
        cue = next(self._cues_ahead(), None)
        return f"the recording waits for {cue[1].kind}" if cue else "the recording waits for nothing more"


def _group(kind: CueKind) -> CueKind:
    """The kind that stands for those that Match.LOOSE does not tell apart."""
    return CueKind.TEXT if kind is CueKind.TURNS else kind
