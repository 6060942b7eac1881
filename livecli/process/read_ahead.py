"""Read-ahead of an iterator in a thread."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

T = TypeVar("T")


def read_ahead(items: Iterator[T]) -> Generator[T]:
    """The same items, each of which is made in a thread while the caller works on the one before it.

    Raises what `items` raises, in its place.
    """

    def following() -> list[T]:
        return [*islice(items, 1)]

    with ThreadPoolExecutor(1) as thread:
        coming = thread.submit(following)
        while found := coming.result():
            coming = thread.submit(following)
            yield from found
