"""An event loop with a virtual clock, which advances only when no task can run.

A wait of an hour takes no time, and each run of a test sees the same times. A wait without end fails at once.
"""

from __future__ import annotations

import asyncio
import functools
import selectors
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any

STARTS_AT_SECONDS = 1000.0
HORIZON_SECONDS = 100_000.0
"""A test fails after this time on the virtual clock: it waits for an event that does not happen."""


INSTANT_SECONDS = 1e-6
"""Virtual seconds that `idle` takes: less than any timer of livecli's."""


class _Selector(selectors.SelectSelector):
    """A selector that advances the clock instead of waiting for its timeout."""

    def __init__(self) -> None:
        super().__init__()
        self.now = STARTS_AT_SECONDS

    def select(self, timeout: float | None = None) -> list[Any]:
        ready = super().select(0)
        if ready or (timeout is not None and timeout <= 0):
            return ready
        if timeout is None:
            raise AssertionError("everything waits, and no timer is set")
        self.now += timeout
        if self.now > HORIZON_SECONDS:
            raise AssertionError("what the test waits for does not happen")
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """The event loop. A call in an executor runs in this thread, and takes `blocking_seconds` on the clock."""

    def __init__(self) -> None:
        self._virtual = _Selector()
        self.blocking_seconds = 0.0
        super().__init__(self._virtual)

    def time(self) -> float:
        return self._virtual.now

    def stand_still(self, seconds: float) -> None:
        """Advance the clock, as if the process had been stopped meanwhile."""
        self._virtual.now += seconds

    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> asyncio.Future[Any]:  # type: ignore[override]
        async def work() -> Any:
            await asyncio.sleep(self.blocking_seconds)
            return func(*args)

        return self.create_task(work())


def in_virtual_time(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Decorator that runs an asynchronous test on a VirtualLoop."""

    @functools.wraps(test)
    def run(*args: Any, **options: Any) -> None:
        with asyncio.Runner(loop_factory=VirtualLoop) as runner:
            runner.run(test(*args, **options))

    return run


async def idle() -> None:
    """Wait until no other task can run before a timer is due."""
    await asyncio.sleep(INSTANT_SECONDS)


def now() -> float:
    """Seconds on the virtual clock."""
    return asyncio.get_running_loop().time()


@contextmanager
def takes(seconds: float) -> Iterator[None]:
    """Asserts that the block takes so many virtual seconds."""
    began_at = now()
    yield
    assert abs(now() - began_at - seconds) < 0.001
