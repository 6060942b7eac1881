"""An emulated session: the client's messages go in, the server's messages come out. No I/O: time is an argument.

`receive_message` takes a message of the client, and `next_message` makes the next message of the server. The caller
asks for one when the socket can take it, so nothing accumulates for a slow client. While too much waits to be taken,
`accepts_input` is false and the caller stops reading.

This module holds the setup, resumption and the end of a session. The rest is its `Dialogue`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from ...protocol import events
from ...protocol.close_reasons import Refusal
from ...protocol.messages import Setup
from ...protocol.models import MODELS, HandleTime, Model, Platform, Role
from ..faults import Faults
from ..pace import Pace
from .admission import check_setup, late_refusal
from .behaviour import Behaviour
from .dialogue import Dialogue
from .function_calls import FunctionCalls
from .handles import HandleStore, SessionHandles, SessionMemory
from .inbox import MAX_TEXT_CHARACTERS, Inbox, text_of
from .lifetime import UNLIMITED, Lifetime, Limits
from .response import Message, voice_of
from .synthesis import Synthesize
from .turn import MAX_WAITING_TURNS
from .utterance import OpenSpool, Recognize

__all__ = ["MAX_TEXT_CHARACTERS", "MAX_WAITING_TURNS", "EmulatedSession"]


class EmulatedSession:
    """The server's side of one session, from its connection on.

    `version` is the API version of the request path. `new_session_id` makes the id that Vertex AI sends, `open_spool`
    the file of an utterance, `log` takes lines on what a client may not expect, `heard` the transcript of each
    utterance, and `inject` the faults of each answer that begins. `synthesize` makes words speech; without it they are
    tones. `recognize` finds the words of an utterance; without it they are not known. `behaviour` belongs to this
    session; a session that is resumed keeps its own. `sessions` holds the handles of the whole server; without it, no
    handle outlives the connection. `pace` is how fast it hears and speaks.
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
        heard: Callable[[str], None] = lambda utterance: None,
        inject: Callable[[Faults], None] = lambda faults: None,
        synthesize: Synthesize | None = None,
        recognize: Recognize | None = None,
        pace: Pace = Pace.INSTANT,
        models: Mapping[str, Model] = MODELS,
        sessions: HandleStore | None = None,
        limits: Limits = UNLIMITED,
    ) -> None:
        self._platform, self._version = platform, version
        self._behaviour = behaviour
        self._new_session_id = new_session_id
        self._open_spool = open_spool
        self._log, self._heard, self._inject = log, heard, inject
        self._synthesize, self._recognize = synthesize, recognize
        self._pace = pace
        self._models = models
        self._sessions = HandleStore() if sessions is None else sessions
        self._owns_sessions = sessions is None
        self._limits = limits
        self.model_role = Role.NONE
        self._dialogue: Dialogue | None = None
        self._late_refusal: Refusal | None = None
        self._resumption: SessionHandles | None = None
        self._lifetime = Lifetime(UNLIMITED, 0.0)
        self._last_seen = 0.0

    @property
    def accepts_input(self) -> bool:
        """Whether to read more of the client: not until setupComplete is taken, and not while many turns wait."""
        return self._dialogue is None or self._dialogue.accepts_input

    @property
    def has_output(self) -> bool:
        """Whether `next_message` has a message because of the last input. Most audio brings none."""
        return self._dialogue is not None and self._dialogue.has_output

    @property
    def wake_at(self) -> float | None:
        """The time of the next call of `next_message` after it returned None, on the clock of `now`.

        None if only a message of the client can bring another one.
        """
        times = (self._lifetime.wake_at, self._dialogue.wake_at if self._dialogue is not None else None)
        return min((at for at in times if at is not None), default=None)

    def receive(self, event: events.Event, now: float) -> None:
        """Take a message of the client that is one event; see `receive_message`."""
        self.receive_message((event,), now)

    def receive_message(self, message: Sequence[events.Event], now: float) -> None:
        """Take a message of the client at this time in seconds. Raises Refusal if the service closes the session."""
        self._last_seen = now
        for event in message:
            if isinstance(event, events.Setup):
                self._set_up(event.body, now)
                return
        if self._dialogue is not None:
            if self._late_refusal is not None:
                raise self._late_refusal
            self._dialogue.consumed += 1
            self._dialogue.memory.seconds = self._lifetime.session_seconds(now)
            for event in message:
                self._dialogue.receive(event, now)
            self._dialogue.offer_handle(now)

    def next_message(self, now: float) -> Message | None:
        """The server's next message at this time in seconds, None while there is none: see `wake_at`.

        Raises Refusal when the session has ended, with the code and the reason of the close.
        """
        if self._dialogue is None:
            return None
        self._last_seen = now
        ending = self._lifetime.due(now)
        if ending is not None:
            self._dialogue.outbox.append(ending)
        self._dialogue.memory.seconds = self._lifetime.session_seconds(now)
        return self._dialogue.next_message(now)

    def close(self, now: float | None = None) -> None:
        """End the connection and release every utterance. From now on the session's handles can be used."""
        ended_at = self._last_seen if now is None else now
        if self._dialogue is not None:
            self._dialogue.memory.seconds = self._lifetime.session_seconds(ended_at)
            self._dialogue.close()
        if self._resumption is not None:
            self._resumption.close(ended_at)
        if self._owns_sessions:
            self._sessions.close()

    def _set_up(self, setup: Setup, now: float) -> None:
        model = check_setup(setup, self._platform, self._version, self._models)
        self._late_refusal = late_refusal(setup, model, self._platform, self._version)
        self._resumption = self._sessions.connect(setup.session_resumption, self._platform, now, model=model)
        session_id = self._new_session_id()
        self.model_role = model.frames.role
        memory = self._resumption.memory or self._new_memory(setup, model, session_id)
        if self._resumption.memory is not None and setup.system_instruction is not None:
            # Probed on 2026-09-21, 3 of 3: the model goes on with the instruction of the session.
            self._log("a resumed session keeps its system instruction, and ignores the one of this setup")
        dialogue = self._dialogue = Dialogue(
            setup,
            model,
            self._platform,
            memory,
            self._resumption,
            open_spool=self._open_spool,
            pace=self._pace,
            log=self._log,
            heard=self._heard,
            inject=self._inject,
            synthesize=self._synthesize,
            recognize=self._recognize if _is_english(setup) else None,
        )
        if setup.tools:
            dialogue.declare(setup.tools)
        compresses = dialogue.window.compresses
        self._lifetime = Lifetime(self._limits, now, before_seconds=memory.seconds, compresses=compresses)
        dialogue.outbox.append([events.SetupComplete(session_id)])
        dialogue.outbox.extend(self._resumption.update(memory, 0, received=0))
        dialogue.outbox.extend(self._resumption.unasked(memory, HandleTime.AFTER_SETUP))

    def _new_memory(self, setup: Setup, model: Model, session_id: str) -> SessionMemory:
        """The memory of a new session."""
        tools = FunctionCalls(self._platform, session_id, model.calls, model.calling[0])
        seeding = bool(setup.history_config and setup.history_config.initial_history_in_client_content)
        memory = SessionMemory(tools, self._behaviour, Inbox(seeding=seeding and model.seeds))
        if setup.system_instruction is not None:
            memory.tokens.prompt_characters += len(text_of(setup.system_instruction))
        return memory


def _is_english(setup: Setup) -> bool:
    """Whether the user may speak English: a setup that names no language leaves that open."""
    return voice_of(setup).language.lower().partition("-")[0] in ("", "en")
