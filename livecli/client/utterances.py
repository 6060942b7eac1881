"""A long input cut into utterances, each shorter than half a connection, so that a break can cost one of them only.

For services that do not say which messages a handle includes: there an utterance that is hit is sent again whole. Time
is what sending takes, so it holds at every speed. Pure: time is an argument.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

from ..media.pcm import SAMPLE_BYTES, is_silent

EARLIEST, LATEST = 0.25, 0.5
"""Shares of a connection's life: from the first on an utterance is cut at a pause, at the latest anywhere."""
PAUSE_SECONDS = 0.2

Chunks = list[bytes]


class Utterances:
    """`chunks` in utterances; `life_seconds()` is how long a connection lasts, None where nothing is to be cut.

    `ended` is whether `chunks` have.
    """

    def __init__(
        self,
        chunks: AsyncIterator[Chunks],
        rate: int,
        life_seconds: Callable[[], float | None],
        clock: Callable[[], float],
    ) -> None:
        self.ended = False
        self._chunks, self._life_seconds, self._clock = chunks, life_seconds, clock
        self._pause_bytes = round(PAUSE_SECONDS * rate) * SAMPLE_BYTES
        self._rest: Chunks = []
        self._quiet_bytes = 0

    async def next(self) -> AsyncIterator[Chunks]:
        """The chunks of the next utterance, in lists as they come: at least one, unless the input is empty."""
        began, self._quiet_bytes = self._clock(), 0
        rest, self._rest = self._rest, []
        if rest:
            yield rest
        empty = not rest
        async for chunks in self._chunks:
            at = max(self._cut(chunks, self._clock() - began), int(empty))
            empty = False
            if at < len(chunks):
                self._rest = chunks[at:]
                if at:
                    yield chunks[:at]
                return
            yield chunks
        self.ended = True

    def _cut(self, chunks: Chunks, seconds: float) -> int:
        """How many of the chunks still belong to the utterance, which has been sent for so long."""
        life = self._life_seconds()
        if life is None or seconds < EARLIEST * life:
            return len(chunks)
        if seconds >= LATEST * life:
            return 0
        for at, chunk in enumerate(chunks):
            if self._quiet_bytes >= self._pause_bytes:
                return at
            self._quiet_bytes = self._quiet_bytes + len(chunk) if is_silent(chunk) else 0
        return len(chunks)
