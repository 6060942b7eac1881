"""The text of a conversation, which a new session is given and `/history` shows. No I/O."""

from __future__ import annotations

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


EMPTY = TranscriptEntry("", "")


class Transcript:
    """The turns so far, by their numbers. The oldest turns are dropped when there are more than `max_characters`."""

    def __init__(self, max_characters: int = MAX_CHARACTERS) -> None:
        self._entries: dict[int, TranscriptEntry] = {}
        self._max_characters, self._characters = max_characters, 0

    @property
    def entries(self) -> list[TranscriptEntry]:
        """The turns, in order."""
        return list(self._entries.values())

    @property
    def numbered(self) -> list[tuple[int, TranscriptEntry]]:
        """The turns with their numbers."""
        return list(self._entries.items())

    def put(self, number: int, entry: TranscriptEntry) -> None:
        """Add a turn, or replace its text. The oldest turns that do not fit are dropped; the last is always kept."""
        self._characters += _length(entry) - _length(self._entries.get(number, EMPTY))
        self._entries[number] = entry
        while self._characters > self._max_characters and len(self._entries) > 1:
            self._characters -= _length(self._entries.pop(next(iter(self._entries))))

    def correct(self, number: int, entry: TranscriptEntry) -> None:
        """Replace the text of a turn, unless it was dropped."""
        if number in self._entries:
            self.put(number, entry)

    def clear(self) -> None:
        """Drop all turns."""
        self._entries.clear()
        self._characters = 0

    def contents(self) -> tuple[messages.Content, ...]:
        """The turns as the API expects a history."""
        return tuple(
            messages.Content(role=role, parts=[messages.Part(text=text)])
            for entry in self._entries.values()
            for role, text in (("user", entry.question), ("model", entry.answer))
            if text
        )


def _length(entry: TranscriptEntry) -> int:
    return len(entry.question) + len(entry.answer)
