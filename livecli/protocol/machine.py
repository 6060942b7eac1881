"""What may be said when: one table, both sides. The client asks it before it sends, the emulator when it has received.

A session is OPENED by the socket, SETTING_UP once the client has said Setup, ACTIVE once the server has said
SetupComplete. The server may say anything from then on, in any order: the service does.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum, auto
from typing import Any

from ..errors import ProtocolError
from . import close_reasons, codec, events
from .close_reasons import Refusal
from .platform import Platform


class Side(Enum):
    """Which end of the socket this is."""

    CLIENT = auto()
    SERVER = auto()


class State(Enum):
    """How far the session has come."""

    OPENED = auto()
    SETTING_UP = auto()
    ACTIVE = auto()


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
MANUAL: frozenset[type[events.Event]] = frozenset({events.ActivityStart, events.ActivityEnd})
AUTOMATIC: frozenset[type[events.Event]] = frozenset({events.AudioStreamEnd})

CLIENT_MAY_SAY: dict[tuple[State, bool], frozenset[type[events.Event]]] = {
    # (state, automatic detection is off)
    (State.OPENED, False): frozenset({events.Setup}),
    (State.SETTING_UP, False): frozenset(),
    (State.SETTING_UP, True): frozenset(),
    (State.ACTIVE, False): ALWAYS | AUTOMATIC,
    (State.ACTIVE, True): ALWAYS | MANUAL,
}


class LiveProtocol:
    """One end of one session: events in, frames out; frames in, events out. No I/O, no clock.

    `setup` is what the client said first, None before that.
    """

    def __init__(self, side: Side, platform: Platform) -> None:
        self.side = side
        self.platform = platform
        self.state = State.OPENED
        self.setup: events.Setup | None = None
        self._manual = False
        self._shapes = codec.AudioShapes()
        self._sayable = CLIENT_MAY_SAY[self.state, self._manual]

    def send(self, *said: events.Event) -> bytes:
        """The frame that says these events: one from a client, several from a server.

        Raises ProtocolError where a client may not say that now.
        """
        if self.side is Side.SERVER:
            self._note(*said)
            return codec.encode_server(said, self.platform)
        (event,) = said
        if type(event) not in self._sayable:
            raise ProtocolError(self._objection(event))
        frame = codec.encode_client(event)
        if isinstance(event, events.Setup):
            self._note(event)
        return frame

    def send_each(self, said: Sequence[events.Event]) -> list[bytes]:
        """As a client's `send`, one frame for each."""
        if len(said) > 1 and self.state is State.ACTIVE and self._sayable.issuperset(map(type, said)):
            return codec.encode_each(said)
        return [self.send(event) for event in said]

    def receive(self, frame: str | bytes) -> list[events.Event]:
        """The events that `frame` says.

        Raises ProtocolError for a server's frame that cannot be understood, Refusal for a client's frame that the
        service would refuse.
        """
        if self.side is Side.CLIENT:
            received = codec.decode_server(frame, self._shapes)
            if self.state is not State.ACTIVE:
                self._note(*received)
            return received
        received = codec.decode_client(frame)
        for event in received:
            if type(event) not in self._sayable:
                raise Refusal(1007, self._refusal_reason(event))
            if isinstance(event, events.Setup):
                self._note(event)
        return received

    def _note(self, *said: events.Event) -> None:
        for event in said:
            if isinstance(event, events.Setup):
                self.setup = event
                self._manual = _detection_is_off(codec.setup_json(event))
                self._enter(State.SETTING_UP)
            elif isinstance(event, events.SetupComplete):
                self._enter(State.ACTIVE)

    def _enter(self, state: State) -> None:
        self.state = state
        self._sayable = CLIENT_MAY_SAY[state, self._manual]

    def _objection(self, event: events.Event) -> str:
        name = type(event).__name__
        if self.state is State.ACTIVE and type(event) in MANUAL | AUTOMATIC:
            return f"{name} does not go with automatic activity detection {'off' if self._manual else 'on'}"
        return f"{name} cannot be said before the session is set up, nor by a client at all if it is the server's"

    def _refusal_reason(self, event: events.Event) -> str:
        about_activity = self.state is State.ACTIVE and type(event) in MANUAL | AUTOMATIC
        return close_reasons.PRECONDITION_FAILED if about_activity else close_reasons.INVALID_ARGUMENT


def _detection_is_off(setup: dict[str, Any]) -> bool:
    match setup:
        case {"realtimeInputConfig": {"automaticActivityDetection": {"disabled": disabled}}}:
            return bool(disabled)
    return False
