"""Events on disk, many at a time, in temporary files that everybody here shares: a thousand sessions that each made one
of their own would wait for the file system.
"""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Sequence
from typing import IO, NamedTuple

from .protocol import events

FILE_BYTES = 8 * 1024 * 1024
"""How much is in a file, at the least. It is given back once all of that is forgotten, whosever it was."""


class File:
    """A temporary one, written from its start to its end."""

    def __init__(self) -> None:
        import tempfile  # here, since next to no run gets that far

        self.on_disk: IO[bytes] = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 - closed with its last block
        self.size = self.blocks = 0

    def write(self, packed: bytes) -> int:
        """Where it begins. Raises OSError where the disk is full."""
        at = self.on_disk.seek(self.size)
        if self.on_disk.write(packed) < len(packed):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self.size, self.blocks = at + len(packed), self.blocks + 1
        return at

    def close(self) -> None:
        """Unless there is a block in it."""
        if not self.blocks:
            self.on_disk.close()


class Writing(threading.local):
    """The file that is written to: each thread has its own."""

    file: File | None = None


WRITING = Writing()


class Block(NamedTuple):
    """Some events. `size` is in bytes, `length` how many there are."""

    file: File
    at: int
    size: int
    length: int

    def read(self) -> list[events.Event]:
        """These."""
        import pickle  # of a file of our own, which no one else can open

        self.file.on_disk.seek(self.at)
        packed = pickle.loads(self.file.on_disk.read(self.size))
        return [events.AudioChunk(*held) if type(held) is tuple else held for held in packed]

    def release(self) -> None:
        """Nobody wants it any more."""
        self.file.blocks -= 1
        self.file.close()


def put_away(held: Sequence[events.Event]) -> Block:
    """These, on disk. Raises OSError where that is full."""
    import pickle

    # Audio as tuples: to pickle objects takes longer than to write them.
    plain = [(event.pcm, event.rate) if isinstance(event, events.AudioChunk) else event for event in held]
    packed = pickle.dumps(plain, pickle.HIGHEST_PROTOCOL)
    file = WRITING.file
    if file is None or file.on_disk.closed or file.size >= FILE_BYTES:
        file = WRITING.file = File()
    try:
        return Block(file, file.write(packed), len(packed), len(held))
    finally:
        file.close()
