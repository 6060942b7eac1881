"""Levels of short pieces of PCM16 mono, measured for many chunks at once: the cost of numpy is that of its calls."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from .pcm import SAMPLE_BYTES

PIECE_SECONDS = 0.02
"""The length of audio that has one level."""
FULL_SCALE = 32_768


class Pcm(NamedTuple):
    """A chunk, at `rate` samples a second. Half a sample at its end does not count."""

    pcm: bytes
    rate: int


def piece_samples(rate: int) -> int:
    """The samples of a piece."""
    return max(1, round(PIECE_SECONDS * rate))


def powers(chunks: Sequence[Pcm]) -> list[list[float]]:
    """For each chunk, the mean power of each piece of it, of which full scale is 1. The last piece may be short."""
    if not chunks:
        return []
    import numpy as np

    alike: dict[tuple[int, int], list[int]] = {}
    for number, (pcm, rate) in enumerate(chunks):
        alike.setdefault((rate, len(pcm) // SAMPLE_BYTES), []).append(number)
    found: list[list[float]] = [[] for _ in chunks]
    for (rate, size), numbers in alike.items():
        together = b"".join([chunks[number].pcm[: size * SAMPLE_BYTES] for number in numbers])
        samples = np.frombuffer(together, "<i2").astype(np.float32).reshape(len(numbers), size) / FULL_SCALE
        step = piece_samples(rate)
        pieces = [samples[:, place : place + step] for place in range(0, size, step)]
        means = [np.einsum("ij,ij->i", piece, piece) / piece.shape[1] for piece in pieces]
        for number, *measured in zip(numbers, *(mean.tolist() for mean in means), strict=True):
            found[number] = measured
    return found
