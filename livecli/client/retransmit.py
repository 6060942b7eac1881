"""Retransmission buffer: events sent but not yet confirmed by the service, in order.

Events are numbered from 1, over all connections. The last ones stay in memory, older ones go to disk, many at a time,
so that memory stays flat whatever the length. No other I/O.
"""

from __future__ import annotations

import errno
import os
import struct
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import IO, NamedTuple

from ..errors import FileError
from ..protocol import events

# A temporary file holds at least so much before the next one is made. All buffers of a thread share it: a thousand
# sessions with files of their own would wait for the file system.
FILE_BYTES = 8 * 1024 * 1024

# Memory that an event takes beside its content.
OBJECT_BYTES = 96

# The most that a run holds, unless a single chunk is larger.
RUN_BYTES = 64 * 1024

UNREADABLE = "a temporary file, which holds what is to be sent again, cannot be read"

# Precedes each run on disk: its rate and the size of a chunk, both 0 for pickled events, and the number of bytes.
_HEAD = struct.Struct("<III")

# The most that one buffer holds in memory.
IN_MEMORY_BYTES = 256 * 1024

# The most that all buffers hold in memory. Above it, each holds less.
ALL_IN_MEMORY_BYTES = 96 * 1024 * 1024

# A buffer with no more than this in memory does not write, since writing is slow.
LEAST_BYTES = 64 * 1024


class SpoolFile:
    """Temporary file of blocks, written from its start to its end, and closed with its last block."""

    def __init__(self) -> None:
        # Imported here, since next to no run gets that far.
        import tempfile

        self.on_disk: IO[bytes] = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 - closed with its last block
        self.size = self.blocks = 0

    def write(self, parts: Iterable[bytes | memoryview]) -> tuple[int, int]:
        """Write `parts` as a block. Returns where it begins, and its size. Raises OSError where the disk is full."""
        start = at = self.on_disk.seek(self.size)
        for part in parts:
            if self.on_disk.write(part) < len(part):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            at += len(part)
        self.size, self.blocks = at, self.blocks + 1
        return start, at - start

    def forget(self) -> None:
        """One block is of no use any more."""
        self.blocks -= 1
        if self.blocks:
            return
        if self is CURRENT.file:
            # Writing there once more takes the system a seventh of the time that new room takes.
            self.size = 0
        else:
            self.on_disk.close()


class CurrentFile(threading.local):
    """The file that is written to, of each thread."""

    file: SpoolFile | None = None


CURRENT = CurrentFile()


class Run:
    """Chunks of audio in one piece, all of `size` bytes but for the last.

    As objects they would take more memory, and the garbage collector would examine those of all sessions, while none
    of them sends.
    """

    __slots__ = ("filled", "pcm", "rate", "size")

    def __init__(self, rate: int, size: int) -> None:
        self.rate, self.size, self.filled = rate, size, 0
        self.pcm = bytearray(max(RUN_BYTES, size))

    @property
    def length(self) -> int:
        """Number of chunks."""
        return -(-self.filled // self.size)

    def add(self, chunks: Sequence[events.AudioChunk]) -> int:
        """Hold the first of `chunks`, as many as fit. Returns their number."""
        at, taken = self.filled, 0
        for chunk in chunks:
            end = at + len(chunk.pcm)
            # A shorter chunk is the last of a run.
            if chunk.rate != self.rate or at % self.size or not at < end <= min(at + self.size, len(self.pcm)):
                break
            self.pcm[at:end] = chunk.pcm
            at, taken = end, taken + 1
        self.filled = at
        return taken

    def read(self) -> list[events.Event]:
        """The chunks."""
        return _chunks(self.rate, self.size, self.body)

    @property
    def body(self) -> memoryview:
        """The samples."""
        return memoryview(self.pcm)[: self.filled]


def _chunks(rate: int, size: int, body: bytes | memoryview) -> list[events.Event]:
    return [events.AudioChunk(bytes(body[at : at + size]), rate) for at in range(0, len(body), size)]


Item = Run | Sequence[events.Event]
"""Audio, or other events that were sent at once."""


def count(held: Item) -> int:
    """Number of events."""
    return held.length if isinstance(held, Run) else len(held)


def memory_bytes(held: Item) -> int:
    """Approximate memory that `held` takes."""
    if isinstance(held, Run):
        return held.filled
    return sum(OBJECT_BYTES + (len(_pickled([event])) if event.__struct_fields__ else 0) for event in held)


class Block(NamedTuple):
    """Events that were written together: where they are, their size in bytes, and their number."""

    file: SpoolFile
    at: int
    size: int
    length: int

    def read(self) -> list[events.Event]:
        """Read the events. Raises FileError where the disk does not give them back."""
        packed, found, at = self._packed(), list[events.Event](), 0
        while at < self.size:
            rate, size, length = _HEAD.unpack_from(packed, at)
            at += _HEAD.size + length
            body = packed[at - length : at]
            found += _chunks(rate, size, body) if size else _unpickled(body)
        return found

    def _packed(self) -> bytes:
        try:
            self.file.on_disk.seek(self.at)
            packed = self.file.on_disk.read(self.size)
        except OSError as error:
            raise FileError(f"{UNREADABLE}: {error.strerror or error}") from error
        if len(packed) < self.size:
            raise FileError(f"{UNREADABLE}: the file is shorter than it was")
        return packed

    def release(self) -> None:
        """The block is of no use any more."""
        self.file.forget()


def write_block(held: Iterable[Item]) -> Block:
    """Write `held` to disk. Raises OSError where that is full."""
    together = list(held)
    file = CURRENT.file
    if file is None or file.size >= FILE_BYTES:
        file = CURRENT.file = SpoolFile()
    try:
        at, size = file.write(part for each in together for part in _packed(each))
    except OSError:
        close_unused_file()
        raise
    return Block(file, at, size, sum(map(count, together)))


def close_unused_file() -> None:
    """Close the file that is written to, if it holds no block."""
    file = CURRENT.file
    if file is not None and not file.blocks:
        CURRENT.file = None
        file.on_disk.close()


def _packed(held: Item) -> tuple[bytes, bytes | memoryview]:
    rate, size, body = (held.rate, held.size, held.body) if isinstance(held, Run) else (0, 0, _pickled(held))
    return _HEAD.pack(rate, size, len(body)), body


def _pickled(sent: Sequence[events.Event]) -> bytes:
    # Imported here, since nearly every run sends nothing but audio.
    import pickle

    return pickle.dumps(sent)


def _unpickled(packed: bytes) -> list[events.Event]:
    import pickle

    # The file is temporary and was never linked, so no other process can have written it.
    unpickled: list[events.Event] = pickle.loads(packed)
    return unpickled


class MemoryUse:
    """The memory that all buffers hold together. An attribute that is set in their own class would slow them down."""

    in_memory_bytes = 0


ALL_BUFFERS = MemoryUse()


class RetransmitBuffer:
    """Events in the order in which they were sent: those in `_blocks` are on disk, later ones in `_recent`.

    `first` is the number of the oldest event held, `end` the number that the next one will have.
    """

    def __init__(self) -> None:
        self.first = self.end = 1
        self._blocks: deque[Block] = deque()
        self._recent: deque[Item] = deque()
        self._skipped = 0  # events of the first block, or of the first in memory, that are forgotten
        self._recent_bytes = self._on_disk_bytes = 0

    def extend(self, sent: Sequence[events.Event]) -> None:
        """Append events. Raises OSError, and does not hold them, where the disk is full."""
        if not sent:
            return
        if self._recent_bytes > LEAST_BYTES and self._is_too_much:
            self._write()
        chunks, taken = events.only_audio(sent), 0
        while taken < len(chunks) and chunks[taken].pcm:
            taken += self._hold(chunks[taken:])
        if rest := sent[taken:]:
            self._recent.append(rest)
            self._grow(memory_bytes(rest))
        self.end += len(sent)

    def forget(self, number: int) -> None:
        """Drop everything up to `number`, that one included."""
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

    def drop(self, is_stale: Callable[[events.Event], bool]) -> None:
        """Leave out events that are stale; those after them move up.

        Raises OSError where the disk is full, FileError where it does not give back what it holds; nothing is left out
        then.
        """
        first, kept = self.first, RetransmitBuffer()
        try:
            for event in self:
                if not is_stale(event):
                    kept.extend((event,))
        except BaseException:
            kept.close()
            raise
        self.close()
        self.first, self.end = first, first + kept.end - 1
        self._recent, self._recent_bytes = kept._recent, kept._recent_bytes
        self._blocks, self._on_disk_bytes = kept._blocks, kept._on_disk_bytes

    def skip(self, count: int) -> None:
        """Number the next `count` events without holding them, and drop what is held: it is of no use without them."""
        self.forget(self.end - 1)
        self.end += count
        self.first = self.end

    @property
    def held_bytes(self) -> int:
        """Bytes held, in memory and on disk."""
        return self._recent_bytes + self._on_disk_bytes - self._skipped_bytes

    @property
    def _skipped_bytes(self) -> int:
        """Approximate bytes of what is forgotten, and is dropped with the rest of its block or run."""
        if not self._skipped:
            return 0
        if self._blocks:
            return self._blocks[0].size * self._skipped // self._blocks[0].length
        return memory_bytes(self._recent[0]) * self._skipped // count(self._recent[0])

    def __iter__(self) -> Iterator[events.Event]:
        """All events held, and those appended meanwhile; not those forgotten meanwhile. Raises FileError."""
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
        close_unused_file()

    def _hold(self, chunks: Sequence[events.AudioChunk]) -> int:
        """Hold the first of `chunks`, as many as fit in a run. Returns their number."""
        run = self._recent[-1] if self._recent else None
        before = run.filled if isinstance(run, Run) else 0
        if not isinstance(run, Run) or not (taken := run.add(chunks)):
            run, before = Run(chunks[0].rate, len(chunks[0].pcm)), 0
            taken = run.add(chunks)
            self._recent.append(run)
        self._grow(run.filled - before)
        return taken

    @property
    def _is_too_much(self) -> bool:
        return self._recent_bytes > IN_MEMORY_BYTES or ALL_BUFFERS.in_memory_bytes > ALL_IN_MEMORY_BYTES

    def _write(self) -> None:
        block = write_block(self._recent)
        self._blocks.append(block)
        self._on_disk_bytes += block.size
        self._recent.clear()
        self._grow(-self._recent_bytes)

    def _grow(self, size: int) -> None:
        self._recent_bytes += size
        ALL_BUFFERS.in_memory_bytes += size
