"""Delivery: the times at which the messages of a turn are sent. No I/O: time is an argument.

Without `realtime`, messages are sent as fast as they are taken, except for the pauses of the behaviour. In real time a
turn takes as long as its audio: each part is sent at most LEAD_SECONDS before it is played, and `turnComplete` at the
end of playback. Playback begins with the first part. Deadlines are absolute, so that delays do not add up.
"""

from __future__ import annotations

from collections.abc import Iterator

from ...media.pcm import SAMPLE_BYTES
from ...protocol import events
from .behaviour import Wait
from .response import Message

LEAD_SECONDS = 0.25
"""Audio that a player may hold: enough for a late packet, little enough for an interruption to take effect."""


class Delivery:
    """The delivery of one turn. `done` is whether its last message was taken.

    While no message is due, `wake_at` is the time of the next one. `interrupted` and `completed` are whether these
    messages were sent.
    """

    def __init__(self, answer: Iterator[Message | Wait], *, realtime: bool) -> None:
        self.done = self.interrupted = self.completed = False
        self.wake_at: float | None = None
        self._answer = answer
        self._realtime = realtime
        self._held: Message | Wait | None = None
        self._due = float("-inf")
        self._played_until = float("-inf")

    def next_message(self, now: float) -> Message | None:
        """The message that is due at `now`, if any."""
        while not self.done:
            if self._held is None:
                self._hold(next(self._answer, None), now)
            elif now < self._due:
                self.wake_at = self._due
                return None
            else:
                held, self._held, self.wake_at = self._held, None, None
                if not isinstance(held, Wait):
                    self._note_sent(held, now)
                    return held
        return None

    def _hold(self, message: Message | Wait | None, now: float) -> None:
        self._held, self._due = message, float("-inf")
        if message is None:
            self.done = True
        elif isinstance(message, Wait):
            self._due = now + message.seconds
        elif self._realtime and any(isinstance(event, events.AudioChunk) for event in message):
            self._due = self._played_until - LEAD_SECONDS
        elif self._realtime and any(isinstance(event, events.TurnComplete) for event in message):
            self._due = self._played_until

    def _note_sent(self, message: Message, now: float) -> None:
        for event in message:
            if isinstance(event, events.AudioChunk):
                seconds = len(event.pcm) / (event.rate * SAMPLE_BYTES)
                self._played_until = max(self._played_until, now) + seconds
            elif isinstance(event, events.Interrupted):
                self._played_until = now
                self.interrupted = True
            elif isinstance(event, events.TurnComplete):
                self.done = self.completed = True
