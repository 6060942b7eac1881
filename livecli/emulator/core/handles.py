"""Session resumption: the handles, and the store that all connections of a server share. No I/O: time is an argument.

A handle holds a copy of the session at the time when it was sent, and can be used repeatedly. It cannot be used while
the session has an open connection, and expires some time after the last one has ended.
"""

from __future__ import annotations

import copy
import re
import secrets
import uuid
from collections import deque

import msgspec

from ...protocol import close_reasons, events
from ...protocol.close_reasons import Refusal
from ...protocol.messages import SessionResumptionConfig
from ...protocol.models import HandleTime, Model, Platform
from .behaviour import Behaviour
from .function_calls import FunctionCalls
from .inbox import Inbox
from .response import Message
from .speech import SpeechInput
from .token_count import TokenCount

HANDLE_FORM = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|[\w-]{64,}")
"""The forms of a handle: a UUID on 3.x models, a longer token on earlier ones. Other texts are refused as invalid."""

MESSAGES_PER_HANDLE = 64
"""With `transparent`, messages of the client after which a new handle is sent while the user speaks (a guess)."""

SECONDS_PER_HANDLE = 0.25
"""With `transparent`, the time after which a new handle is sent while the user speaks (a guess)."""

MAX_HANDLES = 10_000
"""Most handles in a store. The oldest is dropped for a new one."""

MAX_HANDLES_OF_A_SESSION = 16
"""Most handles of one session: more than one, because a client may lose a connection before it reads a new handle."""

MAX_HANDLES_WITH_SPEECH = 8
"""Most handles of one session that keep a copy of its speech input. An older handle loses that copy, or is dropped if
it cannot resume the session without it: see `has_open_utterance`."""

MAX_HELD_CHARACTERS = 16_000_000
"""Most characters of unanswered text in a store. The oldest handles are dropped for a new one."""


class SessionMemory(msgspec.Struct):
    """The state of a session apart from its connection, from which the next connection goes on.

    `speech` is the speech input. A handle keeps it if the client knows which messages it includes (`transparent`).
    """

    tools: FunctionCalls
    behaviour: Behaviour
    inbox: Inbox = msgspec.field(default_factory=Inbox)
    tokens: TokenCount = msgspec.field(default_factory=TokenCount)
    turns_done: int = 0
    seconds: float = 0.0
    speech: SpeechInput | None = None

    def copy(self, *, speech: SpeechInput | None = None) -> SessionMemory:
        return SessionMemory(
            self.tools.copy(),
            copy.copy(self.behaviour),
            self.inbox.copy(),
            msgspec.structs.replace(self.tokens),
            self.turns_done,
            self.seconds,
            speech,
        )

    def fork(self) -> SessionMemory:
        """A copy for a resumed connection, with a copy of the speech input: a handle can be used again."""
        return self.copy(speech=self.speech and self.speech.fork())

    @property
    def has_open_utterance(self) -> bool:
        """Whether it holds an unfinished utterance, without which it cannot be resumed."""
        return self.speech is not None and self.speech.speaking

    def drop_speech(self) -> None:
        """Release the speech input."""
        if self.speech is not None:
            self.speech.close()
            self.speech = None

    @property
    def characters(self) -> int:
        """Its size, roughly."""
        return self.inbox.characters + len(self.inbox.unanswered) + sum(map(len, self.tools.functions))


class _Session(msgspec.Struct):
    """The state that all handles of one session share. `ended_at` is None while a connection is open."""

    model: str = ""
    handles: deque[str] = msgspec.field(default_factory=deque)
    ended_at: float | None = None


class _Entry(msgspec.Struct, frozen=True):
    """The content of a handle."""

    platform: Platform
    memory: SessionMemory
    session: _Session


class StoredSession(msgspec.Struct, frozen=True):
    """A session without a connection: its handles, on the way from one store to another."""

    entries: dict[str, _Entry]

    def close(self) -> None:
        """Release the speech input."""
        for entry in self.entries.values():
            entry.memory.drop_speech()


class HandleStore:
    """The handles of one server. They expire after `expiry_seconds`, by default after the platform's own time."""

    def __init__(
        self,
        expiry_seconds: float | None = None,
    ) -> None:
        self._expiry_seconds = expiry_seconds
        # By handle, the oldest first.
        self._entries: dict[str, _Entry] = {}
        self._held_characters = 0

    def connect(
        self,
        config: SessionResumptionConfig | None,
        platform: Platform,
        now: float,
        *,
        model: Model,
    ) -> SessionHandles:
        """The handles of a new connection, to be closed with it. Raises Refusal for a handle that cannot be used."""
        time = model.unasked.handle
        handle = config.handle if config is not None else None
        if not handle:
            return SessionHandles(self, config, platform, _Session(model.name), now, time)
        entry = self._entries.get(handle)
        if entry is None and not HANDLE_FORM.fullmatch(handle):
            raise Refusal(1007, close_reasons.HANDLE_INVALID)
        if entry is None or entry.platform is not platform or self._is_expired(entry, now):
            raise Refusal(1008, close_reasons.SESSION_NOT_FOUND)
        if entry.session.model != model.name:
            raise Refusal(1007, close_reasons.HANDLE_INVALID)
        if entry.session.ended_at is None:
            raise Refusal(1011, close_reasons.INTERNAL_ERROR)
        entry.session.ended_at = None
        return SessionHandles(self, config, platform, entry.session, now, time, entry.memory.fork())

    def add(self, memory: SessionMemory, platform: Platform, session: _Session, handle: str) -> None:
        """Store `memory` under `handle`. The store releases the speech input in it when it drops the handle."""
        if len(session.handles) >= MAX_HANDLES_WITH_SPEECH:
            self._drop_speech(session.handles[-MAX_HANDLES_WITH_SPEECH])
        self._entries[handle] = _Entry(platform, memory, session)
        self._held_characters += memory.characters
        session.handles.append(handle)
        if len(session.handles) > MAX_HANDLES_OF_A_SESSION:
            self._drop(session.handles[0])
        self._limit()

    def _limit(self) -> None:
        while len(self._entries) > MAX_HANDLES or self._held_characters > MAX_HELD_CHARACTERS:
            self._drop(next(iter(self._entries)))

    def replace(self, handle: str, memory: SessionMemory) -> None:
        """Store `memory` instead of the memory of this handle, if there still is one."""
        entry = self._entries.get(handle)
        if entry is None:
            memory.drop_speech()
            return
        entry.memory.drop_speech()
        self._held_characters += memory.characters - entry.memory.characters
        self._entries[handle] = _Entry(entry.platform, memory, entry.session)

    def __contains__(self, handle: str) -> bool:
        return handle in self._entries

    def is_in_use(self, handle: str) -> bool:
        """Whether the session of a handle has an open connection."""
        return handle in self._entries and self._entries[handle].session.ended_at is None

    def take(self, handle: str) -> StoredSession:
        """Remove the session of this handle with all its handles, for another store. The caller closes it."""
        taken = {each: self._entries.pop(each) for each in self._entries[handle].session.handles}
        self._held_characters -= sum(entry.memory.characters for entry in taken.values())
        return StoredSession(taken)

    def put(self, stored: StoredSession) -> None:
        """Add a session from another store."""
        self._entries |= stored.entries
        self._held_characters += sum(entry.memory.characters for entry in stored.entries.values())
        self._limit()

    def _drop_speech(self, handle: str) -> None:
        memory = self._entries[handle].memory
        if memory.has_open_utterance:
            # The client does not send the beginning of this utterance again, because the handle includes it.
            self._drop(handle)
        else:
            memory.drop_speech()

    def _drop(self, handle: str) -> None:
        entry = self._entries.pop(handle)
        entry.memory.drop_speech()
        entry.session.handles.remove(handle)
        self._held_characters -= entry.memory.characters

    def close(self) -> None:
        """Drop all handles."""
        while self._entries:
            self._drop(next(iter(self._entries)))

    def _is_expired(self, entry: _Entry, now: float) -> bool:
        ended_at = entry.session.ended_at
        if ended_at is None:
            return False
        lasts = entry.platform.facts.handle_seconds if self._expiry_seconds is None else self._expiry_seconds
        return now - ended_at > lasts


class SessionHandles:
    """The handles that one connection sends. `memory` is the state of the session that the connection resumes, None
    for a new session."""

    def __init__(
        self,
        store: HandleStore,
        config: SessionResumptionConfig | None,
        platform: Platform,
        session: _Session,
        now: float,
        time: HandleTime,
        memory: SessionMemory | None = None,
    ) -> None:
        self.memory = memory
        self._store, self._session = store, session
        self._platform = platform
        self._time = time
        self._requested = config is not None and time is not HandleTime.NEVER
        self._unasked: str | None = None
        self._sent_at = now
        self._transparent = config is not None and bool(config.transparent)

    def unasked(self, memory: SessionMemory, time: HandleTime) -> list[Message]:
        """The message with a handle that the client did not ask for, if the model sends one at this `time`.

        It is sent once. What it resumes is kept up to date with `refresh`.
        """
        if self._requested or time is not self._time or self._unasked is not None:
            return []
        self._unasked = self._add(memory.copy())
        return [[events.ResumptionUpdate(self._unasked, True)]]

    def refresh(self, memory: SessionMemory) -> None:
        """Have the unasked handle resume the session as it is now."""
        if self._unasked is not None:
            self._store.replace(self._unasked, memory.copy())

    def update(self, memory: SessionMemory, consumed: int, received: int | None = None) -> list[Message]:
        """The message with a new handle, whose copy includes the first `consumed` messages of this connection.

        If `received` is given and the speech input can be copied, the copy has that too, and includes `received`
        messages.
        """
        if not self._requested:
            return []
        speech = None if received is None else self._fork_speech(memory)
        included = consumed if speech is None or received is None else received
        return self._new_handle(memory.copy(speech=speech), included)

    def update_during_speech(self, memory: SessionMemory, received: int, now: float) -> list[Message]:
        """The message with a new handle while the user speaks, if it is time for one."""
        if not self._transparent or (received % MESSAGES_PER_HANDLE and now - self._sent_at < SECONDS_PER_HANDLE):
            return []
        speech, self._sent_at = self._fork_speech(memory), now
        return [] if speech is None else self._new_handle(memory.copy(speech=speech), received)

    def unavailable(self) -> list[Message]:
        """The message that the session cannot be resumed now, because the model is about to speak."""
        return [[events.ResumptionUpdate()]] if self._requested and self._time is HandleTime.ASKED else []

    def close(self, now: float) -> None:
        """End the connection. From now on its handles can be used."""
        self._session.ended_at = now

    def _fork_speech(self, memory: SessionMemory) -> SpeechInput | None:
        return memory.speech.fork() if self._transparent and memory.speech is not None else None

    def _new_handle(self, memory: SessionMemory, included: int) -> list[Message]:
        handle = self._add(memory)
        return [[events.ResumptionUpdate(handle, True, included if self._transparent else None)]]

    def _add(self, memory: SessionMemory) -> str:
        # A UUID on the models that send handles unasked, and a longer token on the others (recorded).
        handle = secrets.token_urlsafe(48) if self._time is HandleTime.ASKED else str(uuid.uuid4())
        self._store.add(memory, self._platform, self._session, handle)
        return handle
