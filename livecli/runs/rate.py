"""How fast the sessions of a crowd are started: at a rate that falls when the service is at its limit, and recovers.

Additive increase, multiplicative decrease, as TCP finds its own. Pure but for the clock and the sleep it is given.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from ..errors import LivecliError, QuotaError
from ..report.reporter import Retry

CONNECT_RATE = 10.0
"""Starts a second. Google documents how many sessions may be open (1,000 a project on Vertex AI), but no rate at which
they may start: at this one that many are open after 100 s, and a lower quota is met by a few instead of hundreds."""
SLOWEST = 0.1
"""Starts a second below which the rate does not fall: there is always one that tries."""
STEPS = 50
"""So many sessions that open bring back the whole rate that was wanted."""
LOOK_SECONDS = 1.0
"""How often a start that waits looks whether the rate has changed."""


class AdaptiveRate:
    """`per_second` is the rate now, `wanted` at the most. `told` hears of each fall, and when all of it is back."""

    def __init__(
        self,
        wanted: float,
        clock: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]],
        told: Callable[[str], None],
    ) -> None:
        self.wanted = self.per_second = wanted
        self._clock, self._sleep, self._told = clock, sleep, told
        self._turn = asyncio.Lock()  # first come, first served
        self._next_at = clock()
        self._admitted = self._fell_after = 0

    async def admit(self) -> int:
        """Wait until the next session may start. Returns its number, for `refused` and `opened`."""
        async with self._turn:
            while (wait := self._next_at - self._clock()) > 0:
                await self._sleep(min(wait, LOOK_SECONDS))
            spacing = 1 / self.per_second
            self._next_at = max(self._next_at, self._clock() - spacing) + spacing
            self._admitted += 1
            return self._admitted

    def refused(self, number: int, after_seconds: float = 0.0) -> None:
        """The service has no room for that one: half as many a second, and none for as long as it asks.

        Those that had started before the rate fell say nothing of the rate since, and do not count.
        """
        now = self._clock()
        self._next_at = max(self._next_at, now + after_seconds)
        if number <= self._fell_after:
            return
        self._fell_after = self._admitted
        self.per_second = max(self.per_second / 2, min(SLOWEST, self.wanted))
        self._next_at = max(self._next_at, now + 1 / self.per_second)
        self._told(f"the service is at its limit: sessions start at {self.per_second:.3g} a second")

    def opened(self, number: int) -> None:
        """That one was taken."""
        if number <= self._fell_after or self.per_second == self.wanted:
            return
        self.per_second = min(self.wanted, self.per_second + self.wanted / STEPS)
        if self.per_second == self.wanted:
            self._told(f"sessions start at {self.wanted:g} a second again")


class RateTicket:
    """The way in of one session: `admit` before the first attempt, `pause` before each further one."""

    def __init__(self, starts: AdaptiveRate) -> None:
        self._starts = starts
        self._number = 0

    async def admit(self) -> None:
        """Wait for the turn of this one."""
        self._number = await self._starts.admit()

    async def pause(self, retry: Retry) -> None:
        """An attempt has failed: its own pause, and then a turn like everybody's."""
        self.failed(retry.error)
        await asyncio.sleep(retry.seconds)
        await self.admit()

    def failed(self, error: LivecliError) -> None:
        """Whatever is no refusal for want of room says nothing."""
        if isinstance(error, QuotaError):
            self._starts.refused(self._number, error.retry_after_seconds or 0.0)

    def opened(self) -> None:
        """The session is set up."""
        self._starts.opened(self._number)
