"""The audio that clients sent to an emulator, as one array."""

from __future__ import annotations

import os
import wave
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from ..media.pcm import SAMPLE_BYTES
from ..media.resample import VariableRateResampler
from ..protocol.audio_rates import INPUT_RATE
from ..protocol.events import AudioChunk


class ClientAudio(np.ndarray[tuple[int], np.dtype[np.int16]]):
    """Samples of 16-bit mono audio, `rate` a second."""

    rate = INPUT_RATE

    @property
    def seconds(self) -> float:
        """The duration."""
        return len(self) / self.rate

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write a WAV file. Raises OSError."""
        with Path(path).open("wb") as file, wave.open(file) as sound:
            sound.setnchannels(1)
            sound.setsampwidth(SAMPLE_BYTES)
            sound.setframerate(self.rate)
            sound.writeframes(self.astype("<i2").tobytes())


def joined(chunks: Iterable[AudioChunk]) -> ClientAudio:
    """The chunks one after another, resampled to INPUT_RATE where they have another rate."""
    resampler = VariableRateResampler(INPUT_RATE)
    pcm = bytearray().join(piece for chunk in chunks for piece in resampler.push(chunk.pcm, chunk.rate))
    pcm += resampler.finish()
    return np.frombuffer(pcm, "<i2", len(pcm) // SAMPLE_BYTES).astype(np.int16).view(ClientAudio)
