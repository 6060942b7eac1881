"""The cost of several runs together."""

from __future__ import annotations

from .summary import Summary


class Spending:
    """The cost of the runs that were added, in US dollars.

    `known_usd` leaves out the runs whose cost is not known. `unpriced` are the tokens for which those lack a price, as
    `Summary.unpriced`, and `unreported` is the input of a run that succeeded although no tokens were reported for it.
    """

    def __init__(self) -> None:
        self.known_usd = 0.0
        self.unpriced: list[str] = []
        self.unreported: str | None = None
        self._has_cost = False

    def add(self, summary: Summary) -> None:
        """Add a run. One that failed before the service reported any tokens counts as free."""
        cost = summary.cost_usd
        if cost is not None:
            self.known_usd += cost
            self._has_cost = True
        elif summary.unpriced:
            self.unpriced += [tokens for tokens in summary.unpriced if tokens not in self.unpriced]
        elif summary.ok:
            self.unreported = summary.input

    @property
    def gap(self) -> str | None:
        """The reason why the cost of a run is not known; None where that of each is."""
        if self.unpriced:
            return f"no price is known for {', '.join(self.unpriced)}"
        return None if self.unreported is None else f"the service reported no tokens for {self.unreported}"

    @property
    def usd(self) -> float | None:
        """The cost of all runs; None where there is none, or that of one of them is not known."""
        return self.known_usd if self._has_cost and self.gap is None else None
