"""How long connections last, and when one is to be left. Pure: time is an argument, in seconds."""

from __future__ import annotations

CONNECTION_SECONDS = 600.0
"""How long a connection lasts, as far as is known before the service says it (documented)."""
SHORTEST_SECONDS = 1.0
"""... whatever the service says."""
LASTING_SECONDS = 30.0
"""A connection that lasted so long was worth opening, whatever was said over it."""


class Life:
    """Of one connection after the other; `seconds` is how long one lasts.

    `leave_at` is when to look for a moment to leave this one, None where it is not about to end; `leaving` is whether
    that has come.
    """

    def __init__(self) -> None:
        self.seconds = CONNECTION_SECONDS
        self.leave_at: float | None = None
        self.leaving = False
        self._began_at = 0.0

    def begin(self, now: float) -> None:
        """A connection has been opened."""
        self._began_at, self.leave_at, self.leaving = now, None, False

    def warn(self, now: float, left_seconds: float) -> None:
        """The service will end it so soon. Half of that is left for what is under way."""
        self.leave_at = now + left_seconds / 2
        self._learn(now + left_seconds)

    def leave(self) -> None:
        """It is time."""
        self.leave_at, self.leaving = None, True

    def expire(self, now: float) -> None:
        """The service has ended it because of its age."""
        self._learn(now)

    def has_lasted(self, now: float) -> bool:
        """Whether it was worth opening, whatever was said over it."""
        return now - self._began_at > LASTING_SECONDS

    def _learn(self, ends_at: float) -> None:
        self.seconds = max(ends_at - self._began_at, SHORTEST_SECONDS)
