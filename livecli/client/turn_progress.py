"""The progress of a turn: how far its request has come, and since when the service owes something.

`turn_end` decides when a request is answered; here tasks wait for that.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress

from ..errors import LivecliError
from ..protocol import events
from .turn_end import PendingCallCount, Phase, ResponseStep, Step, TurnCompletion, TurnEnd, advance


class IdleTimer:
    """Idle timer: since when the service owes something, an answer or room for what is sent.

    `since` is on the event loop's clock, None while nothing is due. While `is_paused`, no time counts.
    """

    def __init__(self) -> None:
        self._clock = asyncio.get_running_loop().time
        self.since: float | None = None
        self.is_paused = False

    def begin(self) -> None:
        """From now on something is due."""
        self.since = self._clock()

    def restart(self) -> None:
        """Count from now on, if anything is due."""
        if self.since is not None:
            self.begin()

    def end(self) -> None:
        """Nothing is due any more."""
        self.since = None


class TurnProgress:
    """Present state of a turn's end, and ways to wait for the next one."""

    def __init__(
        self, completion: TurnCompletion = TurnCompletion.TURN, *, resumed: bool = False, waits_for_others: bool = False
    ) -> None:
        self.state = TurnEnd(completion=completion, resumed=resumed, waits_for_others=waits_for_others)
        self._clock = asyncio.get_running_loop().time
        self._changed = asyncio.Event()
        self._failure: LivecliError | None = None

    @property
    def is_over(self) -> bool:
        """Whether the request is answered."""
        return self.state.phase is Phase.OVER

    @property
    def is_awaited(self) -> bool:
        """Whether an answer is waited for: to the whole request, or to what has been sent so far."""
        return self.state.phase is not Phase.SENDING

    def advance(self, event: events.Event | Step | ResponseStep | PendingCallCount) -> None:
        """Something was received, sent, or has happened otherwise."""
        self.state, before = advance(self.state, event, self._clock()), self.state
        if self.state is not before:
            self._changed.set()

    def ask(self) -> None:
        """More of the request is about to be sent."""
        if not self.state.owed:
            self.advance(Step.ASK)

    def restore(self, then: TurnEnd, *, asked: bool) -> None:
        """Everything received since `then` was taken back; `asked` is whether any of the request is sent again."""
        self.state = self.state.restored(then, asked=asked)
        self._changed.set()

    def fail(self, error: LivecliError) -> None:
        """The session has ended: `until` raises `error`."""
        self._failure = error
        self._changed.set()

    async def until(self, phase: Phase) -> None:
        """Wait until the turn is in `phase`. Raises the error that it failed with."""
        while self.state.phase is not phase:
            if self._failure is not None:
                raise self._failure
            self._changed.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout_at(self.state.settles_at):
                    await self._changed.wait()
            self.advance(Step.TIME)
