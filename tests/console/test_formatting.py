"""Figures as text."""

from __future__ import annotations

import pytest

from livecli.console import charts, formatting
from livecli.errors import Interrupted, QuotaError, ServerError
from livecli.protocol import events
from livecli.protocol.grounding import Citation
from livecli.report.batch_stats import BatchStats
from livecli.report.summary import Summary
from tests.cases import in_one_test
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


@in_one_test(
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


def text_of(spans):
    return "".join(text for _, text in spans)


def test_the_progress_of_a_batch_names_what_there_is():
    stats = BatchStats(4, 10.0)
    assert text_of(formatting.dotted(formatting.batch_progress(stats, 10.0))) == "0/4 · 0 running · 0.0×"
    done, failed, running = answered_run(), failed_run(QuotaError("full")), answered_run()
    for summary in (done, failed, running):
        stats.begin(summary, None)
    stats.end(done)
    stats.end(failed)
    stats.retries = 2
    progress = text_of(formatting.dotted(formatting.batch_progress(stats, 12.0)))
    assert progress == "2/4 · 1 running · 1 failed · 2 retried · 2.0× · 0:02 left"


def test_the_totals_of_a_batch_count_each_status():
    stats = BatchStats(5, 10.0)
    errors = [QuotaError("full"), ServerError("gone"), QuotaError("full"), Interrupted()]
    for summary in [answered_run(), *map(failed_run, errors)]:
        stats.end(summary)
    assert text_of(formatting.dotted(formatting.batch_totals(stats, 12.0, "replies/"))) == (
        "1/5 · 3 failed (1 with status 6, 2 with status 8) · 1 interrupted · 2.00 s · 1.0× → replies/"
    )
    assert list(map(text_of, formatting.batch_flows(stats, None))) == [
        "sent      4 chunks · 64,000 bytes · 2.00 s",
        "received  2 chunks · 48,000 bytes · 1.00 s",
    ]


def test_percentiles_are_those_of_the_measured_latencies():
    stats = BatchStats(2, 0.0)
    assert formatting.latency_percentiles(stats) == [("latency", ["–"] * 4)]
    stats.end(answered_run())
    rows = dict(formatting.latency_percentiles(stats))
    assert list(rows) == ["connect", "setup", "first audio", "turn"]
    assert rows["turn"] == ["1,000 ms"] * 4


def test_a_run_of_a_batch_is_a_row_in_columns():
    assert text_of(formatting.run_row(answered_run("a\nb.wav"), 10)) == "✓ a b.wav       2.0 s →   1.0 s    500 ms"
    assert text_of(formatting.run_row(answered_run("many/questions/q1.wav"), 10)).startswith("✓ …ns/q1.wav    2.0 s")
    assert text_of(formatting.run_row(Summary("a.wav"), 6)) == "✓ a.wav     0.0 s →   0.0 s         –"


def test_a_failed_run_has_its_hint_beside_or_below_it():
    error = QuotaError("q.wav is too much", hint="wait")

    def rows(columns, hint=True):
        return [text_of(row) for row in formatting.failed_rows(failed_run(error), error, 6, columns, hint=hint)]

    assert rows(80) == ["✗ q.wav   is too much · wait"]
    assert rows(25) == ["✗ q.wav   is too much", "          wait"]
    assert rows(12) == ["✗ q.wav   is too much", "  wait"]
    assert rows(80, hint=False) == ["✗ q.wav   is too much"]


def test_facts_are_folded_between_dots():
    facts = [("", "one"), ("", "two"), ("", "three")]
    label = [("dim", "name  ")]
    assert list(map(text_of, formatting.folded(label, facts, None))) == ["name  one · two · three"]
    assert list(map(text_of, formatting.folded(label, facts, 16))) == ["name  one · two", "      three"]
    assert list(map(text_of, formatting.folded([], facts, 1))) == ["one", "two", "three"]


# --- the result of a run ---


def result(summary, columns, has_answer=False):
    return [text_of(line) for line in formatting.result_lines(summary, columns, has_answer=has_answer)]


def test_transcripts_are_beside_the_envelopes_where_there_is_room():
    first, second, latency, *_ = result(answered_run(), 80)
    assert first.endswith("2.0 s  “where is it”")
    assert second.endswith("1.0 s  “over there”")
    assert latency.strip() == "└ 500 ms"


def test_transcripts_are_below_the_envelopes_where_there_is_none():
    lines = result(answered_run(), 36)
    assert [line for line in lines if "where" in line or "there" in line] == [
        "you       where is it",
        "gemini    over there",
    ]


@pytest.mark.parametrize("columns", [40, 60, 80, 120, 200])
def test_a_result_fits_the_terminal(columns):
    assert max(map(charts.cells, result(answered_run(), columns))) <= columns


def test_a_long_question_is_cut_in_a_terminal_and_whole_in_a_file():
    summary = answered_run()
    summary.stats.note(events.InputTranscript(" why" * 1000), 3.0)
    assert "why…" in "".join(result(summary, 80))
    assert len("".join(result(summary, None))) > 4000


def test_an_answer_that_was_printed_is_not_repeated():
    assert not [line for line in result(answered_run(), 80, has_answer=True) if "over there" in line]


def test_a_run_without_any_audio_has_no_picture():
    assert result(Summary("q.wav"), 80) == []


@pytest.mark.parametrize("columns", [40, 60, 80, 120])
def test_all_figures_fit_the_terminal(columns):
    lines = [text_of(line) for line in formatting.stats_lines(answered_run(), columns, has_answer=False)]
    assert max(map(charts.cells, lines)) <= columns
