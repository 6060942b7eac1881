"""The results of expectations for other programs."""

from __future__ import annotations

import tomllib

import junitparser

from livecli.checks.expectations import Judge, Result
from livecli.checks.grammar import parse
from livecli.checks.outputs import junit, junit_of_suite, step_summary, tap, toml, workflow_commands
from livecli.errors import ConnectError
from livecli.report.summary import Summary

LINE = 'transcript contains "a|b <#1>"'


def judged(*errors: ConnectError | None) -> Judge:
    """A judge of two expectations, and a run for each of `errors`: the first expectation holds, the second does not."""
    judge = Judge([parse("turns = 1"), parse(LINE)])
    for number, error in enumerate(errors, 1):
        results = [] if error else [Result("turns = 1", True, 1), Result(LINE, False, "x\x07\ny")]
        judge.runs.append((Summary(input=f"in,{number}:", error=error), results))
    return judge


def test_a_junit_report_has_a_suite_for_each_run_and_one_for_all() -> None:
    data = junit(judged(None, ConnectError("refused\x00", hint="try again")))
    report = junitparser.JUnitXml.fromroot(junitparser.junitparser.etree.fromstring(data))
    assert [(each.name, each.tests, each.failures, each.errors) for each in report] == [
        ("in,1:", 2, 1, 0),
        ("in,2:", 1, 0, 1),
        ("all runs", 2, 1, 0),
    ]
    cases = [case for suite in report for case in suite]
    assert [(case.name, [each.message for each in case.result]) for case in cases] == [
        ("turns = 1", []),
        (LINE, [r"it is 'x\x07\ny'"]),
        ("the run", ["refused�"]),
        ("turns = 1", []),
        (LINE, ["it is 0"]),
    ]


def test_a_junit_report_of_other_cases() -> None:
    data = junit_of_suite("s\x1b.toml", [("line 1", None), ("line <2>", "“a” & \ud800")])
    [suite] = junitparser.JUnitXml.fromroot(junitparser.junitparser.etree.fromstring(data))
    assert (suite.name, suite.tests, suite.failures) == ("s�.toml", 2, 1)
    assert [[each.message for each in case.result] for case in suite] == [[], ["“a” & �"]]


def test_a_tap_report_has_a_line_for_each_expectation_of_each_run() -> None:
    assert [*tap(judged(None, ConnectError("refused")))] == [
        "TAP version 14",
        "1..3",
        "ok 1 - in,1:: turns = 1",
        r'not ok 2 - in,1:: transcript contains "a|b <\#1>"',
        "  ---",
        r'''  actual: "'x\\x07\\ny'"''',
        "  ...",
        "not ok 3 - in,2:: the run",
        "  ---",
        '  actual: "refused"',
        "  ...",
    ]


def test_expectations_in_toml_are_read_as_they_were() -> None:
    observed = {"a": "turns = 1", "b": 'heard = "it\'s"', "c": r'transcript ~ "\d"'}
    assert tomllib.loads(toml(observed)) == observed


def test_workflow_commands_are_escaped() -> None:
    assert [*workflow_commands(judged(None, ConnectError("50%\nrefused")))] == [
        rf"::error title=in%2C1%3A::{LINE}: it is 'x\x07\ny'",
        "::error title=in%2C2%3A::50%25%0Arefused",
    ]


def test_the_summary_of_a_step_is_a_table() -> None:
    assert step_summary(judged(None)).splitlines() == [
        "| run | expectation |  | actual |",
        "| --- | --- | --- | --- |",
        "| in,1: | turns = 1 | ✓ | 1 |",
        r"""| in,1: | transcript contains "a\|b &lt;#1>" | ✗ | 'x\\x07\\ny' |""",
    ]
