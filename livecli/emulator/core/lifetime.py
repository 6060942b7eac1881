"""Limits of a connection and of a session. No I/O: time is an argument.

A connection is closed some time after a `goAway`, with 1008 as probed, or with 1011 if there was no `goAway`, as users
report. A session without `contextWindowCompression` is closed with 1000 and without a `goAway`, as
documented.
"""

from __future__ import annotations

import msgspec

from ...protocol import close_reasons, events
from ...protocol.close_reasons import Refusal
from .response import Message


class Limits(msgspec.Struct, frozen=True):
    """Longest times, where None is no limit. `goaway_seconds` is the time from the `goAway` to the connection's end."""

    connection_seconds: float | None = None
    goaway_seconds: float = 60.0
    session_seconds: float | None = None


UNLIMITED = Limits()


class Lifetime:
    """The limits of one connection, which began at `began_at`. Its session had lasted `before_seconds` before.

    `wake_at` is the time at which `due` is to be called next, None for never.
    """

    def __init__(
        self, limits: Limits, began_at: float, *, before_seconds: float = 0.0, compresses: bool = False
    ) -> None:
        self._began_at, self._before_seconds = began_at, before_seconds
        self._connection_ends = None if limits.connection_seconds is None else began_at + limits.connection_seconds
        session_seconds = None if compresses else limits.session_seconds
        self._session_ends = None if session_seconds is None else began_at + session_seconds - before_seconds
        goaway_at = (
            None if self._connection_ends is None else max(began_at, self._connection_ends - limits.goaway_seconds)
        )
        self._goaway_at = goaway_at
        self.wake_at = _first(goaway_at, self._session_ends)

    def session_seconds(self, now: float) -> float:
        """Duration of the session until `now`, over all its connections."""
        return self._before_seconds + now - self._began_at

    def due(self, now: float) -> Message | None:
        """The `goAway` if it is due, once. Raises Refusal when a limit is reached."""
        if self.wake_at is None or now < self.wake_at:
            return None
        if self._session_ends is not None and now >= self._session_ends:
            raise Refusal(1000, "")
        assert self._connection_ends is not None, "one of the two is due"
        if self._goaway_at is None:
            raise Refusal(1008, close_reasons.GO_AWAY_IGNORED)
        if now >= self._connection_ends:
            raise Refusal(1011, close_reasons.DEADLINE_EXPIRED)
        time_left_seconds = self._connection_ends - self._goaway_at
        self._goaway_at = None
        self.wake_at = _first(self._connection_ends, self._session_ends)
        return [events.GoAway(time_left_seconds)]


def _first(*moments: float | None) -> float | None:
    return min((at for at in moments if at is not None), default=None)
