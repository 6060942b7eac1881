"""Figures as text."""

from __future__ import annotations

import pytest

from livecli.console import formatting
from livecli.errors import Interrupted, QuotaError, ServerError
from livecli.protocol import events
from livecli.protocol.grounding import Citation
from livecli.report.batch_stats import BatchStats
from livecli.report.summary import Summary
from tests.console.runs import answered_run, failed_run


@pytest.mark.parametrize(
    ("length", "text"), [(0, "0:00"), (59.4, "0:59"), (59.6, "1:00"), (3599, "59:59"), (3723, "1:02:03")]
)
def test_a_duration_is_in_whole_seconds(length, text):
    assert formatting.duration(length) == text


@pytest.mark.parametrize(("number", "text"), [(0, "0"), (1234.6, "1,235"), (2**63 + 1, "9,223,372,036,854,775,809")])
def test_a_count_is_exact_and_grouped(number, text):
    assert formatting.count(number) == text


def test_times_have_units_and_a_missing_time_is_a_dash():
    assert [formatting.seconds(value) for value in (None, 0, 1234.567)] == ["–", "0.00 s", "1,234.57 s"]
    assert [formatting.milliseconds(value) for value in (None, 0.04, 9.94, 10, 1234.5)] == [
        "–",
        "0.0 ms",
        "9.9 ms",
        "10 ms",
        "1,234 ms",
    ]


@pytest.mark.parametrize(
    ("text", "short"),
    [
        ("", ""),
        ("  one line \n", "one line"),
        ("one\ntwo\nthree", "one … (3 lines)"),
        ("x" * 1000, "x" * 1000),
        ("x" * 1001, "x" * 1000 + "… (1,001 characters)"),
        ("bell\x07", "bell\\x07"),
    ],
)
def test_a_long_text_is_shortened_and_its_length_told(text, short):
    assert formatting.shortened(text) == short


@pytest.mark.parametrize(
    ("response", "text"),
    [
        ({"output": "it is\nthere"}, "it is … (2 lines)"),
        ({"output": "a", "more": 1}, '{"output": "a", "more": 1}'),
        ({"output": 5}, '{"output": 5}'),
        ({"straße": "ü"}, '{"straße": "ü"}'),
    ],
)
def test_the_result_of_a_function_is_bare_text_or_json(response, text):
    assert formatting.function_result(response) == text


def test_a_function_call_is_its_name_and_arguments():
    assert formatting.function_call("find\x1b", {"near": "me\x07"}) == 'find\\x1b {"near": "me\\u0007"}'


def test_sources_are_numbered_and_escaped():
    citations = [Citation("A\x1b[2J", "https://a.example"), Citation("", "https://b.example", ("one", "two"))]
    assert formatting.source_lines(citations) == [
        "[1] A\\x1b[2J https://a.example",
        "[2] https://b.example",
        '    "one"',
        '    "two"',
    ]


def test_rows_of_a_run_without_any_audio_have_dashes():
    assert formatting.transfer_rows(Summary("q.wav")) == [
        ("chunks", "0", "0"),
        ("bytes", "0", "0"),
        ("audio", "0.00 s", "0.00 s"),
        ("chunk bytes min / mean / max", "–", "–"),
        ("time", "–", "–"),
        ("gaps p50 / p95 / max", "–", "–"),
    ]
    assert formatting.summary_rows(Summary("q.wav")) == []


def test_rows_of_a_run():
    rows = {name: (sent, received) for name, sent, received in formatting.transfer_rows(answered_run())}
    assert rows["audio"] == ("2.00 s", "1.00 s at 24 kHz")
    assert rows["chunk bytes min / mean / max"] == ("16,000 / 16,000 / 16,000", "24,000 / 24,000 / 24,000")
    assert rows["time"] == ("1.50 s", "0.50 s")
    assert formatting.summary_rows(answered_run()) == [
        ("latency", "connect 12 ms · setup 250 ms · first audio 500 ms · turn 1,000 ms"),
        ("turn", "complete"),
        ("heard", "where is it"),
        ("said", "over there"),
        ("reply", "reply.wav"),
    ]


def test_usage_is_by_modality_and_direction():
    summary = answered_run()
    usage = {
        "promptTokensDetails": [{"modality": "AUDIO", "tokenCount": 1234}, {"modality": "a\x07", "tokenCount": 1}],
        "responseTokensDetails": [{"modality": "AUDIO", "tokenCount": 25}],
        "totalTokenCount": 1260,
    }
    summary.stats.note(events.Usage(usage), 3.0)
    rows = dict(formatting.summary_rows(summary))
    assert rows["usage"] == "audio in 1,234 · a\\x07 in 1 · audio out 25 tokens"


def test_the_progress_of_a_batch_names_what_there_is():
    stats = BatchStats(4, 10.0)
    assert formatting.batch_progress(stats, 10.0) == "0 of 4 done, 0 running, 0 chunks/s"
    done, failed, running = answered_run(), failed_run(QuotaError("full")), answered_run()
    for summary in (done, failed, running):
        stats.begin(summary, None)
    stats.end(done)
    stats.end(failed)
    stats.retries = 2
    progress = formatting.batch_progress(stats, 12.0)
    assert progress == "1 of 4 done, 1 running, 1 failed, 2 retries, 4 chunks/s, 0:02 left"


def test_the_totals_of_a_batch_count_each_status():
    stats = BatchStats(5, 10.0)
    errors = [QuotaError("full"), ServerError("gone"), QuotaError("full"), Interrupted()]
    for summary in [answered_run(), *map(failed_run, errors)]:
        stats.end(summary)
    assert formatting.batch_totals(stats, 12.0) == (
        "1 of 5 done, 3 failed (1 with 6, 2 with 8), 1 interrupted, in 2.00 s"
    )
    assert formatting.batch_throughput(stats, 12.0) == (
        "4 chunks, 64,000 bytes, 2.00 s of audio sent, 1.00 s received: 2 chunks/s, 1 × real time"
    )


def test_percentiles_are_those_of_the_measured_latencies():
    stats = BatchStats(2, 0.0)
    assert formatting.latency_percentiles(stats) == [("latency", ["–"] * 4)]
    stats.end(answered_run())
    rows = dict(formatting.latency_percentiles(stats))
    assert list(rows) == ["connect", "setup", "first audio", "turn"]
    assert rows["turn"] == ["1,000 ms"] * 4


def test_a_completed_run_is_one_line():
    assert formatting.completed_run(answered_run("a\nb.wav")) == (
        "a b.wav: 2.00 s sent, answered in 1,000 ms, 1.00 s received; reply.wav"
    )
    assert formatting.completed_run(Summary("a.wav")) == "a.wav: 0.00 s sent, answered, 0.00 s received; no audio"
