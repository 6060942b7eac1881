"""Pictures in characters."""

from __future__ import annotations

import pytest

from livecli.console import charts
from livecli.protocol import events
from livecli.report.summary import Summary
from livecli.report.timeline import Timeline
from tests.cases import in_one_test
from tests.console.runs import answered_run


def timed_run(*, asked=2.0, answer_at=2.5, answered=1.0):
    """A run of so many seconds of sound, of which the answer begins at `answer_at`."""
    summary = Summary("q.wav")
    summary.note_opened(None, 0.1, 0.2)
    stats = summary.stats
    stats.sent.timeline, stats.received.timeline = Timeline(), Timeline()
    for number in range(10):
        stats.sent.add(events.AudioChunk(b"\x00\x40" * round(1600 * asked), 16_000), asked * number / 9)
    stats.asked_at = asked
    if answered:
        stats.received.add(events.AudioChunk(b"\x00\x20" * round(24_000 * answered), 24_000), answer_at)
        stats.audio_at = stats.sound_at = answer_at
    return summary


@in_one_test(
    ("text", "columns", "end", "start"),
    [
        ("abcdef", 6, "abcdef", "abcdef"),
        ("abcdef", 4, "…def", "abc…"),
        ("abcdef", 1, "…", "…"),
        ("abcdef", 0, "", ""),
        ("日本語", 6, "日本語", "日本語"),
        ("日本語", 5, "…本語", "日本…"),
        ("日本語", 4, "…語", "日…"),
        ("", 3, "", ""),
    ],
)
def test_text_is_cut_to_a_width(text, columns, end, start):
    assert (charts.end_of(text, columns), charts.start_of(text, columns)) == (end, start)


def test_wide_characters_take_two_columns_and_marks_none():
    assert [charts.cells(text) for text in ("abc", "日本", "e\u0301", "\u200b")] == [3, 4, 1, 0]
    assert charts.padded("日", 4) == "日  "


def test_the_largest_value_is_the_highest_bar():
    assert charts.sparkline([0, 1, 2, 4]) == "▁▃▅█"
    assert charts.sparkline([0, 0]) == "▁▁"
    assert charts.sparkline([]) == ""


def test_levels_are_bars_from_silence_to_full_scale():
    assert charts.level_bars([-96.0, -42.0, -24.0, -6.0, 0.0]) == "▁▁▅██"


@pytest.mark.parametrize(
    ("share", "bar"), [(0, "──────────"), (0.5, "━━━━━─────"), (0.55, "━━━━━╸────"), (1, "━" * 10), (1.5, "━" * 10)]
)
def test_a_bar_is_full_at_the_end_only(share, bar):
    assert "".join(text for _, text in charts.progress_bar(share, 10)) == bar


# --- envelopes ---


def test_both_sounds_are_on_one_axis_with_the_latency_between_them():
    question, answer, latency = charts.envelopes(timed_run(), 35)
    assert question == "█" * 20
    assert answer == " " * 20 + "·" * 5 + "▇" * 10
    assert latency == " " * 20 + "└ 500 ms"


def test_an_answer_that_begins_before_the_end_of_the_question_has_no_latency():
    question, answer, latency = charts.envelopes(timed_run(answer_at=1.0), 20)
    assert (len(question), answer, latency) == (20, " " * 10 + "▇" * 10, "")


def test_a_question_without_an_answer_fills_the_axis():
    assert charts.envelopes(timed_run(answered=0), 20) == ("█" * 20, "", "")


def test_a_text_question_has_the_latency_and_the_answer():
    summary = timed_run()
    summary.stats.sent = type(summary.stats.sent)()
    question, answer, latency = charts.envelopes(summary, 15)
    assert (question, answer, latency) == ("", "·····" + "▇" * 10, "└ 500 ms")


@pytest.mark.parametrize("answered", [0.01, 1.0, 500.0])
def test_envelopes_fit_whatever_the_lengths(answered):
    summary = timed_run(answered=answered)
    for columns in (1, 7, 48):
        question, answer, _ = charts.envelopes(summary, columns)
        assert len(question) <= columns
        assert len(answer) <= columns
        assert answer.strip(" ·")


def test_sounds_that_were_not_measured_are_lines():
    question, answer, _ = charts.envelopes(answered_run(), 35)
    assert (question, answer.strip()) == ("─" * 20, "·" * 5 + "─" * 10)


# --- the waterfall ---


def waterfall(summary, columns):
    return ["".join(text for _, text in row).rstrip() for row in charts.waterfall(summary, columns)]


def test_each_phase_is_a_bar_where_it_was():
    rows = waterfall(timed_run(), 48)
    assert rows == [
        "connect   █                               100 ms",
        "setup      ██                             200 ms",
        "speech       ████████████████████       2,000 ms",
        "waiting                          █████    500 ms",
        "reply                                █    0.0 ms",
        "          0         1         2 s",
    ]


@pytest.mark.parametrize("columns", [30, 40, 80, 120])
def test_a_waterfall_fits(columns):
    assert max(map(charts.cells, waterfall(timed_run(), columns))) <= columns


def test_gaps_are_beside_the_bars_where_there_is_room():
    rows = waterfall(timed_run(), 80)
    assert rows[2].endswith("gaps ▁█▁█▁█▁█▁  p95 222 ms"[-10:])
    assert rows[3].endswith("← what a caller feels")


def test_a_run_that_was_not_connected_has_no_waterfall():
    assert waterfall(Summary("q.wav"), 80) == []


def test_a_run_that_sent_nothing_has_the_phases_of_its_connection():
    summary = Summary("q.wav")
    summary.note_opened(None, 0.1, 0.2)
    assert [row.split()[0] for row in waterfall(summary, 80)] == ["connect", "setup", "0"]
