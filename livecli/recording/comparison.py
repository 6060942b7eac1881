"""Comparison of two recorded sessions: their turns aligned by content, and how each pair differs. No I/O.

Turns are aligned by what was asked and called, so that one missing turn is one difference. Ids and resumption handles
are ignored. Latencies and numbers of tokens, which differ from one run of the service to the next, are compared on
request.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from .format import RecordedItem
from .session_analysis import RecordedTurn, SessionAnalysis, analysed
from .word_errors import word_error_rate, words

SECONDS_TOLERANCE = 0.1
"""Lengths of audio that differ by no more are the same."""
LEVEL_TOLERANCE_DB = 1.0
"""Loudnesses that differ by no more are the same."""
LATENCY_TOLERANCE = 0.1
"""Latencies that differ by no more seconds are the same."""

UNPAIRED_COST = 0.5
"""The cost of a turn without counterpart: two turns whose contents differ by more than 1 are no pair."""
MOST_WORDS = 100
"""The words of a text that decide which turns belong together."""

COUNT_ENDING = "TokenCount"
"""How the fields of usage end that hold a number of tokens."""

IGNORED_KINDS = frozenset({"usage", "interim_transcript"})
"""Kinds of events whose place in an answer differs from run to run."""


@dataclass(frozen=True)
class Difference:
    """One difference: `where` is "session" or "turn 2", `what` the aspect; `a` and `b` are JSON, None where missing."""

    where: str
    what: str
    a: Any
    b: Any
    note: str = ""


def compare(a: Iterable[RecordedItem], b: Iterable[RecordedItem], *, timing: bool = False) -> list[Difference]:
    """The differences of two recordings, in the order of the turns, those of the whole session at the end."""
    first, second = analysed(a), analysed(b)
    found: list[Difference] = []
    if _model(first) != _model(second):
        found.append(Difference("session", "model", _model(first), _model(second)))
    for left, right in aligned(first.turns, second.turns):
        found += _compare_turns(first, second, left, right, timing=timing)
    if _end(first) != _end(second):
        found.append(Difference("session", "close", _end(first), _end(second)))
    return found


def _model(session: SessionAnalysis) -> str | None:
    return session.headers[0].model if session.headers else None


def _end(session: SessionAnalysis) -> dict[str, Any] | None:
    """How the last connection was closed."""
    close = session.close
    return None if close is None else {"code": close.code, "reason": close.reason, "by": str(close.by)}


def aligned(a: Sequence[RecordedTurn], b: Sequence[RecordedTurn]) -> list[tuple[int | None, int | None]]:
    """Pairs of the indexes of turns that belong together, None where one has no counterpart.

    The cost of a pair is how much its contents differ, so that the cheapest alignment leaves out a missing turn.
    """
    distances = [[_distance(left, right) for right in b] for left in a]
    costs = [[0.0] * (len(b) + 1) for _ in range(len(a) + 1)]

    def steps(row: int, column: int) -> Iterator[tuple[float, int, int]]:
        """(cost, turns of `a`, turns of `b`) of each way to go on from here."""
        if row < len(a) and column < len(b):
            yield distances[row][column] + costs[row + 1][column + 1], 1, 1
        if row < len(a):
            yield UNPAIRED_COST + costs[row + 1][column], 1, 0
        if column < len(b):
            yield UNPAIRED_COST + costs[row][column + 1], 0, 1

    for row in range(len(a), -1, -1):
        for column in range(len(b), -1, -1):
            costs[row][column] = min((cost for cost, _, _ in steps(row, column)), default=0.0)
    found: list[tuple[int | None, int | None]] = []
    row = column = 0
    while row < len(a) or column < len(b):
        _, down, right = min(steps(row, column), key=lambda step: step[0])
        found.append((row if down else None, column if right else None))
        row, column = row + down, column + right
    return found


def _distance(a: RecordedTurn, b: RecordedTurn) -> float:
    """How much two turns differ in what was asked, called and said, 0 to 1.2."""
    asked, said = (
        min(1.0, word_error_rate(*(words(text)[:MOST_WORDS] for text in texts)))
        for texts in ((a.question, b.question), (a.said, b.said))
    )
    names = [[name for name, _ in turn.calls] for turn in (a, b)]
    return 0.8 * asked + 0.2 * (names[0] != names[1]) + 0.2 * said


def _compare_turns(
    first: SessionAnalysis, second: SessionAnalysis, left: int | None, right: int | None, *, timing: bool
) -> Iterator[Difference]:
    if left is None or right is None:
        turn = first.turns[left] if left is not None else second.turns[right or 0]
        text = turn.question or turn.said or "(no words)"
        where = f"turn {(left if left is not None else right or 0) + 1}"
        yield Difference(where, "turn", *((text, None) if right is None else (None, text)))
        return
    a, b = first.turns[left], second.turns[right]
    where = f"turn {left + 1}" + (f" (turn {right + 1})" if right != left else "")
    for what, value in ASPECTS.items():
        values = value(a), value(b)
        if values[0] != values[1]:
            yield Difference(where, what, *values)
    for what, texts in {"question": (a.question, b.question), "answer": (a.said, b.said)}.items():
        if rate := word_error_rate(words(texts[0]), words(texts[1])):
            yield Difference(where, what, *texts, note=f"word error rate {rate:.0%}")
    yield from _compare_calls(where, a, b)
    for what, numbers, tolerance in _figures(a, b, timing=timing):
        if not _is_close(*numbers, tolerance):
            yield Difference(where, what, *numbers)


ASPECTS: dict[str, Callable[[RecordedTurn], Any]] = {
    "order": lambda turn: [kind for kind in turn.kinds if kind not in IGNORED_KINDS],
    "interrupted": lambda turn: turn.is_interrupted,
    "complete": lambda turn: turn.complete_at is not None,
    "usage": lambda turn: sorted({name for usage in turn.usage for name in usage if name.endswith(COUNT_ENDING)}),
}
"""The aspects of a turn that are compared exactly. Of usage, that is the kinds of tokens: their numbers vary."""


def _figures(
    a: RecordedTurn, b: RecordedTurn, *, timing: bool
) -> Iterator[tuple[str, tuple[float | None, float | None], float]]:
    """(name, both values, tolerance) of each figure."""
    yield "audio seconds", (a.audio_seconds, b.audio_seconds), SECONDS_TOLERANCE
    if a.pieces and b.pieces:
        yield "loudness in dBFS", (a.level, b.level), LEVEL_TOLERANCE_DB
        yield "silence in seconds", (a.silent_seconds, b.silent_seconds), SECONDS_TOLERANCE
    if timing:
        yield "tokens", (_tokens(a), _tokens(b)), 0.0
        for name in ("first_at", "sound_at", "complete_at"):
            values = a.latency(getattr(a, name)), b.latency(getattr(b, name))
            yield f"latency {name.removesuffix('_at')}", values, LATENCY_TOLERANCE


def _is_close(a: float | None, b: float | None, tolerance: float) -> bool:
    return a == b if a is None or b is None else abs(a - b) <= tolerance


def _tokens(turn: RecordedTurn) -> int:
    counts = [usage.get("totalTokenCount") for usage in turn.usage]
    return sum(count for count in counts if isinstance(count, int))


def _compare_calls(where: str, a: RecordedTurn, b: RecordedTurn) -> Iterator[Difference]:
    for what, calls in {"call": (a.calls, b.calls), "response": (a.responses, b.responses)}.items():
        called, other = ([name for name, _ in each] for each in calls)
        if called != other:
            yield Difference(where, f"{what}s", called, other)
            continue
        for (name, left), (_, right) in zip(*calls, strict=True):
            for path, before, after in json_differences(left, right):
                yield Difference(where, f"{what} {name}{path}", before, after)


def json_differences(a: Any, b: Any, path: str = "") -> Iterator[tuple[str, Any, Any]]:
    """(path, value in `a`, value in `b`) of each place where two JSON values differ; None where it is missing."""
    if isinstance(a, dict) and isinstance(b, dict):
        for name in dict.fromkeys([*a, *b]):
            yield from json_differences(a.get(name), b.get(name), f"{path}.{name}")
    elif isinstance(a, list) and isinstance(b, list) and len(a) == len(b):
        for index, (left, right) in enumerate(zip(a, b, strict=True)):
            yield from json_differences(left, right, f"{path}[{index}]")
    elif json.dumps(a, sort_keys=True) != json.dumps(b, sort_keys=True):
        yield path, a, b
