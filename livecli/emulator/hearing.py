"""From the user's audio to utterances. One ear for each way of telling when somebody speaks: the client says so, or the
service listens for it. Audio of any rate is heard at INPUT_RATE, the service's own.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from ..audio.pcm import SAMPLE_BYTES
from ..audio.resample import Resampler
from ..protocol.codec import INPUT_RATE
from ..protocol.events import AudioChunk
from ..protocol.messages import AutomaticActivityDetection
from .utterance import BYTES_PER_SECOND, OpenSpool, Utterance
from .voice_activity import Edge, SpeechStart, VoiceActivity

PADDING_BYTES = BYTES_PER_SECOND // 10
"""100 ms that a detected utterance keeps before and after speech, so that soft beginnings and endings are in it."""

LOOK_BACK_BYTES = 2 * BYTES_PER_SECOND
"""How much of the past is kept to find an utterance's beginning and end in."""

RESAMPLED_BYTES = 64 * 1024


class Ear(Protocol):
    """Hears one session's audio. What it returns is complete, and the caller's to close."""

    def start(self) -> None:
        """The client says that the user begins to speak."""

    def hear(self, chunk: AudioChunk) -> list[Utterance]:
        """The next audio, and the utterances that it completes."""

    def stop(self) -> list[Utterance]:
        """The client says that the user has spoken, or that the microphone is closed."""

    def close(self) -> None:
        """Nobody listens any more."""


class _AtInputRate:
    """Chunks of any rate as one stream at INPUT_RATE."""

    def __init__(self) -> None:
        self._rate = INPUT_RATE
        self._resampler: Resampler | None = None

    def push(self, chunk: AudioChunk) -> Iterator[bytes]:
        if chunk.rate != self._rate:
            yield self.finish()
            self._rate = chunk.rate
            self._resampler = None if chunk.rate == INPUT_RATE else Resampler(chunk.rate, INPUT_RATE)
        if self._resampler is None:
            yield chunk.pcm
        else:  # a frame of the largest size, said to be of the lowest rate, would become a gigabyte at once
            for start in range(0, len(chunk.pcm), RESAMPLED_BYTES):
                yield self._resampler.push(chunk.pcm[start : start + RESAMPLED_BYTES])

    def finish(self) -> bytes:
        tail = b"" if self._resampler is None else self._resampler.finish()
        self._rate, self._resampler = INPUT_RATE, None
        return tail


class ManualEar:
    """The client brackets its speech with activityStart and activityEnd; audio outside of them is not heard."""

    def __init__(self, open_spool: OpenSpool) -> None:
        self._open_spool = open_spool
        self._stream = _AtInputRate()
        self._utterance: Utterance | None = None

    def start(self) -> None:
        if self._utterance is None:
            self._utterance = Utterance(self._open_spool())

    def hear(self, chunk: AudioChunk) -> list[Utterance]:
        if self._utterance is not None:
            for pcm in self._stream.push(chunk):
                self._utterance.write(pcm)
        return []

    def stop(self) -> list[Utterance]:
        if self._utterance is None:
            return []
        self._utterance.write(self._stream.finish())
        heard, self._utterance = [self._utterance], None
        return heard

    def close(self) -> None:
        if self._utterance is not None:
            self._utterance.close()


class AutomaticEar:
    """Speech is detected. All audio passes through a look-back; what leaves it belongs to the utterance, or nobody."""

    def __init__(self, detection: AutomaticActivityDetection | None, open_spool: OpenSpool) -> None:
        self._open_spool = open_spool
        self._detection = detection
        self._utterance: Utterance | None = None
        self._begin_stream()

    def start(self) -> None:
        """Never said while detection is on: the protocol refuses it."""

    def hear(self, chunk: AudioChunk) -> list[Utterance]:
        return [utterance for pcm in self._stream.push(chunk) for utterance in self._push(pcm)]

    def stop(self) -> list[Utterance]:
        """Speech in progress ends at once; the stream begins anew with the next audio."""
        heard = self._push(self._stream.finish()) + self._follow(self._voice.flush())
        self._begin_stream()
        return heard

    def close(self) -> None:
        if self._utterance is not None:
            self._utterance.close()

    def _begin_stream(self) -> None:
        self._stream = _AtInputRate()
        self._voice = VoiceActivity(self._detection)
        self._recent = bytearray()
        self._passed_bytes = 0  # where in the stream `_recent` begins

    def _push(self, pcm: bytes) -> list[Utterance]:
        self._recent += pcm
        heard = self._follow(self._voice.push(pcm))
        self._pass_on(self._passed_bytes + len(self._recent) - LOOK_BACK_BYTES)
        return heard

    def _follow(self, edges: list[Edge]) -> list[Utterance]:
        heard = []
        for edge in edges:
            at_byte = edge.at_sample * SAMPLE_BYTES
            if isinstance(edge, SpeechStart):
                self._pass_on(at_byte - PADDING_BYTES)
                self._utterance, self._began_at = Utterance(self._open_spool()), self._passed_bytes
            elif self._utterance is not None:
                self._pass_on(at_byte + PADDING_BYTES)
                self._utterance.cut(at_byte + PADDING_BYTES - self._began_at)
                heard.append(self._utterance)
                self._utterance = None
        return heard

    def _pass_on(self, until_byte: int) -> None:
        """What lies before this point of the stream leaves the look-back, in whole samples."""
        count = until_byte - self._passed_bytes
        if count >= SAMPLE_BYTES:
            piece = bytes(self._recent[: count - count % SAMPLE_BYTES])
            del self._recent[: len(piece)]
            self._passed_bytes += len(piece)
            if self._utterance is not None:
                self._utterance.write(piece)
