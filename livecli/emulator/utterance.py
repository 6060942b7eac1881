"""What the user said in one go, as PCM: written while it is heard, read back once it is answered.

It is kept in a spool that the caller opens, so that this room decides nothing about memory and disk.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import IO

from ..audio.pcm import SAMPLE_BYTES
from ..protocol.closes import Refusal
from ..protocol.codec import INPUT_RATE

OpenSpool = Callable[[], IO[bytes]]
"""Opens a file that is gone once it is closed."""

BYTES_PER_SECOND = INPUT_RATE * SAMPLE_BYTES
BLOCK_BYTES = BYTES_PER_SECOND // 4
"""How much is read at a time: a reply is made in constant memory, however long the utterance."""

LONGEST_BYTES = 128_000 // 25 * BYTES_PER_SECOND
"""What fills the models' context window, at 25 tokens a second: 85 minutes."""


class Utterance:
    """Mono PCM16 at INPUT_RATE. `close` it when it has been answered or is no longer wanted."""

    def __init__(self, spool: IO[bytes]) -> None:
        self._spool = spool
        self.length_bytes = 0

    def write(self, pcm: bytes) -> None:
        """Raises Refusal where there is no end to it."""
        self._spool.write(pcm)
        self.length_bytes += len(pcm)
        if self.length_bytes > LONGEST_BYTES:
            raise Refusal(1000, "")  # as documented for a context that is full

    def cut(self, length_bytes: int) -> None:
        """End it at `length_bytes` where it is longer; what was written after that is never read."""
        self.length_bytes = min(self.length_bytes, length_bytes)

    @property
    def seconds(self) -> float:
        return self.length_bytes / BYTES_PER_SECOND

    @property
    def description(self) -> str:
        """What stands in for a transcript: the emulator hears speech, but no words."""
        return f"[{self.seconds:.1f} s of speech]"

    def blocks(self) -> Iterator[bytes]:
        """The whole of it from the start, in blocks of whole samples."""
        self._spool.seek(0)
        left = self.length_bytes - self.length_bytes % SAMPLE_BYTES
        while left and (block := self._spool.read(min(left, BLOCK_BYTES))):
            left -= len(block)
            yield block

    def close(self) -> None:
        self._spool.close()
