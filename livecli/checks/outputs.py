"""The results of expectations for other programs: JUnit XML, TAP, and GitHub Actions. No I/O."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from xml.etree import ElementTree

from ..report.summary import Summary
from .expectations import Judge, Result

INVALID_XML = dict.fromkeys([*range(32), 0xFFFE, 0xFFFF, *range(0xD800, 0xE000)], "�") | {9: "\t", 10: "\n", 13: "\r"}
"""The replacements for characters that XML cannot have."""


def junit(judge: Judge) -> bytes:
    """A JUnit report: a suite for each run, and a case for each expectation.

    An expectation that did not hold is a `failure`. A run that ended otherwise, such as without a connection, is an
    `error`.
    """
    root = ElementTree.Element("testsuites", name="livecli")
    for summary, results in judge.runs:
        _suite(root, summary.input, summary, results)
    if len(judge.runs) > 1:
        suite = ElementTree.SubElement(root, "testsuite", name="all runs")
        for result in judge.verdict():
            _case(suite, "all runs", result.text, _failure(result))
    return _document(root)


def junit_of_suite(name: str, cases: Iterable[tuple[str, str | None]]) -> bytes:
    """A JUnit report with one suite. Each case has a name, and says what did not hold, None where it did."""
    root = ElementTree.Element("testsuites", name="livecli")
    suite = ElementTree.SubElement(root, "testsuite", name=name.translate(INVALID_XML))
    for case, failure in cases:
        _case(suite, name.translate(INVALID_XML), case, failure)
    return _document(root)


def _suite(root: ElementTree.Element, name: str, summary: Summary, results: Sequence[Result]) -> None:
    name = name.translate(INVALID_XML)
    suite = ElementTree.SubElement(root, "testsuite", name=name)
    for result in results:
        _case(suite, name, result.text, _failure(result))
    if not results:
        case = ElementTree.SubElement(suite, "testcase", classname=name, name="the run")
        if summary.error is not None:
            message = summary.error.message.translate(INVALID_XML)
            error = ElementTree.SubElement(case, "error", message=message, type=summary.error.kind)
            error.text = (summary.error.hint or "").translate(INVALID_XML)


def _failure(result: Result) -> str | None:
    return None if result.ok else f"it is {result.found}"


def _case(suite: ElementTree.Element, class_name: str, name: str, failure: str | None) -> None:
    case = ElementTree.SubElement(suite, "testcase", classname=class_name, name=name.translate(INVALID_XML))
    if failure is not None:
        ElementTree.SubElement(case, "failure", message=failure.translate(INVALID_XML), type="expectation")


def _document(root: ElementTree.Element) -> bytes:
    """The XML of a report whose cases are complete."""
    for element in [root, *root]:
        for name, path in (("tests", ".//testcase"), ("failures", ".//failure"), ("errors", ".//error")):
            element.set(name, str(len(element.findall(path))))
    ElementTree.indent(root)
    data: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return data + b"\n"


def tap(judge: Judge) -> Iterator[str]:
    """The lines of a TAP report (version 14): one for each expectation of each run."""
    yield "TAP version 14"
    cases = [
        (f"{summary.input}: {result.text}", result.ok, result.found)
        for summary, results in judge.runs
        for result in results
    ] + [
        (f"{summary.input}: the run", False, summary.error.message)
        for summary, results in judge.runs
        if summary.error is not None and not results
    ]
    yield f"1..{len(cases)}"
    for number, (name, ok, actual) in enumerate(cases, 1):
        described = name.replace("\\", "\\\\").replace("#", "\\#").replace("\n", " ")
        yield f"{'ok' if ok else 'not ok'} {number} - {described}"
        if not ok:
            yield "  ---"
            yield f"  actual: {json.dumps(actual, ensure_ascii=False)}"
            yield "  ..."


def toml(observed: Mapping[str, str]) -> str:
    """Expectations under their names, for `--expect-file`."""
    return "".join(
        f"{name} = {json.dumps(line, ensure_ascii=False) if chr(39) in line else chr(39) + line + chr(39)}\n"
        for name, line in observed.items()
    )


def workflow_commands(judge: Judge) -> Iterator[str]:
    """Workflow commands of GitHub Actions, which show what did not hold beside the run."""
    for summary, results in judge.runs:
        broken = [f"{result.text}: it is {result.found}" for result in results if not result.ok]
        if summary.error is not None and not results:
            broken = [summary.error.message]
        for message in broken:
            yield f"::error title={_escaped(summary.input, ',:')}::{_escaped(message)}"


def _escaped(text: str, more: str = "") -> str:
    """A text in a workflow command."""
    for character in "%\r\n" + more:
        text = text.replace(character, f"%{ord(character):02X}")
    return text


def step_summary(judge: Judge) -> str:
    """A table in Markdown for the summary of a step."""
    rows = [("run", "expectation", "", "actual"), ("---",) * 4] + [
        (_cell(summary.input), _cell(result.text), "✓" if result.ok else "✗", _cell(result.found))
        for summary, results in judge.runs
        for result in results
    ]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _cell(text: str) -> str:
    return text.replace("\\", "\\\\").replace("|", "\\|").replace("\n", " ").replace("<", "&lt;")
