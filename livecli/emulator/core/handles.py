"""Sessions that outlive their connection: what a handle brings back, and the store that all connections share. Pure.

A handle keeps the session as it was when the handle was given, and can be used any number of times; it expires so long
after the session's last connection has ended. While that is still open, a handle cannot be used.
"""

from __future__ import annotations

import copy
import dataclasses
import secrets
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from ...protocol import close_reasons, events
from ...protocol.close_reasons import Refusal
from ...protocol.messages import SessionResumptionConfig
from ...protocol.models import Platform
from .behaviour import Behaviour
from .function_calls import FunctionCalls
from .inbox import Inbox
from .response import Message
from .speech import SpeechInput
from .token_count import TokenCount

MESSAGES_PER_HANDLE, SECONDS_PER_HANDLE = 64, 0.25
"""With `transparent` and while the client speaks on: as soon as it said so much, or has spoken so long."""
MAX_HANDLES = 10_000
MAX_HANDLES_OF_A_SESSION = 16
MAX_HANDLES_WITH_SOUND = 8
"""A client may lose a connection before it hears of the handle that opened it. An older one is refused where it told
the client not to say again what has been forgotten since."""
MAX_HELD_CHARACTERS = 16_000_000
"""Of what users wrote and has no answer yet. Beyond any of these the oldest handles are forgotten."""


@dataclass
class SessionMemory:
    """All that a session is, but for its connection: what the next one goes on with.

    `speech` is the speech input. A handle keeps it where the client knows which messages it includes (`transparent`).
    """

    tools: FunctionCalls
    behaviour: Behaviour
    inbox: Inbox = field(default_factory=Inbox)
    tokens: TokenCount = field(default_factory=TokenCount)
    turns_done: int = 0
    forgotten_tokens: int = 0
    seconds: float = 0.0
    speech: SpeechInput | None = None

    def copy(self, *, speech: SpeechInput | None = None) -> SessionMemory:
        return SessionMemory(
            self.tools.copy(),
            copy.copy(self.behaviour),
            self.inbox.copy(),
            dataclasses.replace(self.tokens),
            self.turns_done,
            self.forgotten_tokens,
            self.seconds,
            speech,
        )

    def fork(self) -> SessionMemory:
        """A copy that has heard the same."""
        return self.copy(speech=self.speech and self.speech.fork())

    @property
    def needs_sound(self) -> bool:
        """Whether it is of no use without what was being heard."""
        return self.speech is not None and self.speech.speaking

    def forget_sound(self) -> None:
        if self.speech is not None:
            self.speech.close()
            self.speech = None

    @property
    def characters(self) -> int:
        """How much room it takes, roughly."""
        return self.inbox.characters + len(self.inbox.unanswered) + sum(map(len, self.tools.functions))


@dataclass
class _Session:
    """What all handles of one session share. `ended_at` is None while a connection is open."""

    handles: deque[str] = field(default_factory=deque)
    ended_at: float | None = None


@dataclass(frozen=True)
class _Kept:
    platform: Platform
    memory: SessionMemory
    session: _Session


class HandleStore:
    """One server's. Handles expire after `expiry_seconds`, by default each platform's own."""

    def __init__(
        self,
        expiry_seconds: float | None = None,
        *,
        new_handle: Callable[[], str] = lambda: secrets.token_urlsafe(48),
    ) -> None:
        self._expiry_seconds = expiry_seconds
        self._new_handle = new_handle
        self._kept: dict[str, _Kept] = {}  # the oldest first
        self._held_characters = 0

    def connect(self, config: SessionResumptionConfig | None, platform: Platform, now: float) -> SessionHandles:
        """This connection's, which has to be closed. Raises Refusal where its handle cannot be used."""
        handle = config.handle if config is not None else None
        if not handle:
            return SessionHandles(self, config, platform, _Session(), now)
        kept = self._kept.get(handle)
        if kept is None or kept.platform is not platform or self._has_expired(kept, now):
            raise Refusal(1008, close_reasons.ENTITY_NOT_FOUND)
        if kept.session.ended_at is None:
            raise Refusal(1011, close_reasons.INTERNAL_ERROR)
        kept.session.ended_at = None
        return SessionHandles(self, config, platform, kept.session, now, kept.memory.fork())

    def keep(self, memory: SessionMemory, platform: Platform, session: _Session) -> str:
        """A new handle for `memory`, which is the store's from now on. Of older ones the sound is forgotten."""
        handle = self._new_handle()
        if len(session.handles) >= MAX_HANDLES_WITH_SOUND:
            self._forget_sound(session.handles[-MAX_HANDLES_WITH_SOUND])
        self._kept[handle] = kept = _Kept(platform, memory, session)
        self._held_characters += kept.memory.characters
        session.handles.append(handle)
        if len(session.handles) > MAX_HANDLES_OF_A_SESSION:
            self._forget(session.handles[0])
        while len(self._kept) > MAX_HANDLES or self._held_characters > MAX_HELD_CHARACTERS:
            self._forget(next(iter(self._kept)))
        return handle

    def _forget_sound(self, handle: str) -> None:
        if self._kept[handle].memory.needs_sound:
            self._forget(handle)
        else:
            self._kept[handle].memory.forget_sound()

    def _forget(self, handle: str) -> None:
        kept = self._kept.pop(handle)
        kept.memory.forget_sound()
        kept.session.handles.remove(handle)
        self._held_characters -= kept.memory.characters

    def close(self) -> None:
        """Let go of everything."""
        while self._kept:
            self._forget(next(iter(self._kept)))

    def _has_expired(self, kept: _Kept, now: float) -> bool:
        ended_at = kept.session.ended_at
        if ended_at is None:
            return False
        lasts = kept.platform.facts.handle_seconds if self._expiry_seconds is None else self._expiry_seconds
        return now - ended_at > lasts


class SessionHandles:
    """One connection's handles. `memory` is what it goes on with, None where it begins a session."""

    def __init__(
        self,
        sessions: HandleStore,
        config: SessionResumptionConfig | None,
        platform: Platform,
        session: _Session,
        now: float,
        memory: SessionMemory | None = None,
    ) -> None:
        self.memory = memory
        self._sessions, self._session = sessions, session
        self._platform = platform
        self._wanted = config is not None
        self._kept_at = now
        self._transparent = config is not None and bool(config.transparent)

    def update(self, memory: SessionMemory, consumed: int, heard: int | None = None) -> list[Message]:
        """The session can be resumed now; `consumed` client messages of this connection are in what is kept.

        With what is just being heard it is `heard` of them, if that is to be kept as well, and can be.
        """
        if not self._wanted:
            return []
        speech = None if heard is None else self._fork(memory)
        return self._kept(memory.copy(speech=speech), consumed if speech is None or heard is None else heard)

    def update_between(self, memory: SessionMemory, heard: int, now: float) -> list[Message]:
        """While the user speaks on, now and then. Google does not say how often it does that (on trust)."""
        if heard % MESSAGES_PER_HANDLE and now - self._kept_at < SECONDS_PER_HANDLE:
            return []
        speech, self._kept_at = self._fork(memory), now
        return [] if speech is None else self._kept(memory.copy(speech=speech), heard)

    def not_now(self) -> list[Message]:
        """The model is speaking: there is no handle for that."""
        return [[events.ResumptionUpdate()]] if self._wanted else []

    def close(self, now: float) -> None:
        self._session.ended_at = now

    def _fork(self, memory: SessionMemory) -> SpeechInput | None:
        return memory.speech.fork() if self._transparent and memory.speech is not None else None

    def _kept(self, memory: SessionMemory, consumed: int) -> list[Message]:
        handle = self._sessions.keep(memory, self._platform, self._session)
        return [[events.ResumptionUpdate(handle, True, consumed if self._transparent else None)]]
