"""The model's tools: what it may call, what it waits for, and what is to be done with what functions return. Pure.

A BLOCKING call holds the model's turn open until every one of them has returned, and is cancelled when the user
interrupts. A NON_BLOCKING call lets the conversation go on; its response says when the model is to speak of it.
"""

from __future__ import annotations

import dataclasses
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from ...protocol import events
from ...protocol.messages import FunctionCall, FunctionResponse, Tool
from ...protocol.models import Calling, Model, Platform
from .behaviour import Call

MAX_PENDING_CALLS = 128
"""How many calls may be without a response: of more the oldest are forgotten."""


@dataclass(frozen=True)
class Returned:
    """Functions have returned, and the model speaks of it: at once, or where it does not `interrupt`, when idle.

    `resumes` is whether a turn was held open for it.
    """

    responses: tuple[FunctionResponse, ...]
    interrupts: bool = False
    resumes: bool = False


@dataclass
class FunctionCalls:
    """One session's. `declare` it what the setup or a contextUpdate brings."""

    platform: Platform
    session_id: str = ""
    """Where the ids of calls come from."""

    default: Calling = Calling.BLOCKING
    functions: dict[str, Calling] = field(default_factory=dict)
    search: bool = False
    calls_made: int = 0
    pending: dict[str, tuple[str, Calling]] = field(default_factory=dict)
    """What was called, and how, by the call's id; in the order of the calls."""

    cancelled: tuple[str, ...] = ()
    returned: list[FunctionResponse] = field(default_factory=list)
    """Of the calls that hold the turn open: those that have returned already."""

    def declare(self, tools: Iterable[Tool], model: Model) -> None:
        """These tools and no others from now on."""
        self.default = model.calling[0]
        declarations = [declaration for tool in tools for declaration in tool.function_declarations]
        self.functions = {named.name: self._calling(named.behavior) for named in declarations}
        self.search = any(tool.google_search is not None for tool in tools)

    def _calling(self, behavior: str | None) -> Calling:
        return Calling(behavior) if behavior in list(Calling) else self.default

    def copy(self) -> FunctionCalls:
        """What a resumption handle keeps: the functions that a client was asked to call may return afterwards."""
        kept = dataclasses.replace(self, functions=dict(self.functions), pending=dict(self.pending))
        kept.returned = list(self.returned)
        return kept

    @property
    def awaited(self) -> bool:
        """Whether the model waits for a function, and says nothing until it has returned."""
        return any(calling is Calling.BLOCKING for _, calling in self.pending.values())

    def call(self, calls: Sequence[Call]) -> events.ToolCall:
        """The message that asks for these calls."""
        made = []
        for call in calls:
            self.calls_made += 1
            made.append(FunctionCall(id=self._id(), name=call.name, args=call.args))
        self.pending |= {str(call.id): (call.name, self.functions.get(call.name, self.default)) for call in made}
        for id in list(self.pending)[:-MAX_PENDING_CALLS]:
            del self.pending[id]
        return events.ToolCall(tuple(made))

    def _id(self) -> str:
        """As recorded: a UUID on Vertex, digits on the Developer API."""
        made = uuid.uuid5(uuid.NAMESPACE_OID, f"{self.session_id}/{self.calls_made}")
        if self.platform.facts.call_ids_are_uuids:
            return str(uuid.UUID(int=made.int, version=4))
        return f"function-call-{made.int % 10**19}"

    def cancel(self) -> tuple[str, ...]:
        """The model does not wait any more. The ids of the calls that it waited for."""
        ids = tuple(id for id, (_, calling) in self.pending.items() if calling is Calling.BLOCKING)
        self.cancelled = (*self.cancelled, *ids)[-MAX_PENDING_CALLS:]
        self.pending = {id: call for id, call in self.pending.items() if id not in ids}
        self.returned.clear()
        return ids

    def take(self, responses: Iterable[FunctionResponse]) -> list[Returned]:
        """What functions have returned, and which of it the model is to speak of.

        Nobody asked for a response with an unknown id: Vertex speaks of it all the same, as recorded, and the Developer
        API says nothing.
        """
        speaks: list[Returned] = []
        for response in responses:
            id = self._answered_id(response)
            if id is not None:
                speaks += self._return(id, response)
            elif self._speaks_of(response):
                speaks.append(Returned((response,)))
        return _together(speaks)

    def _speaks_of(self, unasked: FunctionResponse) -> bool:
        cancelled = unasked.id in self.cancelled
        return self.platform.facts.answers_unknown_ids and unasked.scheduling != "SILENT" and not cancelled

    def _answered_id(self, response: FunctionResponse) -> str | None:
        if response.id in self.pending:
            return response.id
        if not response.id and self.platform.facts.matches_calls_by_name:
            return next((id for id, (name, _) in self.pending.items() if name == response.name), None)
        return None

    def _return(self, id: str, response: FunctionResponse) -> list[Returned]:
        _, calling = self.pending[id]
        if not response.will_continue:
            del self.pending[id]
        if calling is Calling.NON_BLOCKING:
            if response.scheduling == "SILENT":
                return []
            return [Returned((response,), interrupts=response.scheduling == "INTERRUPT")]
        self.returned.append(response)
        if self.awaited:
            return []
        returned, self.returned = tuple(self.returned), []
        return [Returned(returned, resumes=True)]


def _together(speaks: list[Returned]) -> list[Returned]:
    """One turn for what came in one message."""
    if len(speaks) < 2:
        return speaks
    responses = tuple(response for returned in speaks for response in returned.responses)
    interrupts = any(returned.interrupts for returned in speaks)
    return [Returned(responses, interrupts, resumes=any(returned.resumes for returned in speaks))]
