"""A turn: the user's part of it from its end to the end of its answer, and the time it is held open for functions.
No I/O: time is an argument."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ...protocol import events
from ...protocol.models import Model
from .behaviour import UserTurn
from .handles import SessionMemory
from .response import Message, ResponseStyle, turn_complete

MAX_WAITING_TURNS = 16
"""Most turns that wait for the answer before them. With more, the emulator stops reading."""

FASTER_THAN_REAL_TIME = 1.5
"""Seconds of audio a second above which the audio counts as a file. Less may be a network that catches up."""

CALL_SECONDS = 1.0
"""The time that a model with `ends_turns_at_calls` gives functions to return before it ends the turn (a guess).

Clients that wait for the end of the turn before they run functions see two turns, the others one.
"""


@dataclass(frozen=True)
class ModelTurn:
    """A turn that the model answers: what the user said, and when.

    At the time `at`, `consumed` messages and `audio_seconds` of audio had been received from the client.
    """

    user: UserTurn
    at: float
    consumed: int
    audio_seconds: float

    def is_outrun(self, audio_seconds: float, now: float) -> bool:
        """Whether audio has arrived since this utterance faster than real time, so that the user heard no answer."""
        since_seconds = audio_seconds - self.audio_seconds
        return self.user.utterance is not None and since_seconds > FASTER_THAN_REAL_TIME * (now - self.at)

    def close(self) -> None:
        """Release the utterance."""
        if self.user.utterance is not None:
            self.user.utterance.close()


class CallTimer:
    """The time after which the model ends a turn that waits for functions: `until`, None without such a turn."""

    def __init__(self, model: Model, style: ResponseStyle, memory: SessionMemory, log: Callable[[str], None]) -> None:
        self.until: float | None = None
        self._ends = model.ends_turns_at_calls
        self._style, self._memory, self._log = style, memory, log

    @property
    def has_ended_turn(self) -> bool:
        """Whether a turn that waited for functions has ended without them."""
        return self._ends and self.until is None

    def start(self, now: float) -> None:
        """Start, if the model ends turns at calls and waits for functions."""
        if self._ends and self._memory.tools.awaited:
            self.until = now + CALL_SECONDS

    def due(self, now: float) -> list[Message]:
        """The messages that end the turn, if it is time."""
        if self.until is None or now < self.until:
            return []
        self.until = None
        self._memory.turns_done += 1
        self._log(f"turn {self._memory.turns_done}: a function call")
        already_complete = self._style.platform.facts.generates_before_call_ends
        generation: list[Message] = [] if already_complete else [[events.GenerationComplete()]]
        return [*generation, turn_complete(self._style, self._memory.tokens, self._memory.tools)]
