"""Cases of one test, for what takes less time than a test of its own: pytest spends 5 ms of a core on each test."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable
from typing import Any

Function = Callable[..., None]


def in_one_test(names: str | tuple[str, ...], values: Iterable[Any]) -> Callable[[Function], Function]:
    """Like `pytest.mark.parametrize`, in one test. It fails at the first case that fails, and names it.

    The cases share the fixtures. The test is none that skips, and a coroutine function in `in_virtual_time` only.
    """
    all_names = (names,) if isinstance(names, str) else names
    every = [(each,) if isinstance(names, str) else tuple(each) for each in values]
    assert every, "there is no case"

    def decorate(test: Function) -> Function:
        assert not inspect.iscoroutinefunction(test)

        @functools.wraps(test)
        def run(*own: Any, **fixtures: Any) -> None:
            for case in every:
                named = dict(zip(all_names, case, strict=True))
                try:
                    test(*own, **fixtures, **named)
                except BaseException as failure:
                    failure.add_note(f"with {named!r}")
                    raise

        signature = inspect.signature(test)
        others = [each for name, each in signature.parameters.items() if name not in all_names]
        run.__signature__ = signature.replace(parameters=others)  # type: ignore[attr-defined]
        return run

    return decorate
