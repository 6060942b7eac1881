"""What a client has said since its session could last be resumed, in order: it is said again on the next connection.

Events are numbered from 1, over all connections. What is little stays in memory; an hour that nobody confirms goes to
disk, so that memory stays flat whatever the length. Pure but for that file.
"""

from __future__ import annotations

import struct
import tempfile
from collections.abc import Callable, Iterator, Sequence

from .protocol import events

IN_MEMORY_BYTES = 1024 * 1024
"""A larger tail is an unlinked temporary file."""
ALL_IN_MEMORY_BYTES = 96 * 1024 * 1024
"""Where there are many, those that grow beyond this together go to disk before that, one by one."""
COMPACT_BYTES = 8 * 1024 * 1024
"""How much may be forgotten before the file is written anew without it."""

_HEAD = struct.Struct("<III")  # what it is; of audio the size of a chunk; and the bytes that follow
_KINDS: tuple[type[events.Event], ...] = (
    events.ActivityStart,
    events.ActivityEnd,
    events.AudioStreamEnd,
    events.Text,
    events.Image,
    events.ClientTurns,
    events.ToolResponse,
    events.ContextUpdate,
)
"""Everything but audio, which is nearly all there is: there "what it is" is the rate, and no rate is that low. Chunks
that were written at once are one record."""


class Tail:
    """`first` is the number of the oldest event that is held, `end` the number that the next one will have."""

    _all_in_memory_bytes = 0
    """By all there are."""

    def __init__(self) -> None:
        self._in_memory_bytes = 0
        self._is_on_disk = False
        self.first = self.end = 1
        self._spool = tempfile.SpooledTemporaryFile(IN_MEMORY_BYTES)  # noqa: SIM115 - `close` closes it
        # Counted over everything that was ever appended; the file begins at `_base`.
        self._base = self._start = self._stop = 0
        self._skipped = 0  # events of the record at `_start` that are forgotten
        self._is_at_end = True  # to seek there each time would cost as much as sending does

    def extend(self, said: Sequence[events.Event]) -> None:
        """What is said next. Raises OSError where the disk is full."""
        packed = _audio(said) or b"".join(map(_record, said))
        if not self._is_at_end:
            self._spool.seek(self._stop - self._base)
            self._is_at_end = True
        self._spool.write(packed)
        self._stop += len(packed)
        self.end += len(said)
        if not self._is_on_disk:
            self._hold(self._in_memory_bytes + len(packed))

    def forget(self, number: int) -> None:
        """Everything up to `number`, that one included, need not be said again."""
        number = min(number, self.end - 1)
        if number < self.first:
            return
        if number == self.end - 1:
            self.first, self._start, self._skipped = self.end, self._stop, 0
        while self.first <= number:
            _, size, length = self._head(self._start)
            left = _count(size, length) - self._skipped
            if number - self.first + 1 < left:
                self._skipped += number - self.first + 1
                self.first = number + 1
            else:
                self._start += _HEAD.size + length
                self.first += left
                self._skipped = 0
        if self._start == self._stop or self._start - self._base > COMPACT_BYTES:
            self._compact()

    def drop(self, stale: Callable[[events.Event], bool]) -> None:
        """Leave out what is `stale`: what follows moves up."""
        kept = Tail()
        for event in self:
            if not stale(event):
                kept.extend((event,))
        self._spool.close()
        self._spool, self.end = kept._spool, self.first + kept.end - 1
        self._base, self._start, self._stop = 0, 0, kept._stop
        self._skipped, self._is_at_end = 0, kept._is_at_end

    def pass_by(self, count: int) -> None:
        """What is said next is not held, and so nothing before it is of use either."""
        self.forget(self.end - 1)
        self.end += count
        self.first = self.end

    @property
    def held_bytes(self) -> int:
        """How much is held."""
        return self._stop - self._start

    def __iter__(self) -> Iterator[events.Event]:
        """All that is held, and what is appended meanwhile; not what is forgotten meanwhile."""
        number = self.first
        at, before = self._start, self.first - self._skipped  # a record, and the number of its first event
        while max(number, self.first) < self.end:
            if self.first > number:
                number, at, before = self.first, self._start, self.first - self._skipped
            kind, size, length = self._head(at)
            body = self._spool.read(length)
            for each in list(_events(kind, size, body))[number - before :]:
                if self.first <= number:
                    yield each
                number += 1
            at, before = at + _HEAD.size + length, number

    def close(self) -> None:
        """Give the file back."""
        self._spool.close()
        self._note_memory(0)

    def _hold(self, size: int) -> None:
        """So many bytes in memory, or on disk where that is too much, for this one or all together."""
        self._note_memory(size)
        if size > IN_MEMORY_BYTES or Tail._all_in_memory_bytes > ALL_IN_MEMORY_BYTES:
            self._is_on_disk = True
            self._spool.rollover()
            self._note_memory(0)

    def _note_memory(self, size: int) -> None:
        Tail._all_in_memory_bytes += size - self._in_memory_bytes
        self._in_memory_bytes = size

    def _head(self, at: int) -> tuple[int, int, int]:
        self._is_at_end = False
        self._spool.seek(at - self._base)
        kind, size, length = _HEAD.unpack(self._spool.read(_HEAD.size))
        return kind, size, length

    def _compact(self) -> None:
        """Let go of what is forgotten: nearly always that is all there was."""
        self._is_at_end = False
        old, self._spool = self._spool, tempfile.SpooledTemporaryFile(IN_MEMORY_BYTES)  # noqa: SIM115
        old.seek(self._start - self._base)
        while block := old.read(IN_MEMORY_BYTES):
            self._spool.write(block)
        old.close()
        self._base = self._start
        self._is_on_disk = False
        self._hold(self._stop - self._base)


def _audio(said: Sequence[events.Event]) -> bytes:
    """Chunks of one size (the last may be smaller) and rate as one record; nothing where they are not that."""
    chunks = [event for event in said if type(event) is events.AudioChunk]
    if not chunks or len(chunks) < len(said):
        return b""
    rate, size, last = chunks[0].rate, len(chunks[0].pcm), len(chunks[-1].pcm)
    pcm = b"".join([chunk.pcm for chunk in chunks])
    alike = all(chunk.rate == rate and len(chunk.pcm) == size for chunk in chunks[:-1])
    return _HEAD.pack(rate, size, len(pcm)) + pcm if alike and 0 < last <= size and chunks[-1].rate == rate else b""


def _record(event: events.Event) -> bytes:
    if isinstance(event, events.AudioChunk):
        return _HEAD.pack(event.rate, max(1, len(event.pcm)), len(event.pcm)) + event.pcm
    body = _packed(event)
    return _HEAD.pack(_KINDS.index(type(event)), 0, len(body)) + body


def _count(size: int, length: int) -> int:
    """How many events a record holds."""
    return max(1, -(-length // size)) if size else 1


def _events(kind: int, size: int, body: bytes) -> Iterator[events.Event]:
    if not size:
        yield _unpacked(_KINDS[kind], body)
        return
    for at in range(0, max(1, len(body)), size):
        yield events.AudioChunk(body[at : at + size], kind)


def _packed(event: events.Event) -> bytes:
    if not event.__struct_fields__:
        return b""
    import pickle  # here, since what nearly every run says has no fields

    return pickle.dumps(event)


def _unpacked(kind: type[events.Event], body: bytes) -> events.Event:
    if not body:
        return kind()
    import pickle

    event: events.Event = pickle.loads(body)  # our own file, which no one else can open
    return event
