"""What a client has said since its session could last be resumed, in order: it is said again on the next connection.

Events are numbered from 1, over all connections. The last of them stay in memory; what nobody confirms for long goes to
disk, a megabyte at a time, so that memory stays flat whatever the length. Pure but for that.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence

from .protocol import events
from .spool import Block, put_away

IN_MEMORY_BYTES = 1024 * 1024
"""The most that stays in memory."""
ALL_IN_MEMORY_BYTES = 96 * 1024 * 1024
"""Where there are many that hold more than this together, less of each stays there:"""
LEAST_BYTES = 64 * 1024
"""as much at the least, for to write is dear."""
EVENT_BYTES = 64
"""What an event takes besides what it says."""


class Together:
    """What all tails hold in memory. Not an attribute of their class: to set one of those makes all the others slow."""

    in_memory_bytes = 0


TOGETHER = Together()


class Tail:
    """`first` is the number of the oldest event that is held, `end` the number that the next one will have."""

    def __init__(self) -> None:
        self.first = self.end = 1
        self._recent: list[events.Event] = []
        self._recent_bytes = 0
        self._blocks: deque[Block] = deque()  # before those
        self._skipped = 0  # events of the first block that are forgotten
        self._on_disk_bytes = 0

    def extend(self, said: Sequence[events.Event]) -> None:
        """What is said next. Raises OSError, and does not hold it, where the disk is full."""
        if self._recent_bytes > LEAST_BYTES and self._is_too_much:
            self._write()
        self._recent += said
        self._grow(_sizes(said))
        self.end += len(said)

    def forget(self, number: int) -> None:
        """Everything up to `number`, that one included, need not be said again."""
        count = min(number, self.end - 1) - self.first + 1
        if count <= 0:
            return
        self.first += count
        while count and self._blocks:
            left = self._blocks[0].length - self._skipped
            if count < left:
                self._skipped += count
                return
            count -= left
            self._drop_block()
        self._grow(-_sizes(self._recent[:count]))
        del self._recent[:count]

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
        return self._recent_bytes + self._on_disk_bytes

    def __iter__(self) -> Iterator[events.Event]:
        """All that is held, and what is appended meanwhile; not what is forgotten meanwhile."""
        number = self.first
        while number < self.end:
            for event in self._from(number):
                if number >= self.first:
                    yield event
                number += 1
            number = max(number, self.first)

    def _from(self, number: int) -> list[events.Event]:
        """Some of what is held, from there on."""
        at = number - self.first + self._skipped
        for block in self._blocks:
            if at < block.length:
                return block.read()[at:]
            at -= block.length
        return self._recent[at:]

    def close(self) -> None:
        """Give memory and disk back."""
        self.forget(self.end - 1)

    @property
    def _is_too_much(self) -> bool:
        return self._recent_bytes > IN_MEMORY_BYTES or TOGETHER.in_memory_bytes > ALL_IN_MEMORY_BYTES

    def _write(self) -> None:
        block = put_away(self._recent)
        self._blocks.append(block)
        self._on_disk_bytes += block.size
        self._recent = []
        self._grow(-self._recent_bytes)

    def _drop_block(self) -> None:
        gone, self._skipped = self._blocks.popleft(), 0
        self._on_disk_bytes -= gone.size
        gone.release()

    def _grow(self, size: int) -> None:
        self._recent_bytes += size
        TOGETHER.in_memory_bytes += size


def _sizes(held: Sequence[events.Event]) -> int:
    size = EVENT_BYTES * len(held)
    for event in held:
        size += len(event.pcm) if isinstance(event, events.AudioChunk) else _size(event)
    return size


def _size(event: events.Event) -> int:
    if not event.__struct_fields__:
        return 0
    import pickle  # here, since what nearly every run says has no other fields

    return len(pickle.dumps(event))
