"""What a client has said since its session could last be resumed, in order: it is said again on the next connection.

Events are numbered from 1, over all connections. The last of them stay in memory; what nobody confirms for long goes to
disk, many at a time, so that memory stays flat whatever the length. Pure but for that.
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

# Events on disk, many at a time, in temporary files that everybody here shares: a thousand sessions that each made
# one of their own would wait for the file system.
FILE_BYTES = 8 * 1024 * 1024
"""How much is in a file, at the least. It is given back once all of that is forgotten, whosever it was."""
OBJECT_BYTES = 96
"""What an event takes in memory that holds next to nothing."""
FEW = 8
"""Fewer events than that are kept as they are."""
UNREADABLE = "a temporary file, which holds what is to be sent again, cannot be read"
_HEAD = struct.Struct("<III")  # of a run its rate and the size of a chunk, else nothing; and the bytes that follow


class SpoolFile:
    """A temporary one, written from its start to its end."""

    def __init__(self) -> None:
        import tempfile  # here, since next to no run gets that far

        self.on_disk: IO[bytes] = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 - closed with its last block
        self.size = self.blocks = 0

    def write(self, parts: Iterable[bytes]) -> tuple[int, int]:
        """Where they begin, and their size together. Raises OSError where the disk is full."""
        start = at = self.on_disk.seek(self.size)
        for part in parts:
            if self.on_disk.write(part) < len(part):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            at += len(part)
        self.size, self.blocks = at, self.blocks + 1
        return start, at - start

    def forget(self) -> None:
        """A block of it."""
        self.blocks -= 1
        if self.blocks:
            return
        if self is WRITING.file:
            self.size = 0  # to write there once more costs the system a seventh of what new room does
        else:
            self.on_disk.close()


class Writing(threading.local):
    """The file that is written to: each thread has its own."""

    file: SpoolFile | None = None


WRITING = Writing()


class Run(NamedTuple):
    """Many chunks of audio, all of `size` bytes but for the last: as objects they would be dearer to keep."""

    rate: int
    size: int
    pcm: bytes

    @property
    def length(self) -> int:
        """How many."""
        return -(-len(self.pcm) // self.size)

    def read(self) -> list[events.Event]:
        """These."""
        return [
            events.AudioChunk(self.pcm[at : at + self.size], self.rate) for at in range(0, len(self.pcm), self.size)
        ]


Held = Run | Sequence[events.Event]
"""What was said at once."""


def as_held(said: Sequence[events.Event]) -> Held:
    """What was said at once, as it is best kept."""
    chunks = events.only_audio(said) if len(said) >= FEW else ()
    if not chunks:
        return said
    pcm, rate, size, last = [chunk.pcm for chunk in chunks], chunks[0].rate, len(chunks[0].pcm), len(chunks[-1].pcm)
    if {chunk.rate for chunk in chunks} != {rate} or set(map(len, pcm[:-1])) != {size} or not 0 < last <= size:
        return said
    return Run(rate, size, b"".join(pcm))


def count(held: Held) -> int:
    """How many."""
    return held.length if isinstance(held, Run) else len(held)


def memory_bytes(held: Held) -> int:
    """About what it takes in memory."""
    if isinstance(held, Run):
        return len(held.pcm)
    taken = 0
    for event in held:
        if isinstance(event, events.AudioChunk):
            taken += len(event.pcm) or OBJECT_BYTES
        else:
            taken += OBJECT_BYTES + (len(_pickled([event])) if event.__struct_fields__ else 0)
    return taken


class Block(NamedTuple):
    """What was put away together. `size` is in bytes, `length` how many there are."""

    file: SpoolFile
    at: int
    size: int
    length: int

    def read(self) -> list[events.Event]:
        """These. Raises FileError where the disk does not give them back."""
        packed, found, at = self._packed(), list[events.Event](), 0
        while at < self.size:
            rate, size, length = _HEAD.unpack_from(packed, at)
            at += _HEAD.size + length
            body = packed[at - length : at]
            found += Run(rate, size, body).read() if size else _unpickled(body)
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
        """Nobody wants it any more."""
        self.file.forget()


def put_away(held: Iterable[Held]) -> Block:
    """These, on disk. Raises OSError where that is full."""
    together = list(_joined(held))
    file = WRITING.file
    if file is None or file.size >= FILE_BYTES:
        file = WRITING.file = SpoolFile()
    try:
        at, size = file.write(part for each in together for part in _packed(each))
    except OSError:
        tidy()
        raise
    return Block(file, at, size, sum(map(count, together)))


def tidy() -> None:
    """Nothing more is put away for now: the file goes, if there is nothing in it."""
    file = WRITING.file
    if file is not None and not file.blocks:
        WRITING.file = None
        file.on_disk.close()


def _joined(held: Iterable[Held]) -> Iterator[Held]:
    few: list[events.Event] = []
    for each in held:
        if not isinstance(each, Run):
            few += each
            continue
        if few:
            yield as_held(few)
            few = []
        yield each
    if few:
        yield as_held(few)


def _packed(held: Held) -> tuple[bytes, bytes]:
    rate, size, body = held if isinstance(held, Run) else (0, 0, _pickled(held))
    return _HEAD.pack(rate, size, len(body)), body


def _pickled(said: Sequence[events.Event]) -> bytes:
    import pickle  # here, since what nearly every run says is audio

    return pickle.dumps(said)


def _unpickled(packed: bytes) -> list[events.Event]:
    import pickle

    said: list[events.Event] = pickle.loads(packed)  # from a file of our own, which no one else can open
    return said


IN_MEMORY_BYTES = 256 * 1024
"""The most that stays in memory."""
ALL_IN_MEMORY_BYTES = 96 * 1024 * 1024
"""Where there are many that hold more than this together, less of each stays there:"""
LEAST_BYTES = 64 * 1024
"""as much at the least, for to write is dear."""


class SharedMemory:
    """What all tails hold in memory. Not an attribute of their class: to set one of those makes all the others slow."""

    in_memory_bytes = 0


TOGETHER = SharedMemory()


class RetransmitBuffer:
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
