"""`--expect` and what goes with it: statuses, `--json`, runs, JUnit, TAP and GitHub Actions."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import junitparser
import pytest

Livecli = Callable[..., Any]
ASK = ("send", "--local", "--text", "Good morning", "-q")


def expect(*lines: str) -> list[str]:
    return [word for line in lines for word in ("--expect", line)]


def test_what_holds_is_status_0_and_in_the_json(livecli: Livecli) -> None:
    lines = ['transcript contains "morning"', "first_sound < 10s", "turns = 1", "close = 1000", "tools = 0"]
    ran = livecli(*ASK, "--json", *expect(*lines))
    assert ran.status == 0, ran.err
    assert [each["text"] for each in ran.summary["expectations"]] == lines
    assert all(each["ok"] for each in ran.summary["expectations"])
    actual = {each["text"]: each["actual"] for each in ran.summary["expectations"]}
    assert actual["turns = 1"] == 1
    assert actual["first_sound < 10s"] == pytest.approx(ran.summary["latency_ms"]["first_sound"], abs=0.001)
    assert livecli(*ASK, "--json").summary["expectations"] == []


def test_what_does_not_hold_is_status_1_and_told(livecli: Livecli) -> None:
    ran = livecli(*ASK, *expect('transcript contains "night"', "turns = 1"))
    assert (ran.status, ran.out) == (1, "Good morning\n")
    assert ran.err == (
        "error: 1 of 2 expectations did not hold: transcript contains \"night\" (it is 'Good morning')\n"
    )


def test_each_has_a_line_where_a_person_reads(livecli: Livecli) -> None:
    ran = livecli("send", "--local", "--text", "hi", *expect("turns = 1", "reply > 10s"))
    assert "✓ turns = 1  1\n" in ran.err
    assert re.search(r"✗ reply > 10s  0\.\d+ s\n", ran.err)


def test_a_failure_of_something_else_keeps_its_status(livecli: Livecli, tmp_path: Path) -> None:
    words = ("--fault", "close=4000:no@setup", "--junit", "j.xml")
    assert livecli(*ASK, *words, *expect("turns = 1")).status == 6
    [suite] = junitparser.JUnitXml.fromfile(str(tmp_path / "j.xml"))
    assert (suite.tests, suite.failures, suite.errors) == (1, 0, 1)


def test_calls_and_sound_are_measured(livecli: Livecli, tmp_path: Path) -> None:
    (tmp_path / "s.toml").write_text(
        '[[turn]]\ncall = {name = "find", args = {near = "me", km = 2}}\nthen = "Around the corner, I think."\n'
    )
    lines = ['tool find {"near": "me"}', "tools = 1", "silence < 1s", "loudness -40..-5 LUFS", "clipping = 0"]
    ran = livecli(*ASK, "--script", "s.toml", "--tool", "find=echo here", *expect(*lines))
    assert ran.status == 0, ran.err


def test_several_runs_are_judged_together(livecli: Livecli, tmp_path: Path) -> None:
    words = ("--runs", 3, "--json", "--junit", "j.xml", "--tap", "t.tap")
    ran = livecli(*ASK, *words, *expect("p95(first_sound) < 10s", "turns = 1"))
    assert ran.status == 0, ran.err
    assert [each["input"] for each in ran.summaries] == ["text", "text (2)", "text (3)"]
    assert sorted(path.name for path in tmp_path.glob("*.wav")) == [
        "text-2.reply.wav",
        "text-3.reply.wav",
        "text.reply.wav",
    ]
    suites = [*junitparser.JUnitXml.fromfile(str(tmp_path / "j.xml"))]
    assert [suite.name for suite in suites] == ["text", "text (2)", "text (3)", "all runs"]
    assert {(suite.tests, suite.failures) for suite in suites} == {(2, 0)}
    tap = (tmp_path / "t.tap").read_text().splitlines()
    assert tap[:3] == ["TAP version 14", "1..6", "ok 1 - text: p95(first_sound) < 10s"]


def test_a_share_of_the_runs_may_fail(livecli: Livecli, tmp_path: Path) -> None:
    words = ("--runs", 2, "--fault", "close=4000:no@setup#3", *expect('transcript contains "night"'))
    assert livecli(*ASK, *words, "--pass-rate", 0).status == 0
    refused = livecli(*ASK, *words, "--pass-rate", 0.5)
    assert refused.status == 1
    assert refused.err.splitlines()[-1].startswith("error: 1 of 1 expectation did not hold: transcript contains")


def test_a_report_for_junit_says_what_was_found(livecli: Livecli, tmp_path: Path) -> None:
    livecli(*ASK, "--junit", "j.xml", *expect('transcript contains "<night>"', "turns = 1"))
    [suite] = junitparser.JUnitXml.fromfile(str(tmp_path / "j.xml"))
    case, good = suite
    assert (suite.tests, suite.failures, suite.errors) == (2, 1, 0)
    assert case.name == 'transcript contains "<night>"'
    [failure] = case.result
    assert isinstance(failure, junitparser.Failure)
    assert failure.message == "it is 'Good morning'"
    assert good.is_passed


def test_github_shows_what_did_not_hold(livecli: Livecli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary.md"))
    ran = livecli(*ASK, *expect("turns = 2", "tools = 0"))
    assert "::error title=text::turns = 2: it is 1\n" in ran.err
    assert (tmp_path / "summary.md").read_text().splitlines()[2:] == [
        "| text | turns = 2 | ✗ | 1 |",
        "| text | tools = 0 | ✓ | 0 |",
    ]


def test_a_good_run_writes_expectations_that_the_next_one_fulfils(livecli: Livecli, tmp_path: Path) -> None:
    assert livecli(*ASK, "--write-expect", "checks.toml").status == 0
    table = tomllib.loads((tmp_path / "checks.toml").read_text())
    assert table["turns"] == "turns = 1"
    assert table["transcript"] == 'transcript wer <= 0.3 "Good morning"'
    slower = {name: line for name, line in table.items() if not line.endswith("ms")}
    (tmp_path / "checks.toml").write_text("".join(f"{name} = '{line}'\n" for name, line in slower.items()))
    assert livecli(*ASK, "--expect-file", "checks.toml").status == 0
    (tmp_path / "checks.toml").write_text("turns = 'turns = 2'\n")
    assert livecli(*ASK, "--expect-file", "checks.toml").status == 1


@pytest.mark.parametrize(
    ("words", "status", "problem"),
    [
        (("--expect", "turns is 1"), 2, "error: --expect turns ⟨here⟩is 1: a figure is compared"),
        (("--junit", "j.xml"), 2, "error: --junit is for expectations"),
        (("--pass-rate", "0.5"), 2, "error: --pass-rate is for expectations"),
        (("--runs", "2", "-o", "-"), 2, "error: --runs writes several replies"),
        (("--runs", "0"), 2, "error: --runs must be from 1 to 1000, not 0"),
        (("--expect-file", "no.toml"), 3, "error: cannot read no.toml"),
        (("--expect-file", "bad.toml"), 3, "error: bad.toml: a: turns ⟨here⟩is 1"),
        (("--expect-file", "number.toml"), 3, "error: number.toml: a is not a text"),
        (("--expect", "turns = 1", "--junit", "no/j.xml"), 3, "error: cannot write no/j.xml"),
    ],
)
def test_a_mistake_is_told(livecli: Livecli, tmp_path: Path, words: tuple[str, ...], status: int, problem: str) -> None:
    (tmp_path / "bad.toml").write_text("a = 'turns is 1'\n")
    (tmp_path / "number.toml").write_text("a = 1\n")
    ran = livecli("send", "--local", "--text", "hi", "-q", *words)
    assert (ran.status, ran.err[: len(problem)]) == (status, problem)
