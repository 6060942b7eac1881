"""A turn that the model answers: the user's part of it, and when it was received. No I/O: time is an argument."""

from __future__ import annotations

import msgspec

from .behaviour import UserTurn

MAX_WAITING_TURNS = 16
"""Most turns that wait for the answer before them. With more, the emulator stops reading."""

FASTER_THAN_REAL_TIME = 1.5
"""Seconds of audio a second above which the audio counts as a file. Less may be a network that catches up."""


class ModelTurn(msgspec.Struct, frozen=True):
    """A turn that the model answers: what the user said, and when.

    At the time `at`, `consumed` messages and `audio_seconds` of audio had been received from the client. The answer
    begins at `begins_at` or later, and `resumes` the turn that waited for functions. `transcribed` is whether the input
    transcript has been sent, and `detected` whether voice detection found the utterance.
    """

    user: UserTurn
    at: float
    consumed: int
    audio_seconds: float
    begins_at: float = float("-inf")
    resumes: bool = False
    transcribed: bool = False
    detected: bool = False

    def is_outrun(self, audio_seconds: float, now: float) -> bool:
        """Whether audio has arrived since this utterance faster than real time, so that the user heard no answer."""
        since_seconds = audio_seconds - self.audio_seconds
        return self.user.utterance is not None and since_seconds > FASTER_THAN_REAL_TIME * (now - self.at)

    def close(self) -> None:
        """Release the utterance."""
        if self.user.utterance is not None:
            self.user.utterance.close()
