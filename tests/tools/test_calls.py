"""The function calls of a turn, with commands that the test answers."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

import pytest

from livecli.errors import CheckError, ProtocolError
from livecli.protocol import events
from livecli.protocol.messages import FunctionCall
from livecli.report.reporter import Reporter
from livecli.tools import command
from livecli.tools.calls import MAX_CONFIRMED_CHARACTERS, MAX_PENDING, MAX_ROUNDS, MAX_RUNNING, Calls
from livecli.tools.command import Outcome, failure
from livecli.tools.toolbox import Tool, Toolbox

SECONDS_AT_MOST = 10


class Recorder(Reporter):
    """Keeps what it is told."""

    def __init__(self):
        self.called_names, self.returned_values, self.warnings = [], [], []

    def called(self, call):
        self.called_names.append(call.name)

    def returned(self, call, response, *, failed, noise):
        self.returned_values.append((call.id, response, failed, noise))

    def warning(self, text):
        self.warnings.append(text)


class Session:
    """Calls in a TaskGroup of the test's. `finish[id]` has to be set before the command of that call returns."""

    def __init__(self, toolbox, monkeypatch, confirm=None):
        self.reporter, self.responses, self.ended = Recorder(), [], 0
        self.running, self.finish, self.killed, self.outcome = [], {}, [], Outcome({"output": "done"}, stderr="log")
        self.calls = Calls(toolbox, self._send, self.reporter, confirm=confirm, on_call_end=self._count_end)
        monkeypatch.setattr(command, "run", self._run)

    async def _send(self, event):
        self.responses += event.responses

    def _count_end(self):
        self.ended += 1

    async def _run(self, tool, args):
        id = args["id"]
        self.running.append(id)
        try:
            await self.finish.setdefault(id, asyncio.Event()).wait()
        except asyncio.CancelledError:
            self.killed.append(id)
            raise
        return self.outcome

    def call(self, *ids, name="f"):
        self.calls.handle(events.ToolCall(tuple(FunctionCall(id=id, name=name, args={"id": id}) for id in ids)))

    def return_from(self, *ids):
        for id in ids:
            self.finish.setdefault(id, asyncio.Event()).set()


async def until(condition):
    async with asyncio.timeout(SECONDS_AT_MOST):
        while not condition():
            await asyncio.sleep(0)


@pytest.fixture
def opened(monkeypatch):
    @asynccontextmanager
    async def open_session(*tools, confirm=None, starts=True):
        session = Session(Toolbox(tools or [Tool("f", ("true",))]), monkeypatch, confirm)
        async with asyncio.TaskGroup() as group:
            if starts:
                session.calls.run_in(group)
            session.group = group
            try:
                yield session
            finally:
                await session.calls.close()
                assert session.calls.pending == 0

    return open_session


async def test_a_call_is_run_reported_and_answered(opened):
    async with opened() as session:
        session.call("c1")
        await until(lambda: session.running)
        assert (session.calls.pending, session.calls.ids, session.ended) == (1, {"c1"}, 0)
        session.return_from("c1")
        await until(lambda: session.ended)
        [response] = session.responses
        assert (response.id, response.name, response.response) == ("c1", "f", {"output": "done"})
        assert session.reporter.called_names == ["f"]
        assert session.reporter.returned_values == [("c1", {"output": "done"}, False, "log")]


async def test_a_function_that_is_not_there_is_answered_with_an_error(opened):
    async with opened() as session:
        session.call("c1", name="g")
        await until(lambda: session.ended)
        assert session.responses[0].response == {"error": "there is no function 'g'"}
        assert session.reporter.warnings == ["the model calls the function g, but there is no tool of that name"]
        assert not session.running


@pytest.mark.parametrize(
    ("scheduling", "outcome", "sent"),
    [
        (None, Outcome({"output": 1}), None),
        ("SILENT", Outcome({"output": 1}), "SILENT"),
        ("SILENT", failure("broken"), None),
        ("WHEN_IDLE", failure("broken"), "WHEN_IDLE"),
    ],
)
async def test_when_the_model_mentions_a_result(opened, scheduling, outcome, sent):
    async with opened(Tool("f", ("true",), scheduling=scheduling)) as session:
        session.outcome = outcome
        session.return_from("c1")
        session.call("c1")
        await until(lambda: session.ended)
        assert session.responses[0].scheduling == sent


async def test_a_cancelled_call_is_stopped_and_not_answered(opened):
    async with opened() as session:
        session.call("c1", "c2")
        await until(lambda: len(session.running) == 2)
        session.calls.handle(events.ToolCallCancellation(("c1", "unknown")))
        await until(lambda: session.ended)
        assert (session.killed, session.calls.ids) == (["c1"], {"c2"})
        session.return_from("c2")
        await until(lambda: session.ended == 2)
        assert [response.id for response in session.responses] == ["c2"]


async def test_calls_wait_for_the_group_that_they_are_answered_in(opened):
    async with opened(starts=False) as session:
        session.call("c1", "c2", "c3", "c4")
        await asyncio.sleep(0)
        assert (session.running, session.calls.ids) == ([], {"c1", "c2", "c3", "c4"})
        session.calls.handle(events.ToolCallCancellation(("c1",)))
        session.calls.cancel({"c3", "c4"})
        assert (session.calls.pending, session.ended) == (2, 2)
        session.calls.run_in(session.group)
        session.return_from("c3", "c4")
        await until(lambda: session.ended == 4)
        assert (session.running, session.killed) == (["c3", "c4"], [])


async def test_an_error_of_a_call_that_waited_is_raised_by_its_group(opened):
    with pytest.raises(ExceptionGroup) as raised:
        async with opened(starts=False) as session:
            session.outcome = None
            session.return_from("c1")
            session.call("c1")
            session.calls.run_in(session.group)
            await until(lambda: session.ended)
    assert raised.group_contains(AttributeError, match="response")


async def test_all_calls_but_some_are_cancelled(opened):
    async with opened() as session:
        session.call("c1", "c2", "c3")
        await until(lambda: len(session.running) == 3)
        session.calls.cancel({"c2"})
        await until(lambda: session.ended == 2)
        assert (sorted(session.killed), session.calls.ids) == (["c1", "c3"], {"c2"})


async def test_commands_beyond_the_limit_wait_for_others(opened):
    async with opened() as session:
        ids = [f"c{number}" for number in range(MAX_RUNNING + 3)]
        session.call(*ids)
        await until(lambda: len(session.running) == MAX_RUNNING)
        await asyncio.sleep(0)
        assert (len(session.running), session.calls.pending) == (MAX_RUNNING, MAX_RUNNING + 3)
        session.return_from(*ids)
        await until(lambda: session.ended == len(ids))


async def test_questions_are_asked_one_at_a_time(opened):
    asked, answer = [], asyncio.Queue()

    async def confirm(call):
        asked.append(call.id)
        return await answer.get()

    async with opened(confirm=confirm) as session:
        session.call("c1", "c2")
        await until(lambda: asked)
        await asyncio.sleep(0)
        assert asked == ["c1"]
        answer.put_nowait(False)
        answer.put_nowait(True)
        session.return_from("c2")
        await until(lambda: session.ended == 2)
        assert asked == ["c1", "c2"]
        results = {response.id: response.response for response in session.responses}
        assert results == {"c1": {"error": "the user did not allow this call"}, "c2": {"output": "done"}}
        assert session.reporter.called_names == ["f"]
        assert session.reporter.returned_values[0] == ("c1", results["c1"], True, "")


@pytest.mark.parametrize("beyond", [0, 1])
async def test_a_call_that_is_too_long_to_be_asked_about_is_refused(opened, beyond):
    asked = []

    async def confirm(call):
        asked.append(call)
        return False

    name = "é" * (MAX_CONFIRMED_CHARACTERS - len('{"id": ""}') + beyond)
    async with opened(confirm=confirm) as session:
        session.call(name)
        await until(lambda: session.ended == 1)
        [response] = session.responses
    reason = "refused: its arguments have 4,001 characters, and --confirm shows no more than 4,000"
    assert len(asked) == 1 - beyond
    assert response.response == {"error": reason if beyond else "the user did not allow this call"}


async def test_a_model_that_does_not_stop_calling(opened):
    async with opened() as session:
        for number in range(MAX_ROUNDS):
            session.call(f"c{number}")
        with pytest.raises(CheckError, match="called functions 32 times in one turn"):
            session.call("another")


async def test_too_many_calls_at_once(opened):
    async with opened() as session:
        session.call(*(f"c{number}" for number in range(MAX_PENDING)))
        with pytest.raises(ProtocolError, match="more than 128 function calls at once"):
            session.call("another")
        assert session.calls.pending == MAX_PENDING
