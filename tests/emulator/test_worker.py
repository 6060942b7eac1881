"""What a worker shares with the others: a session that moves from one process to another."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from livecli.emulator import worker
from livecli.emulator.core.script import ScriptedBehaviour
from livecli.emulator.core.script_file import read_script
from livecli.emulator.options import EmulatorOptions
from livecli.emulator.session import open_spool
from livecli.emulator.worker import CHECKED, ForwardedCheck, WorkerState
from livecli.process.channel import Channel
from livecli.protocol import close_reasons, events
from livecli.protocol.close_reasons import Refusal
from livecli.protocol.messages import (
    AudioTranscriptionConfig,
    FunctionDeclaration,
    FunctionResponse,
    SessionResumptionConfig,
    Tool,
)
from livecli.protocol.models import Platform

SCRIPT = """
[[turn]]
call = "f"
expect = { response = { ok = true } }
then = [{ say = "It is." }]
[[turn]]
say = "Two."
"""


class Process:
    """A worker, in this process: its channel, its state, and the check that forwards what it notes."""

    def __init__(self, channel: Channel) -> None:
        script = read_script(SCRIPT, lambda name: [])
        self.check = ForwardedCheck(script.expectations, channel=channel)
        self.state = WorkerState(channel, EmulatorOptions(script=script, check=self.check), first_pid=1)
        self.behaviour = ScriptedBehaviour(script, self.check)


@asynccontextmanager
async def two_processes(noted: list[Any]) -> AsyncIterator[tuple[Process, Process]]:
    """Two workers. What the first process is told by either is `noted`."""
    made: list[Process] = []

    def note(name: str) -> Callable[..., None]:
        return lambda *arguments, **named: noted.append((name, *named.values()))

    async with asyncio.timeout(20), asyncio.TaskGroup() as tasks:
        channels = []
        for place in range(2):
            here, there = socket.socketpair()
            functions = {name: note(name) for name in CHECKED}
            functions |= {"warn": noted.append, "log": lambda line: noted.append([line])}
            functions["find_session"] = lambda handle, place=place: made[1 - place].state.hand_over(handle)
            ends = await Channel.on(here, functions), await Channel.on(there, {})
            for each in ends:
                tasks.create_task(each.run())
            channels += ends
            made.append(Process(ends[1]))
        try:
            yield made[0], made[1]
        finally:
            for each in made:
                each.state.sessions.close()
            for channel in channels:
                await channel.close()


def resuming(handle: str | None = None, **fields: Any) -> dict[str, Any]:
    return {
        "session_resumption": SessionResumptionConfig(handle=handle, transparent=True),
        "output_audio_transcription": AudioTranscriptionConfig(),
        **fields,
    }


def updates(messages: list[Any]) -> list[events.ResumptionUpdate]:
    return [event for message in messages for event in message if isinstance(event, events.ResumptionUpdate)]


def said(messages: list[Any]) -> str:
    return "".join(e.text for message in messages for e in message if isinstance(e, events.OutputTranscript))


async def test_an_utterance_goes_on_in_another_process(talk: Any, setup: Any, tone: Any) -> None:
    async with two_processes([]) as (one, two):
        first = talk(None, Platform.VERTEX, sessions=one.state.sessions, open_spool=open_spool)
        first.say(events.Setup(setup(Platform.VERTEX, **resuming())))
        assert updates(first.answers())
        first.say(events.ActivityStart(), *[events.AudioChunk(tone(0.01))] * 63)
        handle = updates(first.answers())[-1].handle
        first.conversation.close(0.0)
        # A handle can be used twice, also where it moves there and back.
        for place, more in ((two, 0.5), (one, 0.2)):
            await place.state.find_session(handle)
            again = talk(None, Platform.VERTEX, sessions=place.state.sessions, open_spool=open_spool)
            again.say(events.Setup(setup(Platform.VERTEX, **resuming(handle))))
            assert updates(again.answers())
            again.say(events.AudioChunk(tone(more)), events.ActivityEnd())
            assert said(again.answers()) == f"[{0.63 + more:.1f} s of speech]"
            again.conversation.close(0.0)
        assert handle not in two.state.sessions


async def test_a_call_of_a_script_returns_in_another_process(talk: Any, setup: Any) -> None:
    noted: list[Any] = []
    tools = [Tool(function_declarations=[FunctionDeclaration(name="f", behavior="NON_BLOCKING")])]
    async with two_processes(noted) as (one, two):
        first = talk(None, sessions=one.state.sessions, behaviour=one.behaviour)
        wanted = {**resuming(tools=tools), "session_resumption": SessionResumptionConfig()}
        first.say(events.Setup(setup(Platform.DEVELOPER, **wanted)))
        first.say(events.Text("call it"))
        answers = first.answers()
        [call] = next(event.calls for message in answers for event in message if isinstance(event, events.ToolCall))
        handle = updates(answers)[-1].handle
        first.conversation.close(0.0)
        await two.state.find_session(handle)
        second = talk(None, sessions=two.state.sessions, behaviour=two.behaviour)
        second.say(
            events.Setup(setup(Platform.DEVELOPER, **{**wanted, "session_resumption": SessionResumptionConfig(handle)}))
        )
        second.say(events.ToolResponse((FunctionResponse(id=call.id, name="f", response={"ok": True}),)))
        assert said(second.answers()) == "It is."
        second.say(events.Text("and now"))
        assert said(second.answers()) == "Two."
        second.conversation.close(0.0)
    assert noted == [
        ("note_turn",),
        ("note_use",),
        ("note_call",),
        ("note_response", True),
        ("note_turn",),
        ("note_use",),
    ]


async def test_a_session_that_has_a_connection_is_refused_elsewhere_unless_it_ends_at_once(
    talk: Any, setup: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with two_processes([]) as (one, two):
        first = talk(None, sessions=one.state.sessions)
        first.say(events.Setup(setup(session_resumption=SessionResumptionConfig())))
        first.say(events.Text("hi"))
        handle = updates(first.answers())[-1].handle
        with monkeypatch.context() as patch:
            patch.setattr(worker, "END_POLLS", 1)
            with pytest.raises(Refusal) as refused:
                await two.state.find_session(handle)
        assert (refused.value.code, refused.value.reason) == (1011, close_reasons.INTERNAL_ERROR)
        asyncio.get_running_loop().call_soon(first.conversation.close, 0.0)
        await two.state.find_session(handle)
        assert handle in two.state.sessions
        assert await one.state.hand_over(handle) is False


async def test_lines_that_are_held_up_are_counted_instead(monkeypatch: pytest.MonkeyPatch) -> None:
    noted: list[Any] = []
    async with two_processes(noted) as (one, _):
        monkeypatch.setattr(worker, "MAX_UNSENT_BYTES", -1)
        one.state.log("a line")
        one.state.want_lines()
        one.state.messages.sinks[0]("another line")
        monkeypatch.undo()
        one.check.note_turn()
        one.state.log("a line")
        while len(noted) < 3:
            await asyncio.sleep(0)
    assert noted == [("note_turn",), "2 lines of the logs are left out, because they were held up", ["a line"]]
