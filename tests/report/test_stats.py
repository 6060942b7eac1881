"""What is counted in a run while it lasts: audio in each direction, and what the service said."""

from __future__ import annotations

import math
import random
import struct

import pytest

from livecli.media.pcm import SILENCE_PEAK
from livecli.protocol import events
from livecli.report.stats import FlowStats, Gaps, percentile
from livecli.report.summary import TransferStats
from tests.cases import in_one_test

RATE = 24_000


def chunk(samples: int = 100, level: int = 0, rate: int = RATE) -> events.AudioChunk:
    return events.AudioChunk(struct.pack("<h", level) * samples, rate)


class TestGaps:
    def test_there_are_none_before_the_second_thing(self):
        gaps = Gaps()
        assert (gaps.maximum, gaps.percentile(0.5)) == (None, None)
        gaps.mark(5.0)
        assert (gaps.maximum, gaps.percentile(0.5)) == (None, None)

    @in_one_test("share", [0.0, 0.01, 0.5, 0.9, 0.95, 0.99, 1.0])
    @in_one_test("spread", [1.0, 3.0])
    def test_percentiles_are_true_to_one_percent(self, share, spread):
        chance = random.Random(share)
        lengths = [0.02 * math.exp(chance.gauss(0, spread)) for _ in range(1000)]
        gaps, now = Gaps(), 1000.0
        gaps.mark(now)
        for length in lengths:
            now += length
            gaps.mark(now)
        exact = sorted(lengths)[max(0, math.ceil(share * 1000) - 1)]
        assert gaps.percentile(share) == pytest.approx(exact, rel=0.0101)
        assert gaps.maximum == pytest.approx(max(lengths))

    def test_no_percentile_exceeds_the_maximum(self):
        gaps = Gaps()
        for at in (0.0, 1.0, 2.0):
            gaps.mark(at)
        assert gaps.percentile(1.0) == gaps.maximum == 1.0

    def test_things_that_come_together_have_no_time_between_them(self):
        gaps = Gaps()
        gaps.mark(0.0, 3)
        gaps.mark(10.0)
        assert gaps.maximum == 10.0
        assert gaps.percentile(2 / 3) == pytest.approx(0.0, abs=1e-6)
        assert gaps.percentile(1.0) == pytest.approx(10.0, rel=0.0101)

    def test_only_things_that_come_together(self):
        gaps = Gaps()
        gaps.mark(7.0, 5)
        assert gaps.maximum == 0.0
        assert gaps.percentile(0.5) == 0.0

    def test_a_copy_goes_its_own_way(self):
        gaps = Gaps()
        gaps.mark(0.0)
        gaps.mark(1.0)
        copy = gaps.copy()
        gaps.mark(100.0)
        assert copy.maximum == 1.0
        assert copy.percentile(1.0) == pytest.approx(1.0)
        copy.mark(3.0)
        assert copy.maximum == pytest.approx(2.0), "it knows when the last thing came"
        for at in range(4, 20):
            copy.mark(float(at))
        assert gaps.percentile(1.0) == pytest.approx(99.0, rel=0.0101)
        assert gaps.percentile(0.6) == pytest.approx(99.0, rel=0.0101)


class TestFlow:
    def test_nothing_has_no_figures(self):
        flow = FlowStats()
        assert (flow.chunks, flow.bytes, flow.audio_seconds, flow.largest, flow.peak) == (0, 0, 0.0, 0, 0)
        assert (flow.smallest, flow.mean, flow.first_at, flow.last_at, flow.rate) == (None,) * 5

    def test_sizes_and_seconds(self):
        flow = FlowStats()
        for samples, at in ((480, 1.0), (240, 1.5), (960, 3.0)):
            flow.add(chunk(samples), at)
        assert (flow.chunks, flow.bytes) == (3, 2 * 1680)
        assert flow.audio_seconds == pytest.approx(1680 / RATE)
        assert (flow.smallest, flow.largest, flow.mean) == (480, 1920, 1120)
        assert (flow.first_at, flow.last_at) == (1.0, 3.0)
        assert flow.gaps.maximum == pytest.approx(1.5)

    def test_each_chunk_lasts_as_long_as_its_rate_says(self):
        flow = FlowStats()
        flow.add(chunk(16_000, rate=16_000), 0.0)
        flow.add(chunk(48_000, rate=48_000), 1.0)
        assert flow.audio_seconds == pytest.approx(2.0)
        assert flow.rate == 16_000, "that of the first"

    @in_one_test("last", [1, 50, 99, 100])
    @in_one_test("count", [1, 2, 32])
    def test_chunks_together_count_as_one_by_one(self, count, last):
        chunks = [chunk(100)] * (count - 1) + [chunk(last)]
        together, alone = FlowStats(), FlowStats()
        together.add(chunk(100), 1.0)
        alone.add(chunk(100), 1.0)
        together.add_all(chunks, 2.0)
        for each in chunks:
            alone.add(each, 2.0)
        for name in ("chunks", "bytes", "smallest", "largest", "mean", "first_at", "last_at", "rate"):
            assert getattr(together, name) == getattr(alone, name), name
        assert together.audio_seconds == pytest.approx(alone.audio_seconds)
        for share in (0.1, 0.5, 1.0):
            assert together.gaps.percentile(share) == alone.gaps.percentile(share)

    @in_one_test("level", [0, 1, SILENCE_PEAK, -SILENCE_PEAK, SILENCE_PEAK + 1, 32_767, -32_768])
    def test_its_peak(self, level):
        flow = FlowStats()
        flow.add_all([chunk(), chunk(level=level), chunk()], 0.0)
        assert flow.peak == abs(level)

    def test_its_peak_is_looked_for_until_there_is_sound(self):
        flow = FlowStats()
        flow.add(chunk(level=SILENCE_PEAK), 0.0)
        flow.add(chunk(level=SILENCE_PEAK + 5), 1.0)
        assert flow.peak == SILENCE_PEAK + 5

    def test_a_copy_goes_its_own_way(self):
        flow = FlowStats()
        flow.add(chunk(100), 1.0)
        copy = flow.copy()
        flow.add(chunk(200), 5.0)
        assert (copy.chunks, copy.bytes, copy.last_at, copy.gaps.maximum) == (1, 200, 1.0, None)
        copy.add(chunk(300), 2.0)
        assert (flow.chunks, flow.bytes, flow.gaps.maximum) == (2, 600, pytest.approx(4.0))


def noted(*said: events.Event) -> TransferStats:
    stats = TransferStats()
    for at, event in enumerate(said):
        if isinstance(event, events.AudioChunk):
            stats.received.add(event, float(at))
        else:
            stats.note(event, float(at))
    return stats


AUDIO, GENERATED, COMPLETE = chunk(100), events.GenerationComplete(), events.TurnComplete()


class TestWhatTheServiceSays:
    def test_transcripts(self):
        stats = noted(
            events.InputTranscript("a "),
            events.OutputTranscript("x "),
            events.InterimTranscript("guess"),
            events.InputTranscript("b", finished=True),
            events.OutputTranscript("y", finished=True),
        )
        assert (stats.heard, stats.said, stats.wrote) == ("a b", "x y", False)

    def test_text(self):
        stats = noted(events.Thought("hm"), events.ModelText("x "), events.ModelText("y"), events.OutputTranscript("z"))
        assert (stats.said, stats.wrote) == ("x yz", True)

    def test_the_end_of_a_turn(self):
        stats = noted(events.Usage({"a": 1}), events.TurnComplete("MAX_TOKENS"))
        assert (stats.turn_complete, stats.turn_reason, stats.turn_at) == (True, "MAX_TOKENS", 1.0)
        assert stats.usage == {"a": 1}

    def test_the_last_turn_counts(self):
        stats = noted(events.TurnComplete("A"), events.TurnComplete())
        assert (stats.turn_reason, stats.turn_at) == (None, 1.0)

    def test_usage_adds_up_the_turns(self):
        turns = [{"promptTokenCount": 10, "trafficType": "A"}, {}, {"promptTokenCount": 12, "thoughtsTokenCount": 3}]
        stats = noted(*map(events.Usage, turns))
        assert stats.usage == {"promptTokenCount": 22, "trafficType": "A", "thoughtsTokenCount": 3}

    def test_an_interruption(self):
        assert noted(events.Interrupted()).interrupted
        assert not noted(COMPLETE).interrupted

    def test_citations_of_several_messages_are_joined(self):
        def grounding(*uris):
            return events.Grounding({"groundingChunks": [{"web": {"uri": uri, "title": uri}} for uri in uris]})

        stats = noted(grounding("a", "b"), grounding("b", "c"), events.Grounding({}))
        assert [citation.uri for citation in stats.citations] == ["a", "b", "c"]

    @pytest.mark.parametrize(
        "event",
        [
            events.GoAway(1.0),
            events.ResumptionUpdate("h", True),
            events.VoiceActivity("x"),
            events.Unrecognised(("k",)),
        ],
    )
    def test_everything_else_is_nothing_to_it(self, event):
        stats, nothing = noted(event), TransferStats()
        assert (stats.heard, stats.said, stats.usage, stats.turn_complete) == ("", "", None, False)
        assert stats.citations == nothing.citations


class TestTurnsThatAreCut:
    @in_one_test(
        ("said", "cut"),
        [
            ([AUDIO, GENERATED, COMPLETE], 0),
            ([AUDIO, COMPLETE], 1),
            ([AUDIO, events.Interrupted(), COMPLETE], 0),
            ([AUDIO, GENERATED, events.Interrupted(), COMPLETE], 0),
            ([COMPLETE], 0),
            ([events.OutputTranscript("a"), COMPLETE], 0),
            ([AUDIO], 0),
            ([AUDIO, GENERATED, COMPLETE, COMPLETE], 0),
            ([AUDIO, COMPLETE, AUDIO, COMPLETE], 2),
            ([AUDIO, GENERATED, COMPLETE, AUDIO, COMPLETE], 1),
            ([AUDIO, COMPLETE, AUDIO, GENERATED, COMPLETE], 1),
            ([GENERATED, COMPLETE, AUDIO, COMPLETE], 1),
        ],
    )
    def test_those_with_audio_and_without_an_end(self, said, cut):
        assert noted(*said).cut_turns == cut

    @pytest.mark.parametrize(
        ("said", "size"),
        [
            ([], 0),
            ([AUDIO], 200),
            ([AUDIO, GENERATED, AUDIO], 400),
            ([AUDIO, COMPLETE], 0),
            ([AUDIO, COMPLETE, AUDIO, AUDIO], 400),
        ],
    )
    def test_bytes_of_the_turn_that_is_open(self, said, size):
        assert noted(*said).open_turn_bytes == size


class TestLatency:
    @in_one_test(
        ("asked_at", "at", "latency"),
        [
            (10.0, 10.25, 250.0),
            (10.0, 10.0, 0.0),
            (0.0, 0.5, 500.0),
            (10.0, 9.9, None),
            (None, 10.0, None),
            (10.0, None, None),
            (None, None, None),
        ],
    )
    def test_milliseconds_from_the_question(self, asked_at, at, latency):
        stats = TransferStats(asked_at=asked_at)
        assert stats.latency(at) == (latency if latency is None else pytest.approx(latency))


class TestTakingBack:
    def test_what_was_received_since_is_forgotten(self):
        stats = noted(events.InputTranscript("a"), events.OutputTranscript("b"), AUDIO)
        then = stats.copy()
        stats.audio_at = stats.sound_at = 9.0
        for event in (
            events.InputTranscript("x"),
            events.ModelText("y"),
            events.Interrupted(),
            events.Usage({"a": 1}),
            events.Grounding({"groundingChunks": [{"web": {"uri": "u", "title": "t"}}]}),
            events.TurnComplete("R"),
        ):
            stats.note(event, 10.0)
        stats.received.add(AUDIO, 10.0)
        stats.rewind(then)
        assert (stats.heard, stats.said, stats.wrote) == ("a", "b", False)
        assert (stats.received.chunks, stats.received.bytes, stats.received.last_at) == (1, 200, 2.0)
        assert (stats.audio_at, stats.sound_at, stats.turn_at, stats.usage) == (None,) * 4
        assert (stats.turn_complete, stats.turn_reason, stats.interrupted, stats.citations) == (False, None, False, [])

    def test_the_usage_of_a_turn_that_is_repeated_counts_once(self):
        stats = noted(events.Usage({"promptTokenCount": 10}))
        then = stats.copy()
        for count in (1, 2):
            stats.rewind(then)
            stats.note(events.Usage({"promptTokenCount": 5, "responseTokenCount": count}), 10.0)
        assert stats.usage == {"promptTokenCount": 15, "responseTokenCount": 2}

    def test_what_was_sent_was_sent(self):
        stats = TransferStats()
        then = stats.copy()
        stats.sent.add(chunk(rate=16_000), 1.0)
        stats.asked_at, stats.messages = 1.0, 12
        stats.rewind(then)
        assert (stats.sent.chunks, stats.asked_at, stats.messages) == (1, 1.0, 12)

    def test_it_can_be_taken_back_twice(self):
        stats = noted(AUDIO, events.OutputTranscript("a"))
        then = stats.copy()
        for _ in range(2):
            stats.received.add(AUDIO, 5.0)
            stats.note(events.OutputTranscript("b"), 5.0)
            stats.rewind(then)
            assert (stats.received.chunks, stats.said) == (1, "a")

    def test_whether_a_turn_was_cut_is_known_again(self):
        stats = noted(AUDIO, GENERATED)
        then = stats.copy()
        stats.note(COMPLETE, 5.0)
        stats.rewind(then)
        assert stats.open_turn_bytes == 200
        stats.note(COMPLETE, 6.0)
        assert stats.cut_turns == 0


@in_one_test("count", [1, 2, 3, 7, 10, 100])
@in_one_test("share", [0.0, 0.01, 0.25, 0.5, 0.9, 0.95, 0.99, 1.0])
def test_a_percentile_is_the_least_value_that_so_many_do_not_exceed(count, share):
    values = [float(number) for number in range(count)]
    value = percentile(values, share)
    assert value in values
    assert sum(each <= value for each in values) >= share * count
    assert value == values[0] or sum(each < value for each in values) < share * count


@in_one_test(
    ("share", "value"), [(0.0, 1), (0.07, 7), (0.5, 50), (0.55, 55), (0.95, 95), (0.99, 99), (0.991, 100), (1.0, 100)]
)
def test_percentiles_are_values_that_were(share, value):
    assert percentile([float(number) for number in range(1, 101)], share) == value
    assert percentile([7.0], share) == 7.0
