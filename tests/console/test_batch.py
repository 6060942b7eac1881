"""A batch in plain lines: runs that are over, progress, totals."""

from __future__ import annotations

import asyncio

import pytest

from livecli.console.batch import BatchLines
from livecli.errors import Interrupted, OutputClosed, QuotaError
from livecli.protocol import events
from livecli.protocol.messages import FunctionCall
from livecli.report.reporter import DisplayOptions, Reporters, Retry
from tests.console.runs import answered_run, failed_run, report_run
from tests.virtual_time import in_virtual_time


@pytest.fixture
def lines(capsys):
    """The lines written since the last call."""

    def take():
        return capsys.readouterr().err.splitlines()

    return take


def reporter(batch, name):
    return Reporters(*batch.item_reporters(name))


COMPLETED = "✓ a.wav    2.0 s →   1.0 s    500 ms"


def test_a_run_is_one_line_when_it_is_over(lines):
    batch = BatchLines(["a.wav"] * 2)
    summary = answered_run("a.wav")
    report_run(reporter(batch, "a.wav"), summary, events.OutputTranscript("hi"))
    assert lines() == [COMPLETED]
    assert (batch.stats.done, batch.stats.running) == (1, 0)


def test_a_verbose_run_has_its_name_in_every_line(lines):
    batch = BatchLines(["a.wav"] * 1, "./", DisplayOptions(verbosity=2))
    report_run(reporter(batch, "a\x07"), answered_run("a\x07"), events.OutputTranscript("hi"))
    written = lines()
    assert written.pop().startswith("✓ a\\x07")
    assert all(line.startswith("a\\x07:") for line in written)
    assert 'a\\x07:    1.000 s  received output_transcript {"text": "hi"}' in written


def test_a_failed_run_is_an_error_with_its_name(lines):
    batch = BatchLines(["a.wav"] * 2)
    report_run(reporter(batch, "a.wav"), failed_run(QuotaError("full", hint="wait"), "a.wav"))
    assert lines() == ["error: a.wav: full", "hint: wait"]
    assert batch.stats.failed == {8: 1}


def test_an_error_that_names_its_input_is_not_given_the_name(lines):
    BatchLines(["a.wav"]).finish(failed_run(QuotaError("there is no file a.wav"), "a.wav"))
    assert lines() == ["error: there is no file a.wav"]


def test_a_hint_is_given_once(lines):
    batch = BatchLines(["a.wav"] * 3)
    for name, hint in (("a", "wait"), ("b", "wait"), ("c", "pay")):
        batch.finish(failed_run(QuotaError("full", hint=hint), name))
    assert lines() == ["error: a: full", "hint: wait", "error: b: full", "error: c: full", "hint: pay"]


@pytest.mark.parametrize("error", [Interrupted(), OutputClosed("closed")])
def test_an_interrupted_run_is_no_error(lines, error):
    BatchLines(["a.wav"] * 1).finish(failed_run(error))
    assert lines() == []


def test_an_error_is_explained_on_demand(lines):
    BatchLines(["a.wav"] * 1, "./", DisplayOptions(explain=True)).finish(failed_run(QuotaError("full"), "a"))
    assert lines()[:2] == ["error: a: full", "  seen      full"]


def test_quiet_leaves_warnings_and_errors(lines):
    batch = BatchLines(["a.wav"] * 2, "./", DisplayOptions(quiet=True, verbosity=2))
    first = reporter(batch, "a")
    first.warning("slow")
    report_run(first, answered_run("a"), events.OutputTranscript("hi"))
    report_run(reporter(batch, "b"), failed_run(QuotaError("full"), "b"))
    batch.show_progress()
    batch.print_totals()
    assert lines() == ["warning: a: slow", "error: b: full"]


def test_tools_and_warnings_are_written_once(lines):
    batch = BatchLines(["a.wav"] * 1, "./", DisplayOptions(verbosity=2))
    run, call = reporter(batch, "a"), FunctionCall(name="find", args={})
    run.called(call)
    run.returned(call, {"output": "there"}, failed=False, noise="noise")
    run.returned(call, {"error": "no"}, failed=True, noise="")
    run.warning("slow")
    assert sorted(lines()) == sorted(
        ["a: tool find {}", "a: find: there", "a: find: noise", "warning: a: find: no", "warning: a: slow"]
    )


def test_retries_are_counted(lines):
    batch = BatchLines(["a.wav"] * 1)
    reporter(batch, "a").retrying(Retry(QuotaError("full"), 1, 3, 0.25))
    assert batch.stats.retries == 1
    assert lines() == []


def test_percentiles_are_a_table_under_their_names(lines):
    batch = BatchLines(["a.wav"] * 1)
    batch.stats.end(answered_run())
    batch.print_percentiles()
    header, *rows = lines()
    assert header.split() == ["p50", "p95", "p99", "max"]
    assert [row[:12].rstrip() for row in rows] == ["connect", "setup", "first audio", "turn"]
    assert rows[-1].split("turn")[1].split("  ")[-1].strip() == "1,000 ms"
    assert {len(row) for row in rows} == {len(header)}


def test_totals_without_any_sound_are_one_line(lines):
    batch = BatchLines(["a.wav"] * 1)
    batch.stats.end(failed_run(QuotaError("full")))
    batch.print_totals()
    assert [line.split(" · ")[:2] for line in lines()] == [["0/1", "1 failed (1 with status 8)"]]


@in_virtual_time
async def test_progress_is_shown_until_the_end_and_then_the_totals():
    written = []
    batch = BatchLines(["a.wav"] * 1)
    batch.write_spans = lambda spans: written.append("".join(text for _, text in spans))
    with pytest.raises(ZeroDivisionError):
        async with batch.progress_reports():
            await asyncio.sleep(25)
            raise ZeroDivisionError
    await asyncio.sleep(25)
    assert [line.partition(" · ")[0] for line in written] == ["0/1"] * 3
    assert ["running" in line for line in written] == [True, True, False]


@in_virtual_time
async def test_an_error_of_the_progress_display_is_raised():
    batch = BatchLines(["a.wav"] * 1)
    batch.show_progress = lambda: 1 / 0
    with pytest.raises(ZeroDivisionError):
        async with batch.progress_reports():
            await asyncio.sleep(11)
