"""The measurements of a reply's sound, against signals whose figures are known."""

from __future__ import annotations

import numpy as np
import pytest

from livecli.checks.sound import SoundMeter


def sine(hz: float, seconds: float, rate: int, dbfs: float = 0.0) -> bytes:
    samples = np.sin(2 * np.pi * hz * np.arange(int(seconds * rate)) / rate) * 10 ** (dbfs / 20) * 32767
    return samples.astype("<i2").tobytes()


@pytest.mark.parametrize("rate", [16_000, 24_000, 48_000])
@pytest.mark.parametrize(
    ("hz", "dbfs", "lufs"),
    [
        # ITU-R BS.1770-4, annex 1: a sine of 997 Hz at full scale in one channel.
        (997, 0.0, -3.01),
        # EBU Tech 3341, case 1, has -23.0 LUFS for the same sine in two channels, which is 3.01 more.
        (1000, -23.0, -26.01),
        (1000, -33.0, -36.01),
    ],
)
def test_the_loudness_of_a_sine_is_the_published_one(hz: float, dbfs: float, lufs: float, rate: int) -> None:
    meter = SoundMeter(loudness=True)
    pcm = sine(hz, 3, rate, dbfs)
    for start in range(0, len(pcm), 1000):
        meter.feed(pcm[start : start + 1000], rate)
    assert meter.lufs == pytest.approx(lufs, abs=0.1)


SHELF = (1.53512485958697, -2.69169618940638, 1.19839281085285), (-1.69065929318241, 0.73248077421585)
HIGH_PASS = (1.0, -2.0, 1.0), (-1.99004745483398, 0.99007225036621)
"""The coefficients of the two filters at 48 kHz in ITU-R BS.1770-4, tables 1 and 2."""


@pytest.mark.parametrize("hz", [40, 100, 1681, 4000, 10_000])
def test_the_weighting_is_that_of_the_published_coefficients(hz: float) -> None:
    z = np.exp(-2j * np.pi * hz / 48_000)
    gain = np.prod([abs((b[0] + b[1] * z + b[2] * z**2) / (1 + a[0] * z + a[1] * z**2)) for b, a in (SHELF, HIGH_PASS)])
    meter = SoundMeter(loudness=True)
    meter.feed(sine(hz, 3, 48_000, -20.0), 48_000)
    assert meter.lufs == pytest.approx(-20 - 3.01 - 0.691 + 20 * np.log10(gain), abs=0.1)


def test_silence_is_left_out_of_the_loudness() -> None:
    meter = SoundMeter(loudness=True)
    # EBU Tech 3341, case 3: quieter parts, which the relative gate leaves out.
    for dbfs, seconds in ((-36.0, 10), (-23.0, 60), (-36.0, 10)):
        meter.feed(sine(1000, seconds, 24_000, dbfs), 24_000)
    assert meter.lufs == pytest.approx(-26.01, abs=0.1)
    assert SoundMeter(loudness=True).lufs is None


def test_the_longest_silence_between_sounds_counts() -> None:
    meter = SoundMeter()
    for pcm in (bytes(48_000), sine(440, 0.2, 24_000), bytes(4_800), sine(440, 0.2, 24_000), bytes(14_400)):
        meter.feed(pcm, 24_000)
    assert meter.silence_seconds == pytest.approx(0.1, abs=0.021)
    meter.feed(sine(440, 0.2, 24_000), 24_000)
    assert meter.silence_seconds == pytest.approx(0.3, abs=0.021)


def test_samples_at_full_scale_are_counted() -> None:
    meter = SoundMeter()
    meter.feed(np.array([0, 32767, -32768, -32767, 32766, 100], "<i2").tobytes(), 24_000)
    assert meter.clipping == 3
