"""From where a session can be gone on with, once its connection is lost: the last handle, or the conversation so far
told anew; and all that was said since, to be said again. Pure but for the tail's file.

Vertex AI confirms with `transparent` which messages a handle includes. Elsewhere a handle that comes after an answer
includes what that answered, and nothing that was said later (on trust: Google's pages do not say it in so many words).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import chain

import msgspec

from ..protocol import events, messages
from ..protocol.codec import setup_json
from .retransmit import RetransmitBuffer

History = Callable[[], tuple[messages.Content, ...]]
"""The conversation so far, all of it answered."""

KEYS = ("sessionResumption", "session_resumption")
"""How the user may have spelled it in a setup of his own."""
LIVE_BYTES = 15 * 32_000
"""A quarter of a minute."""
UNCONFIRMED_BYTES = 4 * 1024 * 1024
"""How much is kept while no handle has come: it may be that none ever does."""


class Resumption:
    """`handle` is the session's last; `ready` is whether the service would let it be used now: not while it answers.

    `said` counts what was said over all connections. `live`: what is said is heard now or never, and only the last of
    it is said again. `expected`: there will be something to go on with. `transparent`: the service says what a handle
    includes.
    """

    def __init__(
        self, setup: events.Setup, model: str, history: History | None = None, handle: str | None = None
    ) -> None:
        wanted = setup_json(setup).get("sessionResumption")
        self.transparent = isinstance(wanted, dict) and bool(wanted.get("transparent"))
        self.handle = handle
        self.ready = False
        self._setup, self._model, self._history = setup, model, history
        self._tail = RetransmitBuffer()
        self.expected = isinstance(wanted, dict) or history is not None
        self.live = False
        self._before = 0  # how many were said before this connection's first
        self._answered = self._included = 0  # of what was said: in answers that came, in the handle

    @property
    def said(self) -> int:
        """The number of the last thing said."""
        return self._tail.end - 1

    @property
    def unsaid(self) -> int:
        """How many messages a new connection has to be told again."""
        return self._tail.end - self._tail.first

    @property
    def gained(self) -> tuple[int, int]:
        """Grows with what need not be said again."""
        return self._tail.first, self._answered

    @property
    def possible(self) -> bool:
        """Whether the session can be gone on with at all."""
        return self.handle is not None or self._history is not None

    @property
    def complete(self) -> bool:
        """Whether leaving the connection now would lose nothing, and repeat nothing that an answer is under way to."""
        return self.ready and (self.transparent or self.live or not self.unsaid)

    @property
    def outdated(self) -> bool:
        """Whether something was answered that the handle does not include, and would be answered once more."""
        return self.handle is not None and self._history is not None and self._included < self._answered

    def say(self, said: Sequence[events.Event]) -> bool:
        """Note what is about to be said. False where there is no room for it any more: what there was is given up."""
        if not self.expected or (not self.possible and self._tail.held_bytes >= UNCONFIRMED_BYTES):
            self._tail.pass_by(len(said))
            return True
        try:
            self._tail.extend(said)
        except OSError:
            self.handle, self._history, self.ready = None, None, False
            self._tail.pass_by(len(said))
            return False
        while self.live and self._tail.held_bytes > LIVE_BYTES:
            self._tail.forget(self._tail.first)
        return True

    def drop(self, stale: Callable[[events.Event], bool]) -> None:
        """Forget what is of no use over another connection. Whatever was said after it gets a lower number."""
        self._tail.drop(stale)

    def answer(self, number: int) -> None:
        """Everything up to that number was answered, and is part of the history."""
        self._answered = max(self._answered, number)
        if self.handle is None and self._history is not None:
            self._tail.forget(self._answered)

    def update(self, update: events.ResumptionUpdate) -> bool:
        """Note the service's word; True where there is a new handle, which includes all that was received before it."""
        self.ready = bool(update.handle and update.resumable)
        if not self.ready:
            return False
        if update.last_consumed is None:  # not told, or 0, which JSON leaves out
            consumed = max(self._answered, self._before)
        else:
            consumed = self._before + update.last_consumed
        if consumed + 1 < self._tail.first and not self.live:  # what came between is gone
            self.ready = False
            return False
        self._tail.forget(consumed)
        self.handle, self._included = update.handle, consumed
        return True

    def forget_handle(self) -> bool:
        """The service does not take it any more. False where there was none, or is no history to begin anew with."""
        if self.handle is None or self._history is None:
            return False
        self.handle, self.ready = None, False
        self._tail.forget(self._answered)
        return True

    def setup(self) -> events.Setup:
        """What opens the next connection."""
        if self.outdated:
            self.forget_handle()
        if self.handle is None:
            told = bool(self._told())
            seeded = messages.HistoryConfig(initial_history_in_client_content=True)
            config = seeded if told and self._seeds() else self._setup.body.history_config
            return events.Setup(msgspec.structs.replace(self._setup.body, history_config=config), self._setup.extra)
        wanted = messages.SessionResumptionConfig(handle=self.handle, transparent=self.transparent or None)
        extra = {key: value for key, value in self._setup.extra.items() if key not in KEYS}
        return events.Setup(msgspec.structs.replace(self._setup.body, session_resumption=wanted), extra)

    def begin(self) -> Iterator[events.Event]:
        """A connection has been opened. What is to be said over it first, and what is added to that meanwhile."""
        told = () if self.handle is not None else self._told()
        seeding = [events.ClientTurns(told, turn_complete=self._seeds())] if told else []
        self._before = self._tail.first - 1 - len(seeding)
        self._answered = min(self._answered, self._tail.first - 1)  # an answer without a handle behind it comes again
        self.ready = False
        return chain(seeding, self._tail)

    def close(self) -> None:
        """Give the file back."""
        self._tail.close()

    def _seeds(self) -> bool:
        """Whether a history can be told so that the model does not answer it."""
        from ..protocol.models import seeds_history

        return seeds_history(self._model)

    def _told(self) -> tuple[messages.Content, ...]:
        return self._history() if self._history is not None else ()
