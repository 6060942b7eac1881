"""What the user said in one go, as PCM: written while it is heard, read back once it is answered.

It is kept in a spool that the caller opens, so that this room decides nothing about memory and disk.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import IO

from ...media.pcm import SAMPLE_BYTES
from ...protocol.audio_rates import INPUT_RATE
from ...protocol.close_reasons import Refusal
from ...protocol.models import CONTEXT_TOKENS

OpenSpool = Callable[[], IO[bytes]]
"""Opens a file that is gone once it is closed."""

BYTES_PER_SECOND = INPUT_RATE * SAMPLE_BYTES
BLOCK_BYTES = BYTES_PER_SECOND // 4
"""How much is read at a time: a reply is made in constant memory, however long the utterance."""

LONGEST_BYTES = CONTEXT_TOKENS // 25 * BYTES_PER_SECOND
"""What fills the models' context window, at 25 tokens a second: 85 minutes."""


class _Shared:
    """A spool, how much is in it, and how many utterances are."""

    def __init__(self, spool: IO[bytes]) -> None:
        self.spool = spool
        self.length_bytes = 0
        self.holders = 1


class Utterance:
    """Mono PCM16 at INPUT_RATE. `close` it when it has been answered or is no longer wanted.

    `endless`: the context does not get full, because its beginning is forgotten.
    """

    def __init__(self, spool: IO[bytes], *, endless: bool = False) -> None:
        self._shared = _Shared(spool)
        self._endless = endless
        self.length_bytes = 0

    def share(self) -> Utterance:
        """The same utterance as it is now, to be closed for itself. Whichever is written to first goes on."""
        other = copy.copy(self)
        self._shared.holders += 1
        return other

    def write(self, pcm: bytes) -> None:
        """Raises Refusal where there is no end to it."""
        shared = self._shared
        if shared.length_bytes != self.length_bytes:  # the other one went on from here, and is forgotten
            shared.spool.seek(self.length_bytes)
            shared.spool.truncate()
        shared.spool.write(pcm)
        self.length_bytes += len(pcm)
        shared.length_bytes = self.length_bytes
        if self.length_bytes > LONGEST_BYTES and not self._endless:
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
        spool = self._shared.spool
        spool.seek(0)
        left = self.length_bytes - self.length_bytes % SAMPLE_BYTES
        while left and (block := spool.read(min(left, BLOCK_BYTES))):
            left -= len(block)
            yield block

    def close(self) -> None:
        self._shared.holders -= 1
        if not self._shared.holders:
            self._shared.spool.close()
