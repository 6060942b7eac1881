"""Trying again: what is worth it, how often, and after which pause. Pure but for the pause."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import TypeVar

from ..errors import LivecliError
from ..report.reporter import Retry

T = TypeVar("T")

FIRST_PAUSE_SECONDS = 0.3
LONGEST_PAUSE_SECONDS = 30.0
LONGEST_RETRY_AFTER_SECONDS = 120.0
"""What a server may ask for at the most: more than that is for the user to wait."""


async def sleep_for_retry(retry: Retry) -> None:
    """What is done before another attempt, by who is alone."""
    await asyncio.sleep(retry.seconds)


Pause = Callable[[Retry], Awaitable[None]]


def pauses() -> Iterator[float]:
    """Seconds before each next attempt: doubling, each cut by up to half at random so that a crowd spreads out."""
    import random  # where an attempt has failed, and not at every start

    longest = FIRST_PAUSE_SECONDS
    while True:
        yield longest * (1 - random.random() / 2)
        longest = min(2 * longest, LONGEST_PAUSE_SECONDS)


async def with_retries(
    attempt: Callable[[], Awaitable[T]],
    most: int | None,
    told: Callable[[Retry], None],
    pause_for: Pause = sleep_for_retry,
) -> T:
    """What `attempt` returns, tried again up to `most` times where that may help; each time is told beforehand.

    Raises what the last attempt raised. A server's Retry-After is honoured.
    """
    waits, number = pauses(), 0
    while True:
        number += 1
        try:
            return await attempt()
        except LivecliError as error:
            after = error.retry_after_seconds or 0.0
            if error.retry == "never" or (most is not None and number > most) or after > LONGEST_RETRY_AFTER_SECONDS:
                if number == 1:
                    raise
                raise error.revised(message=f"{error.message} ({number} attempts)") from error.__cause__
            retry = Retry(error, number, most, max(next(waits), after))
        told(retry)
        await pause_for(retry)


class ReconnectBudget:
    """How often in a row a connection was lost that was good for nothing; `most` (None: any number) bounds it."""

    def __init__(self, most: int | None) -> None:
        self.most = most
        self._fruitless, self._pauses = 0, pauses()

    def after(self, error: LivecliError, *, fruitful: bool) -> Retry | None:
        """None where the next one may be opened at once, else after a pause: longer each time.

        Raises `error` where that has been tried often enough.
        """
        if fruitful:
            self._fruitless, self._pauses = 0, pauses()
            if error.retry == "resume":
                return None
        self._fruitless += 1
        if self.most is not None and self._fruitless > self.most:
            raise error
        if self._fruitless == 1 and error.retry == "resume":
            return None
        return Retry(error, self._fruitless, self.most, next(self._pauses))
