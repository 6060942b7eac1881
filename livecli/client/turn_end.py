"""When what was asked is answered, as the client can tell: from what is sent, what is received, and one timer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from copy import copy

from ..protocol import events


# Which turns of the model are still to come, once it calls functions. Pure.
#
# A function that the model does not wait for is called in one turn and spoken of in another, and its response may be
# on its way while the first still ends: so turns are counted. What several responses bring may be said in one turn or
# in several; after one, those that may have been said with it are `doubtful`.
class OwedTurns:
    """`turns` is how many TurnCompletes are still to come. While they are `doubtful` there may be none."""

    def __init__(self) -> None:
        self.turns = 0
        self.doubtful = False
        self._resumed = False  # nothing was said yet since the model was given what it waits for

    def ask(self) -> None:
        """The user says something: a turn answers that, whatever was answered before."""
        self.turns = max(self.turns, 1)

    def respond(self, *, held: bool, silent: bool) -> None:
        """A function's response is sent. `held`: the model holds its turn open for it, if it still can."""
        if held and self.turns:
            self._resumed = True
        elif not silent:
            self.turns += 1
        self.doubtful = False

    def begin(self) -> None:
        """The model says something, or calls a function: of that turn the end will come."""
        self.doubtful = self._resumed = False

    def complete(self) -> None:
        """A turn is complete."""
        if self._resumed:  # it may have been over before the response was there, which then has a turn of its own
            self._resumed, self.doubtful = False, True
            return
        self.turns = max(0, self.turns - 1)
        self.doubtful = self.turns > 0


SETTLE_SECONDS = 5.0
"""How long a turn may take to begin of which it is doubtful whether there will be one."""


class TurnEnd:
    """Of one question; `over` is set once it is answered.

    That is at the first TurnComplete after the last of it was sent, with every function that the model calls answered
    (`pending()` says how many are not) and that answer heard; where the service reports an interaction status, once
    that is IDLE.
    """

    def __init__(self, pending: Callable[[], int]) -> None:
        self.asked = False
        self.over = asyncio.Event()
        self._pending = pending
        self._due = OwedTurns()
        self._due.ask()
        self.status = "IDLE"
        """Of the interaction, as the service reports it last."""
        self._settling: asyncio.TimerHandle | None = None
        self._so_far: asyncio.Event | None = None

    @property
    def awaited(self) -> bool:
        """Whether an answer is waited for: to all of it, or to what was asked so far."""
        return self.asked or self._so_far is not None

    async def until_answered(self) -> None:
        """Wait for the answer to what was asked so far; more is to come after it."""
        self._so_far = asyncio.Event()
        try:
            self.check()
            await self._so_far.wait()
        finally:
            self._so_far = None

    def mark(self) -> tuple[OwedTurns, str]:
        """How far it is, for `begin_again`."""
        return copy(self._due), self.status

    def begin_again(self, mark: tuple[OwedTurns, str], *, asked: bool) -> None:
        """Whatever was answered since then is taken back and comes again; `asked`: what was said is said again, too."""
        self._stop_settling()
        self._due, self.status = copy(mark[0]), mark[1]
        if asked:
            self._due.ask()

    def ask(self, *, all: bool = False) -> None:
        """More of the question is about to be sent: no turn that ended before answers it. `all`: all of it was sent."""
        if all:
            self.asked = True
            self.check()
        elif not self.asked:
            self._due.ask()

    def give_up(self) -> None:
        """Nobody waits for functions any more, nor for what is doubtful: it is over unless a turn is certain to end."""
        if self.asked and (not self._due.turns or self._due.doubtful):
            self.over.set()

    def respond(self, *, held: bool, silent: bool) -> None:
        """The response of a function is about to be sent; see Due."""
        self._due.respond(held=held, silent=silent)

    def follow(self, event: events.Event) -> None:
        """Something was received. `check` afterwards, once it is dealt with."""
        self._stop_settling()
        # A transcript may come after the end of the turn whose sound it is of, so it proves no new turn.
        if event.begins_answer and not isinstance(event, events.OutputTranscript):
            self._due.begin()
        match event:
            case events.TurnComplete():
                self._due.complete()
            case events.InteractionStatus(status):
                self.status = status

    def check(self) -> None:
        """Whether it is answered now: after anything was received, and after a call is over."""
        answered = self.over if self.asked else self._so_far
        # REQUIRES_ACTION is the deprecated name of IDLE.
        if answered is None or self._pending() or self.status not in ("IDLE", "REQUIRES_ACTION"):
            return
        if not self._due.turns:
            answered.set()
        elif self._due.doubtful:
            self._stop_settling()
            self._settling = asyncio.get_running_loop().call_later(SETTLE_SECONDS, answered.set)

    def _stop_settling(self) -> None:
        if self._settling is not None:
            self._settling.cancel()
            self._settling = None
