"""Two sounds on one clock, in a file that may be opened at every moment."""

from __future__ import annotations

import tracemalloc
import wave
from contextlib import suppress
from itertools import pairwise

import numpy as np
import pytest

from livecli.errors import FileError
from livecli.media.stereo_file import Channel, StereoFile

RATE = 24_000


class Clock:
    """A clock that is set by hand."""

    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "call.wav"


@pytest.fixture
def file(path, clock):
    opened = StereoFile(str(path), clock)
    yield opened
    with suppress(FileError):
        opened.close()


def pcm(value, samples):
    return np.full(samples, value, "<i2").tobytes()


def channels(path):
    """The samples of both channels."""
    with wave.open(str(path)) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (2, 2, RATE)
        data = file.readframes(file.getnframes())
    assert path.stat().st_size == 44 + len(data), "the header says how much there is"
    left, right = np.frombuffer(data, "<i2").reshape(-1, 2).T
    return left, right


def spans(samples):
    """Where the samples begin and end to be the same value, without zeros: (value, from, to)."""
    edges = [0, *(np.flatnonzero(np.diff(samples)) + 1), len(samples)]
    return [(int(samples[start]), int(start), int(end)) for start, end in pairwise(edges) if samples[start]]


def test_each_sound_is_where_its_time_is(path, clock, file):
    clock.now += 1
    file.write(Channel.LEFT, pcm(1, 2400), RATE, has_ended=True)
    clock.now += 1
    file.write(Channel.RIGHT, pcm(2, 2400), RATE)
    file.write(Channel.RIGHT, pcm(3, 2400), RATE)
    left, right = channels(path)
    assert spans(left) == [(1, RATE - 2400, RATE)]
    assert spans(right) == [(2, 2 * RATE, 2 * RATE + 2400), (3, 2 * RATE + 2400, 2 * RATE + 4800)]
    file.close()
    assert len(channels(path)[0]) == 2 * RATE + 4800


def test_sound_that_is_a_little_late_follows_without_a_gap(path, clock, file):
    for value, late in ((1, 0.1), (2, 0.29), (3, 0.6)):
        clock.now = 100 + late
        file.write(Channel.LEFT, pcm(value, 2400), RATE, has_ended=True)
    assert spans(channels(path)[0]) == [(1, 0, 2400), (2, 2400, 4800), (3, 12000, 14400)]


def test_what_was_interrupted_ends_there(path, clock, file):
    file.write(Channel.RIGHT, pcm(1, 3 * RATE), RATE)
    clock.now += 1
    file.write(Channel.LEFT, pcm(5, 2400), RATE)
    file.drop_rest(Channel.RIGHT)
    file.drop_rest(Channel.RIGHT)
    left, right = channels(path)
    assert (spans(right), spans(left)) == ([(1, 0, RATE)], [(5, RATE, RATE + 2400)])
    clock.now += 1
    file.write(Channel.RIGHT, pcm(2, 2400), RATE)
    file.close()
    assert spans(channels(path)[1]) == [(1, 0, RATE), (2, 2 * RATE, 2 * RATE + 2400)]


def test_an_answer_waits_for_a_recording_that_was_sent_faster(path, clock, file):
    file.write(Channel.LEFT, pcm(1, RATE), RATE)
    clock.now += 0.1
    file.write(Channel.RIGHT, pcm(2, 2400), RATE)
    assert spans(channels(path)[1]) == [(2, RATE, RATE + 2400)]


def test_other_rates_are_resampled(path, clock, file):
    for _ in range(50):
        file.write(Channel.LEFT, pcm(10_000, 320), 16_000)
    left, _ = channels(path)
    assert 0.9 * RATE < len(left) <= RATE
    assert abs(int(left[RATE // 2]) - 10_000) < 10


def test_its_memory_does_not_grow(path, clock, file):
    second = pcm(1, RATE)
    tracemalloc.start()
    for _ in range(120):
        clock.now += 1
        file.write(Channel.LEFT, second, RATE, has_ended=True)
        file.write(Channel.RIGHT, second, RATE)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    file.close()
    assert peak < 2_000_000
    assert path.stat().st_size > 11_000_000


def test_a_file_without_sound_is_removed_and_one_that_exists_is_left(path, clock):
    StereoFile(str(path), clock).close()
    assert not path.exists()
    path.write_bytes(b"kept")
    with pytest.raises(FileError, match="File exists"):
        StereoFile(str(path), clock)
    assert path.read_bytes() == b"kept"


def test_a_full_disk_is_an_error(file, monkeypatch):
    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("livecli.media.stereo_file.write_all", fail)
    with pytest.raises(FileError, match="No space left"):
        file.write(Channel.LEFT, pcm(1, 10), RATE)
