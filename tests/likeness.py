"""The similarity of two recordings of speech, one of which may have short silences from a busy machine."""

from __future__ import annotations

from typing import Any

import numpy

from tests.sound_server import RATE

ALIKE = 0.85
"""Above this likeness two sounds are the same speech. Wrong replies stay below 0.8."""
HOP = RATE // 200
"""Samples between two spectra: 5 ms."""
WINDOW = 512
BANDS = 24
GAP_SAMPLES = RATE // 250
"""The shortest silence that a sound server may have inserted: 4 ms."""
GAP_PEAK = 60
"""The largest sample of a silence, of 32,767."""
QUIET = 3e-4
"""The power below which a spectrum is silent, relative to the loud parts of the expected sound: -35 dB."""
STRETCH = RATE // HOP // 4
"""Spectra in a quarter of a second."""


def likeness(heard: Any, expected: Any) -> float:
    """The likeness of two sounds by their spectra: 1 for the same sound, near 0 for one with nothing in common.

    Silences are cut out of both, and the spectra of what is left are aligned in order, so that the place of the sound
    and pauses within it do not matter. The result is the smaller of two numbers: the aligned share of the longer
    sound, which is small where more was heard than expected; and the aligned share of the worst quarter of a second of
    `expected`, which is small where a piece of it is missing or is another one.
    """
    wanted_bands, found_bands = _bands(_without_gaps(expected)), _bands(_without_gaps(heard))
    loud = numpy.percentile(wanted_bands.sum(axis=1), 95)
    wanted, found = _spectra(wanted_bands, loud), _spectra(found_bands, loud)
    if not len(found):
        return 0.0
    aligned = _aligned(numpy.clip(wanted @ found.T, 0, None))
    worst = numpy.convolve(aligned, numpy.full(STRETCH, 1 / STRETCH), "valid").min()
    return float(min(aligned.sum() / max(len(wanted), len(found)), worst))


def _without_gaps(samples: Any) -> Any:
    edges = numpy.flatnonzero(numpy.diff(abs(samples) <= GAP_PEAK, prepend=False, append=False)).reshape(-1, 2)
    kept = numpy.ones(len(samples), bool)
    for start, end in edges:
        kept[start:end] = end - start < GAP_SAMPLES
    return samples[kept]


def _bands(samples: Any) -> Any:
    """The power in each band of each spectrum."""
    padded = numpy.concatenate([samples, numpy.zeros(WINDOW)])
    frames = numpy.lib.stride_tricks.sliding_window_view(padded, WINDOW)[::HOP]
    power = abs(numpy.fft.rfft(frames * numpy.hanning(WINDOW), axis=1)) ** 2
    edges = numpy.unique(numpy.geomspace(3, WINDOW // 2, BANDS + 1).astype(int))
    return numpy.add.reduceat(power, edges[:-1], axis=1)


def _spectra(bands: Any, loud: float) -> Any:
    """The shapes of the spectra that are not silent, as vectors of length 1."""
    heard = bands[bands.sum(axis=1) > QUIET * loud] / loud
    shapes = numpy.log(heard + 1e-3 / heard.shape[1])
    shapes -= shapes.mean(axis=1, keepdims=True)
    return shapes / numpy.linalg.norm(shapes, axis=1, keepdims=True)


def _aligned(alike: Any) -> Any:
    """The likeness of each row with the column that it is aligned to, 0 for a row without one.

    The alignment keeps the order of both and has the greatest sum, as the longest common subsequence has.
    """
    rows, columns = alike.shape
    best = numpy.zeros((rows + 1, columns + 1))
    for row in range(rows):
        best[row + 1, 1:] = numpy.maximum(best[row, 1:], best[row, :-1] + alike[row])
        best[row + 1] = numpy.maximum.accumulate(best[row + 1])
    found = numpy.zeros(rows)
    while rows and columns:
        if best[rows, columns] == best[rows - 1, columns]:
            rows -= 1
        elif best[rows, columns] == best[rows, columns - 1]:
            columns -= 1
        else:
            rows, columns = rows - 1, columns - 1
            found[rows] = alike[rows, columns]
    return found
