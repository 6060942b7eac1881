"""Observers of the emulator's sessions: the interface, and the record that `livecli.serve` gives to programs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from ..protocol import events
from ..protocol.messages import Content, Json
from ..recording.format import Direction
from .access import Service
from .core.inbox import text_of
from .core.response import Message


class ClosedBy(StrEnum):
    """The side that ended a session."""

    CLIENT = "the client"
    SCRIPT = "the script"
    SERVER = "the server"


class SessionObserver:
    """Is told what passes in one session. Every method does nothing, so a subclass overrides only what it needs.

    `frame` is called where `wants_frames` is set. The proxy calls `received` and `sent` where `wants_messages` is.
    """

    wants_frames = False

    @property
    def wants_messages(self) -> bool:
        """Whether it does something with messages, which the proxy would not decode otherwise."""
        return False

    def opened(self, url: str, client: str | None, secrets: Sequence[str]) -> None:
        """The session begins: the URL of its connection without the query, the client's User-Agent and credentials."""

    def frame(self, direction: Direction, data: bytes, *, is_binary: bool) -> None:
        """A frame as it is on the wire; those of the emulator are binary ones."""

    def received(self, message: Message) -> None:
        """A message of the client."""

    def heard(self, utterance: str) -> None:
        """The client has spoken; `utterance` is the transcript that the emulator has of it."""

    def sent(self, message: Message) -> None:
        """A message of the emulator."""

    def closed(self, by: ClosedBy, code: int, reason: str) -> None:
        """The session has ended. 1006 is a lost connection."""


Observe = Callable[[int, Service], SessionObserver]
"""Makes the observer of a session, from the number of its connection, from 1, and the path that it was opened on."""


def typed_texts(message: Message) -> list[str]:
    """The texts of the user in a message of the client, without those that the model has answered before."""
    texts: list[str] = []
    for event in message:
        match event:
            case events.Text(text):
                texts.append(text)
            case events.ClientTurns(turns):
                texts += filter(None, map(text_of, _unanswered(turns)))
    return texts


def _unanswered(turns: Sequence[Content]) -> Sequence[Content]:
    """The turns after the last one of the model: those before are the history of a conversation."""
    answered = [place for place, turn in enumerate(turns, 1) if turn.role == "model"]
    return turns[max(answered, default=0) :]


@dataclass
class EmulatedCall:
    """A function call that the emulator made. `response` is what the client returned, None until it has."""

    name: str
    args: Json
    id: str | None = None
    response: Json | None = None


@dataclass
class SessionRecord:
    """The actions of clients in all sessions, in order.

    `said` are the texts that they typed, and for speech the emulator's transcript of it. `calls` are the function calls
    with the responses, and `responses` those that have one, in the order of the responses; one to a call that was not
    made is among them. `connections` is the number of sessions opened, those that resumed another included.
    """

    said: list[str] = field(default_factory=list)
    calls: list[EmulatedCall] = field(default_factory=list)
    responses: list[EmulatedCall] = field(default_factory=list)
    connections: int = 0

    def observe(self, number: int, service: Service) -> SessionObserver:
        """The observer of one session; see Observe."""
        self.connections += 1
        return _Recorder(self)


class _Recorder(SessionObserver):
    def __init__(self, record: SessionRecord) -> None:
        self._record = record

    def received(self, message: Message) -> None:
        self._record.said += typed_texts(message)
        for event in message:
            if isinstance(event, events.ToolResponse):
                for response in event.responses:
                    self._note(response.id, response.name, response.response)

    def heard(self, utterance: str) -> None:
        self._record.said.append(utterance)

    def sent(self, message: Message) -> None:
        for event in message:
            if isinstance(event, events.ToolCall):
                self._record.calls += [EmulatedCall(call.name, call.args or {}, call.id) for call in event.calls]

    def _note(self, id: str | None, name: str | None, response: Json | None) -> None:
        """Keep a response with its call. On Vertex AI a client may leave out the id, or the name."""
        for call in self._record.calls:
            if call.response is None and ((id and call.id == id) or (not id and name in (None, "", call.name))):
                call.response = response or {}
                self._record.responses.append(call)
                return
        self._record.responses.append(EmulatedCall(name or "", {}, id, response or {}))
