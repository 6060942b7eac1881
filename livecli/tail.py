"""What a client has said since its session could last be resumed, in order: it is said again on the next connection.

Events are numbered from 1, over all connections. What is little stays in memory; an hour that nobody confirms goes to
disk, so that memory stays flat whatever the length. Pure but for that file.
"""

from __future__ import annotations

import struct
import tempfile
from collections.abc import Callable, Iterator

from .protocol import events

IN_MEMORY_BYTES = 1024 * 1024
"""A larger tail is an unlinked temporary file."""
COMPACT_BYTES = 8 * 1024 * 1024
"""How much may be forgotten before the file is written anew without it."""

_HEAD = struct.Struct("<II")  # what it is, and the bytes that follow
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
"""Everything but audio, which is nearly all there is: there "what it is" is the rate, and no rate is that low."""


class Tail:
    """`first` is the number of the oldest event that is held, `end` the number that the next one will have."""

    def __init__(self) -> None:
        self.first = self.end = 1
        self._spool = tempfile.SpooledTemporaryFile(IN_MEMORY_BYTES)  # noqa: SIM115 - `close` closes it
        # Counted over everything that was ever appended; the file begins at `_base`.
        self._base = self._start = self._stop = 0

    def append(self, event: events.Event) -> None:
        """The next thing said. Raises OSError where the disk is full."""
        if isinstance(event, events.AudioChunk):
            packed = _HEAD.pack(event.rate, len(event.pcm)) + event.pcm
        else:
            body = _packed(event)
            packed = _HEAD.pack(_KINDS.index(type(event)), len(body)) + body
        self._spool.seek(self._stop - self._base)
        self._spool.write(packed)
        self._stop += len(packed)
        self.end += 1

    def forget(self, number: int) -> None:
        """Everything up to `number`, that one included, need not be said again."""
        if number >= self.end - 1:
            self.first, self._start = self.end, self._stop
        while self.first <= min(number, self.end - 1):
            _, length = self._head(self._start)
            self._start += _HEAD.size + length
            self.first += 1
        if self._start == self._stop or self._start - self._base > COMPACT_BYTES:
            self._compact()

    def drop(self, stale: Callable[[events.Event], bool]) -> None:
        """Leave out what is `stale`: what follows moves up."""
        kept = Tail()
        for event in self:
            if not stale(event):
                kept.append(event)
        self._spool.close()
        self._spool, self.end = kept._spool, self.first + kept.end - 1
        self._base, self._start, self._stop = 0, 0, kept._stop

    def pass_by(self) -> None:
        """The next thing said is not held, and so nothing before it is of use either."""
        self.end += 1
        self.forget(self.end - 1)

    @property
    def held_bytes(self) -> int:
        """How much is held."""
        return self._stop - self._start

    def __iter__(self) -> Iterator[events.Event]:
        """All that is held, and what is appended meanwhile; not what is forgotten meanwhile."""
        at = self._start
        while (at := max(at, self._start)) < self._stop:
            kind, length = self._head(at)
            body = self._spool.read(length)
            at += _HEAD.size + length
            if kind < len(_KINDS):
                yield _unpacked(_KINDS[kind], body)
            else:
                yield events.AudioChunk(body, kind)

    def close(self) -> None:
        """Give the file back."""
        self._spool.close()

    def _head(self, at: int) -> tuple[int, int]:
        self._spool.seek(at - self._base)
        kind, length = _HEAD.unpack(self._spool.read(_HEAD.size))
        return kind, length

    def _compact(self) -> None:
        """Let go of what is forgotten: nearly always that is all there was."""
        old, self._spool = self._spool, tempfile.SpooledTemporaryFile(IN_MEMORY_BYTES)  # noqa: SIM115
        old.seek(self._start - self._base)
        while block := old.read(IN_MEMORY_BYTES):
            self._spool.write(block)
        old.close()
        self._base = self._start


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
