"""Diagnosis of a silent service and of a reply that was cut short, from what the client has seen. No I/O."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator

import msgspec

from ..errors import Advice, DeadlineError
from ..media.pcm import SILENCE_PEAK, dbfs
from ..protocol.audio_rates import OUTPUT_RATE
from ..protocol.setup import Activity
from ..report.summary import TransferStats

# Words and letters a second that no model speaks: two to three words are usual.
FASTEST_WORDS, FASTEST_LETTERS = 8.0, 40.0

# A shorter transcript says nothing about the length of its sound.
FEWEST_LETTERS = 60

# Letters whose time a character of Chinese, Japanese or Korean takes, which is a syllable.
WIDE = 2.5


def truncation_warnings(stats: TransferStats) -> Iterator[str]:
    """Sentences that say why the reply may be cut short; none where nothing looks wrong.

    Complete only once the run is over, when late transcripts have come.
    """
    if stats.cut_turns:
        turns = "the turn" if stats.cut_turns == 1 else f"{stats.cut_turns} turns"
        reason = f" ({stats.turn_reason})" if stats.turn_reason else ""
        yield (
            f"the reply may be cut short: {turns} ended{reason} without generationComplete, "
            f"after {stats.received.audio_seconds:.1f} s of audio"
        )
    seconds = stats.received.audio_seconds
    transcript = "" if stats.wrote or stats.interrupted else stats.said.strip()
    if seconds and letters(transcript) >= FEWEST_LETTERS and seconds < (shortest := shortest_seconds(transcript)):
        yield (
            f"the reply may be cut short: {seconds:.1f} s of audio for a transcript of {len(transcript.split())} words "
            f"({len(transcript)} characters), which takes {shortest:.1f} s at the very least"
        )


def shortest_seconds(transcript: str) -> float:
    """The shortest time in which `transcript` can be spoken."""
    return max(len(transcript.split()) / FASTEST_WORDS, letters(transcript) / FASTEST_LETTERS)


def letters(transcript: str) -> float:
    """Length of `transcript` in letters of the Latin alphabet."""
    if transcript.isascii():
        return len(transcript)
    wide = sum(unicodedata.east_asian_width(character) in "WF" for character in transcript)
    return len(transcript) + (WIDE - 1) * wide


LONGER = "--idle-timeout gives it longer"


class StallContext(msgspec.Struct, frozen=True):
    """State of a turn whose service is silent.

    `asked` is whether the request was sent whole; `activity` is how the end of speech is found, None for text.
    `responded` is the function whose response was sent last, if the model has said nothing since; `status` is the
    interaction's.
    """

    asked: bool
    activity: Activity | None = None
    responded: str | None = None
    status: str = "IDLE"


def stall_error(seconds: float, stats: TransferStats, context: StallContext) -> DeadlineError:
    """The error for a service that has been silent for `seconds`, with the likeliest cause."""
    if not context.asked:
        return DeadlineError(
            f"the server has been silent for {seconds:g} s while it did not take what was sent", hint=LONGER
        )
    cause, remedy = next(filter(None, (find(stats, context) for find in CAUSES)), ("", ""))
    silence = f"the server has been silent for {seconds:g} s while an answer was due"
    return DeadlineError(
        f"{silence}: {cause}" if cause else silence,
        hint=f"{remedy}; {LONGER}" if remedy else LONGER,
        advice=Advice(cause or None, (remedy, LONGER) if remedy else (LONGER,)),
    )


Cause = tuple[str, str] | None
"""A cause and its remedy, None where it does not apply."""


def _after_response(stats: TransferStats, context: StallContext) -> Cause:
    if not context.responded:
        return None
    return f"the model was told what {context.responded} returned, and has said nothing since", "ask again"


def _mid_turn(stats: TransferStats, context: StallContext) -> Cause:
    size = stats.open_turn_bytes
    if not size:
        return None
    seconds = size / (2 * (stats.received.rate or OUTPUT_RATE))
    return f"the reply stopped after {size:,} bytes ({seconds:.1f} s) in the middle of a turn", "ask again"


def _at_work(stats: TransferStats, context: StallContext) -> Cause:
    if stats.turn_complete and context.status == "IN_PROGRESS":
        return "the model says that it is still at work (IN_PROGRESS)", "extended thinking takes its time"
    return None


def silence_sent(stats: TransferStats) -> str | None:
    """A clause about audio that was sent and holds no sound; None for any other."""
    if not stats.sent.chunks or stats.sent.peak > SILENCE_PEAK:
        return None
    level = f"its peak is {dbfs(stats.sent.peak):.0f} dBFS" if stats.sent.peak else "every sample is zero"
    return f"the audio that was sent is silence ({level})"


def _silent_input(stats: TransferStats, context: StallContext) -> Cause:
    silence = silence_sent(stats)
    return (silence, "check that the input is the right one, and loud enough") if silence else None


def _no_end_of_speech(stats: TransferStats, context: StallContext) -> Cause:
    if context.activity is not Activity.AUTO or stats.turn_complete:
        return None
    missing = "no end of speech" if stats.heard else "no speech, or no end of it"
    return f"automatic detection heard {missing}", "--activity manual, or a longer --trailing-silence"


def _interrupted(stats: TransferStats, context: StallContext) -> Cause:
    if not stats.interrupted or stats.received.chunks:
        return None
    return "it ended a turn as interrupted before it said anything, and has not answered since", "--activity manual"


def _not_begun(stats: TransferStats, context: StallContext) -> Cause:
    if stats.heard and not stats.turn_complete:
        return "it heard the question, and has not begun to answer", "ask again"
    return None


CAUSES: tuple[Callable[[TransferStats, StallContext], Cause], ...] = (
    _after_response,
    _mid_turn,
    _at_work,
    _silent_input,
    _no_end_of_speech,
    _interrupted,
    _not_begun,
)
"""In this order: certain causes before likely ones."""
