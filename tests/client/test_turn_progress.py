from __future__ import annotations

import asyncio

import pytest

from livecli.client.turn_end import SETTLE_SECONDS, Phase, Step, TurnCompletion
from livecli.client.turn_progress import IdleTimer, TurnProgress
from livecli.errors import ServerError
from livecli.protocol import events
from tests.virtual_time import in_virtual_time

SOUND = events.AudioChunk(bytes(960), 24_000)


@in_virtual_time
async def test_tasks_wait_for_the_end_of_the_answer():
    progress = TurnProgress()
    waiting = asyncio.create_task(progress.until(Phase.OVER))
    for event in (Step.ALL_SENT, SOUND):
        progress.advance(event)
        await asyncio.sleep(1)
        assert progress.is_awaited and not waiting.done()
    progress.advance(events.TurnComplete())
    await waiting
    assert progress.is_over


@in_virtual_time
async def test_an_answer_without_an_end_is_over_after_a_while():
    progress, clock = TurnProgress(TurnCompletion.QUIET), asyncio.get_running_loop().time
    progress.advance(Step.ALL_SENT)
    progress.advance(events.ModelText("all of it"))
    began_at = clock()
    await progress.until(Phase.OVER)
    assert clock() - began_at == pytest.approx(SETTLE_SECONDS)


@in_virtual_time
async def test_a_session_that_has_ended_ends_the_wait():
    progress = TurnProgress()
    waiting = asyncio.create_task(progress.until(Phase.OVER))
    await asyncio.sleep(0)
    progress.fail(ServerError("gone"))
    with pytest.raises(ServerError, match="gone"):
        await waiting


@in_virtual_time
async def test_what_is_taken_back_is_due_again():
    progress = TurnProgress()
    progress.advance(Step.ALL_SENT)
    then = progress.state
    progress.advance(SOUND)
    progress.restore(then, asked=True)
    assert progress.is_awaited and not progress.state.turn.said


@in_virtual_time
async def test_the_idle_timer_counts_only_while_something_is_due():
    idle, clock = IdleTimer(), asyncio.get_running_loop().time
    idle.restart()
    assert idle.since is None
    idle.begin()
    await asyncio.sleep(3)
    assert clock() - (idle.since or 0) == pytest.approx(3)
    idle.restart()
    assert idle.since == clock()
    idle.end()
    assert idle.since is None
