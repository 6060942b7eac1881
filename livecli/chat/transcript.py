"""The text of a conversation, which a new session is given and `/history` shows. No I/O."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from ..protocol import messages
from ..protocol.models import CONTEXT_TOKENS

MAX_CHARACTERS = CONTEXT_TOKENS * 3
"""The length of a transcript: about the context of the models, at three to four characters per token."""


@dataclass(frozen=True)
class TranscriptEntry:
    """One turn. The `question` is the text of the user or the transcript of their speech. Each text may be empty."""

    question: str
    answer: str


class Transcript:
    """The turns so far. The oldest turns are dropped when there are more than MAX_CHARACTERS."""

    def __init__(self) -> None:
        self.entries: deque[TranscriptEntry] = deque()
        self._characters = 0

    def add(self, entry: TranscriptEntry) -> None:
        """Add a turn, and drop the oldest ones that do not fit any more. The last one is always kept."""
        self.entries.append(entry)
        self._characters += _length(entry)
        while self._characters > MAX_CHARACTERS and len(self.entries) > 1:
            self._characters -= _length(self.entries.popleft())

    def replace(self, entry: TranscriptEntry, corrected: TranscriptEntry) -> None:
        """Replace the last entry that equals `entry`, if there is one."""
        if entry in self.entries:
            at = len(self.entries) - 1 - list(reversed(self.entries)).index(entry)
            self.entries[at] = corrected
            self._characters += _length(corrected) - _length(entry)

    def clear(self) -> None:
        """Drop all turns."""
        self.entries.clear()
        self._characters = 0

    def contents(self) -> tuple[messages.Content, ...]:
        """The turns as the API expects a history."""
        return tuple(
            messages.Content(role=role, parts=[messages.Part(text=text)])
            for entry in self.entries
            for role, text in (("user", entry.question), ("model", entry.answer))
            if text
        )


def _length(entry: TranscriptEntry) -> int:
    return len(entry.question) + len(entry.answer)
