"""Voice activity detection: finds the start and the end of speech in PCM. No I/O; times are those of the audio.

A window of 20 ms counts as speech if it is louder than a threshold. Speech starts after `prefixPaddingMs` of such
windows, and ends after `silenceDurationMs` without one. The service documents few of its defaults; those here are:

    startOfSpeechSensitivity   HIGH: louder than -50 dBFS; LOW: than -40 dBFS    default HIGH
    prefixPaddingMs            default 0: the first window of speech is its start
    silenceDurationMs          default 460 where endOfSpeechSensitivity is HIGH (its default), 800 where it is LOW

Recorded on 2026-09-29: gemini-3.8-live reports the end of speech with 488 ms of audio after it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import msgspec

from ...media.pcm import SAMPLE_BYTES
from ...protocol.audio_rates import INPUT_RATE
from ...protocol.messages import AutomaticActivityDetection

WINDOW_MS = 20
WINDOW_SAMPLES = INPUT_RATE * WINDOW_MS // 1000
WINDOW_BYTES = WINDOW_SAMPLES * SAMPLE_BYTES

HIGH_START_DBFS, LOW_START_DBFS = -50.0, -40.0
"""The level from which a window is speech, with START_SENSITIVITY_HIGH, the default, and with _LOW."""

HIGH_END_SILENCE_MS, LOW_END_SILENCE_MS = 460, 800
"""The default of `silenceDurationMs`, with END_SENSITIVITY_HIGH, the default, and with _LOW."""

PREFIX_MS = 0
"""The default of `prefixPaddingMs`."""

_GAP_WINDOWS = 5
"""Windows of silence that the beginning of speech may contain: the stop before a "t" lasts up to 100 ms."""


class SpeechStart(msgspec.Struct, frozen=True):
    """The start of speech, as the number of the sample in the stream."""

    at_sample: int


class SpeechEnd(msgspec.Struct, frozen=True):
    """The end of speech, as the number of the sample after its last one."""

    at_sample: int


Edge = SpeechStart | SpeechEnd


class VoiceActivity:
    """Detector for one stream of mono PCM16 at INPUT_RATE, in pieces of any size. Without `detection`, all defaults."""

    def __init__(self, detection: AutomaticActivityDetection | None = None) -> None:
        detection = detection or AutomaticActivityDetection()
        low_start = detection.start_of_speech_sensitivity == "START_SENSITIVITY_LOW"
        self._least_power = (32_768 * 10 ** ((LOW_START_DBFS if low_start else HIGH_START_DBFS) / 20)) ** 2
        self._prefix_windows = _windows(detection.prefix_padding_ms, PREFIX_MS)
        low_end = detection.end_of_speech_sensitivity == "END_SENSITIVITY_LOW"
        self._silence_windows = _windows(
            detection.silence_duration_ms, LOW_END_SILENCE_MS if low_end else HIGH_END_SILENCE_MS
        )
        self._rest = b""
        self._samples = 0
        self._speaking = False
        # Loud windows since the start of speech, or of what may become speech; then quiet windows since the last one.
        self._loud_windows = 0
        self._quiet_windows = 0
        self._started_at = self._ended_at = 0

    def push(self, pcm: bytes) -> list[Edge]:
        """Take the next audio, and return the starts and ends of speech that it makes certain."""
        data = self._rest + pcm
        whole = len(data) - len(data) % WINDOW_BYTES
        self._rest = data[whole:]
        louds = self._loud(data[:whole], WINDOW_SAMPLES)
        return [edge for loud in louds if (edge := self._window(loud, WINDOW_SAMPLES)) is not None]

    def flush(self) -> list[Edge]:
        """End the stream, and with it the speech in progress."""
        samples = len(self._rest) // SAMPLE_BYTES
        rest, self._rest = self._rest[: samples * SAMPLE_BYTES], b""
        edges = [self._window(loud, samples) for loud in self._loud(rest, samples)]
        if self._speaking:
            edges.append(self._end())
        return [edge for edge in edges if edge is not None]

    @property
    def speech_samples(self) -> int:
        """The samples of the stream up to its last loud window, 0 if there was none."""
        return self._ended_at

    def _loud(self, pcm: bytes, window_samples: int) -> list[bool]:
        """Whether each window of `pcm` counts as speech. One call for all windows, because a frame may hold minutes."""
        if not pcm:
            return []
        import numpy as np

        least = self._least_power * window_samples
        windows = np.frombuffer(pcm, "<i2").astype(np.float32).reshape(-1, window_samples)
        # The products of rows and columns. A chunk of 1 KB holds one or two, for which other ways take longer.
        powers = (windows[:, np.newaxis, :] @ windows[:, :, np.newaxis]).ravel()
        return [power >= least for power in powers.tolist()]

    def _window(self, loud: bool, samples: int) -> Edge | None:
        begins_at = self._samples
        self._samples += samples
        if loud:
            return self._speech(begins_at)
        self._quiet_windows += 1
        if self._speaking and self._quiet_windows >= self._silence_windows:
            return self._end()
        if not self._speaking and self._quiet_windows > _GAP_WINDOWS:
            self._forget()
        return None

    def _speech(self, begins_at: int) -> Edge | None:
        if not self._loud_windows:
            self._started_at = begins_at
        self._loud_windows += 1
        self._quiet_windows = 0
        self._ended_at = self._samples
        if self._speaking or self._loud_windows < self._prefix_windows:
            return None
        self._speaking = True
        return SpeechStart(self._started_at)

    def _end(self) -> SpeechEnd:
        self._speaking = False
        ended_at = self._ended_at
        self._forget()
        return SpeechEnd(ended_at)

    def _forget(self) -> None:
        self._loud_windows = self._quiet_windows = 0


def contains_speech(blocks: Iterable[bytes]) -> bool:
    """Whether there is speech in this audio, with the default settings."""
    detector = VoiceActivity()
    return any(detector.push(block) for block in blocks)


def _windows(milliseconds: int | None, default: int) -> int:
    """A time in whole windows, at least one."""
    return max(1, math.ceil((default if milliseconds is None else milliseconds) / WINDOW_MS))
