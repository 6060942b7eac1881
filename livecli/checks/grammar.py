"""The lines of `--expect`: a subject, a predicate and a value. No expression is evaluated as code.

transcript ~ "train|station"          a regular expression is found in it, in any case
transcript contains "train"           heard = "…", heard != "…"
heard wer < 0.15 "where is the nearest train station"
first_sound < 1500ms                  < <= > >= = != and a range: reply 1..3s
p95(first_sound) < 2s                 over all runs: p1 to p99, mean, min, max
tool find_station {"near": "me"}      such a call was made, whatever else its arguments say
interrupted within 500ms              after the user spoke or typed
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Any

from ..errors import UsageError
from ..recording.word_errors import word_error_rate, words
from ..report.stats import percentile

SUBJECTS = {
    "transcript": ("text", "the answer in words, from the service's transcript or its text"),
    "heard": ("text", "the service's transcript of the input"),
    "connect": ("ms", "from the start of the connection to the end of the upgrade"),
    "setup": ("ms", "from the setup to setupComplete"),
    "first_audio": ("ms", "from the last sample or the text to the first audio"),
    "first_sound": ("ms", "from the last sample or the text to the first audio above -50 dBFS"),
    "turn": ("ms", "from the last sample or the text to turnComplete"),
    "reply": ("s", "the length of the reply's audio"),
    "silence": ("ms", "the longest silence (below -50 dBFS) between sounds of the reply"),
    "clipping": ("", "the samples of the reply at full scale"),
    "loudness": ("LUFS", "the integrated loudness of the reply (ITU-R BS.1770-4)"),
    "tools": ("", "the function calls"),
    "turns": ("", "the turns that the service completed"),
    "close": ("", "the close code of the session"),
    "cost": ("$", "US dollars for the tokens of the run"),
}
"""The unit of each subject, "text" for a text, and what it is."""

AGGREGATES: dict[str, Callable[[Sequence[float]], float]] = {
    "mean": lambda values: sum(values) / len(values),
    "min": min,
    "max": max,
}

COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
    "=": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
}

_TOKEN = re.compile(
    r"""\s*(?:(?P<text>"(?:[^"\\]|\\.)*")|(?P<json>\{.*)|(?P<range>[-+]?\d*\.?\d+\.\.[-+]?\d*\.?\d+)|(?P<number>\$?[-+]?\d*\.?\d+)
    |(?P<sign><=|>=|!=|[<>=~])|(?P<word>[A-Za-z_][\w.-]*)|(?P<bracket>[()]))""",
    re.VERBOSE,
)
_FACTORS = {("ms", "ms"): 1.0, ("s", "ms"): 1000.0, ("s", "s"): 1.0, ("ms", "s"): 0.001}


@dataclass(frozen=True)
class Expectation:
    """One line. `subject` is a key of SUBJECTS, "tool" or "interrupted"; `holds` takes its value.

    `aggregate` combines the values of several runs first. `derived` is what is compared of a value, where that is
    another one: the word error rate of a text.
    """

    text: str
    subject: str
    holds: Callable[[Any], bool]
    aggregate: Callable[[Sequence[float]], float] | None = None
    derived: Callable[[Any], Any] | None = None

    @property
    def unit(self) -> str:
        """The unit of the value."""
        if self.derived is not None or self.subject == "tool":
            return ""
        unit = "ms" if self.subject == "interrupted" else SUBJECTS[self.subject][0]
        return "" if unit == "text" else unit


def parse(text: str) -> Expectation:
    """The expectation of a line. Raises UsageError, which marks the place."""
    return _Parser(text).expectation()


class _Parser:
    def __init__(self, text: str) -> None:
        self._text, self._place, self._before = text, 0, 0

    def expectation(self) -> Expectation:
        name = self._take("word", "an expectation begins with a subject", SUBJECTS)
        aggregate = self._aggregate(name)
        if aggregate:
            self._take("bracket", f"{name} is of a subject: {name}(first_sound)")
            name = self._take("word", f"{name} is of a subject: {name}(first_sound)", SUBJECTS)
            self._take("bracket", "a bracket is missing: )")
        if name == "tool":
            return self._end("tool", self._tool())
        if name == "interrupted":
            self._word("within")
            most = self._number("ms")
            return self._end("interrupted", lambda ms: ms is not None and ms <= most)
        if name not in SUBJECTS:
            near = get_close_matches(name, [*SUBJECTS, "tool", "interrupted"], 1)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(SUBJECTS)}, tool and interrupted"
            raise self._wrong(f"there is no subject {name!r}", hint=hint)
        unit = SUBJECTS[name][0]
        if unit == "text":
            if aggregate:
                raise self._wrong(f"{name} is a text")
            holds, derived = self._text_predicate(name)
            return replace(self._end(name, holds), derived=derived)
        return self._end(name, self._comparison(unit), aggregate)

    def _aggregate(self, name: str) -> Callable[[Sequence[float]], float] | None:
        if found := re.fullmatch(r"p([1-9]\d?)", name):
            share = int(found[1]) / 100
            return lambda values: percentile(sorted(values), share)
        return AGGREGATES.get(name)

    def _end(
        self, subject: str, holds: Callable[[Any], bool], aggregate: Callable[[Sequence[float]], float] | None = None
    ) -> Expectation:
        if self._text[self._place :].strip():
            self._before = self._place
            raise self._wrong("nothing more is expected here")
        return Expectation(self._text.strip(), subject, holds, aggregate)

    def _text_predicate(self, name: str) -> tuple[Callable[[Any], bool], Callable[[Any], Any] | None]:
        match self._next():
            case ("sign", "~"):
                pattern = self._pattern()
                return lambda text: text is not None and pattern(text), None
            case ("sign", "=" | "!=" as equality):
                value = self._quoted()
                return lambda text: text is not None and (text.strip() == value) is (equality == "="), None
            case ("word", "contains"):
                part = self._quoted().casefold()
                return lambda text: text is not None and part in text.casefold(), None
            case ("word", "wer"):
                sign = self._take("sign", 'wer is compared: wer < 0.15 "the words"')
                most, compare = self._number(""), COMPARISONS.get(sign)
                if compare is None:
                    raise self._wrong("wer is compared with <, <=, >, >=, = or !=")
                wanted = words(self._quoted())
                return (
                    lambda rate: rate is not None and compare(rate, most),
                    lambda text: word_error_rate(wanted, words(text)),
                )
        raise self._wrong(f"{name} takes ~, contains, =, != or wer")

    def _comparison(self, unit: str) -> Callable[[Any], bool]:
        kind, word = self._next()
        if kind == "range":
            low, _, high = word.partition("..")
            least, most = (self._scaled(float(each), unit) for each in (low, high))
            self._unit(unit)
            return lambda value: value is not None and least <= value <= most
        if kind != "sign" or word not in COMPARISONS:
            raise self._wrong("a figure is compared with <, <=, >, >=, = or !=, or has a range: 1..3s")
        compare, bound = COMPARISONS[word], self._number(unit)
        return lambda value: value is not None and compare(value, bound)

    def _number(self, unit: str) -> float:
        word = self._take("number", f"a number is expected, such as {_EXAMPLES[unit]}")
        if word.startswith("$") and unit != "$":
            raise self._wrong(f"a number is expected, such as {_EXAMPLES[unit]}")
        value = self._scaled(float(word.removeprefix("$")), unit)
        self._unit(unit)
        return value

    def _scaled(self, value: float, unit: str) -> float:
        """`value` in the unit of the subject: the one behind it is looked at, and not taken."""
        found = _TOKEN.match(self._text, self._place)
        behind = found["word"] if found else None
        if unit in ("ms", "s"):
            if (behind, unit) not in _FACTORS:
                if value == 0:
                    return 0.0
                self._before = self._place
                raise self._wrong(f"a time has a unit: {_EXAMPLES[unit]}")
            return value * _FACTORS[behind or "", unit]
        return value

    def _unit(self, unit: str) -> None:
        """Take the unit behind a number."""
        found = _TOKEN.match(self._text, self._place)
        if found and found["word"] and (found["word"] == unit or unit in ("ms", "s")):
            self._place = found.end()

    def _tool(self) -> Callable[[Any], bool]:
        name = self._take("word", "the name of a function is expected")
        rest = self._text[self._place :].strip()
        wanted: dict[str, Any] = {}
        if rest:
            self._before = self._place
            try:
                wanted = json.loads(rest)
            except ValueError as error:
                raise self._wrong(f"the arguments are not JSON: {error}") from error
            if not isinstance(wanted, dict):
                raise self._wrong('the arguments are a JSON object, such as {"near": "me"}')
            self._place = len(self._text)
        return lambda calls: any(call.name == name and contains(call.args or {}, wanted) for call in calls)

    def _pattern(self) -> Callable[[str], bool]:
        # Unlike `re`, this library has a time limit.
        import regex

        text = self._quoted()
        try:
            compiled = regex.compile(text, regex.IGNORECASE | regex.DOTALL)
        except regex.error as error:
            raise self._wrong(f"{text!r} is not a regular expression: {error}") from error

        def found(searched: str) -> bool:
            try:
                return compiled.search(searched, timeout=1.0) is not None
            except TimeoutError as error:
                raise UsageError(f"--expect: {text!r} takes more than a second to search for") from error

        return found

    def _quoted(self) -> str:
        word = self._take("text", 'a text in double quotes is expected: "train"')
        try:
            text: str = json.loads(re.sub(r'\\(?!["\\/bfnrtu])', r"\\\\", word))
        except ValueError as error:
            raise self._wrong(f"this is not a text: {error}") from error
        return text

    def _word(self, word: str) -> None:
        if self._take("word", f"{word!r} is expected") != word:
            raise self._wrong(f"{word!r} is expected")

    def _take(self, kind: str, problem: str, near: Iterable[str] = ()) -> str:
        found, word = self._next()
        if found != kind:
            raise self._wrong(problem)
        return word

    def _next(self) -> tuple[str, str]:
        self._before = self._place
        found = _TOKEN.match(self._text, self._place)
        if found is None or found.lastgroup is None:
            return "", ""
        self._place = found.end()
        self._before = found.start(found.lastgroup)
        return found.lastgroup, found[found.lastgroup]

    def _wrong(self, problem: str, *, hint: str | None = None) -> UsageError:
        text = self._text
        while text[self._before : self._before + 1].isspace():
            self._before += 1
        marked = f"{text[: self._before]}⟨here⟩{text[self._before :]}"
        return UsageError(f"--expect {marked}: {problem}", hint=hint or "`livecli help expect` has examples")


_EXAMPLES = {"ms": "1500ms or 1.5s", "s": "3s or 500ms", "LUFS": "-20 LUFS", "$": "$0.01", "": "2"}


def contains(actual: Any, expected: Any) -> bool:
    """Whether a JSON value has all of `expected`: objects may have more members, lists and the rest are the same."""
    if isinstance(expected, dict):
        return isinstance(actual, dict) and all(
            name in actual and contains(actual[name], value) for name, value in expected.items()
        )
    if isinstance(expected, list):
        return isinstance(actual, list) and len(actual) == len(expected) and all(map(contains, actual, expected))
    # In Python, true is 1.
    return isinstance(actual, bool) == isinstance(expected, bool) and bool(actual == expected)
