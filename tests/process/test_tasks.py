"""Exception groups of a TaskGroup, reduced to one error."""

from __future__ import annotations

import asyncio

import pytest

from livecli.errors import FileError, UsageError
from livecli.process.tasks import collapse_exception_group


async def collapsed(*errors: BaseException) -> None:
    async with collapse_exception_group():
        raise BaseExceptionGroup("several", errors)


async def test_an_error_of_livecli_comes_before_others() -> None:
    with pytest.raises(FileError, match="first of ours"):
        await collapsed(ValueError("another"), FileError("first of ours"), UsageError("second of ours"))


async def test_without_one_of_livecli_the_first_is_raised() -> None:
    with pytest.raises(ValueError, match="one"):
        await collapsed(ValueError("one"), KeyError("two"))


async def test_nested_groups_are_searched() -> None:
    with pytest.raises(FileError, match="inner"):
        await collapsed(ValueError("outer"), ExceptionGroup("inner", [KeyError("x"), FileError("inner")]))


async def test_the_cause_of_the_error_is_kept_and_the_group_is_not_shown() -> None:
    cause = OSError("the cause")
    error = FileError("with a cause")
    error.__cause__ = cause
    with pytest.raises(FileError) as caught:
        await collapsed(error)
    assert caught.value.__cause__ is cause
    assert caught.value.__suppress_context__


async def test_around_a_task_group() -> None:
    async def fail() -> None:
        raise UsageError("in a task")

    with pytest.raises(UsageError, match="in a task"):
        async with collapse_exception_group(), asyncio.TaskGroup() as tasks:
            tasks.create_task(fail())
            await asyncio.Event().wait()


async def test_without_an_error_nothing_is_raised_and_others_pass() -> None:
    async with collapse_exception_group():
        pass
    with pytest.raises(KeyError):
        async with collapse_exception_group():
            raise KeyError("not in a group")
