"""The sound of a session for the player of a page: both sides in one file, as a data URL in parts."""

from __future__ import annotations

import base64
import tempfile
from collections.abc import Iterator
from typing import IO, NamedTuple

from ..media.encoding import ENCODINGS, encode
from ..media.mixdown import PlacedSound, mixdown
from ..media.wav import wav_header
from ..recording.format import Direction, Recording
from ..recording.session_analysis import events_on_one_clock
from ..recording.session_events import Lane, audio_in

LONGEST_SECONDS = 4 * 3600.0
"""A session that is longer has no player."""


class PlayerFormat(NamedTuple):
    """How sessions up to `seconds` are encoded, at `rate` samples a second."""

    seconds: float
    media_type: str
    encoding: str | None
    rate: int


FORMATS = (
    PlayerFormat(5, "audio/wav", None, 24_000),
    PlayerFormat(30, "audio/ogg", "opus", 24_000),
    # libsndfile encodes a minute of Opus in 1.2 s, and of FLAC in 0.03 s, six times as large (measured 2026-11).
    PlayerFormat(LONGEST_SECONDS, "audio/flac", "flac", 16_000),
)


def player_format(seconds: float) -> PlayerFormat | None:
    """The format for a session of this length; None for one that is too long."""
    return next((each for each in FORMATS if seconds <= each.seconds), None)


def sound_url(recording: Recording, chosen: PlayerFormat) -> Iterator[str]:
    """The parts of a data URL. Raises FileError where the sound cannot be encoded."""
    yield f"data:{chosen.media_type};base64,"
    blocks = mixdown(_placed(recording), chosen.rate)
    if chosen.encoding is None:
        pcm = b"".join(blocks)
        yield base64.b64encode(wav_header(chosen.rate, len(pcm)) + pcm).decode()
        return
    with tempfile.TemporaryFile(buffering=0) as file:
        encode(blocks, chosen.rate, ENCODINGS[chosen.encoding], file)
        file.seek(0)
        yield from _in_base64(file)


def _in_base64(file: IO[bytes]) -> Iterator[str]:
    rest = b""
    while data := file.read(3 * 2**16):
        data = rest + data
        whole = len(data) - len(data) % 3
        rest = data[whole:]
        yield base64.b64encode(data[:whole]).decode()
    yield base64.b64encode(rest).decode()


def _placed(recording: Recording) -> Iterator[PlacedSound]:
    """The sound of both sides, where the picture has it."""
    lanes = {direction: Lane() for direction in Direction}
    for each in events_on_one_clock(recording):
        for chunk in audio_in(each.event):
            assert each.direction is not None, "a close has no audio"
            begins_at = lanes[each.direction].place(chunk, each.at, plays=True)
            yield PlacedSound(str(each.direction), each.at, begins_at, chunk.pcm, chunk.rate)
