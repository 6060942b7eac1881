"""The expectations of a script, and which of them held: what it says of turns, of function responses and of the whole.

A turn that is used several times, in one session or in several, holds an expectation if it does so each time. The first
failure is kept. No I/O: the emulator reports to a ScriptCheck what passes.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol

import msgspec

from ..checks.grammar import contains
from ..protocol.messages import FunctionResponse, Json
from .core.behaviour import Call

MAX_SEARCHED_CHARACTERS = 10_000
"""The length of text in which an expression is searched for; the rest is ignored."""

MAX_SEARCH_SECONDS = 0.1
"""The processor time that one search may take: other sessions wait for it, and some expressions never end."""

MAX_QUOTED_CHARACTERS = 200
"""The length to which a text of the client is cut in a message."""

Key = tuple[str | int, ...]
"""The path of a value in the script's TOML, by which its line is found."""


class Pattern(Protocol):
    """A compiled regular expression whose searches have a time limit, as those of the library `regex`."""

    @property
    def pattern(self) -> str: ...

    def search(self, string: str, *, timeout: float) -> object | None:
        """The match, None where there is none. Raises TimeoutError after `timeout` seconds of processor time."""


@dataclass(frozen=True)
class Range:
    """The numbers from `low` to `high`, both included. `text` is how the script writes it."""

    low: float
    high: float
    text: str

    def __contains__(self, number: float) -> bool:
        return self.low <= number <= self.high


@dataclass(frozen=True)
class TurnExpectations:
    """The expectations of a script about the user's turns that the `[[turn]]` at `key` answers."""

    key: Key
    text: Pattern | None = None
    audio_seconds: Range | None = None


@dataclass(frozen=True)
class ExpectedCall:
    """A function call, and the values that its response must have. `key` is where the script says so."""

    call: Call
    response: Json
    key: Key


@dataclass(frozen=True)
class ScriptExpectation:
    """An expectation that was checked: what a line of a script expects of `subject`, what was the case, if it held."""

    file: str
    line: int
    subject: str
    expected: str
    actual: str
    held: bool

    @property
    def comparison(self) -> str:
        return f"expected {self.expected}, actual {self.actual}"

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.subject}: {self.comparison}"


@dataclass
class _Outcome:
    """The result of one expectation so far. `open_calls` are the calls whose functions have not returned."""

    subject: str
    expected: str
    actual: str = ""
    held: bool = True
    open_calls: int = 0

    def note(self, actual: str, *, held: bool) -> None:
        """Note one use. The first failure is kept."""
        if self.held:
            self.actual, self.held = actual, held


@dataclass(frozen=True)
class ScriptExpectations:
    """The expectations of a whole script: `[expect]` by its keys, and the turns that have to be used."""

    whole: Mapping[str, Range] = field(default_factory=dict)
    required: tuple[Key, ...] = ()
    line_of: Callable[[Key], int] = lambda key: 1


@dataclass
class ScriptCheck:
    """Checks the expectations of the script in `file` for all sessions of an emulator, which reports them here.

    `last_close` is that of the session that ended last, None before; 1006 is a lost connection.
    """

    expectations: ScriptExpectations = field(default_factory=ScriptExpectations)
    file: str = "the script"
    connections: int = 0
    turns: int = 0
    last_close: int | None = None
    _used: set[Key] = field(default_factory=set)
    _outcomes: dict[Key, _Outcome] = field(default_factory=dict)

    def note_connection(self) -> None:
        """Count a session that was opened."""
        self.connections += 1

    def note_turn(self) -> None:
        """Count a turn of the user."""
        self.turns += 1

    def note_close(self, code: int) -> None:
        """Note how a session has ended."""
        self.last_close = code

    def note_use(self, turn: TurnExpectations, text: str, audio_seconds: float) -> None:
        """Check a turn of the user that the `[[turn]]` answers: its text, and the audio of its speech."""
        self._used.add(turn.key)
        if turn.text is not None:
            found, actual = _search(turn.text, text)
            self._outcome((*turn.key, "expect_text"), quoted(turn.text.pattern)).note(actual, held=found)
        if turn.audio_seconds is not None:
            outcome = self._outcome((*turn.key, "expect_audio_seconds"), turn.audio_seconds.text)
            outcome.note(f"{audio_seconds:.2f}", held=audio_seconds in turn.audio_seconds)

    def call(self, expected: ExpectedCall) -> Call:
        """The call, with a check of its responses."""
        self.note_call(expected)
        return msgspec.structs.replace(expected.call, on_return=_ResponseCheck(self, expected))

    def note_call(self, expected: ExpectedCall) -> None:
        """Note a call, whose function is to return."""
        self._outcome_of(expected).open_calls += 1

    def note_response(self, expected: ExpectedCall, actual: str, *, held: bool) -> None:
        """Note that the function of a call has returned."""
        outcome = self._outcome_of(expected)
        outcome.open_calls -= 1
        outcome.note(actual, held=held)

    def results(self) -> list[ScriptExpectation]:
        """The expectations that can be judged so far, in the order of the file."""
        found = {}
        for key, outcome in self._outcomes.items():
            no_response = outcome.held and outcome.open_calls > 0
            found[key] = replace(outcome, actual="no response", held=False) if no_response else outcome
        numbers = {"connections": self.connections, "turns": self.turns, "close": self.last_close}
        for name, expected in self.expectations.whole.items():
            number = numbers[name]
            actual, held = ("none", False) if number is None else (str(number), number in expected)
            found["expect", name] = _Outcome(name, expected.text, actual, held)
        for key in self.expectations.required:
            used = key in self._used
            found[key] = _Outcome("turn", "a turn of the user", "one" if used else "none", used)
        judged = [
            ScriptExpectation(
                self.file, self.expectations.line_of(key), each.subject, each.expected, each.actual, each.held
            )
            for key, each in found.items()
        ]
        return sorted(judged, key=lambda each: each.line)

    def failures(self) -> list[ScriptExpectation]:
        """The expectations that do not hold so far, in the order of the file."""
        return [each for each in self.results() if not each.held]

    def _outcome_of(self, expected: ExpectedCall) -> _Outcome:
        return self._outcome(expected.key, quoted(expected.response), f"response of {expected.call.name}")

    def _outcome(self, key: Key, expected: str, subject: str | None = None) -> _Outcome:
        return self._outcomes.setdefault(key, _Outcome(subject or str(key[-1]), expected))


NewCheck = Callable[[ScriptExpectations, str], ScriptCheck]
"""Makes the check of a script, from its expectations and its name."""


@dataclass
class _ResponseCheck:
    """Checks the responses of one call."""

    check: ScriptCheck
    expected: ExpectedCall
    is_open: bool = True

    def __call__(self, response: FunctionResponse) -> None:
        values = response.response or {}
        held = contains(values, self.expected.response)
        # A function may return in parts, of which one has to be as expected.
        if self.is_open and (held or not response.will_continue):
            self.is_open = False
            self.check.note_response(self.expected, quoted(values), held=held)


def quoted(value: object) -> str:
    """A value as JSON, cut to MAX_QUOTED_CHARACTERS."""
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= MAX_QUOTED_CHARACTERS else f"{text[:MAX_QUOTED_CHARACTERS]}…"


def _search(pattern: Pattern, text: str) -> tuple[bool, str]:
    """Whether the expression is found in the text, and what to say of the text."""
    try:
        found = pattern.search(text[:MAX_SEARCHED_CHARACTERS], timeout=MAX_SEARCH_SECONDS) is not None
    except TimeoutError:
        return False, f"a text on which the search takes more than {MAX_SEARCH_SECONDS} s"
    return found, quoted(text)
