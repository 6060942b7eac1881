"""An event loop with a virtual clock: it jumps to the next timer as soon as no task can run."""

from __future__ import annotations

import asyncio
import functools
import selectors
from collections.abc import Awaitable, Callable
from typing import Any

LONGEST_SECONDS = 1e6
"""The virtual time after which a test has failed: it waits for something that does not come."""
INSTANT_SECONDS = 1e-6
"""Virtual seconds that `idle` takes: less than any timer of livecli's."""


class _Selector(selectors.SelectSelector):
    """Finds out what is ready, and moves the clock on instead of waiting."""

    now = 1000.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready:
            assert timeout is not None, "every task waits, and no timer is set"
            self.now += timeout
            assert self.now < LONGEST_SECONDS, "still waiting after eleven days"
        return ready


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """For coroutines alone: a thread or a socket that is waited for looks like a deadlock, which is an error."""

    def __init__(self) -> None:
        self._virtual = _Selector()
        super().__init__(self._virtual)

    def time(self) -> float:
        return self._virtual.now


def in_virtual_time(test: Callable[..., Awaitable[None]]) -> Callable[..., None]:
    """Runs a test that is a coroutine function in a VirtualTimeLoop of its own."""

    @functools.wraps(test)
    def run(*args: Any, **kwargs: Any) -> None:
        async def body() -> None:
            await test(*args, **kwargs)

        with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
            runner.run(body())

    return run


async def idle() -> None:
    """Returns once no other task can run before a timer is due."""
    await asyncio.sleep(INSTANT_SECONDS)
