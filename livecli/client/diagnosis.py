"""Why nothing comes: the likeliest cause of a silence that can be seen from this end. Pure."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from ..errors import Advice, DeadlineError
from ..media.pcm import SILENCE_PEAK, dbfs
from ..protocol.setup import Activity
from ..report.summary import TransferStats

# Was the reply cut short? What the figures of a run tell, with the figures. Pure.
FASTEST_WORDS, FASTEST_LETTERS = 8.0, 40.0
"""A second. Nobody speaks so fast, a model least of all: two to three words are usual."""
FEWEST_LETTERS = 60
"""A transcript shorter than that says nothing about the length of its sound."""
WIDE = 2.5
"""A character of Chinese, Japanese or Korean is a syllable, and takes about as long as so many letters."""


def truncation_warnings(stats: TransferStats) -> Iterator[str]:
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


LONGER = "--idle-timeout gives it longer"


@dataclass(frozen=True)
class StallContext:
    """What an exchange waits in: `asked` once the question was sent whole; `activity` of a spoken one.

    `told` is the function whose response was the last thing that passed, `status` the interaction's.
    """

    asked: bool
    activity: Activity | None = None
    told: str | None = None
    status: str = "IDLE"


def stall_error(seconds: float, stats: TransferStats, waiting: StallContext) -> DeadlineError:
    """The error for a server that has been silent for so many seconds."""
    if not waiting.asked:
        return DeadlineError(
            f"the server has been silent for {seconds:g} s while it did not take what was sent", hint=LONGER
        )
    cause, remedy = next(filter(None, (see(stats, waiting) for see in CAUSES)), ("", ""))
    said = f"the server has been silent for {seconds:g} s while an answer was due"
    return DeadlineError(
        f"{said}: {cause}" if cause else said,
        hint=f"{remedy}; {LONGER}" if remedy else LONGER,
        advice=Advice(cause or None, (remedy, LONGER) if remedy else (LONGER,)),
    )


Seen = tuple[str, str] | None
"""A cause and its remedy, where it is seen."""


def _told(stats: TransferStats, waiting: StallContext) -> Seen:
    if not waiting.told:
        return None
    return f"the model was told what {waiting.told} returned, and has said nothing since", "ask again"


def _mid_turn(stats: TransferStats, waiting: StallContext) -> Seen:
    size = stats.open_turn_bytes
    if not size:
        return None
    seconds = size / (2 * (stats.received.rate or 24_000))
    return f"the reply stopped after {size:,} bytes ({seconds:.1f} s) in the middle of a turn", "ask again"


def _at_work(stats: TransferStats, waiting: StallContext) -> Seen:
    if stats.turn_complete and waiting.status == "IN_PROGRESS":
        return "the model says that it is still at work (IN_PROGRESS)", "extended thinking takes its time"
    return None


def silence_sent(stats: TransferStats) -> str | None:
    """What is to be said of audio that was sent and holds no sound; None of any other."""
    if not stats.sent.chunks or stats.sent.peak > SILENCE_PEAK:
        return None
    level = f"its peak is {dbfs(stats.sent.peak):.0f} dBFS" if stats.sent.peak else "every sample is zero"
    return f"the audio that was sent is silence ({level})"


def _silent_input(stats: TransferStats, waiting: StallContext) -> Seen:
    silence = silence_sent(stats)
    return (silence, "check that the input is the right one, and loud enough") if silence else None


def _no_end_of_speech(stats: TransferStats, waiting: StallContext) -> Seen:
    if waiting.activity is not Activity.AUTO or stats.turn_complete:
        return None
    heard = "no end of speech" if stats.heard else "no speech, or no end of it"
    return f"automatic detection heard {heard}", "--activity manual, or a longer --trailing-silence"


def _heard(stats: TransferStats, waiting: StallContext) -> Seen:
    if stats.heard and not stats.turn_complete:
        return "it heard the question, and has not begun to answer", "ask again"
    return None


CAUSES: tuple[Callable[[TransferStats, StallContext], Seen], ...] = (
    _told,
    _mid_turn,
    _at_work,
    _silent_input,
    _no_end_of_speech,
    _heard,
)
"""Asked in this order: what is certain before what is likely."""
