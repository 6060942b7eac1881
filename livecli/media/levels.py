"""Levels of short pieces of PCM16 mono, for many chunks at once, since the cost of numpy is that of its calls.

numpy is loaded when there is audio.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Protocol

from .pcm import SAMPLE_BYTES

PIECE_SECONDS = 0.02
"""The length of audio that has one level."""
FULL_SCALE = 32_768
SLACK = 1e-6
"""The rounding error of a place, in columns."""


class Chunk(Protocol):
    """PCM at `rate` samples a second. Half a sample at its end does not count."""

    @property
    def pcm(self) -> bytes:
        """The samples."""

    @property
    def rate(self) -> int:
        """Samples a second."""


@cache
def piece_samples(rate: int) -> int:
    """The samples of a piece."""
    return max(1, round(PIECE_SECONDS * rate))


@dataclass(frozen=True)
class AlikeChunks:
    """Those of some chunks that have one rate and length.

    `places` are their places among all chunks. `powers` is an array with a row for each, of the mean power of each
    piece, of which full scale is 1. The last piece may be short.
    """

    rate: int
    places: list[int]
    powers: Any

    def pieces(self, begin_at: Sequence[float]) -> tuple[array[float], array[float]]:
        """The times in seconds and the powers of all pieces, where all chunks begin at these times."""
        import numpy as np

        offsets = np.arange(self.powers.shape[1]) * (piece_samples(self.rate) / self.rate)
        times = np.array([begin_at[place] for place in self.places])[:, None] + offsets
        return array("d", times.tobytes()), array("d", self.powers.astype(float).tobytes())


def measured(chunks: Sequence[Chunk]) -> list[AlikeChunks]:
    """The chunks that have samples, measured."""
    alike: dict[tuple[int, int], list[int]] = {}
    for place, chunk in enumerate(chunks):
        alike.setdefault((chunk.rate, len(chunk.pcm) // SAMPLE_BYTES), []).append(place)
    return [
        AlikeChunks(rate, places, _powers([chunks[place].pcm for place in places], size, piece_samples(rate)))
        for (rate, size), places in alike.items()
        if size
    ]


def _powers(pcms: Sequence[bytes], size: int, step: int) -> Any:
    """The powers of chunks that have `size` samples each, in pieces of `step` samples."""
    import numpy as np

    together = b"".join([pcm[: size * SAMPLE_BYTES] for pcm in pcms])
    samples = np.frombuffer(together, "<i2").astype(np.float32).reshape(len(pcms), size)
    pieces = [samples[:, place : place + step] for place in range(0, size, step)]
    means = [np.einsum("ij,ij->i", piece, piece) / (piece.shape[1] * FULL_SCALE**2) for piece in pieces]
    return np.stack(means, axis=1)


def column_powers(times: array[float], powers: array[float], scale: float, columns: int) -> dict[int, float]:
    """The mean power of the pieces in each column that has any. There are `scale` columns in a second.

    The pieces begin at `times`, the first column at 0. The last one has all that is later.
    """
    if not times:
        return {}
    import numpy as np

    at = np.asarray(times)
    first = (at * scale).astype(int).clip(max=columns - 1)
    last = ((at + PIECE_SECONDS) * scale - SLACK).astype(int).clip(first, columns - 1)
    counts = last - first + 1
    pieces = np.repeat(np.arange(len(at)), counts)
    # The place of each piece's column among the columns of this piece.
    places = np.arange(len(pieces)) - np.repeat(counts.cumsum() - counts, counts)
    taken = first[pieces] + places
    totals, shares = np.bincount(taken, np.asarray(powers)[pieces]), np.bincount(taken)
    used = shares.nonzero()[0]
    return dict(zip(used.tolist(), (totals[used] / shares[used]).tolist(), strict=True))
