"""Token usage: the sum over the turns of a run, and the tokens that are billed for it, by modality. No I/O.

The service reports `usageMetadata` at the end of each turn, for that turn alone (recorded 2026-09). The prompt of a
turn is the whole context so far, and each turn is billed for it: adding up all turns gave a real bill within 3 %, and
Google's staff say so (both in Google's forum, 2026).
"""

from __future__ import annotations

from typing import Any

from ..protocol.messages import Json

DIRECTIONS = {"promptToken": "in", "toolUsePromptToken": "in", "responseToken": "out", "candidatesToken": "out"}
"""Each pair of a count (`promptTokenCount`) and its details (`promptTokensDetails`), and the direction of its tokens.

A response is called candidates on Vertex AI. `totalTokenCount` is not used: it leaves out the thoughts in all 28 turns
that were recorded (2026-09).
"""

MAX_COUNT = 2**53
"""A larger number is no count of tokens: JSON numbers are exact up to here."""

MODALITY_CHARACTERS = 10
"""The length to which the name of a modality, which the service chooses, is cut."""


def added(total: Json, turn: Json) -> Json:
    """The sum of two usages, each field under its own name.

    Counts of tokens are added up, and so are their details, by modality. Of any other field the later value is kept.
    """
    return {**total, **{name: _sum(name, total.get(name), value) for name, value in turn.items()}}


def billed_tokens(usage: Json) -> dict[str, int]:
    """The tokens of a usage by modality and direction, such as "audio in", and the "thoughts".

    The details of 3.x models do not add up to the count (recorded 2026-09): 25 to 126 tokens of a prompt, and 12 tokens
    of a response that calls a function, are in none of them. No source says what these are; they count as text, as
    instructions and calls of functions are. Thoughts are no part of the response's count.
    """
    tokens: dict[str, int] = {}
    for stem, direction in DIRECTIONS.items():
        details = _by_modality(usage.get(f"{stem}sDetails"))
        rest = _count(usage.get(f"{stem}Count")) - sum(details.values())
        for modality, count in [*details.items(), ("TEXT", max(0, rest))]:
            name = f"{modality.lower()[:MODALITY_CHARACTERS]} {direction}"
            tokens[name] = tokens.get(name, 0) + count
    tokens["thoughts"] = _count(usage.get("thoughtsTokenCount"))
    return {name: count for name, count in tokens.items() if count}


def _sum(name: str, before: Any, value: Any) -> Any:
    if name.endswith("TokenCount") and _is_count(value):
        return _count(before) + value
    if name.endswith("TokensDetails"):
        sums = _by_modality(before)
        for modality, count in _by_modality(value).items():
            sums[modality] = sums.get(modality, 0) + count
        return [{"modality": modality, "tokenCount": count} for modality, count in sums.items()]
    return value


def _by_modality(details: Any) -> dict[str, int]:
    """The counts of a list of details. On Vertex AI a count of zero is left out (recorded 2026-09)."""
    counts: dict[str, int] = {}
    for detail in details if isinstance(details, list) else []:
        match detail:
            case {"modality": str(modality)}:
                counts[modality] = counts.get(modality, 0) + _count(detail.get("tokenCount"))
    return counts


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MAX_COUNT


def _count(value: Any) -> int:
    """`value` if it is a number of tokens, else 0."""
    return value if _is_count(value) else 0
