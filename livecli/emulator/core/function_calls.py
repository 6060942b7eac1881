"""Function calls of a session: the declared functions, the calls in progress and their results. No I/O.

A BLOCKING call holds the model's turn open until all of them have returned, and is cancelled when the user interrupts.
A NON_BLOCKING call lets the conversation go on; its response says when the model is to speak about it.
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
"""Most calls in progress. The oldest is dropped for a new one."""


@dataclass(frozen=True)
class FunctionResult:
    """Responses that the model answers together: at once, or when it is idle if not `interrupts`.

    `resumes` is whether a turn was held open for them.
    """

    responses: tuple[FunctionResponse, ...]
    interrupts: bool = False
    resumes: bool = False


@dataclass
class FunctionCalls:
    """The functions and calls of one session. Call `declare` with the tools of the setup or of a contextUpdate."""

    platform: Platform
    session_id: str = ""
    """Seed of the ids of calls."""

    default: Calling = Calling.BLOCKING
    functions: dict[str, Calling] = field(default_factory=dict)
    without_parameters: frozenset[str] = frozenset()
    """The functions declared with `parametersJsonSchema` alone, which the service ignores (probed in 2026-10)."""

    search: bool = False
    calls_made: int = 0
    pending: dict[str, tuple[str, Calling]] = field(default_factory=dict)
    """The name and the behavior of each call in progress, by its id, in the order of the calls."""

    cancelled: tuple[str, ...] = ()
    returned: list[FunctionResponse] = field(default_factory=list)
    """Responses to calls that hold the turn open, while others have not returned."""

    def declare(self, tools: Iterable[Tool], model: Model) -> None:
        """Replace the functions by those of `tools`."""
        self.default = model.calling[0]
        declarations = [declaration for tool in tools for declaration in tool.function_declarations]
        self.functions = {each.name: self._calling(each.behavior) for each in declarations}
        self.without_parameters = frozenset(
            each.name for each in declarations if each.parameters_json_schema is not None and each.parameters is None
        )
        self.search = any(tool.google_search is not None for tool in tools)

    def _calling(self, behavior: str | None) -> Calling:
        return Calling(behavior) if behavior in list(Calling) else self.default

    def copy(self) -> FunctionCalls:
        """A copy for a resumption handle, with the calls in progress."""
        copied = dataclasses.replace(self, functions=dict(self.functions), pending=dict(self.pending))
        copied.returned = list(self.returned)
        return copied

    @property
    def awaited(self) -> bool:
        """Whether the model waits for a function, and is silent until it has returned."""
        return any(calling is Calling.BLOCKING for _, calling in self.pending.values())

    def call(self, calls: Sequence[Call]) -> events.ToolCall:
        """The message with these calls, which are in progress from now on."""
        made = []
        for call in calls:
            self.calls_made += 1
            args = {} if call.name in self.without_parameters else call.args
            made.append(FunctionCall(id=self._new_id(), name=call.name, args=args))
        self.pending |= {str(call.id): (call.name, self.functions.get(call.name, self.default)) for call in made}
        for id in list(self.pending)[:-MAX_PENDING_CALLS]:
            del self.pending[id]
        return events.ToolCall(tuple(made))

    def _new_id(self) -> str:
        """As recorded: a UUID on Vertex AI, `function-call-` and digits on the Developer API."""
        made = uuid.uuid5(uuid.NAMESPACE_OID, f"{self.session_id}/{self.calls_made}")
        if self.platform.facts.call_ids_are_uuids:
            return str(uuid.UUID(int=made.int, version=4))
        return f"function-call-{made.int % 10**19}"

    def cancel(self) -> tuple[str, ...]:
        """Cancel the calls that the model waits for, and return their ids."""
        ids = tuple(id for id, (_, calling) in self.pending.items() if calling is Calling.BLOCKING)
        self.cancelled = (*self.cancelled, *ids)[-MAX_PENDING_CALLS:]
        self.pending = {id: call for id, call in self.pending.items() if id not in ids}
        self.returned.clear()
        return ids

    def receive(self, responses: Iterable[FunctionResponse]) -> list[FunctionResult]:
        """Note what functions have returned. Returns the results that the model is to answer.

        A response whose id belongs to no call is answered on Vertex AI, as recorded, and ignored on the Developer API.
        """
        results: list[FunctionResult] = []
        for response in responses:
            id = self._call_id(response)
            if id is not None:
                results += self._note_return(id, response)
            elif self._answers_unknown(response):
                results.append(FunctionResult((response,)))
        return _joined(results)

    def _answers_unknown(self, response: FunctionResponse) -> bool:
        cancelled = response.id in self.cancelled
        return self.platform.facts.answers_unknown_ids and response.scheduling != "SILENT" and not cancelled

    def _call_id(self, response: FunctionResponse) -> str | None:
        if response.id in self.pending:
            return response.id
        if not response.id and self.platform.facts.matches_calls_by_name:
            return next((id for id, (name, _) in self.pending.items() if name == response.name), None)
        return None

    def _note_return(self, id: str, response: FunctionResponse) -> list[FunctionResult]:
        _, calling = self.pending[id]
        if not response.will_continue:
            del self.pending[id]
        if calling is Calling.NON_BLOCKING:
            if response.scheduling == "SILENT":
                return []
            return [FunctionResult((response,), interrupts=response.scheduling == "INTERRUPT")]
        self.returned.append(response)
        if self.awaited:
            return []
        returned, self.returned = tuple(self.returned), []
        return [FunctionResult(returned, resumes=True)]


def _joined(results: list[FunctionResult]) -> list[FunctionResult]:
    """One result for all responses of a message."""
    if len(results) < 2:
        return results
    responses = tuple(response for result in results for response in result.responses)
    interrupts = any(result.interrupts for result in results)
    return [FunctionResult(responses, interrupts, resumes=any(result.resumes for result in results))]
