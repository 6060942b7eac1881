"""The audio files that are sent: a tone of 440 Hz. Made without numpy, to keep memory small."""

from __future__ import annotations

import math
import subprocess
import sys
import wave
from array import array
from pathlib import Path

_ENCODE = """
import sys, soundfile
with soundfile.SoundFile(sys.argv[1]) as given:
    with soundfile.SoundFile(sys.argv[2], "w", given.samplerate, given.channels, "PCM_16") as made:
        for block in given.blocks(1 << 16, dtype="int16"):
            made.write(block)
"""


def tone(rate: int) -> bytes:
    """A second of the tone, PCM16 mono."""
    return array("h", (round(8_000 * math.sin(2 * math.pi * 440 * n / rate)) for n in range(rate))).tobytes()


def wav(folder: Path, seconds: int, *, rate: int = 16_000, channels: int = 1) -> Path:
    """A WAV file of PCM16, `seconds` long."""
    path = folder / f"{seconds}s-{rate}-{channels}.wav"
    tone = (round(8_000 * math.sin(2 * math.pi * 440 * n / rate)) for n in range(rate))
    second = array("h", (sample for value in tone for sample in [value] * channels)).tobytes()
    with wave.open(str(path), "wb") as file:
        file.setparams((channels, 2, rate, 0, "NONE", ""))
        for _ in range(seconds):
            file.writeframesraw(second)
    return path


def flac(given: Path) -> Path:
    """The samples of `given` as FLAC, encoded in a child process."""
    path = given.with_suffix(".flac")
    subprocess.run([sys.executable, "-c", _ENCODE, given, path], check=True)
    return path
