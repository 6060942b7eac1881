"""The resampler: exact lengths, a clean spectrum, no wrap-around, any block size."""

import subprocess
import sys

import numpy as np
import pytest

from livecli.media.resample import Resampler, VariableRateResampler
from tests.cases import in_one_test


def through(resampler: Resampler, pcm: bytes, block: int) -> bytes:
    pushed = [resampler.push(pcm[start : start + block]) for start in range(0, len(pcm), block)]
    return b"".join(pushed) + resampler.finish()


def sine(hz: float, seconds: float, rate: int, peak: float) -> bytes:
    return np.round(peak * np.sin(2 * np.pi * hz * np.arange(int(seconds * rate)) / rate)).astype("<i2").tobytes()


@in_one_test("samples", [0, 1, 2, 1_000, 35_600, 16_001])
@in_one_test(("from_rate", "to_rate"), [(16_000, 24_000), (44_100, 16_000), (8_000, 16_000), (11_025, 16_000)])
def test_the_length_is_exact(samples: int, from_rate: int, to_rate: int) -> None:
    moved = through(Resampler(from_rate, to_rate), bytes(2 * samples), 1_024)
    assert len(moved) == 2 * int(samples * to_rate / from_rate + 0.5)


def test_equal_rates_pass_the_bytes_through() -> None:
    pcm = bytes(range(256)) + b"\x01"
    assert through(Resampler(16_000, 16_000), pcm, 7) == pcm


def test_blocks_of_any_size_give_the_same_samples() -> None:
    pcm = sine(440, 0.5, 16_000, 20_000)
    whole = through(Resampler(16_000, 24_000), pcm, len(pcm))
    assert through(Resampler(16_000, 24_000), pcm, 1_023) == whole
    assert through(Resampler(16_000, 24_000), pcm, 3) == whole


def test_half_a_sample_at_the_end_is_dropped() -> None:
    assert through(Resampler(16_000, 24_000), bytes(101), 10) == bytes(150)


def test_silence_stays_silent() -> None:
    assert not any(through(Resampler(16_000, 24_000), bytes(8_000), 1_024))


def test_a_tone_keeps_its_pitch_and_its_level_and_gains_nothing() -> None:
    moved = np.frombuffer(through(Resampler(16_000, 24_000), sine(1_000, 1.0, 16_000, 16_000), 1_024), "<i2")
    middle = moved[6_000:18_000] * np.blackman(12_000)
    spectrum = np.abs(np.fft.rfft(middle)) / (np.blackman(12_000).sum() / 2)
    peak = int(spectrum.argmax())
    assert peak * 24_000 / 12_000 == 1_000
    assert spectrum[peak] == pytest.approx(16_000, rel=0.001)
    elsewhere = np.concatenate([spectrum[: peak - 5], spectrum[peak + 6 :]])
    assert elsewhere.max() < 1  # 84 dB down: the rounding to 16 bits


def test_overshoot_is_clipped_and_does_not_wrap() -> None:
    square = np.where(np.arange(16_000) // 40 % 2, 32_767, -32_768).astype("<i2")
    moved = np.frombuffer(through(Resampler(16_000, 24_000), square.tobytes(), 4_096), "<i2")
    assert moved.max() == 32_767
    assert moved.min() == -32_768
    middle_of_a_plateau = moved[30::60][4:-4]
    assert set(np.sign(middle_of_a_plateau)[::2]) == {-1}
    assert set(np.sign(middle_of_a_plateau)[1::2]) == {1}


def test_importing_loads_neither_numpy_nor_soxr() -> None:
    code = "import sys, livecli.media.resample; print({'numpy', 'soxr'} & set(sys.modules))"
    assert subprocess.check_output([sys.executable, "-c", code], text=True, timeout=30) == "set()\n"


def test_a_rate_that_changes_is_one_stream() -> None:
    resampler = VariableRateResampler(16_000)
    pieces: list[bytes] = []
    for rate in (16_000, 48_000, 8_000, 16_000):
        pieces += resampler.push(sine(500, 0.25, rate, 10_000), rate)
    assert len(b"".join([*pieces, resampler.finish()])) == 32_000


def test_equal_rates_pass_whole_samples_through() -> None:
    resampler = VariableRateResampler(16_000)
    assert b"".join(resampler.push(b"\x01\x02\x03", 16_000)) == b"\x01\x02"
    assert b"".join(resampler.push(b"\x04", 16_000)) == b"\x03\x04"
    assert resampler.finish() == b""


def test_half_a_sample_is_dropped_where_the_rate_changes() -> None:
    resampler = VariableRateResampler(16_000)
    assert b"".join(resampler.push(b"\x01\x02\x03", 16_000)) == b"\x01\x02"
    rest = [*resampler.push(bytes(300), 8_000), resampler.finish()]
    assert len(b"".join(rest)) == 600


def test_the_stream_goes_on_after_its_end() -> None:
    resampler = VariableRateResampler(24_000)
    for _ in range(2):
        assert len(b"".join([*resampler.push(bytes(3_200), 16_000), resampler.finish()])) == 4_800


def test_a_fork_goes_on_by_itself_while_no_filter_holds_audio() -> None:
    resampler = VariableRateResampler(16_000)
    list(resampler.push(b"\x01\x02\x03", 16_000))
    fork = resampler.fork()
    assert fork is not None
    assert b"".join(fork.push(b"\x04", 16_000)) == b"\x03\x04"
    assert b"".join(resampler.push(b"\x05", 16_000)) == b"\x03\x05"
    list(resampler.push(bytes(320), 48_000))
    assert resampler.fork() is None
    resampler.finish()
    assert resampler.fork() is not None
