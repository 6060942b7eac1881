"""An utterance: speech of the user from its start to its end, as PCM in a file. It is written as audio arrives, and
read back while it is answered.

The caller opens the file, and so decides what is held in memory and what on disk.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import IO

from ...media.pcm import SAMPLE_BYTES
from ...protocol.audio_rates import INPUT_RATE
from ...protocol.close_reasons import Refusal
from ...protocol.models import CONTEXT_TOKENS
from .token_count import AUDIO_TOKENS_PER_SECOND

Recognize = Callable[["Utterance"], None]
"""Begins to recognize an utterance that `is_in_recognition`, and returns at once. The session is woken at the end."""

OpenSpool = Callable[[], IO[bytes]]
"""Opens a new file for reading and writing, which is deleted when it is closed."""

BYTES_PER_SECOND = INPUT_RATE * SAMPLE_BYTES

BLOCK_BYTES = BYTES_PER_SECOND // 4
"""Bytes that are read at a time, so that a reply takes the same memory however long the utterance is."""

MAX_UTTERANCE_BYTES = CONTEXT_TOKENS // AUDIO_TOKENS_PER_SECOND * BYTES_PER_SECOND
"""The audio that fills a model's context window: 85 minutes."""


def transcript(seconds: float) -> str:
    """The placeholder transcript for speech of this length."""
    return f"[{seconds:.1f} s of speech]"


class Utterance:
    """Mono PCM16 at INPUT_RATE. The owner calls `close` when it has been answered or is no longer needed.

    With `unlimited`, `write` takes more than the context window holds, because compression discards its beginning.
    `words` are what a script says of it, and `recognized` what speech recognition has found; None where that is not
    known. `is_in_recognition` is whether that is still under way.
    """

    def __init__(self, spool: IO[bytes], *, unlimited: bool = False) -> None:
        self._file = _SharedFile(spool)
        self._unlimited = unlimited
        self.length_bytes = 0
        self.words: str | None = None
        self.recognized: str | None = None
        self.is_in_recognition = False

    def fork(self) -> Utterance:
        """A copy that has the same audio so far, with a `close` of its own.

        Both use one file, so audio that is written to one overwrites audio that was written to the other since then.
        """
        fork = copy.copy(self)
        self._file.users += 1
        return fork

    def write(self, pcm: bytes) -> None:
        """Append audio. Raises Refusal when the context window is full, with the documented close code."""
        file = self._file
        if file.length_bytes != self.length_bytes:
            # The fork wrote its own audio behind the common beginning.
            file.spool.seek(self.length_bytes)
            file.spool.truncate()
        file.spool.write(pcm)
        self.length_bytes += len(pcm)
        file.length_bytes = self.length_bytes
        if self.length_bytes > MAX_UTTERANCE_BYTES and not self._unlimited:
            raise Refusal(1000, "")

    def truncate(self, length_bytes: int) -> None:
        """Limit the utterance to its first `length_bytes`."""
        self.length_bytes = min(self.length_bytes, length_bytes)

    def joined(self, other: Utterance) -> Utterance:
        """This utterance with the audio of `other` behind it. Closes `other`."""
        for block in other.blocks():
            self.write(block)
        other.close()
        self.recognized = " ".join(filter(None, [self.recognized, other.recognized])) or None
        return self

    @property
    def seconds(self) -> float:
        return self.length_bytes / BYTES_PER_SECOND

    @property
    def description(self) -> str:
        """The transcript of this utterance: its length where no words are known."""
        return self.known_words or transcript(self.seconds)

    @property
    def known_words(self) -> str | None:
        """The transcript: the one that the script gives, or else that of the speech recognition."""
        return self.recognized if self.words is None else self.words

    def blocks(self) -> Iterator[bytes]:
        """The audio from its start, in blocks of whole samples. Half a sample at the end is left out."""
        spool = self._file.spool
        spool.seek(0)
        remaining_bytes = self.length_bytes - self.length_bytes % SAMPLE_BYTES
        while remaining_bytes and (block := spool.read(min(remaining_bytes, BLOCK_BYTES))):
            remaining_bytes -= len(block)
            yield block

    def close(self) -> None:
        """Close the file, unless a fork still uses it."""
        self._file.users -= 1
        if not self._file.users:
            self._file.spool.close()


class _SharedFile:
    """The file of an utterance and its forks: the bytes in it, and the number of utterances that use it."""

    def __init__(self, spool: IO[bytes]) -> None:
        self.spool = spool
        self.length_bytes = 0
        self.users = 1
