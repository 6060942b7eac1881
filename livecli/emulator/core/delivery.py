"""Delivery: the times at which the messages of a turn are sent. No I/O: time is an argument.

The pace decides how long a turn takes:

* BURST: audio is sent at BURST_SPEED, `generationComplete` right after the last part, and `turnComplete` when the
  service estimates that playback is about to end;
* REALTIME: each part is sent at most LEAD_SECONDS before it is played, and `turnComplete` at the end of playback;
* INSTANT: messages are sent as fast as they are taken.

Pauses of the behaviour take their time at every pace. Deadlines are absolute, so that delays do not add up.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from ...media.pcm import SAMPLE_BYTES
from ...protocol import events
from ..pace import BURST_SPEED, Pace
from .behaviour import Wait
from .response import Emission, Message, ScriptedClose
from .synthesis import Synthesis, Synthesize

LEAD_SECONDS = 0.25
"""Audio that a player may hold at REALTIME: enough for a late packet, little enough for an interruption."""

TICK_SECONDS = 0.05
"""The parts of a BURST that are due within this time are sent together, so that a short part needs no wake-up."""

EARLY_SECONDS = 0.2
"""The time from `turnComplete` to the end of playback in a BURST: 0.19 to 0.24 s (recorded on 2026-09-29)."""

AT_ONCE = float("-inf")


class Delivery:
    """The delivery of one turn. `done` is whether its last message was taken.

    While no message is due, `wake_at` is the time of the next one; it is None while words are made speech by
    `synthesize`. `generated`, `interrupted` and `completed` are whether these messages were sent.
    """

    def __init__(self, messages: Iterator[Emission], pace: Pace, synthesize: Synthesize | None = None) -> None:
        self.done = self.generated = self.interrupted = self.completed = False
        self.wake_at: float | None = None
        self._messages = messages
        self._pace, self._synthesize = pace, synthesize
        self._next: Emission | ScriptedClose | None = None
        self._due = AT_ONCE
        # When the first audio was sent, and when the audio so far has been produced, and been played.
        self._began_at = self._produced_at = self._played_at = AT_ONCE

    def next_message(self, now: float) -> Message | None:
        """The message that is due at `now`, if any."""
        while not self.done:
            if self._next is None:
                self._fetch(now)
            elif isinstance(self._next, Synthesis):
                if self._next.speech is None:
                    return None
                self._next = None
            elif now < self._due:
                self.wake_at = self._due
                return None
            else:
                message, self._next, self.wake_at = self._next, None, None
                if isinstance(message, ScriptedClose):
                    raise message
                if isinstance(message, Wait):
                    self._produced_at = max(self._produced_at, self._due)
                else:
                    self._note_sent(message, now)
                    return message
        return None

    def _fetch(self, now: float) -> None:
        try:
            self._next = next(self._messages, None)
        except ScriptedClose as close:
            # It is raised once the message before it was taken.
            self._next = close
        if isinstance(self._next, Synthesis):
            assert self._synthesize is not None, "only a session with voices has its words made speech"
            self._synthesize(self._next)
        self._due = self._due_at(self._next, now)
        self.done = self._next is None

    def _due_at(self, message: Emission | ScriptedClose | None, now: float) -> float:
        if isinstance(message, Wait):
            return now + message.seconds
        if message is None or isinstance(message, ScriptedClose | Synthesis) or self._pace is Pace.INSTANT:
            return AT_ONCE
        burst = self._pace is Pace.BURST
        if any(isinstance(event, events.AudioChunk) for event in message):
            return self._tick() if burst else self._played_at - LEAD_SECONDS
        if any(isinstance(event, events.TurnComplete) for event in message):
            return self._played_at - EARLY_SECONDS if burst else self._played_at
        return AT_ONCE

    def _note_sent(self, message: Message, now: float) -> None:
        for event in message:
            if isinstance(event, events.AudioChunk):
                seconds = len(event.pcm) / (event.rate * SAMPLE_BYTES)
                if self._began_at == AT_ONCE:
                    self._began_at = self._produced_at = now
                self._played_at = max(self._played_at, self._produced_at if self._pace is Pace.BURST else now) + seconds
                self._produced_at += seconds / BURST_SPEED
            elif isinstance(event, events.GenerationComplete):
                self.generated = True
            elif isinstance(event, events.Interrupted):
                self._played_at = now
                self.interrupted = True
            elif isinstance(event, events.TurnComplete):
                self.completed = True
                # Calls of some models follow the end of the turn.
                self._fetch(now)

    def _tick(self) -> float:
        """The start of the tick in which the audio so far has been produced."""
        if self._began_at == AT_ONCE:
            return AT_ONCE
        # The times are sums of durations: without the margin, rounding could put one into the tick before.
        return self._began_at + math.floor((self._produced_at - self._began_at) / TICK_SECONDS + 1e-6) * TICK_SECONDS
