"""From the user's audio to utterances. One ear for each way of telling when somebody speaks: the client says so, or the
service listens for it. Audio of any rate is heard at INPUT_RATE, the service's own.

An utterance is the speech itself, unless `turnCoverage` is TURN_INCLUDES_ALL_INPUT: then it holds the silence since the
utterance before as well. Sources disagree about Vertex's default; here it is the speech on both platforms.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from ...media.pcm import SAMPLE_BYTES
from ...media.resample import AtInputRate
from ...protocol.events import AudioChunk
from ...protocol.messages import AutomaticActivityDetection, RealtimeInputConfig
from .utterance import BYTES_PER_SECOND, OpenSpool, Utterance
from .voice_activity import Edge, SpeechStart, VoiceActivity

PADDING_BYTES = BYTES_PER_SECOND // 10
"""100 ms that a detected utterance keeps before and after speech, so that soft beginnings and endings are in it."""

LOOK_BACK_BYTES = 2 * BYTES_PER_SECOND
"""How much of the past is kept to find an utterance's beginning and end in."""


@dataclass(frozen=True)
class SpeechBegan:
    """The user begins to speak, at this offset in the session's audio if the service found out by itself."""

    offset_seconds: float | None = None


@dataclass(frozen=True)
class SpeechEnded:
    """The user has spoken. The utterance is complete, and whoever gets it closes it."""

    utterance: Utterance
    offset_seconds: float | None = None


Sound = SpeechBegan | SpeechEnded


class SpeechInput(Protocol):
    """Hears one session's audio. `speaking` is whether an utterance has begun and not ended."""

    speaking: bool

    def start(self) -> list[Sound]:
        """The client says that the user begins to speak."""

    def hear(self, chunk: AudioChunk) -> list[Sound]:
        """The next audio, and what became certain by it."""

    def stop(self) -> list[Sound]:
        """The client says that the user has spoken, or that the microphone is closed."""

    def fork(self) -> SpeechInput | None:
        """Another ear that has heard the same, to be closed for itself; None where it cannot be had right now."""

    def close(self) -> None:
        """Nobody listens any more."""


def speech_input_for(
    config: RealtimeInputConfig | None, open_spool: OpenSpool, *, endless: bool = False, kept: SpeechInput | None = None
) -> SpeechInput:
    """The ear that the setup asks for: `kept`, if that is one. `endless`: an utterance may exceed the context."""
    detection = config.automatic_activity_detection if config is not None else None
    all_input = config is not None and config.turn_coverage == "TURN_INCLUDES_ALL_INPUT"
    manual = detection is not None and detection.disabled
    if kept is not None and isinstance(kept, ManualSpeech) == manual:
        return kept
    if kept is not None:
        kept.close()
    if manual:
        return ManualSpeech(open_spool, all_input=all_input, endless=endless)
    return DetectedSpeech(detection, open_spool, all_input=all_input, endless=endless)


class ManualSpeech:
    """The client brackets its speech with activityStart and activityEnd; audio outside of them is inactivity."""

    def __init__(self, open_spool: OpenSpool, *, all_input: bool = False, endless: bool = False) -> None:
        self._open_spool, self._endless = open_spool, endless
        self._all_input = all_input
        self._stream = AtInputRate()
        self._utterance: Utterance | None = None
        self.speaking = False

    def start(self) -> list[Sound]:
        if self.speaking:
            return []
        self.speaking = True
        self._listen()
        return [SpeechBegan()]

    def hear(self, chunk: AudioChunk) -> list[Sound]:
        if self._all_input:
            self._listen()
        if self._utterance is not None:
            for pcm in self._stream.push(chunk):
                self._utterance.write(pcm)
        return []

    def stop(self) -> list[Sound]:
        if not self.speaking or self._utterance is None:
            return []
        self._utterance.write(self._stream.finish())
        heard, self._utterance, self.speaking = self._utterance, None, False
        return [SpeechEnded(heard)]

    def fork(self) -> ManualSpeech | None:
        if not self._stream.passes:
            return None
        other = copy.copy(self)
        other._stream = AtInputRate()
        other._utterance = self._utterance and self._utterance.share()
        return other

    def close(self) -> None:
        if self._utterance is not None:
            self._utterance.close()

    def _listen(self) -> None:
        if self._utterance is None:
            self._utterance = Utterance(self._open_spool(), endless=self._endless)


class DetectedSpeech:
    """Speech is detected. All audio passes through a look-back; what leaves it belongs to the utterance, or nobody."""

    def __init__(
        self,
        detection: AutomaticActivityDetection | None,
        open_spool: OpenSpool,
        *,
        all_input: bool = False,
        endless: bool = False,
    ) -> None:
        self._open_spool, self._endless = open_spool, endless
        self._detection = detection
        self._all_input = all_input
        self._utterance: Utterance | None = None
        self._began_at = 0
        self._streams_bytes = 0  # of the streams that have ended
        self.speaking = False
        self._begin_stream()

    def start(self) -> list[Sound]:
        """Never said while detection is on: the protocol refuses it."""
        return []

    def hear(self, chunk: AudioChunk) -> list[Sound]:
        return [sound for pcm in self._stream.push(chunk) for sound in self._push(pcm)]

    def stop(self) -> list[Sound]:
        """Speech in progress ends at once; the stream begins anew with the next audio."""
        heard = self._push(self._stream.finish()) + self._follow(self._voice.flush())
        self._streams_bytes += self._passed_bytes + len(self._recent)
        if self._all_input:
            self._pass_on(self._passed_bytes + len(self._recent))
        self._began_at -= self._passed_bytes  # counted in the next stream: that much lies before it
        self._begin_stream()
        return heard

    def fork(self) -> DetectedSpeech | None:
        if not self._stream.passes:
            return None
        other = copy.copy(self)
        other._stream = AtInputRate()
        other._voice = copy.copy(self._voice)
        other._recent = bytearray(self._recent)
        other._utterance = self._utterance and self._utterance.share()
        return other

    def close(self) -> None:
        if self._utterance is not None:
            self._utterance.close()

    def _begin_stream(self) -> None:
        self._stream = AtInputRate()
        self._voice = VoiceActivity(self._detection)
        self._recent = bytearray()
        self._passed_bytes = 0  # where in the stream `_recent` begins

    def _push(self, pcm: bytes) -> list[Sound]:
        self._recent += pcm
        heard = self._follow(self._voice.push(pcm))
        self._pass_on(self._passed_bytes + len(self._recent) - LOOK_BACK_BYTES)
        return heard

    def _follow(self, edges: list[Edge]) -> list[Sound]:
        return [sound for edge in edges for sound in self._edge(edge, edge.at_sample * SAMPLE_BYTES)]

    def _edge(self, edge: Edge, at_byte: int) -> Iterator[Sound]:
        offset_seconds = (self._streams_bytes + at_byte) / BYTES_PER_SECOND
        if isinstance(edge, SpeechStart):
            self.speaking = True
            self._pass_on(at_byte - PADDING_BYTES)
            self._listen()
            yield SpeechBegan(offset_seconds)
        elif self._utterance is not None:
            self._pass_on(at_byte + PADDING_BYTES)
            self._utterance.cut(at_byte + PADDING_BYTES - self._began_at)
            heard, self._utterance, self.speaking = self._utterance, None, False
            yield SpeechEnded(heard, offset_seconds)

    def _listen(self) -> None:
        if self._utterance is None:
            self._utterance = Utterance(self._open_spool(), endless=self._endless)
            self._began_at = self._passed_bytes

    def _pass_on(self, until_byte: int) -> None:
        """What lies before this point of the stream leaves the look-back, in whole samples."""
        count = until_byte - self._passed_bytes
        if count >= SAMPLE_BYTES:
            if self._all_input:
                self._listen()
            piece = bytes(self._recent[: count - count % SAMPLE_BYTES])
            del self._recent[: len(piece)]
            self._passed_bytes += len(piece)
            if self._utterance is not None:
                self._utterance.write(piece)
