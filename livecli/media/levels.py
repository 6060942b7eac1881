"""Levels of short pieces of PCM16 mono, for many chunks at once, since the cost of numpy is that of its calls.

numpy is loaded when there is audio.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from functools import cache
from typing import Protocol

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


def powers(chunks: Sequence[Chunk]) -> list[list[float]]:
    """For each chunk, the mean power of each piece of it, of which full scale is 1. The last piece may be short."""
    if not chunks:
        return []
    import numpy as np

    alike: dict[tuple[int, int], list[int]] = {}
    for number, chunk in enumerate(chunks):
        alike.setdefault((chunk.rate, len(chunk.pcm) // SAMPLE_BYTES), []).append(number)
    found: list[list[float]] = [[] for _ in chunks]
    for (rate, size), numbers in alike.items():
        together = b"".join([chunks[number].pcm[: size * SAMPLE_BYTES] for number in numbers])
        samples = np.frombuffer(together, "<i2").astype(np.float32).reshape(len(numbers), size)
        step = piece_samples(rate)
        pieces = [samples[:, place : place + step] for place in range(0, size, step)]
        means = [np.einsum("ij,ij->i", piece, piece) / (piece.shape[1] * FULL_SCALE**2) for piece in pieces]
        for number, *measured in zip(numbers, *(mean.tolist() for mean in means), strict=True):
            found[number] = measured
    return found


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
