"""The cost of several runs together."""

from __future__ import annotations

from .summary import Summary


class Spending:
    """The cost of the runs that were added, in US dollars.

    `known_usd` leaves out the runs whose cost is not known. `unpriced` are the tokens for which those lack a price, as
    `Summary.unpriced`.
    """

    def __init__(self) -> None:
        self.known_usd = 0.0
        self.unpriced: list[str] = []
        self._has_cost = False

    def add(self, summary: Summary) -> None:
        """Add a run, whether it succeeded or not. One that the service has reported no tokens for costs nothing."""
        cost = summary.cost_usd
        if cost is not None:
            self.known_usd += cost
            self._has_cost = True
        self.unpriced += [tokens for tokens in summary.unpriced if tokens not in self.unpriced]

    @property
    def usd(self) -> float | None:
        """The cost of all runs; None where there is none, or that of one of them is not known."""
        return self.known_usd if self._has_cost and not self.unpriced else None
