"""What a client has said since its session could last be resumed, in order: it is said again on the next connection.

Events are numbered from 1, over all connections. The last of them stay in memory; what nobody confirms for long goes to
disk, many at a time, so that memory stays flat whatever the length. Pure but for that.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence

from ..protocol import events
from .spool import Block, Held, Run, as_held, count, memory_bytes, put_away, tidy

IN_MEMORY_BYTES = 256 * 1024
"""The most that stays in memory."""
ALL_IN_MEMORY_BYTES = 96 * 1024 * 1024
"""Where there are many that hold more than this together, less of each stays there:"""
LEAST_BYTES = 64 * 1024
"""as much at the least, for to write is dear."""


class Together:
    """What all tails hold in memory. Not an attribute of their class: to set one of those makes all the others slow."""

    in_memory_bytes = 0


TOGETHER = Together()


class Tail:
    """`first` is the number of the oldest event that is held, `end` the number that the next one will have."""

    def __init__(self) -> None:
        self.first = self.end = 1
        self._blocks: deque[Block] = deque()
        self._recent: deque[Held] = deque()  # after those
        self._skipped = 0  # events of the very first of them that are forgotten
        self._recent_bytes = self._on_disk_bytes = 0

    def extend(self, said: Sequence[events.Event]) -> None:
        """What is said next. Raises OSError, and does not hold it, where the disk is full."""
        if not said:
            return
        if self._recent_bytes > LEAST_BYTES and self._is_too_much:
            self._write()
        held = as_held(said)
        self._recent.append(held)
        self._grow(memory_bytes(held))
        self.end += len(said)

    def forget(self, number: int) -> None:
        """Everything up to `number`, that one included, need not be said again."""
        number = min(number, self.end - 1)
        if number < self.first:
            return
        self._skipped += number + 1 - self.first
        self.first = number + 1
        while self._blocks and self._skipped >= self._blocks[0].length:
            gone = self._blocks.popleft()
            self._skipped -= gone.length
            self._on_disk_bytes -= gone.size
            gone.release()
        while not self._blocks and self._recent and self._skipped >= count(self._recent[0]):
            forgotten = self._recent.popleft()
            self._skipped -= count(forgotten)
            self._grow(-memory_bytes(forgotten))

    def drop(self, stale: Callable[[events.Event], bool]) -> None:
        """Leave out what is `stale`: what follows moves up."""
        first, kept = self.first, Tail()
        for event in self:
            if not stale(event):
                kept.extend((event,))
        self.close()
        self.first, self.end = first, first + kept.end - 1
        self._recent, self._recent_bytes = kept._recent, kept._recent_bytes
        self._blocks, self._on_disk_bytes = kept._blocks, kept._on_disk_bytes

    def pass_by(self, count: int) -> None:
        """What is said next is not held, and so nothing before it is of use either."""
        self.forget(self.end - 1)
        self.end += count
        self.first = self.end

    @property
    def held_bytes(self) -> int:
        """How much is held, in memory and on disk."""
        return self._recent_bytes + self._on_disk_bytes - self._skipped_bytes

    @property
    def _skipped_bytes(self) -> int:
        """About how much of it is forgotten, and goes with the rest of what it was said or written with."""
        if not self._skipped:
            return 0
        if self._blocks:
            return self._blocks[0].size * self._skipped // self._blocks[0].length
        return memory_bytes(self._recent[0]) * self._skipped // count(self._recent[0])

    def __iter__(self) -> Iterator[events.Event]:
        """All that is held, and what is appended meanwhile; not what is forgotten meanwhile. Raises FileError."""
        number = self.first
        while number < self.end:
            before = self.first - self._skipped
            for held in (*self._blocks, *self._recent):
                start, before = before, before + (held.length if isinstance(held, Block) else count(held))
                number = max(number, self.first)
                if number >= before:
                    continue
                for event in (held.read() if isinstance(held, Block | Run) else held)[number - start :]:
                    if number >= self.first:
                        yield event
                    number += 1

    def close(self) -> None:
        """Give memory and disk back."""
        self.forget(self.end - 1)
        tidy()

    @property
    def _is_too_much(self) -> bool:
        return self._recent_bytes > IN_MEMORY_BYTES or TOGETHER.in_memory_bytes > ALL_IN_MEMORY_BYTES

    def _write(self) -> None:
        block = put_away(self._recent)
        self._blocks.append(block)
        self._on_disk_bytes += block.size
        self._recent.clear()
        self._grow(-self._recent_bytes)

    def _grow(self, size: int) -> None:
        self._recent_bytes += size
        TOGETHER.in_memory_bytes += size
