"""The sound of a session for the player of a page: both sides in one file, and that as a data URL in parts."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from ..media.encoding import ENCODINGS, encode_alone
from ..media.mixdown import PlacedSound, mixdown
from ..media.wav import wav_header
from ..process.read_ahead import read_ahead

LONGEST_SECONDS = 4 * 3600.0
"""A session that is longer has no player."""


class PlayerFormat(NamedTuple):
    """How sounds up to `seconds` are encoded, at `rate` samples a second, of which the highest `bits` are kept."""

    seconds: float
    media_type: str
    encoding: str | None
    rate: int
    bits: int = 16


FORMATS = (
    PlayerFormat(5, "audio/wav", None, 24_000),
    PlayerFormat(30, "audio/ogg", "opus", 24_000),
    # libsndfile encodes a minute of sound to Opus in 1.2 s, and to FLAC in 0.03 s. A minute of FLAC takes 400 kB with
    # 10 bits per sample, at a noise of -65 dBFS, and 1,000 kB with 16 bits (measured 2026-11).
    PlayerFormat(LONGEST_SECONDS, "audio/flac", "flac", 16_000, 10),
)


def encode_sound(sounds: Iterator[PlacedSound], path: Path) -> str | None:
    """Write the sounds into a new file. Returns its media type; None where there is no sound, or it is too long.

    Takes all sounds in any case. Raises FileError where they cannot be encoded.
    """
    held: list[PlacedSound] = []
    ends_at = 0.0
    for each in sounds:
        held.append(each)
        ends_at = max(ends_at, each.ends_at)
        if ends_at > FORMATS[-2].seconds:
            break
    if not held:
        return None
    chosen = next((each for each in FORMATS if ends_at <= each.seconds), FORMATS[-1])
    bounded = _BoundedSounds(chain(held, sounds))
    del held
    blocks = mixdown(bounded, chosen.rate, chosen.bits)
    if chosen.encoding is None:
        pcm = b"".join(blocks)
        path.write_bytes(wav_header(chosen.rate, len(pcm)) + pcm)
    else:
        encode_alone(read_ahead(blocks), chosen.rate, ENCODINGS[chosen.encoding], path)
    return None if bounded.is_exceeded else chosen.media_type


class _BoundedSounds:
    """Sounds without those that begin later than LONGEST_SECONDS. `is_exceeded` tells whether there was one."""

    def __init__(self, sounds: Iterable[PlacedSound]) -> None:
        self._sounds = sounds
        self.is_exceeded = False

    def __iter__(self) -> Iterator[PlacedSound]:
        for each in self._sounds:
            if each.begins_at < LONGEST_SECONDS:
                yield each
            else:
                self.is_exceeded = True


def sound_player(media_type: str, path: Path) -> Iterator[str]:
    """The parts of the element that plays a file, which is in it."""
    yield f'<audio controls preload="auto" aria-label="Both sides" src="data:{media_type};base64,'
    with path.open("rb") as file:
        while data := file.read(3 * 2**16):
            yield base64.b64encode(data).decode()
    yield '"></audio>\n'
