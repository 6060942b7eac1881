"""Function calls of a session: runs the command of each call and sends its result to the model."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import TYPE_CHECKING, Any

from ..errors import CheckError, ProtocolError
from ..protocol import events
from ..protocol.messages import FunctionCall, FunctionResponse
from ..report.reporter import Reporter
from .toolbox import Tool, Toolbox

if TYPE_CHECKING:
    from .command import Outcome

MAX_ROUNDS = 32
"""The number of messages with function calls in one turn. A model that never stops calling functions costs money."""

MAX_PENDING = 128
"""The number of calls without a response."""

MAX_RUNNING = 16
"""The number of commands that run at the same time."""

MAX_CONFIRMED_CHARACTERS = 4000
"""The length of arguments, in JSON, that a user is asked about: 50 rows of 80. A longer call is refused unasked."""

Confirm = Callable[[FunctionCall], Awaitable[bool]]
"""Asks the user whether a call may run. Questions are asked one at a time, and cancelled with their call."""


class Calls:
    """The function calls of one turn.

    `toolbox` has the tools, `send` sends a ToolResponse, and `confirm` asks the user before each call. `on_call_end` is
    called each time a call was answered or cancelled, when `pending` has become one less. The calls are answered in the
    TaskGroup of `run_in`.
    """

    def __init__(
        self,
        toolbox: Toolbox,
        send: Callable[[events.ToolResponse], Awaitable[None]],
        reporter: Reporter,
        *,
        confirm: Confirm | None = None,
        on_call_end: Callable[[], None] = lambda: None,
    ) -> None:
        self.toolbox, self._send, self._reporter = toolbox, send, reporter
        self._confirm, self._on_call_end = confirm, on_call_end
        self._group: asyncio.TaskGroup | None = None
        # The calls that came before the group.
        self._waiting: list[FunctionCall] = []
        self._tasks: dict[asyncio.Task[None], str | None] = {}
        # For each call the ids of all calls in its message.
        self._messages: dict[str | None, frozenset[str | None]] = {}
        self._rounds = 0
        self._confirm_lock = asyncio.Lock()
        self._running = asyncio.Semaphore(MAX_RUNNING)

    @property
    def pending(self) -> int:
        """The number of calls without a response."""
        return len(self._tasks) + len(self._waiting)

    def run_in(self, group: asyncio.TaskGroup) -> None:
        """Answer the calls in tasks of `group`, which receives their errors: those of before, and those to come."""
        self._group = group
        calls, self._waiting = self._waiting, []
        for call in calls:
            self._start(group, call)

    def handle(self, event: events.Event) -> None:
        """Start the calls of a ToolCall, and stop those that a ToolCallCancellation names. Ignores other events.

        Raises CheckError after more than MAX_ROUNDS messages with calls, and ProtocolError for more than MAX_PENDING
        calls without a response.
        """
        match event:
            case events.ToolCall(calls):
                self._check_limits(len(calls))
                ids = frozenset(call.id for call in calls)
                self._messages.update(dict.fromkeys(ids, ids))
                for call in calls:
                    if self._group is None:
                        self._waiting.append(call)
                    else:
                        self._start(self._group, call)
            case events.ToolCallCancellation(ids):
                for task in [task for task, id in self._tasks.items() if id in ids]:
                    task.cancel()
                self._drop([call for call in self._waiting if call.id in ids])

    @property
    def ids(self) -> frozenset[str | None]:
        """The ids of the calls without a response."""
        return frozenset([*self._tasks.values(), *(call.id for call in self._waiting)])

    def in_message_of(self, id: str | None) -> frozenset[str | None]:
        """The ids of all calls in the message that had this one."""
        return self._messages[id]

    def cancel(self, except_ids: Collection[str | None] = ()) -> None:
        """Stop all calls except those with these ids. Does not wait until they have stopped."""
        for task, id in self._tasks.items():
            # A task that is cancelled already may be waiting for the end of its command.
            if id not in except_ids and not task.cancelling():
                task.cancel()
        self._drop([call for call in self._waiting if call.id not in except_ids])

    async def close(self) -> None:
        """Stop all calls, and wait until they have stopped."""
        tasks = list(self._tasks)
        self.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _check_limits(self, number: int) -> None:
        self._rounds += 1
        if self._rounds > MAX_ROUNDS:
            raise CheckError(f"the model called functions {MAX_ROUNDS} times in one turn, and calls them again")
        if self.pending + number > MAX_PENDING:
            raise ProtocolError(f"the model made more than {MAX_PENDING} function calls at once")

    def _start(self, group: asyncio.TaskGroup, call: FunctionCall) -> None:
        task = group.create_task(self._answer(call))
        self._tasks[task] = call.id
        task.add_done_callback(self._remove)

    def _drop(self, calls: Sequence[FunctionCall]) -> None:
        for call in calls:
            self._waiting.remove(call)
            self._on_call_end()

    def _remove(self, task: asyncio.Task[None]) -> None:
        del self._tasks[task]
        self._on_call_end()

    async def _answer(self, call: FunctionCall) -> None:
        tool = self.toolbox.get(call.name)
        outcome = await self._run(tool, call)
        # The model should mention a failure, also one of a tool whose results it does not mention.
        scheduling: Any = tool.scheduling if tool and not (outcome.failed and tool.scheduling == "SILENT") else None
        response = FunctionResponse(id=call.id, name=call.name, response=outcome.response, scheduling=scheduling)
        await self._send(events.ToolResponse((response,)))

    async def _run(self, tool: Tool | None, call: FunctionCall) -> Outcome:
        from .command import failure, run

        if tool is None:
            problem = "there is no tool of that name" if self.toolbox else "there are no tools"
            self._reporter.warning(f"the model calls the function {call.name}, but {problem}")
            return failure(f"there is no function {call.name!r}")
        if (denial := await self._denial(call)) is not None:
            outcome = failure(denial)
        else:
            self._reporter.called(call)
            async with self._running:
                outcome = await run(tool, call.args)
        self._reporter.returned(call, outcome.response, failed=outcome.failed, noise=outcome.stderr)
        return outcome

    async def _denial(self, call: FunctionCall) -> str | None:
        """The reason why a call may not run, None if it may."""
        if self._confirm is None:
            return None
        async with self._confirm_lock:
            length = len(json.dumps(call.args, ensure_ascii=False))
            if length > MAX_CONFIRMED_CHARACTERS:
                bound = f"{MAX_CONFIRMED_CHARACTERS:,}"
                return f"refused: its arguments have {length:,} characters, and --confirm shows no more than {bound}"
            return None if await self._confirm(call) else "the user did not allow this call"
