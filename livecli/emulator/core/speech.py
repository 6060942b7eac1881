"""Speech input: cuts the user's audio into utterances, from the start of speech to its end. No I/O.

There is one class for each way to find these: ManualSpeech where the client marks them, and DetectedSpeech where the
service detects them. Audio of any rate is converted to INPUT_RATE, the rate of the service.

An utterance is the speech alone. If `turnCoverage` is TURN_INCLUDES_ALL_INPUT, it includes the silence since the
utterance before. Sources disagree about the default of Vertex AI; here it is the speech alone on both platforms.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Protocol

import msgspec

from ...media.pcm import SAMPLE_BYTES
from ...media.resample import VariableRateResampler
from ...protocol.audio_rates import INPUT_RATE
from ...protocol.events import AudioChunk
from ...protocol.messages import AutomaticActivityDetection, RealtimeInputConfig
from .utterance import BYTES_PER_SECOND, OpenSpool, Utterance
from .voice_activity import Edge, SpeechStart, VoiceActivity

PADDING_BYTES = BYTES_PER_SECOND // 10
"""100 ms that a detected utterance keeps before and after the speech, so that soft beginnings and ends are in it."""

LOOK_BACK_BYTES = 2 * BYTES_PER_SECOND
"""Audio that is held back to look for the beginning and the end of an utterance in it."""


class SpeechStarted(msgspec.Struct, frozen=True):
    """The user starts to speak. `offset_seconds` is where in the session's audio, if the service detected it."""

    offset_seconds: float | None = None


class SpeechEnded(msgspec.Struct, frozen=True):
    """The user has finished speaking. The receiver of this event closes the utterance."""

    utterance: Utterance
    offset_seconds: float | None = None


SpeechEvent = SpeechStarted | SpeechEnded


class SpeechInput(Protocol):
    """Turns the audio of one session into utterances. `speaking` is true from the start of one to its end."""

    speaking: bool

    def start(self) -> list[SpeechEvent]:
        """Handle activityStart: the user starts to speak."""

    def push(self, chunk: AudioChunk) -> list[SpeechEvent]:
        """Take the next audio, and return the events that it makes certain."""

    def stop(self) -> list[SpeechEvent]:
        """Handle activityEnd or audioStreamEnd: the user has finished, or the microphone is off."""

    @property
    def speech_seconds(self) -> float:
        """While `speaking`, the length of the utterance up to the last sound that counts as speech."""

    def fork(self) -> SpeechInput | None:
        """A copy that has received the same audio, with a `close` of its own. None while it cannot be copied."""

    def close(self) -> None:
        """Release the utterance in progress."""


def speech_input_for(
    config: RealtimeInputConfig | None,
    open_spool: OpenSpool,
    *,
    unlimited: bool = False,
    measures: bool = False,
    resumed: SpeechInput | None = None,
) -> SpeechInput:
    """The speech input that a setup asks for: `resumed`, from the session that is resumed, if it is of that kind.

    `unlimited`: an utterance may exceed the context window. `measures`: `speech_seconds` is needed.
    """
    detection = config.automatic_activity_detection if config is not None else None
    all_input = config is not None and config.turn_coverage == "TURN_INCLUDES_ALL_INPUT"
    manual = detection is not None and detection.disabled
    if resumed is not None and isinstance(resumed, ManualSpeech) == manual:
        return resumed
    if resumed is not None:
        resumed.close()
    if manual:
        return ManualSpeech(open_spool, all_input=all_input, unlimited=unlimited, measures=measures)
    return DetectedSpeech(detection, open_spool, all_input=all_input, unlimited=unlimited)


class ManualSpeech:
    """Speech input for clients that mark their speech with activityStart and activityEnd. Other audio is ignored."""

    def __init__(
        self, open_spool: OpenSpool, *, all_input: bool = False, unlimited: bool = False, measures: bool = False
    ) -> None:
        self._open_spool, self._unlimited = open_spool, unlimited
        self._all_input, self._measures = all_input, measures
        # It hears what is spoken since activityStart, if that is to be measured.
        self._voice_activity = VoiceActivity()
        self._resampler = VariableRateResampler(INPUT_RATE)
        self._utterance: Utterance | None = None
        self.speaking = False

    def start(self) -> list[SpeechEvent]:
        if self.speaking:
            return []
        self.speaking = True
        self._open_utterance()
        self._voice_activity = VoiceActivity()
        return [SpeechStarted()]

    def push(self, chunk: AudioChunk) -> list[SpeechEvent]:
        if self._all_input:
            self._open_utterance()
        if self._utterance is not None:
            for pcm in self._resampler.push(chunk.pcm, chunk.rate):
                self._utterance.write(pcm)
                if self._measures and self.speaking:
                    self._voice_activity.push(pcm)
        return []

    def stop(self) -> list[SpeechEvent]:
        if not self.speaking or self._utterance is None:
            return []
        self._utterance.write(self._resampler.finish())
        self._resampler = VariableRateResampler(INPUT_RATE)
        utterance, self._utterance, self.speaking = self._utterance, None, False
        return [SpeechEnded(utterance)]

    @property
    def speech_seconds(self) -> float:
        return self._voice_activity.speech_samples / INPUT_RATE

    def fork(self) -> ManualSpeech | None:
        resampler = self._resampler.fork()
        if resampler is None:
            return None
        fork = copy.copy(self)
        fork._resampler = resampler
        fork._voice_activity = copy.copy(self._voice_activity)
        fork._utterance = self._utterance and self._utterance.fork()
        return fork

    def close(self) -> None:
        if self._utterance is not None:
            self._utterance.close()

    def _open_utterance(self) -> None:
        if self._utterance is None:
            self._utterance = Utterance(self._open_spool(), unlimited=self._unlimited)


class DetectedSpeech:
    """Speech input with voice detection.

    All audio passes through a look-back buffer. Audio that leaves the buffer is added to the utterance in progress, or
    is dropped. Offsets are in bytes of the current stream; audioStreamEnd ends a stream, and the next audio begins one.
    """

    def __init__(
        self,
        detection: AutomaticActivityDetection | None,
        open_spool: OpenSpool,
        *,
        all_input: bool = False,
        unlimited: bool = False,
    ) -> None:
        self._open_spool, self._unlimited = open_spool, unlimited
        self._detection = detection
        self._all_input = all_input
        self._utterance: Utterance | None = None
        # Where in the stream the utterance begins: negative if it began in an earlier stream.
        self._utterance_offset = 0
        self._ended_streams_bytes = 0
        self.speaking = False
        self._begin_stream()

    def start(self) -> list[SpeechEvent]:
        """Do nothing: the protocol refuses activityStart while detection is on."""
        return []

    def push(self, chunk: AudioChunk) -> list[SpeechEvent]:
        return [event for pcm in self._resampler.push(chunk.pcm, chunk.rate) for event in self._detect(pcm)]

    def stop(self) -> list[SpeechEvent]:
        """End speech in progress at once. The next audio begins a new stream."""
        found = self._detect(self._resampler.finish()) + self._handle_edges(self._voice_activity.flush())
        self._ended_streams_bytes += self._buffer_offset + len(self._buffer)
        if self._all_input:
            self._release(self._buffer_offset + len(self._buffer))
        self._utterance_offset -= self._buffer_offset
        self._begin_stream()
        return found

    @property
    def speech_seconds(self) -> float:
        return (self._voice_activity.speech_samples * SAMPLE_BYTES - self._utterance_offset) / BYTES_PER_SECOND

    def fork(self) -> DetectedSpeech | None:
        resampler = self._resampler.fork()
        if resampler is None:
            return None
        fork = copy.copy(self)
        fork._resampler = resampler
        fork._voice_activity = copy.copy(self._voice_activity)
        fork._buffer = bytearray(self._buffer)
        fork._utterance = self._utterance and self._utterance.fork()
        return fork

    def close(self) -> None:
        if self._utterance is not None:
            self._utterance.close()

    def _begin_stream(self) -> None:
        self._resampler = VariableRateResampler(INPUT_RATE)
        self._voice_activity = VoiceActivity(self._detection)
        self._buffer = bytearray()
        # Where in the stream the buffer begins.
        self._buffer_offset = 0

    def _detect(self, pcm: bytes) -> list[SpeechEvent]:
        self._buffer += pcm
        found = self._handle_edges(self._voice_activity.push(pcm))
        self._release(self._buffer_offset + len(self._buffer) - LOOK_BACK_BYTES)
        return found

    def _handle_edges(self, edges: list[Edge]) -> list[SpeechEvent]:
        return [event for edge in edges for event in self._handle_edge(edge, edge.at_sample * SAMPLE_BYTES)]

    def _handle_edge(self, edge: Edge, offset: int) -> Iterator[SpeechEvent]:
        offset_seconds = (self._ended_streams_bytes + offset) / BYTES_PER_SECOND
        if isinstance(edge, SpeechStart):
            self.speaking = True
            self._release(offset - PADDING_BYTES)
            self._open_utterance()
            yield SpeechStarted(offset_seconds)
        elif self._utterance is not None:
            self._release(offset + PADDING_BYTES)
            self._utterance.truncate(offset + PADDING_BYTES - self._utterance_offset)
            utterance, self._utterance, self.speaking = self._utterance, None, False
            yield SpeechEnded(utterance, offset_seconds)

    def _open_utterance(self) -> None:
        if self._utterance is None:
            self._utterance = Utterance(self._open_spool(), unlimited=self._unlimited)
            self._utterance_offset = self._buffer_offset

    def _release(self, until: int) -> None:
        """Take the audio before the offset `until` out of the buffer, in whole samples."""
        count = until - self._buffer_offset
        if count >= SAMPLE_BYTES:
            if self._all_input:
                self._open_utterance()
            pcm = bytes(self._buffer[: count - count % SAMPLE_BYTES])
            del self._buffer[: len(pcm)]
            self._buffer_offset += len(pcm)
            if self._utterance is not None:
                self._utterance.write(pcm)
