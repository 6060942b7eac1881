"""What is counted over many runs."""

import pytest

from livecli.errors import FileError, Interrupted, QuotaError
from livecli.protocol import events
from livecli.report.batch_stats import RATE_SECONDS, BatchStats, percentile
from livecli.report.summary import Summary


def running(tally, seconds=2.0, chunks=0):
    summary = Summary("q.wav")
    tally.begin(summary, seconds)
    for _ in range(chunks):
        summary.stats.sent.add(events.AudioChunk(bytes(3200), 16_000), 0.0)
    return summary


def test_every_end_has_its_place():
    tally = BatchStats(4, 0.0)
    for error in (None, FileError("no file"), QuotaError("no room"), Interrupted()):
        summary = running(tally)
        summary.error = error
        tally.end(summary)
    assert (tally.done, tally.interrupted, tally.ended, tally.running) == (1, 1, 4, 0)
    assert tally.failed == {3: 1, 8: 1}


def test_what_failed_before_it_began_counts():
    tally = BatchStats(1, 0.0)
    tally.end(Summary("q.wav", error=FileError("no file")))
    assert tally.ended == 1


def test_the_rate_is_that_of_the_last_while():
    tally = BatchStats(2, 0.0)
    summary = running(tally)
    assert tally.rate(0.0) == 0
    for second in range(1, 31):
        for _ in range(5 if second > 15 else 1):
            summary.stats.sent.add(events.AudioChunk(bytes(2), 16_000), 0.0)
        rate = tally.rate(float(second))
    assert rate == pytest.approx(5)
    assert RATE_SECONDS < 15


def test_time_left_counts_parts_of_what_is_under_way():
    tally = BatchStats(4, 10.0)
    assert tally.seconds_left(12.0) is None
    running(tally, seconds=2.0, chunks=10)  # a second of two
    assert tally.seconds_left(12.0) == pytest.approx(2.0 * 3.5 / 0.5)
    running(tally, seconds=None, chunks=10)
    assert tally.seconds_left(12.0) == pytest.approx(14.0), "of a pipe nobody knows the length"


@pytest.mark.parametrize(("share", "value"), [(0.0, 1), (0.5, 50), (0.95, 95), (0.99, 99), (0.991, 100), (1.0, 100)])
def test_percentiles_are_values_that_were(share, value):
    assert percentile([float(number) for number in range(1, 101)], share) == value
    assert percentile([7.0], share) == 7.0
