"""The protocol's state machine: which events a client may send in which state. One class for both sides, without I/O.

A session is OPENED by the socket, SETTING_UP once the client has sent Setup, and ACTIVE once the server has sent
SetupComplete. From then on the server may send any event in any order, as the service does.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum, auto
from typing import Any

from ..errors import ProtocolError
from . import close_reasons, codec, events
from .close_reasons import Refusal
from .models import MODELS, Role
from .platform import Platform


class Side(Enum):
    """The ends of the socket."""

    CLIENT = auto()
    SERVER = auto()


class State(Enum):
    """The states of a session."""

    OPENED = auto()
    SETTING_UP = auto()
    ACTIVE = auto()


# Events that a client may send in an open session, whatever the mode of activity detection.
ALWAYS: frozenset[type[events.Event]] = frozenset(
    {
        events.AudioChunk,
        events.Text,
        events.Image,
        events.MediaChunks,
        events.ClientTurns,
        events.ToolResponse,
        events.ContextUpdate,
    }
)

# Events for a session with automatic activity detection off, and for one with it on.
MANUAL: frozenset[type[events.Event]] = frozenset({events.ActivityStart, events.ActivityEnd})
AUTOMATIC: frozenset[type[events.Event]] = frozenset({events.AudioStreamEnd})

# The events that a client may send, by the state and by whether automatic activity detection is off.
CLIENT_MAY_SEND: dict[tuple[State, bool], frozenset[type[events.Event]]] = {
    (State.OPENED, False): frozenset({events.Setup}),
    (State.SETTING_UP, False): frozenset(),
    (State.SETTING_UP, True): frozenset(),
    (State.ACTIVE, False): ALWAYS | AUTOMATIC,
    (State.ACTIVE, True): ALWAYS | MANUAL,
}


class LiveProtocol:
    """One end of one session: it turns events into frames and frames into events, and refuses what the state forbids.

    `setup` is the client's Setup, None before it. On a server, `model_role` is where the model's turns name its role.
    """

    def __init__(self, side: Side, platform: Platform) -> None:
        self.side = side
        self.platform = platform
        self.state = State.OPENED
        self.setup: events.Setup | None = None
        self.model_role = Role.NONE
        self._manual = False
        self._shapes = codec.AudioShapes()
        self._allowed = CLIENT_MAY_SEND[self.state, self._manual]

    def send(self, *sent: events.Event) -> bytes:
        """The frame for these events: one from a client, any number from a server, written as `model_role` says.

        Raises ProtocolError for an event that a client may not send now.
        """
        if self.side is Side.SERVER:
            self._note(*sent)
            return codec.encode_server(sent, self.platform, self.model_role)
        (event,) = sent
        if type(event) not in self._allowed:
            raise ProtocolError(self._objection(event))
        frame = codec.encode_client(event)
        if isinstance(event, events.Setup):
            self._note(event)
        return frame

    def send_each(self, sent: Sequence[events.Event]) -> list[bytes]:
        """The frames for a client's events, one each. Raises as `send` does."""
        if len(sent) > 1 and self.state is State.ACTIVE and self._allowed.issuperset(map(type, sent)):
            return codec.encode_each(sent)
        return [self.send(event) for event in sent]

    def receive(self, frame: str | bytes) -> list[events.Event]:
        """The events of a frame.

        Raises ProtocolError for a server's frame that cannot be decoded, Refusal for a client's frame that the service
        would refuse.
        """
        if self.side is Side.CLIENT:
            received = codec.decode_server(frame, self._shapes)
            if self.state is not State.ACTIVE:
                self._note(*received)
            return received
        decoded = codec.decode_client(frame)
        if self.state is State.ACTIVE and self._allowed.issuperset(map(type, decoded)):
            return decoded
        received = [event for event in decoded if not self._is_ignored(event)]
        for event in received:
            if type(event) not in self._allowed:
                raise Refusal(1007, self._refusal_reason(event))
            if isinstance(event, events.Setup):
                self._note(event)
        return received

    def _note(self, *passed: events.Event) -> None:
        for event in passed:
            if isinstance(event, events.Setup):
                self.setup = event
                self._manual = _detection_is_off(codec.setup_json(event))
                self._enter(State.SETTING_UP)
            elif isinstance(event, events.SetupComplete):
                self._enter(State.ACTIVE)

    def _enter(self, state: State) -> None:
        self.state = state
        self._allowed = CLIENT_MAY_SEND[state, self._manual]

    def _objection(self, event: events.Event) -> str:
        name = type(event).__name__
        if self.state is State.ACTIVE and type(event) in MANUAL | AUTOMATIC:
            return f"{name} cannot be sent with automatic activity detection {'off' if self._manual else 'on'}"
        when = "once" if self.state is State.ACTIVE else "before"
        return f"a client cannot send {name} {when} the session is set up"

    def _is_ignored(self, event: events.Event) -> bool:
        """Whether the service ignores an activity message that it otherwise refuses under automatic detection."""
        if type(event) not in MANUAL or type(event) in self._allowed or self.setup is None:
            return False
        model = MODELS.get(self.setup.body.model.rpartition("/")[2])
        return self.state is State.ACTIVE and model is not None and model.turns.ignores_explicit_activity

    def _refusal_reason(self, event: events.Event) -> str:
        if self.state is not State.ACTIVE or isinstance(event, events.Setup):
            return close_reasons.SETUP_FIRST
        return close_reasons.EXPLICIT_ACTIVITY if type(event) in MANUAL else close_reasons.PRECONDITION_FAILED


def _detection_is_off(setup: dict[str, Any]) -> bool:
    match setup:
        case {"realtimeInputConfig": {"automaticActivityDetection": {"disabled": disabled}}}:
            return bool(disabled)
    return False
