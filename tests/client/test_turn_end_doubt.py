"""When a question is answered, where it is doubtful whether another turn will come."""

import asyncio

import pytest

from livecli.client import turn_end as module
from livecli.client.turn_end import TurnEnd
from livecli.protocol import events


@pytest.fixture(autouse=True)
def settles_at_once(monkeypatch):
    monkeypatch.setattr(module, "SETTLE_SECONDS", 0)


def doubtful():
    """All was asked; a function was called and its response sent, and the turn of the call has ended since."""
    ending = TurnEnd(lambda: 0)
    ending.ask(all=True)
    receive(ending, events.ToolCall(()))
    ending.respond(held=True, silent=False)
    receive(ending, events.TurnComplete())
    return ending


def receive(ending, event):
    ending.follow(event)
    ending.check()


async def settled():
    """Whatever was to be done at once has been."""
    for _ in range(3):
        await asyncio.sleep(0)


async def test_a_turn_that_does_not_begin_is_not_waited_for():
    ending = doubtful()
    await settled()
    assert ending.over.is_set()


@pytest.mark.parametrize(
    "first",
    [
        events.AudioChunk(b""),
        events.ModelText("a"),
        events.Thought("a"),
        events.ModelCode({"executableCode": {}}),
        events.ToolCall(()),
    ],
)
async def test_a_turn_that_begins_is_waited_for(first):
    ending = doubtful()
    receive(ending, first)
    await settled()
    assert not ending.over.is_set()
    receive(ending, events.TurnComplete())
    assert ending.over.is_set()


@pytest.mark.parametrize(
    "other",
    [
        events.OutputTranscript("a"),
        events.OutputTranscript("", finished=True),
        events.InputTranscript("a"),
        events.Usage({}),
        events.Grounding({}),
    ],
)
async def test_what_comes_late_of_the_turn_before_begins_none(other):
    ending = doubtful()
    receive(ending, other)
    await settled()
    assert ending.over.is_set()


async def test_a_turn_that_begins_is_waited_for_however_often_it_was_checked_before():
    ending = doubtful()
    ending.check()
    receive(ending, events.ModelText("a"))
    await settled()
    assert not ending.over.is_set()
