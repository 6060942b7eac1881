"""The last turns of a chat, and the tokens and the cost of all of its turns. No I/O."""

from __future__ import annotations

import copy
from collections import Counter, deque

from ..report.spending import Spending
from ..report.summary import Summary
from ..report.usage import billed_tokens

RECENT_TURNS = 20
"""The number of turns whose summaries are kept: those that the tables of `/usage` and `/latency` have."""


class RecentTurns:
    """The summaries of the last turns. Those of earlier turns are added up, so that a long chat takes no more memory.

    `count` is the number of all turns. A turn that is among the last ones may still get a report of its tokens.
    """

    def __init__(self) -> None:
        self.count = 0
        self._summaries: deque[Summary] = deque()
        self._earlier_tokens: Counter[str] = Counter()
        self._earlier_spending = Spending()

    def add(self, summary: Summary) -> None:
        """Add a turn that is over."""
        self.count += 1
        self._summaries.append(summary)
        if len(self._summaries) > RECENT_TURNS:
            earlier = self._summaries.popleft()
            self._earlier_tokens.update(billed_tokens(earlier.stats.usage or {}))
            self._earlier_spending.add(earlier)

    @property
    def numbered(self) -> list[tuple[int, Summary]]:
        """The last turns with their numbers in the chat, from 1."""
        return list(enumerate(self._summaries, self.count - len(self._summaries) + 1))

    @property
    def total(self) -> tuple[dict[str, int], Spending]:
        """The billed tokens by their kind, and the cost, of all turns."""
        tokens, spending = Counter(self._earlier_tokens), copy.deepcopy(self._earlier_spending)
        for summary in self._summaries:
            tokens.update(billed_tokens(summary.stats.usage or {}))
            spending.add(summary)
        return dict(tokens), spending
