"""Levels and gaps of audio along its length, in constant memory."""

from __future__ import annotations

import math
import struct
import sys

import pytest

from livecli.media.pcm import FLOOR_DBFS
from livecli.protocol import events
from livecli.report.timeline import MOST_BINS, Bins, Envelope, Timeline

RATE = 16_000


def tone(seconds, amplitude, hertz=440.0):
    samples = (round(amplitude * math.sin(2 * math.pi * hertz * n / RATE)) for n in range(round(seconds * RATE)))
    return b"".join(struct.pack("<h", sample) for sample in samples)


def envelope_of(pcm, size=1024):
    envelope = Envelope()
    for start in range(0, len(pcm), size):
        envelope.add(events.AudioChunk(pcm[start : start + size], RATE))
    return envelope


class TestEnvelope:
    @pytest.mark.parametrize("size", [2, 320, 1024, 64_000])
    def test_each_column_has_the_level_of_its_part(self, size):
        pcm = bytes(2 * RATE) + tone(1, 16_384) + tone(1, 1_638) + bytes(2 * RATE)
        envelope = envelope_of(pcm, size)
        assert envelope.seconds == pytest.approx(4.0)
        silent, loud, soft, end = envelope.levels(4)
        # The level of a sine is 3 dB below its peak. The chunks do not end where the columns do.
        assert silent < -20
        assert end < -35
        assert loud == pytest.approx(-9.0, abs=0.6)
        assert soft == pytest.approx(-29.0, abs=1.6)

    @pytest.mark.parametrize("hertz", [50.0, 500.0, 1000.0, 2000.0, 4000.0])
    def test_no_round_frequency_is_missed(self, hertz):
        [level] = envelope_of(tone(1, 16_384, hertz)).levels(1)
        assert level == pytest.approx(-9.0, abs=1.0)

    def test_silence_is_at_the_floor(self):
        assert envelope_of(bytes(2 * RATE)).levels(3) == [FLOOR_DBFS] * 3

    def test_audio_that_is_shorter_than_the_columns_fills_them(self):
        assert len(envelope_of(tone(0.05, 16_384)).levels(30)) == 30

    def test_there_are_no_levels_without_audio(self):
        assert (Envelope().levels(10), Envelope().last_levels(3)) == ([], [])

    def test_an_odd_byte_and_an_empty_chunk_are_no_samples(self):
        envelope = envelope_of(b"")
        for pcm in (b"", b"a", b"abc"):
            envelope.add(events.AudioChunk(pcm, RATE))
        assert envelope.seconds == pytest.approx(1 / RATE)

    def test_the_last_levels_are_those_of_the_end(self):
        envelope = envelope_of(bytes(RATE) + tone(0.4, 16_384))
        assert all(level > -10 for level in envelope.last_levels(3))

    def test_hours_take_no_more_memory_than_a_minute(self):
        chunk = events.AudioChunk(tone(1, 16_384) + bytes(2 * RATE), RATE)
        envelope = Envelope()
        sizes = []
        for number in range(3_600):
            envelope.add(chunk)
            if number in (60, 3_599):
                sizes.append(sum(sys.getsizeof(bins.values) for bins in (envelope._energy, envelope._covered)))
        assert sizes[1] < 1.1 * sizes[0]
        assert len(envelope._energy.values) <= MOST_BINS
        assert envelope.levels(10) == pytest.approx([-12.0] * 10, abs=1.5)

    def test_chunks_that_are_added_together_have_the_levels_of_the_same_chunks_one_by_one(self):
        chunks = [events.AudioChunk(tone(0.032, 300 * number % 16_384), RATE) for number in range(50)] * 20
        together, apart = Envelope(), Envelope()
        for start in range(0, len(chunks), 32):
            together.add_all(chunks[start : start + 32])
        for chunk in chunks:
            apart.add(chunk)
        assert together.seconds == pytest.approx(apart.seconds)
        assert together.levels(40) == pytest.approx(apart.levels(40), abs=1.0)

    def test_a_copy_goes_its_own_way(self):
        envelope = envelope_of(tone(1, 16_384))
        copy = envelope.copy()
        envelope.add(events.AudioChunk(bytes(2 * RATE), RATE))
        assert (copy.seconds, envelope.seconds) == (pytest.approx(1.0), pytest.approx(2.0))
        assert copy.levels(1)[0] > envelope.levels(2)[1]


class TestBins:
    def test_neighbours_are_merged_where_there_are_too_many(self):
        bins = Bins(max, 1.0)
        for position in range(MOST_BINS):
            bins.put(position, position)
        bins.put(MOST_BINS, 7.0)
        assert (bins.width, len(bins.values)) == (2.0, MOST_BINS // 2 + 1)
        assert bins.values[:3] == [1, 3, 5]
        assert bins.values[-1] == 7.0

    def test_a_far_position_merges_as_often_as_needed(self):
        bins = Bins(max, 1.0)
        bins.put(0, 1.0)
        bins.put(100 * MOST_BINS, 2.0)
        assert bins.width == 128.0
        assert (bins.values[0], bins.values[-1]) == (1.0, 2.0)

    def test_columns_divide_the_bins(self):
        bins = Bins(max, 1.0)
        assert bins.columns(3) == []
        for position in range(5):
            bins.put(position, position)
        assert bins.columns(2) == [[0, 1], [2, 3, 4]]
        assert bins.columns(10)[::3] == [[0], [1], [3], [4]]


class TestTimeline:
    def test_a_long_gap_is_where_it_was(self):
        timeline = Timeline()
        at = 0.0
        for number in range(100):
            at += 0.5 if number == 50 else 0.01
            timeline.add([events.AudioChunk(bytes(320), RATE)], at)
        gaps = timeline.longest_gaps(10)
        assert max(gaps) == pytest.approx(0.5)
        assert gaps.index(max(gaps)) == 6, "the chunk after it came two thirds of the way along the clock"

    def test_there_are_no_gaps_without_audio(self):
        assert Timeline().longest_gaps(5) == []

    def test_a_copy_goes_its_own_way(self):
        timeline = Timeline()
        timeline.add([events.AudioChunk(bytes(320), RATE)], 1.0)
        copy = timeline.copy()
        timeline.add([events.AudioChunk(bytes(320), RATE)], 3.0)
        assert (max(copy.longest_gaps(1)), max(timeline.longest_gaps(1))) == (0.0, 2.0)
        assert copy.envelope.seconds < timeline.envelope.seconds
