"""Retries: which errors are worth another attempt, how many attempts, and the pauses between them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import TypeVar

from ..errors import LivecliError
from ..report.reporter import Retry

T = TypeVar("T")

# The first pause, before random shortening.
FIRST_PAUSE_SECONDS = 0.3

# Pauses double up to this.
LONGEST_PAUSE_SECONDS = 30.0

# A server that asks for a longer pause ends the attempts.
LONGEST_RETRY_AFTER_SECONDS = 120.0


async def sleep_for_retry(retry: Retry) -> None:
    """The pause before another attempt of a run that is not one of many."""
    await asyncio.sleep(retry.seconds)


Pause = Callable[[Retry], Awaitable[None]]
"""Waits before another attempt."""

Admit = Callable[[], Awaitable[object]]
"""Waits until one more connection may be opened."""


def pauses() -> Iterator[float]:
    """Seconds before each next attempt: doubling, each cut by up to half at random so that many runs spread out."""
    # Imported where an attempt has failed, and not at every start.
    import random

    longest = FIRST_PAUSE_SECONDS
    while True:
        yield longest * (1 - random.random() / 2)
        longest = min(2 * longest, LONGEST_PAUSE_SECONDS)


async def with_retries(
    attempt: Callable[[], Awaitable[T]],
    most: int | None,
    report: Callable[[Retry], None],
    pause_for: Pause = sleep_for_retry,
) -> T:
    """Return what `attempt` returns, trying again up to `most` times (None: any number) where that may help.

    `report` is called before each pause. A server's Retry-After is honoured. Raises what the last attempt raised.
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
        report(retry)
        await pause_for(retry)


class ReconnectBudget:
    """Bounds how often in a row a connection may be lost that brought no gain; `most` None is no bound."""

    def __init__(self, most: int | None) -> None:
        self.most = most
        self._fruitless, self._pauses = 0, pauses()

    def after(self, error: LivecliError, *, fruitful: bool) -> Retry | None:
        """The pause before the next connection, longer each time; None where that is no retry.

        `fruitful` is whether the connection that was lost because of `error` brought a gain. Raises `error` where too
        many in a row did not.
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
