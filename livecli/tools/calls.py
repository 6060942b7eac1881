"""From what the model asks for to what it is told: calls become running commands, and those become responses.

`send` and `chat` both hand it the events that they receive; it sends through them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Coroutine
from typing import TYPE_CHECKING, Any

from ..errors import CheckError, ProtocolError
from ..protocol import events
from ..protocol.messages import FunctionCall, FunctionResponse
from ..report.reporter import Reporter
from .toolbox import Tool, Toolbox

if TYPE_CHECKING:
    from .command import Outcome

MAX_ROUNDS = 32
"""How often a model may call functions for one question: one that never stops costs money."""
MAX_PENDING = 128
RUNNING_AT_ONCE = 16

Confirm = Callable[[FunctionCall], Awaitable[bool]]
"""Asks the user whether a call may run. It is asked one call at a time, and cancelled with the call."""


class Calls:
    """The calls of one session. `toolbox` says what there is, `send` sends a ToolResponse, `confirm` asks before.

    `start` makes a task: whose TaskGroup it is hears of its errors. `settled` is called whenever a call is over,
    answered or cancelled: `pending` is one less then.
    """

    def __init__(
        self,
        toolbox: Toolbox,
        send: Callable[[events.ToolResponse], Awaitable[None]],
        reporter: Reporter,
        *,
        confirm: Confirm | None = None,
        settled: Callable[[], None] = lambda: None,
    ) -> None:
        self.toolbox, self._send, self._reporter = toolbox, send, reporter
        self._confirm, self._settled = confirm, settled
        self.start: Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]] = asyncio.create_task
        self._tasks: dict[asyncio.Task[None], str | None] = {}
        self._rounds = 0
        self._asking = asyncio.Lock()
        self._places = asyncio.Semaphore(RUNNING_AT_ONCE)

    @property
    def pending(self) -> int:
        """How many calls are without their response."""
        return len(self._tasks)

    def begin(self) -> None:
        """The user asks something new: the calls of what was asked before are not counted any more."""
        self._rounds = 0

    def handle(self, event: events.Event) -> None:
        """Begin what a ToolCall asks for, stop what a ToolCallCancellation names; other events are nothing to it.

        Raises CheckError where the model goes on calling without end, ProtocolError where it calls too much at once.
        """
        match event:
            case events.ToolCall(calls):
                self._admit(len(calls))
                for call in calls:
                    task = self.start(self._answer(call))
                    self._tasks[task] = call.id
                    task.add_done_callback(self._forget)
            case events.ToolCallCancellation(ids):
                for task in [task for task, id in self._tasks.items() if id in ids]:
                    task.cancel()

    @property
    def ids(self) -> frozenset[str | None]:
        """Of the calls that are without their response."""
        return frozenset(self._tasks.values())

    def cancel(self, spared: Collection[str | None] = ()) -> None:
        """Stop everything but the calls with these ids: nobody waits for it any more."""
        for task, id in self._tasks.items():
            if id not in spared and not task.cancelling():  # once: it may be seeing to its command's end
                task.cancel()

    async def close(self) -> None:
        """Stop everything, and wait until it has stopped."""
        tasks = list(self._tasks)
        self.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _admit(self, number: int) -> None:
        self._rounds += 1
        if self._rounds > MAX_ROUNDS:
            raise CheckError(f"the model has called functions {MAX_ROUNDS} times, and goes on calling them")
        if self.pending + number > MAX_PENDING:
            raise ProtocolError(f"the server calls more than {MAX_PENDING} functions at once")

    def _forget(self, task: asyncio.Task[None]) -> None:
        del self._tasks[task]
        self._settled()

    async def _answer(self, call: FunctionCall) -> None:
        tool = self.toolbox.get(call.name)
        outcome = await self._outcome(tool, call)
        # A failure is spoken of, even of a tool whose results are not.
        scheduling: Any = tool.scheduling if tool and not (outcome.failed and tool.scheduling == "SILENT") else None
        response = FunctionResponse(id=call.id, name=call.name, response=outcome.response, scheduling=scheduling)
        await self._send(events.ToolResponse((response,)))

    async def _outcome(self, tool: Tool | None, call: FunctionCall) -> Outcome:
        from .command import failure, run

        if tool is None:
            tools = "no tool of that name" if self.toolbox else "nothing here answers tool calls"
            self._reporter.warning(f"the model calls {call.name}; {tools}")
            return failure(f"there is no function {call.name!r}")
        if not await self._allowed(call):
            outcome = failure("the user did not allow this call")
        else:
            self._reporter.called(call)
            async with self._places:
                outcome = await run(tool, call.args)
        self._reporter.returned(call, outcome.response, failed=outcome.failed, noise=outcome.noise)
        return outcome

    async def _allowed(self, call: FunctionCall) -> bool:
        if self._confirm is None:
            return True
        async with self._asking:
            return await self._confirm(call)
