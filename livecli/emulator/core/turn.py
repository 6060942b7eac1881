"""What the user said, from the moment it was heard until it has been answered. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from .behaviour import Heard

MAX_WAITING_TURNS = 16
"""How many turns may wait for the answer before them to be taken."""

FASTER_THAN_REAL_TIME = 1.5
"""From so many seconds of audio a second on; what is less may be a network that catches up."""


@dataclass(frozen=True)
class Turn:
    """Heard at this time; so many of the client's messages, and so much audio, had been heard then."""

    heard: Heard
    at: float
    consumed: int
    audio_seconds: float

    def is_outrun(self, audio_seconds: float, now: float) -> bool:
        """Whether audio has come behind this utterance faster than anybody speaks, so that nobody heard the answer."""
        came_seconds = audio_seconds - self.audio_seconds
        return self.heard.utterance is not None and came_seconds > FASTER_THAN_REAL_TIME * (now - self.at)

    def close(self) -> None:
        """It has been answered, or never will be: let go of the utterance."""
        if self.heard.utterance is not None:
            self.heard.utterance.close()
