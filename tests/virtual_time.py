"""An event loop whose clock moves only when nothing else is left to do.

A wait of an hour takes no time, and two runs of a test see the same moments. What would wait for ever fails at once.
"""

from __future__ import annotations

import asyncio
import functools
import selectors
from collections.abc import Callable, Coroutine
from typing import Any

STARTS_AT_SECONDS = 1000.0
HORIZON_SECONDS = 100_000.0
"""A test that runs for longer than this on the virtual clock waits for something that does not happen."""


INSTANT_SECONDS = 1e-6
"""Virtual seconds that `idle` takes: less than any timer of livecli's."""


class _Selector(selectors.SelectSelector):
    """Instead of waiting for its timeout, it moves the clock."""

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
    """`blocking_seconds` is the time that each call in an executor takes; it runs in this thread."""

    def __init__(self) -> None:
        self._virtual = _Selector()
        self.blocking_seconds = 0.0
        super().__init__(self._virtual)

    def time(self) -> float:
        return self._virtual.now

    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> asyncio.Future[Any]:  # type: ignore[override]
        async def work() -> Any:
            await asyncio.sleep(self.blocking_seconds)
            return func(*args)

        return self.create_task(work())


def in_virtual_time(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """A decorator: run an asynchronous test on a VirtualLoop."""

    @functools.wraps(test)
    def run(*args: Any, **options: Any) -> None:
        with asyncio.Runner(loop_factory=VirtualLoop) as runner:
            runner.run(test(*args, **options))

    return run


async def idle() -> None:
    """Returns once no other task can run before a timer is due."""
    await asyncio.sleep(INSTANT_SECONDS)
