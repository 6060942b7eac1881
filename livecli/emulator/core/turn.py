"""What the user said, from the moment it was heard until it has been answered. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ...protocol import events
from ...protocol.models import Model
from .behaviour import UserTurn
from .handles import SessionMemory
from .response import Message, ResponseStyle, completed

# A turn that waits for functions, and how long the model keeps it open for them. Pure: time is an argument.
CALL_SECONDS = 1.0
"""How long a model that `ends_turns_at_calls` waits with that for what functions return. Nobody has reported it:
google-adk calls them only when the turn has ended, while clients that call them at once see one turn in all.
"""


class OpenTurn:
    """`until` is when the model ends the turn, though functions have not returned: None while there is no such turn."""

    def __init__(self, model: Model, manner: ResponseStyle, memory: SessionMemory, log: Callable[[str], None]) -> None:
        self.until: float | None = None
        self._ends = model.ends_turns_at_calls
        self._manner, self._memory, self._log = manner, memory, log

    @property
    def ended(self) -> bool:
        """Whether there is no turn any more where functions are waited for and nothing is being said."""
        return self._ends and self.until is None

    def wait(self, now: float) -> None:
        """The model has said what it had to say."""
        if self._ends and self._memory.tools.awaited:
            self.until = now + CALL_SECONDS

    def due(self, now: float) -> list[Message]:
        """How the turn ends, if it is time. What the functions return has a turn of its own then."""
        if self.until is None or now < self.until:
            return []
        self.until = None
        self._memory.turns_done += 1
        self._log(f"turn {self._memory.turns_done}: a function call")
        said_already = self._manner.platform.facts.generates_before_call_ends
        generated: list[Message] = [] if said_already else [[events.GenerationComplete()]]
        return [*generated, completed(self._manner, self._memory.tokens, self._memory.tools)]


MAX_WAITING_TURNS = 16
"""How many turns may wait for the answer before them to be taken."""

FASTER_THAN_REAL_TIME = 1.5
"""From so many seconds of audio a second on; what is less may be a network that catches up."""


@dataclass(frozen=True)
class ModelTurn:
    """Heard at this time; so many of the client's messages, and so much audio, had been heard then."""

    heard: UserTurn
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
