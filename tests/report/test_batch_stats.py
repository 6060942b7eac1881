"""What is counted over many runs: those that are under way, those that are over, and how long the rest may take."""

from __future__ import annotations

import pytest

from livecli.errors import AuthError, BudgetError, ConnectError, FileError, Interrupted, QuotaError
from livecli.protocol import events
from livecli.report.batch_stats import BatchStats
from livecli.report.summary import Summary


def begun(tally: BatchStats, seconds: float | None = 2.0, chunks: int = 0) -> Summary:
    summary = Summary("q.wav")
    tally.begin(summary, seconds)
    send(summary, chunks)
    return summary


def send(summary: Summary, chunks: int) -> None:
    """A tenth of a second of audio each."""
    for _ in range(chunks):
        summary.stats.sent.add(events.AudioChunk(bytes(3200), 16_000), 0.0)


def test_nothing_has_happened_yet():
    tally = BatchStats(3, 5.0)
    assert (tally.total, tally.done, tally.interrupted, tally.ended, tally.running, tally.retries) == (3, 0, 0, 0, 0, 0)
    assert (tally.chunks, tally.sent_bytes, tally.sent_seconds, tally.received_seconds) == (0, 0, 0.0, 0.0)
    assert tally.failed == {}
    assert tally.started_at == 5.0
    assert set(tally.latencies) == {"connect", "setup", "first_audio", "first_sound", "turn"}
    assert not any(tally.latencies.values())
    assert tally.seconds_left(10.0) is None


def test_chunks_are_counted_while_they_are_sent_and_once():
    tally = BatchStats(2, 0.0)
    one, two = begun(tally, chunks=3), begun(tally, chunks=4)
    assert tally.chunks == 7
    send(one, 2)
    assert tally.chunks == 9
    tally.end(one)
    assert tally.chunks == 9
    tally.end(two)
    assert (tally.chunks, tally.running) == (9, 0)


def test_bytes_and_seconds_are_those_of_runs_that_are_over():
    tally = BatchStats(2, 0.0)
    one = begun(tally, chunks=5)
    one.stats.received.add(events.AudioChunk(bytes(48_000), 24_000), 0.0)
    begun(tally, chunks=5)
    assert (tally.sent_bytes, tally.received_bytes, tally.received_chunks, tally.received_seconds) == (0, 0, 0, 0.0)
    assert tally.sent_seconds == pytest.approx(1.0), "these so far"
    tally.end(one)
    assert (tally.sent_bytes, tally.received_bytes, tally.received_chunks) == (16_000, 48_000, 1)
    assert tally.sent_seconds == pytest.approx(1.0)
    assert tally.received_seconds == pytest.approx(1.0)
    assert tally.running == 1


def test_failures_are_counted_by_their_exit_status():
    tally = BatchStats(6, 0.0)
    for error in (QuotaError("a"), QuotaError("b"), AuthError("c"), ConnectError("d"), FileError("e"), None):
        summary = begun(tally)
        summary.error = error
        tally.end(summary)
    assert tally.failed == {8: 2, 4: 1, 5: 1, 3: 1}
    assert (tally.done, tally.interrupted, tally.ended) == (1, 0, 6)


@pytest.mark.parametrize("error", [Interrupted(), Interrupted("terminated", exit_status=143)])
def test_what_was_interrupted_has_neither_failed_nor_been_done(error):
    tally = BatchStats(1, 0.0)
    summary = begun(tally, chunks=2)
    summary.error = error
    tally.end(summary)
    assert (tally.done, tally.failed, tally.interrupted, tally.ended) == (0, {}, 1, 1)
    assert tally.chunks == 2


def test_inputs_that_the_budget_left_out_have_neither_failed_nor_been_done():
    tally = BatchStats(2, 0.0)
    tally.end(Summary("q.wav", error=BudgetError("x")))
    assert (tally.done, tally.failed, tally.unsent, tally.ended) == (0, {}, 1, 1)


def test_latencies_are_those_that_there_are():
    tally = BatchStats(3, 0.0)
    for connect, audio_at in ((0.0, 1.2), (0.02, None), (None, 1.5)):
        summary = begun(tally)
        summary.note_opened(None, connect, None)
        summary.stats.asked_at, summary.stats.audio_at = 1.0, audio_at
        tally.end(summary)
    assert tally.latencies["connect"] == pytest.approx([0.0, 20.0])
    assert tally.latencies["first_audio"] == pytest.approx([200.0, 500.0])
    assert tally.latencies["setup"] == tally.latencies["turn"] == []


def test_latencies_of_runs_that_failed_count():
    tally = BatchStats(1, 0.0)
    summary = begun(tally)
    summary.note_opened(None, 0.25, None)
    summary.error = QuotaError("x")
    tally.end(summary)
    assert tally.latencies["connect"] == [250.0]


def test_the_speed_is_that_of_all_runs_so_far():
    tally = BatchStats(3, 5.0)
    assert tally.speed(5.0) == 0.0
    tally.end(begun(tally, chunks=20))
    begun(tally, chunks=10)
    assert tally.speed(7.0) == pytest.approx(1.5)


def test_the_runs_under_way_are_in_the_order_in_which_they_began():
    tally = BatchStats(3, 0.0)
    one, two, three = begun(tally, 1.0), begun(tally, None), begun(tally, 3.0)
    tally.end(two)
    assert tally.runs_under_way == [(one, 1.0), (three, 3.0)]


class TestTimeLeft:
    def test_from_those_that_are_over(self):
        tally = BatchStats(4, 10.0)
        tally.end(begun(tally))
        assert tally.seconds_left(12.0) == pytest.approx(6.0)

    def test_those_that_failed_are_over_too(self):
        tally = BatchStats(4, 10.0)
        tally.end(Summary("q.wav", error=FileError("no file")))
        assert tally.seconds_left(12.0) == pytest.approx(6.0)

    def test_none_where_all_are(self):
        tally = BatchStats(1, 0.0)
        tally.end(begun(tally))
        assert tally.seconds_left(3.0) == 0.0

    def test_one_that_is_under_way_is_at_most_done(self):
        tally = BatchStats(2, 0.0)
        begun(tally, seconds=1.0, chunks=1000)
        assert tally.seconds_left(5.0) == pytest.approx(5.0)

    @pytest.mark.parametrize("seconds", [None, 0.0])
    def test_one_whose_length_is_not_known_says_nothing(self, seconds):
        tally = BatchStats(2, 0.0)
        begun(tally, seconds=seconds, chunks=10)
        assert tally.seconds_left(5.0) is None


def test_every_end_has_its_place():
    tally = BatchStats(4, 0.0)
    for error in (None, FileError("no file"), QuotaError("no room"), Interrupted()):
        summary = begun(tally)
        summary.error = error
        tally.end(summary)
    assert (tally.done, tally.interrupted, tally.ended, tally.running) == (1, 1, 4, 0)
    assert tally.failed == {3: 1, 8: 1}


def test_what_failed_before_it_began_counts():
    tally = BatchStats(1, 0.0)
    tally.end(Summary("q.wav", error=FileError("no file")))
    assert tally.ended == 1


def test_time_left_counts_parts_of_what_is_under_way():
    tally = BatchStats(4, 10.0)
    assert tally.seconds_left(12.0) is None
    begun(tally, seconds=2.0, chunks=10)  # a second of two
    assert tally.seconds_left(12.0) == pytest.approx(2.0 * 3.5 / 0.5)
    begun(tally, seconds=None, chunks=10)
    assert tally.seconds_left(12.0) == pytest.approx(14.0), "the length of a pipe is not known"
