"""Pace: how fast the emulator works through the audio of the user, and sends its own. No I/O: time is an argument."""

from __future__ import annotations

from enum import StrEnum

BURST_SPEED = 4.0
"""Times real time at which the service works through audio and sends its own (recorded on 2026-09-29).

On gemini-3.8-live, an activity 1.88 s into a clip that was sent at once is reported after 0.48 to 0.50 s, and 2.52 s of
audio arrive within 0.59 s; on gemini-3.1-flash-live-preview within 0.64 s.
"""


class Pace(StrEnum):
    """BURST: as the service does, faster than real time. REALTIME: at the speed of speech. INSTANT: without delay."""

    BURST = "burst"
    REALTIME = "realtime"
    INSTANT = "instant"


class InputClock:
    """The time at which received audio is worked through.

    Only BURST works through audio later than it arrives, and only if it arrives faster than BURST_SPEED.
    """

    def __init__(self, pace: Pace) -> None:
        self._delays = pace is Pace.BURST
        self._free_at = float("-inf")

    def push(self, seconds: float, now: float) -> float:
        """Take audio of this duration. Returns the time at which the audio before it is worked through."""
        begins_at = max(self._free_at, now)
        if self._delays:
            self._free_at = begins_at + seconds / BURST_SPEED
        return begins_at
