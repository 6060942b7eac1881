"""Where a session can be resumed from: the last handle, or the conversation so far as its history; and what is sent
again after that. No I/O but for the buffer's file.

Vertex AI confirms with `transparent` which messages a handle includes. Elsewhere a handle that comes after an answer is
taken to include what that answered, and nothing that was sent later: Google's pages do not say it in so many words.

The index of a confirmation is taken to count the messages of its connection from 1, without the setup (assumed: Google
documents no more than "index of last message sent by client"). An index that contradicts this ends the use of indexes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import chain

import msgspec

from ..errors import FileError
from ..protocol import events, messages
from ..protocol.audio_rates import INPUT_RATE
from ..protocol.codec import setup_json
from .retransmit import RetransmitBuffer

History = Callable[[], tuple[messages.Content, ...]]
"""The conversation so far, all of it answered."""

# Spellings of the field in a setup of the user's own.
KEYS = ("sessionResumption", "session_resumption")

# The last quarter of a minute of audio is sent again where audio is live.
LIVE_BYTES = 15 * 2 * INPUT_RATE

# How much is kept while no handle has come: it may be that none ever does.
UNCONFIRMED_BYTES = 4 * 1024 * 1024


class Resumption:
    """State of a session's resumption, as the client knows it: the handle, and the messages to send again.

    `handle` is the session's last one; `ready` is whether the service accepts it now, which it does not while it
    answers. `live` is whether what is sent is of use only at once, so that no more than the last of it is sent again.
    `transparent` is whether the service confirms messages. Models from 3.1 on give handles unasked (recorded 2026-09),
    which are as good. `is_refuted` is whether an index came that cannot be true: no index is used any more.
    `has_relied` is whether a connection has gone on in the middle of a request, where an index said. Messages are
    numbered from 1 over all connections.
    """

    def __init__(
        self, setup: events.Setup, model: str, history: History | None = None, handle: str | None = None
    ) -> None:
        config = setup_json(setup).get("sessionResumption")
        self.transparent = isinstance(config, dict) and bool(config.get("transparent"))
        self.handle = handle
        self.ready = self.is_refuted = self.has_relied = False
        self._setup, self._model, self._history = setup, model, history
        self._buffer = RetransmitBuffer()
        self._is_asked_for = isinstance(config, dict) or history is not None
        self.live = self._is_seeded = False
        self._before = 0  # number of the last message before this connection's first
        self._answered = self._included = 0  # number of the last message that was answered, that the handle includes
        self._confirmed = 0  # number of the last message that an index of this connection confirmed

    @property
    def last(self) -> int:
        """The number of the last message sent."""
        return self._buffer.end - 1

    @property
    def unconfirmed(self) -> int:
        """How many messages a new connection has to be sent again."""
        return self._buffer.end - self._buffer.first

    @property
    def repeats_request(self) -> bool:
        """Whether a new connection is sent anything again but what functions returned. Raises FileError."""
        return any(not isinstance(event, events.ToolResponse) for event in self._buffer)

    @property
    def gained(self) -> tuple[int, int]:
        """Grows with what need not be sent again."""
        return self._buffer.first, self._answered

    @property
    def possible(self) -> bool:
        """Whether the session can be resumed at all."""
        return self.handle is not None or (self._history is not None and not self._lacks_some)

    @property
    def _lacks_some(self) -> bool:
        """Whether a message that has no answer yet cannot be sent again."""
        return not self.live and self._answered + 1 < self._buffer.first

    @property
    def expected(self) -> bool:
        """Whether the session can ever be resumed, as far as is known."""
        return self._is_asked_for or self.possible

    @property
    def complete(self) -> bool:
        """Whether leaving the connection now loses nothing, and repeats nothing that is being answered."""
        return self.ready and (self.transparent or self.live or not self.unconfirmed)

    @property
    def outdated(self) -> bool:
        """Whether something was answered that the handle does not include, and would be answered once more."""
        return self.handle is not None and self._history is not None and self._included < self._answered

    def add(self, outgoing: Sequence[events.Event]) -> bool:
        """Keep what is about to be sent. Returns False where there is no room for it: the buffer is given up then."""
        if not self.possible and self._buffer.held_bytes >= UNCONFIRMED_BYTES:
            self._buffer.skip(len(outgoing))
            return True
        try:
            self._buffer.extend(outgoing)
        except OSError:
            self.handle, self._history, self.ready = None, None, False
            self._buffer.skip(len(outgoing))
            return False
        while self.live and self._buffer.held_bytes > LIVE_BYTES:
            self._buffer.forget(self._buffer.first)
        return True

    def drop(self, is_stale: Callable[[events.Event], bool]) -> None:
        """Forget what is of no use over another connection. Messages after it get lower numbers.

        Raises FileError where the disk is full, or does not give back what it holds; nothing is forgotten then.
        """
        try:
            self._buffer.drop(is_stale)
        except OSError as error:
            reason = error.strerror or error
            raise FileError(f"cannot keep unconfirmed messages in a temporary file: {reason}") from error

    def answer(self, number: int) -> None:
        """Every message up to `number` was answered, and is part of the history."""
        self._answered = max(self._answered, number)
        if self.handle is None and self._history is not None:
            self._buffer.forget(self._answered)

    def update(self, update: events.ResumptionUpdate) -> bool:
        """Take over what the service says. Returns whether there is a new handle: it includes all received so far."""
        self.ready = bool(update.handle and update.resumable)
        if not self.ready:
            return False
        # JSON leaves out 0, which is then the same as no confirmation.
        consumed = max(self._answered, self._before)
        if update.last_consumed is not None and not self.is_refuted:
            confirmed = self._before + update.last_consumed
            if self._confirmed <= confirmed <= self.last:
                self._confirmed = consumed = confirmed
            else:
                self.is_refuted, self.transparent, self.handle = True, False, None
        # The handle may include a part of what has no answer yet, and which part is not known.
        if self.is_refuted and consumed < self.last and not self.live:
            self.ready = False
            return False
        # Messages after `consumed` that are no longer in the buffer would be missing.
        if consumed + 1 < self._buffer.first and not self.live:
            self.ready = False
            return False
        self._buffer.forget(consumed)
        self.handle, self._included = update.handle, consumed
        return True

    def forget_handle(self) -> bool:
        """Drop a handle that the service refuses. Returns False without one, or where no history can replace it.

        It cannot where a message was confirmed that has no answer yet: that is no part of the history, and is not kept.
        """
        if self.handle is None or self._history is None or self._lacks_some:
            return False
        self.handle, self.ready = None, False
        self._buffer.forget(self._answered)
        return True

    def setup(self) -> events.Setup:
        """The setup of the next connection."""
        if self.outdated:
            self.forget_handle()
        if self.handle is None:
            self._is_seeded = bool(self._contents()) and self._seeds()
            seeded = messages.HistoryConfig(initial_history_in_client_content=True)
            config = seeded if self._is_seeded else self._setup.body.history_config
            return events.Setup(msgspec.structs.replace(self._setup.body, history_config=config), self._setup.extra)
        resumption = messages.SessionResumptionConfig(handle=self.handle, transparent=self.transparent or None)
        extra = {key: value for key, value in self._setup.extra.items() if key not in KEYS}
        return events.Setup(msgspec.structs.replace(self._setup.body, session_resumption=resumption), extra)

    def begin(self) -> Iterator[events.Event]:
        """A connection was opened. Returns what is sent over it first, with what is added to that meanwhile."""
        contents = () if self.handle is not None else self._contents()
        # Where the history was empty when the setup was sent, it is context, which no message answers.
        seeding = [events.ClientTurns(contents, turn_complete=self._is_seeded)] if contents else []
        if self._history is not None:
            # What was given up since the setup was sent is not asked again.
            self._buffer.forget(self._answered)
        self.has_relied |= self.transparent and self.handle is not None and self._answered < self.last
        self._before = self._buffer.first - 1 - len(seeding)
        self._confirmed = self._before
        # An answer that no handle includes comes again.
        self._answered = min(self._answered, self._buffer.first - 1)
        self.ready = False
        return chain(seeding, self._buffer)

    def close(self) -> None:
        """Give memory and disk back."""
        self._buffer.close()

    def _seeds(self) -> bool:
        """Whether the model takes a history without answering it."""
        from ..protocol.models import seeds_history

        return seeds_history(self._model)

    def _contents(self) -> tuple[messages.Content, ...]:
        return self._history() if self._history is not None else ()
