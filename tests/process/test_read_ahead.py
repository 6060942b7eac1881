"""Read-ahead of an iterator."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from livecli.process.read_ahead import read_ahead


def test_the_next_item_is_made_while_the_caller_works_on_the_one_before_it() -> None:
    begun = [threading.Event() for _ in range(3)]

    def made() -> Iterator[int]:
        for number, each in enumerate(begun):
            each.set()
            yield number

    for number in read_ahead(made()):
        assert all(each.wait(10) for each in begun[: number + 2])
        assert not any(each.is_set() for each in begun[number + 2 :])


def test_an_error_comes_after_the_items_before_it() -> None:
    def failing() -> Iterator[int]:
        yield 1
        raise ValueError("no more")

    items = read_ahead(failing())
    assert next(items) == 1
    with pytest.raises(ValueError, match="no more"):
        next(items)


def test_no_thread_stays_after_the_last_item_or_the_first_that_is_not_wanted() -> None:
    before = threading.active_count()
    assert [*read_ahead(iter([]))] == []
    items = read_ahead(iter(range(9)))
    assert next(items) == 0
    items.close()
    assert threading.active_count() == before
