"""Exception groups of a TaskGroup, reduced to one error."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from ..errors import LivecliError


@asynccontextmanager
async def collapse_exception_group() -> AsyncIterator[None]:
    """Around a TaskGroup: raise one error in place of a group, the first LivecliError if any, else the first."""
    try:
        yield
    except BaseExceptionGroup as group:
        found = list(_leaves(group))
        error = next((error for error in found if isinstance(error, LivecliError)), found[0])
        raise error from error.__cause__


async def cancel_and_wait(
    task: asyncio.Task[None], *, ignored: type[Exception] | tuple[type[Exception], ...] = ()
) -> None:
    """Cancel `task` and wait for its end. Raises the error of a task that has failed, unless it is `ignored`."""
    task.cancel()
    await asyncio.wait([task])
    if not task.cancelled() and not isinstance(task.exception(), ignored):
        task.result()


def _leaves(group: BaseExceptionGroup[BaseException]) -> list[BaseException]:
    return [
        leaf
        for error in group.exceptions
        for leaf in (_leaves(error) if isinstance(error, BaseExceptionGroup) else [error])
    ]
