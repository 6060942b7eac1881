"""Why nothing comes: the likeliest cause of a silence that can be seen from this end. Pure."""

from __future__ import annotations

from collections.abc import Callable

from ..errors import DeadlineError
from ..media.pcm import SILENCE_PEAK, dbfs
from ..protocol.setup import Activity
from ..record import record
from ..report.summary import TransferStats

LONGER = "--idle-timeout gives it longer"


@record
class Waiting:
    """What an exchange waits in: `asked` once the question was sent whole; `activity` of a spoken one.

    `told` is the function whose response was the last thing that passed, `status` the interaction's.
    """

    asked: bool
    activity: Activity | None = None
    told: str | None = None
    status: str = "IDLE"


def stalled(seconds: float, stats: TransferStats, waiting: Waiting) -> DeadlineError:
    """The error for a server that has been silent for so many seconds."""
    if not waiting.asked:
        return DeadlineError(
            f"the server has been silent for {seconds:g} s while it did not take what was sent", hint=LONGER
        )
    cause, remedy = next(filter(None, (see(stats, waiting) for see in CAUSES)), ("", ""))
    said = f"the server has been silent for {seconds:g} s while an answer was due"
    error = DeadlineError(f"{said}: {cause}" if cause else said, hint=f"{remedy}; {LONGER}" if remedy else LONGER)
    error.cause = cause or None
    error.remedies = (remedy, LONGER) if remedy else (LONGER,)
    return error


Seen = tuple[str, str] | None
"""A cause and its remedy, where it is seen."""


def _told(stats: TransferStats, waiting: Waiting) -> Seen:
    if not waiting.told:
        return None
    return f"the model was told what {waiting.told} returned, and has said nothing since", "ask again"


def _mid_turn(stats: TransferStats, waiting: Waiting) -> Seen:
    size = stats.open_turn_bytes
    if not size:
        return None
    seconds = size / (2 * (stats.received.rate or 24_000))
    return f"the reply stopped after {size:,} bytes ({seconds:.1f} s) in the middle of a turn", "ask again"


def _at_work(stats: TransferStats, waiting: Waiting) -> Seen:
    if stats.turn_complete and waiting.status == "IN_PROGRESS":
        return "the model says that it is still at work (IN_PROGRESS)", "extended thinking takes its time"
    return None


def silence_sent(stats: TransferStats) -> str | None:
    """What is to be said of audio that was sent and holds no sound; None of any other."""
    if not stats.sent.chunks or stats.sent.peak > SILENCE_PEAK:
        return None
    level = f"its peak is {dbfs(stats.sent.peak):.0f} dBFS" if stats.sent.peak else "every sample is zero"
    return f"the audio that was sent is silence ({level})"


def _silent_input(stats: TransferStats, waiting: Waiting) -> Seen:
    silence = silence_sent(stats)
    return (silence, "check that the input is the right one, and loud enough") if silence else None


def _no_end_of_speech(stats: TransferStats, waiting: Waiting) -> Seen:
    if waiting.activity is not Activity.AUTO or stats.turn_complete:
        return None
    heard = "no end of speech" if stats.heard else "no speech, or no end of it"
    return f"automatic detection heard {heard}", "--activity manual, or a longer --trailing-silence"


def _heard(stats: TransferStats, waiting: Waiting) -> Seen:
    if stats.heard and not stats.turn_complete:
        return "it heard the question, and has not begun to answer", "ask again"
    return None


CAUSES: tuple[Callable[[TransferStats, Waiting], Seen], ...] = (
    _told,
    _mid_turn,
    _at_work,
    _silent_input,
    _no_end_of_speech,
    _heard,
)
"""Asked in this order: what is certain before what is likely."""
