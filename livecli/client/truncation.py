"""Was the reply cut short? What the figures of a run tell, with the figures. Pure."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator

from ..report.summary import TransferStats

FASTEST_WORDS, FASTEST_LETTERS = 8.0, 40.0
"""A second. Nobody speaks so fast, a model least of all: two to three words are usual."""
FEWEST_LETTERS = 60
"""A transcript shorter than that says nothing about the length of its sound."""
WIDE = 2.5
"""A character of Chinese, Japanese or Korean is a syllable, and takes about as long as so many letters."""


def signs_of_truncation(stats: TransferStats) -> Iterator[str]:
    """Sentences, none where nothing looks wrong. To be asked once the run is over, when late transcripts have come."""
    if stats.cut_turns:
        turns = "the turn" if stats.cut_turns == 1 else f"{stats.cut_turns} turns"
        reason = f" ({stats.turn_reason})" if stats.turn_reason else ""
        yield (
            f"the reply may be cut short: {turns} ended{reason} without generationComplete, "
            f"after {stats.received.audio_seconds:.1f} s of audio"
        )
    seconds = stats.received.audio_seconds
    said = "" if stats.wrote or stats.interrupted else stats.said.strip()
    if seconds and letters(said) >= FEWEST_LETTERS and seconds < shortest_seconds(said):
        yield (
            f"the reply may be cut short: {seconds:.1f} s of audio for a transcript of {len(said.split())} words "
            f"({len(said)} characters), which takes {shortest_seconds(said):.1f} s at the very least"
        )


def shortest_seconds(said: str) -> float:
    """The shortest time in which that can be said."""
    return max(len(said.split()) / FASTEST_WORDS, letters(said) / FASTEST_LETTERS)


def letters(said: str) -> float:
    """How long it is, in letters of the Latin alphabet."""
    wide = sum(unicodedata.east_asian_width(character) in "WF" for character in said)
    return len(said) + (WIDE - 1) * wide
