"""Measurements of a reply's sound while it arrives, in constant memory but for 12 numbers a second of loudness."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

from ..media.pcm import SAMPLE_BYTES, is_silent

WINDOW_SECONDS = 0.02
"""The window in which sound is told from silence (-50 dBFS)."""

FULL_SCALE = 32767
"""The greatest sample; one like it was probably clipped."""

BLOCK_SECONDS, STEP_SECONDS = 0.4, 0.1
"""The blocks of BS.1770-4, which overlap by three quarters."""

OFFSET_LUFS = -0.691
"""The constant of BS.1770-4, by which a full-scale sine of 997 Hz is -3.01 LUFS."""

ABSOLUTE_GATE_LUFS = -70.0
"""The loudness up to which BS.1770-4 leaves a block out."""

RELATIVE_GATE_LU = -10.0
"""The loudness up to which BS.1770-4 leaves a block out, relative to the mean of the blocks above the absolute gate."""


class SoundMeter:
    """Measures mono PCM16 of one rate, in pieces of any size.

    `clipping` is the number of samples at full scale, `silence_seconds` the longest silence between sounds. With
    `loudness`, `lufs` is the integrated loudness of what has come (ITU-R BS.1770-4), None for less than a block.
    """

    def __init__(self, *, loudness: bool = False) -> None:
        self.clipping = 0
        self.silence_seconds = 0.0
        self._has_sound = False
        self._quiet_seconds = 0.0
        self._measures_loudness = loudness
        self._rest = b""
        # The sound of which no whole block was measured, and the mean square of each block.
        self._tail = b""
        self._powers: list[float] = []

    def feed(self, pcm: bytes, rate: int) -> None:
        """Take the next samples, at `rate` a second."""
        self.clipping += _at_full_scale(pcm)
        window = int(rate * WINDOW_SECONDS) * SAMPLE_BYTES
        data = self._rest + pcm
        whole = len(data) - len(data) % window
        for start in range(0, whole, window):
            self._take(data[start : start + window])
        self._rest = data[whole:]
        if self._measures_loudness:
            self._measure(pcm, rate)

    @property
    def lufs(self) -> float | None:
        """The integrated loudness, with the gates of BS.1770-4."""
        audible = [power for power in self._powers if _lufs(power) > ABSOLUTE_GATE_LUFS]
        if not audible:
            return None
        gate = _lufs(math.fsum(audible) / len(audible)) + RELATIVE_GATE_LU
        gated = [power for power in audible if _lufs(power) > gate]
        return _lufs(math.fsum(gated) / len(gated))

    def _take(self, window: bytes) -> None:
        if is_silent(window):
            self._quiet_seconds += WINDOW_SECONDS
            return
        if self._has_sound:
            self.silence_seconds = max(self.silence_seconds, self._quiet_seconds)
        self._has_sound, self._quiet_seconds = True, 0.0

    def _measure(self, pcm: bytes, rate: int) -> None:
        block, step = (int(rate * seconds) * SAMPLE_BYTES for seconds in (BLOCK_SECONDS, STEP_SECONDS))
        data, start = self._tail + pcm, 0
        while start + block <= len(data):
            self._powers.append(weighted_power(data[start : start + block], rate))
            start += step
        self._tail = data[start:]


def _at_full_scale(pcm: bytes) -> int:
    import numpy as np

    samples = np.frombuffer(pcm, dtype="<i2")
    return int(np.count_nonzero((samples >= FULL_SCALE) | (samples <= -FULL_SCALE)))


def weighted_power(pcm: bytes, rate: int) -> float:
    """The mean square of a block of mono PCM16, full scale being 1, after the K-weighting of BS.1770-4.

    The weighting is applied to the block's spectrum, which has the power of the filtered block but for its edges.
    """
    import numpy as np

    samples = np.frombuffer(pcm, dtype="<i2") / 32768.0
    power = np.abs(np.fft.rfft(samples)) ** 2
    # Each frequency but the first and the last stands for a negative one too.
    power[1 : -1 if len(samples) % 2 == 0 else None] *= 2
    return float(np.dot(power, _weights(len(samples), rate)) / len(samples) ** 2)


def _lufs(power: float) -> float:
    return OFFSET_LUFS + 10 * math.log10(power) if power > 0 else -math.inf


@lru_cache(4)
def _weights(samples: int, rate: int) -> Any:
    """The gain in power of the K-weighting at each frequency of a spectrum.

    The filters are given by BS.1770-4 as coefficients for 48 kHz; these are the analogue filters behind them, so that
    any rate can be measured: a shelf of +4 dB above 1.7 kHz, and a high pass at 38 Hz.
    """
    import numpy as np

    s = 2j * np.pi * np.fft.rfftfreq(samples, 1 / rate)
    shelf_hz, shelf_q, high, band = 1681.974450955533, 0.7071752369554196, 1.5848647011308556, 1.2587209302325617
    w = 2 * np.pi * shelf_hz
    shelf = (high * s**2 + band * w / shelf_q * s + w**2) / (s**2 + w / shelf_q * s + w**2)
    pass_hz, pass_q = 38.13547087602444, 0.5003270373238773
    w = 2 * np.pi * pass_hz
    high_pass = s**2 / (s**2 + w / pass_q * s + w**2)
    return np.abs(shelf * high_pass) ** 2
