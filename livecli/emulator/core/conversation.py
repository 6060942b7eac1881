"""One session's life: what the client says goes in, what the model says comes out. Pure: no asyncio, no sockets; time
is an argument.

`receive` takes what was said; `next_message` is asked for what to say next and makes it only then. Whoever has a slow
socket therefore asks seldom, and nothing piles up here; a client that goes on asking without listening to the answers
is not `listening`-ed to until they are taken.

From its setup on, the session is a `Dialogue`; here is what stands around it: admission, resumption, and its end.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from ...protocol import events
from ...protocol.messages import Setup
from ...protocol.models import MODELS, Model, Platform
from .admission import admit
from .behaviour import Behaviour
from .dialogue import Dialogue
from .function_calls import FunctionCalls
from .handles import HandleStore, SessionHandles, SessionMemory
from .inbox import MAX_TEXT_CHARACTERS, Inbox, text_of
from .lifetime import UNLIMITED, Lifetime, Limits
from .response import Message
from .turn import MAX_WAITING_TURNS
from .utterance import OpenSpool

__all__ = ["MAX_TEXT_CHARACTERS", "MAX_WAITING_TURNS", "EmulatedSession"]


class EmulatedSession:
    """The model's side of one session.

    `version` is the API version of the path that was asked for; `new_session_id` makes the id that Vertex gives,
    `open_spool` the file that keeps an utterance, and `log` takes a line about each turn. `behaviour` is this session's
    own; a resumed session goes on with the one that it had. `sessions` is shared by a whole server: without it no
    handle outlives its connection. `realtime` lets a reply take as long as its sound.
    """

    def __init__(
        self,
        platform: Platform,
        version: str,
        *,
        behaviour: Behaviour,
        new_session_id: Callable[[], str],
        open_spool: OpenSpool,
        log: Callable[[str], None] = lambda line: None,
        realtime: bool = False,
        models: Mapping[str, Model] = MODELS,
        sessions: HandleStore | None = None,
        limits: Limits = UNLIMITED,
    ) -> None:
        self._platform, self._version = platform, version
        self._behaviour = behaviour
        self._new_session_id = new_session_id
        self._open_spool = open_spool
        self._log = log
        self._realtime = realtime
        self._models = models
        self._sessions = HandleStore() if sessions is None else sessions
        self._alone = sessions is None
        self._limits = limits
        self._dialogue: Dialogue | None = None
        self._resumption: SessionHandles | None = None
        self._lifetime = Lifetime(UNLIMITED, 0.0)
        self._seen_at = 0.0

    @property
    def listening(self) -> bool:
        """Whether the client may say more now: not before setupComplete is taken, nor while many answers wait."""
        return self._dialogue is None or self._dialogue.listening

    @property
    def speaks(self) -> bool:
        """Whether `next_message` is to be asked because of what was received. Nearly all audio changes nothing."""
        return self._dialogue is not None and self._dialogue.speaks

    @property
    def wake_at(self) -> float | None:
        """After `next_message` gave None: the time at which it is to be asked again, even if nothing is received.

        It is on the clock of `now`, absolute; None where only what is received can change anything.
        """
        moments = (self._lifetime.wake_at, self._dialogue.wake_at if self._dialogue is not None else None)
        return min((at for at in moments if at is not None), default=None)

    def receive(self, event: events.Event, now: float) -> None:
        """A message of the client that says one thing; see `receive_message`."""
        self.receive_message((event,), now)

    def receive_message(self, said: Sequence[events.Event], now: float) -> None:
        """One message of the client, at this time in seconds. Raises Refusal where the service closes the session."""
        self._seen_at = now
        for event in said:
            if isinstance(event, events.Setup):
                self._set_up(event.body, now)
                return
        if self._dialogue is not None:
            self._dialogue.consumed += 1
            self._dialogue.memory.seconds = self._lifetime.session_seconds(now)
            for event in said:
                self._dialogue.receive(event, now)
            self._dialogue.offer_handle(now)

    def next_message(self, now: float) -> Message | None:
        """What is to be said next, at this time in seconds; None while there is nothing: see `wake_at`.

        Raises Refusal when the session is over, with the code and reason to close it with.
        """
        if self._dialogue is None:
            return None
        self._seen_at = now
        ending = self._lifetime.due(now)
        if ending is not None:
            self._dialogue.outbox.append(ending)
        self._dialogue.memory.seconds = self._lifetime.session_seconds(now)
        return self._dialogue.next_message(now)

    def close(self, now: float | None = None) -> None:
        """The session's connection is over: let go of every utterance. From now on its handles can be used."""
        ended_at = self._seen_at if now is None else now
        if self._dialogue is not None:
            self._dialogue.memory.seconds = self._lifetime.session_seconds(ended_at)
            self._dialogue.close()
        if self._resumption is not None:
            self._resumption.close(ended_at)
        if self._alone:
            self._sessions.close()

    def _set_up(self, setup: Setup, now: float) -> None:
        model = admit(setup, self._platform, self._version, self._models)
        self._resumption = self._sessions.connect(setup.session_resumption, self._platform, now)
        session_id = self._new_session_id()
        memory = self._resumption.memory or self._begun(setup, model, session_id)
        if setup.tools:
            memory.tools.declare(setup.tools, model)
        dialogue = self._dialogue = Dialogue(
            setup,
            model,
            self._platform,
            memory,
            self._resumption,
            open_spool=self._open_spool,
            realtime=self._realtime,
            log=self._log,
        )
        compresses = dialogue.window.compresses
        self._lifetime = Lifetime(self._limits, now, before_seconds=memory.seconds, compresses=compresses)
        dialogue.outbox.append([events.SetupComplete(session_id)])
        dialogue.outbox.extend(self._resumption.update(memory, 0, heard=0))

    def _begun(self, setup: Setup, model: Model, session_id: str) -> SessionMemory:
        """A session that nothing has been said in."""
        tools = FunctionCalls(self._platform, session_id, model.calling[0])
        told = bool(setup.history_config and setup.history_config.initial_history_in_client_content)
        memory = SessionMemory(tools, self._behaviour, Inbox(seeding=told and model.seeds))
        if setup.system_instruction is not None:
            memory.tokens.heard_characters += len(text_of(setup.system_instruction))
        return memory
