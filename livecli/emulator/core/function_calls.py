"""Function calls of a session: the declared functions, the calls in progress and their results. No I/O.

The model is silent until all BLOCKING calls have returned, and an interruption cancels them. A NON_BLOCKING call lets
the conversation go on; its response says when the model is to speak about it.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import msgspec

from ...protocol import events
from ...protocol.messages import FunctionCall, FunctionResponse, Tool
from ...protocol.models import CallBehaviour, CallFacts, CallIdForm, Model, Platform, UnknownResponse
from .behaviour import Call

MAX_PENDING_CALLS = 128
"""Most calls in progress. The oldest is dropped for a new one."""


class PendingCall(NamedTuple):
    """A call in progress: the function, its behavior, and the number of the message that had the call.

    `on_return` is called with each response.
    """

    name: str
    calling: CallBehaviour
    message: int
    on_return: Callable[[FunctionResponse], None] | None = None


class FunctionResult(msgspec.Struct, frozen=True):
    """Responses that the model answers together: at once, or when it is idle if not `interrupts`.

    `resumes` is whether the model has waited for them in silence. `greets` is whether it greets the user instead,
    because it knows of no call.
    """

    responses: tuple[FunctionResponse, ...]
    interrupts: bool = False
    resumes: bool = False
    greets: bool = False


class FunctionCalls(msgspec.Struct):
    """The functions and calls of one session. Call `declare` with the tools of the setup or of a contextUpdate."""

    platform: Platform
    session_id: str = ""
    """Seed of the ids of calls."""

    facts: CallFacts = msgspec.field(default_factory=CallFacts)
    default: CallBehaviour = CallBehaviour.BLOCKING
    functions: dict[str, CallBehaviour] = msgspec.field(default_factory=dict)
    without_parameters: frozenset[str] = frozenset()
    """The functions declared with `parametersJsonSchema` alone, which the service ignores (probed in 2026-10)."""

    search: bool = False
    code: bool = False
    urls: bool = False
    calls_made: int = 0
    messages_made: int = 0
    pending: dict[str, PendingCall] = msgspec.field(default_factory=dict)
    """The calls in progress by their ids, in the order of the calls."""

    continued: frozenset[str] = frozenset()
    """The ids of those calls in progress that had a response with `willContinue`."""

    cancelled: tuple[str, ...] = ()
    returned: list[FunctionResponse] = msgspec.field(default_factory=list)
    """Responses to BLOCKING calls, which the model answers once all of these have returned."""

    returned_of: dict[int, tuple[FunctionResponse, ...]] = msgspec.field(default_factory=dict)
    """Responses to NON_BLOCKING calls, which the model answers once all calls of their message have returned."""

    def declare(self, tools: Iterable[Tool], model: Model) -> None:
        """Replace the functions by those of `tools`."""
        self.default, self.facts = model.calling[0], model.calls
        declarations = [declaration for tool in tools for declaration in tool.function_declarations]
        self.functions = {
            each.name: CallBehaviour(each.behavior) if each.behavior in list(CallBehaviour) else self.default
            for each in declarations
        }
        self.without_parameters = frozenset(
            each.name for each in declarations if each.parameters_json_schema is not None and each.parameters is None
        )
        self.search = any(tool.google_search is not None for tool in tools)
        self.code = any(tool.code_execution is not None for tool in tools)
        self.urls = any(tool.url_context is not None for tool in tools)

    def calling(self, name: str) -> CallBehaviour:
        """The behavior of a function."""
        return self.functions.get(name, self.default)

    def copy(self) -> FunctionCalls:
        """A copy for a resumption handle, with the calls in progress."""
        copied = msgspec.structs.replace(self, functions=dict(self.functions), pending=dict(self.pending))
        copied.returned, copied.returned_of = list(self.returned), dict(self.returned_of)
        return copied

    @property
    def awaited(self) -> bool:
        """Whether the model waits for a function, and is silent until it has returned."""
        return any(call.calling is CallBehaviour.BLOCKING for call in self.pending.values())

    def call(self, calls: Sequence[Call]) -> events.ToolCall:
        """The message with these calls, which are in progress from now on."""
        made = []
        for place, call in enumerate(calls):
            self.calls_made += 1
            args = {} if call.name in self.without_parameters else call.args
            made.append(FunctionCall(id=self._new_id(place), name=call.name, args=args))
        self.messages_made += 1
        number = self.messages_made
        for one, call in zip(made, calls, strict=True):
            self.pending[str(one.id)] = PendingCall(call.name, self.calling(call.name), number, call.on_return)
        for id in list(self.pending)[:-MAX_PENDING_CALLS]:
            self.returned_of.pop(self.pending.pop(id).message, None)
        return events.ToolCall(tuple(made))

    def _new_id(self, place: int) -> str:
        """An id in the model's form, or the platform's. `place` is that of the call in its message."""
        made = uuid.uuid5(uuid.NAMESPACE_OID, f"{self.session_id}/{self.calls_made}")
        form = CallIdForm.UUID if self.platform.facts.call_ids_are_uuids else self.facts.id_form
        match form:
            case CallIdForm.UUID:
                return str(uuid.UUID(int=made.int, version=4))
            case CallIdForm.FC:
                return f"fc_{10**18 + made.int % (9 * 10**18)}"
            case CallIdForm.CALL_FC:
                return f"call_{made.int % 10**4}_fc_{self.messages_made}_{place}"
            case CallIdForm.FUNCTION_CALL:
                return f"function-call-{10**18 + made.int % (2**64 - 10**18)}"

    def cancel(self) -> tuple[str, ...]:
        """Cancel the calls that the model waits for, and return their ids."""
        ids = tuple(id for id, call in self.pending.items() if call.calling is CallBehaviour.BLOCKING)
        self.cancelled = (*self.cancelled, *ids)[-MAX_PENDING_CALLS:]
        self.pending = {id: call for id, call in self.pending.items() if id not in ids}
        self.returned.clear()
        return ids

    def receive(self, responses: Iterable[FunctionResponse]) -> list[FunctionResult]:
        """Note what functions have returned. Returns the results that the model is to answer.

        What a response does whose id belongs to no call depends on the model.
        """
        results: list[FunctionResult] = []
        for response in responses:
            id = self._call_id(response)
            if id is not None:
                results += self._note_return(id, response)
            elif response.id not in self.cancelled:
                results += self._unknown(response)
        return _joined(results)

    def _unknown(self, response: FunctionResponse) -> list[FunctionResult]:
        match self.facts.unknown_response:
            case UnknownResponse.ANSWERED if response.scheduling != "SILENT":
                return [FunctionResult((response,))]
            case UnknownResponse.GREETED:
                return [FunctionResult((), greets=True)]
        return []

    def _call_id(self, response: FunctionResponse) -> str | None:
        if response.id in self.pending:
            return response.id
        if not response.id and self.platform.facts.matches_calls_by_name:
            return next((id for id, call in self.pending.items() if call.name == response.name), None)
        return None

    def _note_return(self, id: str, response: FunctionResponse) -> list[FunctionResult]:
        call = self.pending[id]
        if call.on_return is not None:
            call.on_return(response)
        is_spoken = response.scheduling != "SILENT"
        if response.will_continue:
            self.continued |= {id}
        else:
            del self.pending[id]
            # Probed on 2026-09-19, 2 of 2: extended thinking never speaks about the last response.
            is_spoken &= id not in self.continued or self.facts.answers_after_part
            self.continued &= self.pending.keys()
        if call.calling is CallBehaviour.NON_BLOCKING:
            return self._non_blocking_results(call.message, response, is_spoken=is_spoken)
        self.returned.append(response)
        if self.awaited:
            return []
        returned, self.returned = tuple(self.returned), []
        return [FunctionResult(returned, resumes=True)]

    def _non_blocking_results(
        self, message: int, response: FunctionResponse, *, is_spoken: bool
    ) -> list[FunctionResult]:
        results = []
        waits = response.scheduling is None and not response.will_continue
        if is_spoken and waits:
            self.returned_of[message] = (*self.returned_of.get(message, ()), response)
        elif is_spoken:
            results.append(FunctionResult((response,), interrupts=response.scheduling == "INTERRUPT"))
        if self.facts.answers_together and any(call.message == message for call in self.pending.values()):
            return results
        returned = self.returned_of.pop(message, ())
        return [*results, FunctionResult(returned)] if returned else results


def characters_of(call: events.ToolCall) -> int:
    """The length of the calls as text, which counts as output."""
    return sum(len(each.name) + len(json.dumps(each.args)) for each in call.calls)


def _joined(results: list[FunctionResult]) -> list[FunctionResult]:
    """One result for all responses of a message."""
    if len(results) < 2:
        return results
    responses = tuple(response for result in results for response in result.responses)
    interrupts = any(result.interrupts for result in results)
    resumes, greets = any(result.resumes for result in results), not responses
    return [FunctionResult(responses, interrupts, resumes, greets)]
