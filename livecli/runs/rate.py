"""Adaptive rate at which the sessions of a batch start: it falls when the service is at its limit, and recovers.

Additive increase, multiplicative decrease, as in TCP. Clock and sleep are arguments.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from ..errors import LivecliError, QuotaError
from ..report.reporter import Retry

# Starts a second. Google documents how many sessions may be open (1,000 a project on Vertex AI), but no rate at which
# they may start. At this one, that many are open after 100 s, and few sessions meet a lower quota instead of hundreds.
CONNECT_RATE = 10.0

# Starts a second below which the rate does not fall, so that there is always one that tries.
SLOWEST = 0.1

# Sessions that have to open for the full rate to be reached again.
STEPS = 50

# How often a start that waits checks whether the rate has changed.
CHECK_SECONDS = 1.0


class AdaptiveRate:
    """Starts sessions at `per_second`, at most `limit`. `remark` is told of each fall and of the recovery."""

    def __init__(
        self,
        limit: float,
        clock: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]],
        remark: Callable[[str], None],
    ) -> None:
        self.limit = self.per_second = limit
        self._clock, self._sleep, self._remark = clock, sleep, remark
        self._queue = asyncio.Lock()  # its waiters are served in order
        self._next_at = clock()
        self._admitted = self._fell_after = 0

    async def admit(self) -> int:
        """Wait until the next session may start. Returns its number, for `refused` and `opened`."""
        async with self._queue:
            while (wait := self._next_at - self._clock()) > 0:
                await self._sleep(min(wait, CHECK_SECONDS))
            spacing = 1 / self.per_second
            self._next_at = max(self._next_at, self._clock() - spacing) + spacing
            self._admitted += 1
            return self._admitted

    def refused(self, number: int, after_seconds: float = 0.0) -> None:
        """The service has refused session `number` for want of room: halve the rate, and pause for `after_seconds`.

        Sessions that had started before the rate last fell do not count.
        """
        now = self._clock()
        self._next_at = max(self._next_at, now + after_seconds)
        if number <= self._fell_after:
            return
        self._fell_after = self._admitted
        self.per_second = max(self.per_second / 2, min(SLOWEST, self.limit))
        self._next_at = max(self._next_at, now + 1 / self.per_second)
        self._remark(f"the service is at its limit: sessions start at {self.per_second:.3g} a second")

    def opened(self, number: int) -> None:
        """The service has accepted session `number`."""
        if number <= self._fell_after or self.per_second == self.limit:
            return
        self.per_second = min(self.limit, self.per_second + self.limit / STEPS)
        if self.per_second == self.limit:
            self._remark(f"sessions start at {self.limit:g} a second again")


class RateTicket:
    """Admission of one session: `admit` before the first attempt, `pause` before each further one."""

    def __init__(self, rate: AdaptiveRate) -> None:
        self._rate = rate
        self._number = 0

    async def admit(self) -> None:
        """Wait until the session may start."""
        self._number = await self._rate.admit()

    async def pause(self, retry: Retry) -> None:
        """Wait before another attempt: the retry's own pause, and then as before the first."""
        self.failed(retry.error)
        await asyncio.sleep(retry.seconds)
        await self.admit()

    def failed(self, error: LivecliError) -> None:
        """An attempt has failed. Only a refusal for want of room changes the rate."""
        if isinstance(error, QuotaError):
            self._rate.refused(self._number, error.retry_after_seconds or 0.0)

    def opened(self) -> None:
        """The session is set up."""
        self._rate.opened(self._number)
