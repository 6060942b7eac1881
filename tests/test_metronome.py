"""One timer for all who wait: nobody wakes early, nobody is forgotten, and a crowd is woken together."""

import asyncio
import itertools

import pytest

from livecli.metronome import FEW, TICK_SECONDS, Metronome, metronome


async def woken(tempo, seconds):
    """How long after its moment it woke."""
    clock = asyncio.get_running_loop().time
    at = clock() + seconds
    await tempo.sleep(seconds)
    return clock() - at


@pytest.mark.parametrize("sleepers", [1, FEW // 2, 5 * FEW])
async def test_everybody_wakes_and_nobody_early(sleepers):
    tempo = Metronome(asyncio.get_running_loop())
    async with asyncio.timeout(20):
        late = await asyncio.gather(*[woken(tempo, 0.05 * number / sleepers) for number in range(sleepers)])
    assert min(late) >= 0


async def test_an_earlier_moment_is_not_held_up_by_a_later_one():
    tempo = Metronome(asyncio.get_running_loop())
    order = []

    async def sleep(seconds):
        await tempo.sleep(seconds)
        order.append(seconds)

    async with asyncio.timeout(20):
        await asyncio.gather(sleep(0.06), sleep(0.03), sleep(0.0))
    assert order == [0.0, 0.03, 0.06]


async def test_who_is_cancelled_holds_up_nobody():
    tempo = Metronome(asyncio.get_running_loop())
    tasks = [asyncio.create_task(tempo.sleep(0.01)) for _ in range(3 * FEW)]
    await asyncio.sleep(0)
    for task in tasks[::2]:
        task.cancel()
    async with asyncio.timeout(20):
        ended = await asyncio.gather(*tasks, return_exceptions=True)
    assert [isinstance(end, asyncio.CancelledError) for end in ended] == [place % 2 == 0 for place in range(3 * FEW)]


async def test_a_crowd_is_woken_together():
    loop = asyncio.get_running_loop()
    tempo, rings = Metronome(loop), []
    tempo._call_at = lambda at, ring: loop.call_at(at, lambda: (rings.append(at), ring()))
    sleepers = 10 * FEW
    async with asyncio.timeout(20):
        await asyncio.gather(*[tempo.sleep(0.1 + 0.02 * number / sleepers) for number in range(sleepers)])
    crowded = rings[: -(FEW + 1)]
    assert len(rings) < sleepers / 2
    assert all(after - before >= TICK_SECONDS * 0.99 for before, after in itertools.pairwise(crowded))


async def test_a_loop_has_one():
    assert metronome() is metronome()
