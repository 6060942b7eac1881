"""A conversation in writing: who said what. A fresh session is told it, `/history` shows it. Pure."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from ..protocol import messages

LONGEST_CHARACTERS = 128_000 * 3
"""What is remembered: about what the models' context holds, a token being three to four characters."""


@dataclass(frozen=True)
class TranscriptEntry:
    """One turn. `asked` is what was typed or, of speech, what was heard of it; either may be empty."""

    asked: str
    said: str


class Transcript:
    """The turns so far, as many of the last as fit."""

    def __init__(self) -> None:
        self.entries: deque[TranscriptEntry] = deque()
        self._characters = 0

    def add(self, entry: TranscriptEntry) -> None:
        """A turn is over. The oldest are forgotten where it becomes too much."""
        self.entries.append(entry)
        self._characters += _length(entry)
        while self._characters > LONGEST_CHARACTERS and len(self.entries) > 1:
            self._characters -= _length(self.entries.popleft())

    def amend(self, entry: TranscriptEntry, known: TranscriptEntry) -> None:
        """More is known of a turn than when it was over."""
        if entry in self.entries:
            at = len(self.entries) - 1 - list(reversed(self.entries)).index(entry)
            self.entries[at] = known
            self._characters += _length(known) - _length(entry)

    def clear(self) -> None:
        """Nothing was said."""
        self.entries.clear()
        self._characters = 0

    def contents(self) -> tuple[messages.Content, ...]:
        """As the API takes a history."""
        return tuple(
            messages.Content(role=role, parts=[messages.Part(text=text)])
            for entry in self.entries
            for role, text in (("user", entry.asked), ("model", entry.said))
            if text
        )


def _length(entry: TranscriptEntry) -> int:
    return len(entry.asked) + len(entry.said)
