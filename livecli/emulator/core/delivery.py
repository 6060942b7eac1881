"""When the messages of a turn may be sent. Pure: time is an argument.

Without `realtime` a turn is delivered as fast as it is taken, but for its waiting. In real time it takes as long as its
sound: a part is sent at most LEAD_SECONDS before it is played, and `turnComplete` when the last one has been played to
its end, as the service estimates it. Playback begins with the first part; deadlines are absolute, so nothing drifts.
"""

from __future__ import annotations

from collections.abc import Iterator

from ...media.pcm import SAMPLE_BYTES
from ...protocol import events
from .behaviour import Wait
from .response import Message

LEAD_SECONDS = 0.25
"""How much sound a player may have in hand: enough for a late packet, little enough to be interrupted."""


class Delivery:
    """One turn. `done` once its last message was taken; until then, where there was none to take, `wake_at` says when
    there will be. `interrupted` and `completed` are what it has said of itself."""

    def __init__(self, answer: Iterator[Message | Wait], *, realtime: bool) -> None:
        self.done = self.interrupted = self.completed = False
        self.wake_at: float | None = None
        self._answer = answer
        self._realtime = realtime
        self._held: Message | Wait | None = None
        self._due = float("-inf")
        self._played_until = float("-inf")

    def next_message(self, now: float) -> Message | None:
        """What is to be said at this time in seconds, if anything."""
        while not self.done:
            if self._held is None:
                self._hold(next(self._answer, None), now)
            elif now < self._due:
                self.wake_at = self._due
                return None
            else:
                held, self._held, self.wake_at = self._held, None, None
                if not isinstance(held, Wait):
                    self._say(held, now)
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

    def _say(self, message: Message, now: float) -> None:
        for event in message:
            if isinstance(event, events.AudioChunk):
                seconds = len(event.pcm) / (event.rate * SAMPLE_BYTES)
                self._played_until = max(self._played_until, now) + seconds
            elif isinstance(event, events.Interrupted):
                self._played_until = now
                self.interrupted = True
            elif isinstance(event, events.TurnComplete):
                self.done = self.completed = True
