"""The judgement of runs: each expectation of each run, and over all of them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from ..errors import CheckError, FileError, UsageError
from ..process.text_files import parse_text_file
from ..protocol import events
from ..report.reporter import Reporter
from ..report.summary import Summary
from ..toml_reader import load as load_toml
from .grammar import SUBJECTS, Expectation, parse
from .measurements import Measurements


@dataclass(frozen=True)
class Result:
    """An expectation, whether it held, and what the value was, in its `unit`."""

    text: str
    ok: bool
    actual: Any
    unit: str = ""

    @property
    def found(self) -> str:
        """The value with its unit, in a message."""
        if self.actual is None:
            return "missing"
        if isinstance(self.actual, str | list):
            return repr(self.actual)
        return f"${self.actual:g}" if self.unit == "$" else f"{self.actual:.4g} {self.unit}".rstrip()

    def as_json(self) -> dict[str, Any]:
        """The object in `expectations` of `--json`."""
        return {"text": self.text, "ok": self.ok, "actual": self.actual}


@dataclass
class Judge:
    """The expectations of a command line, and what its runs brought.

    An expectation has to hold in a share of `pass_rate` of the runs that it could be judged in.
    """

    expectations: Sequence[Expectation]
    pass_rate: float = 1.0
    runs: list[tuple[Summary, Sequence[Result]]] = field(default_factory=list)
    observes: bool = False
    """Whether every subject is measured, so that expectations can be written."""
    observed: dict[str, str] = field(default_factory=dict)
    """The expectations that the last good run fulfils, by name."""

    def run(self) -> RunCheck:
        """The check of one run."""
        return RunCheck(self)

    def is_aggregate(self, text: str) -> bool:
        """Whether the expectation with this text combines the values of all runs."""
        return any(each.aggregate is not None for each in self.expectations if each.text == text)

    def verdict(self) -> list[Result]:
        """The results over all runs: the share of runs that fulfil each expectation, or its aggregate."""
        judged = [results for _, results in self.runs if results]
        verdict = []
        for place, each in enumerate(self.expectations):
            outcomes = [results[place] for results in judged]
            if each.aggregate:
                values = [one.actual for one in outcomes if one.actual is not None]
                value = each.aggregate(values) if values else None
                verdict.append(Result(each.text, value is not None and each.holds(value), _rounded(value), each.unit))
            else:
                share = sum(one.ok for one in outcomes) / len(outcomes) if outcomes else 0.0
                verdict.append(Result(each.text, share >= self.pass_rate, _rounded(share)))
        return verdict


class RunCheck(Reporter):
    """Listens to one run, and judges it when it is over."""

    def __init__(self, judge: Judge) -> None:
        self._judge = judge
        subjects = [*SUBJECTS] if judge.observes else [each.subject for each in judge.expectations]
        self._measured = Measurements(subjects)

    def event(self, direction: str, event: events.Event, at: float) -> None:
        self._measured.event(direction, event, at)

    def closed(self, direction: str, code: int | None, reason: str | None, at: float) -> None:
        self._measured.closed(direction, code, reason, at)

    def judge(self, summary: Summary) -> None:
        """Add the results to the summary of a run that was not ended by a failure of something else.

        Where runs may fail, or a value is combined over runs, the run itself does not.
        """
        measured = self._measured
        results = []
        if summary.error is None or isinstance(summary.error, CheckError):
            for each in self._judge.expectations:
                value = measured.calls if each.subject == "tool" else measured.figure(each.subject, summary)
                if each.derived is not None and value is not None:
                    value = each.derived(value)
                ok = True if each.aggregate else each.holds(value)
                actual = [call.name for call in measured.calls] if each.subject == "tool" else _rounded(value)
                results.append(Result(each.text, ok, actual, each.unit))
        summary.expectations = [result.as_json() for result in results]
        self._judge.runs.append((summary, results))
        if self._judge.observes and summary.error is None:
            self._judge.observed = observations(measured, summary)
        broken = [result for result in results if not result.ok]
        if broken and summary.error is None and self._judge.pass_rate == 1:
            summary.error = CheckError(broken_message(broken, len(results)))


def broken_message(broken: Sequence[Result], count: int) -> str:
    """The error message for expectations that did not hold, of `count`, with the values that were found."""
    told = "; ".join(f"{each.text} (it is {each.found})" for each in broken)
    return f"{len(broken)} of {count} expectation{'s' if count > 1 else ''} did not hold: {told}"


def observations(measured: Measurements, summary: Summary) -> dict[str, str]:
    """Expectations by name that a run fulfils, with margins: twice the time, and half and twice the length."""
    figures = {subject: measured.figure(subject, summary) for subject in SUBJECTS}
    found: dict[str, str] = {}
    for subject, (unit, _) in SUBJECTS.items():
        value = figures[subject]
        if value in (None, ""):
            continue
        if unit == "text":
            found[subject] = f"{subject} wer <= 0.3 {json.dumps(value, ensure_ascii=False)}"
        elif unit == "ms":
            found[subject] = f"{subject} < {2 * value + 100:.0f}ms"
        elif subject == "reply":
            found[subject] = f"reply {value / 2:.1f}..{2 * value + 0.1:.1f}s"
        elif unit == "LUFS":
            found[subject] = f"loudness {value - 6:.0f}..{value + 6:.0f} LUFS"
        elif unit == "$":
            found[subject] = f"cost < ${2 * value:.6f}"
        else:
            found[subject] = f"{subject} = {value}"
    for number, call in enumerate(measured.calls, 1):
        found[f"tool_{number}"] = f"tool {call.name} {json.dumps(call.args or {}, ensure_ascii=False)}"
    return found


def read_expectations(lines: Sequence[str], file: str | None) -> list[Expectation]:
    """The expectations of `--expect` and of `--expect-file`, which holds lines under names.

    Raises UsageError for a line of `--expect`, and FileError for the file.
    """
    found = [parse(line) for line in lines]
    if file is None:
        return found
    table = parse_text_file(file, load_toml)
    for name, line in table.items():
        if not isinstance(line, str):
            raise FileError(f"{file}: {name} is not a text", hint=f'{name} = "first_sound < 1500ms"')
        try:
            found.append(parse(line))
        except UsageError as error:
            raise FileError(f"{file}: {name}: {error.message.removeprefix('--expect ')}", hint=error.hint) from error
    return found


def _rounded(value: Any) -> Any:
    return round(value, 6) if isinstance(value, float) else value
