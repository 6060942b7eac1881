"""One timer for all callbacks: none is called early, none is forgotten, and those due together are called together."""

import asyncio
import itertools
from types import SimpleNamespace

import pytest

from livecli.client.pacing import DELAY_SECONDS, DELAYING_SECONDS, FEW_CALLBACKS, TICK_SECONDS, TimerWheel, timer_wheel


@pytest.fixture
async def tempo():
    return TimerWheel(asyncio.get_running_loop())


async def called(tempo, moments):
    """How long after each of its moments, in seconds from now, it was called."""
    clock = asyncio.get_running_loop().time
    began, late = clock(), []

    def callback():
        late.append(clock() - began - moments[len(late)])
        return began + moments[len(late)] if len(late) < len(moments) else None

    async with asyncio.timeout(20):
        await tempo.call_repeatedly(began + moments[0], callback)
    return late


@pytest.mark.parametrize("callbacks", [1, FEW_CALLBACKS // 2, 5 * FEW_CALLBACKS])
async def test_everybody_is_called_at_every_moment_and_nobody_early(tempo, callbacks):
    late = await asyncio.gather(*[called(tempo, [0.05 * n / callbacks, 0.06, 0.1]) for n in range(callbacks)])
    assert [len(each) for each in late] == [3] * callbacks
    assert min(map(min, late)) >= 0


async def test_an_earlier_moment_is_not_held_up_by_a_later_one(tempo):
    clock, order = asyncio.get_running_loop().time, []
    async with asyncio.timeout(20):
        await asyncio.gather(
            *[tempo.call_repeatedly(clock() + at, lambda at=at: order.append(at)) for at in (0.06, 0.03, 0.0)]
        )
    assert order == [0.0, 0.03, 0.06]


async def test_a_moment_that_has_passed_lets_the_loop_go_first(tempo):
    order = []
    asyncio.get_running_loop().call_soon(order.append, "the loop")
    await tempo.call_repeatedly(float("-inf"), lambda: order.append("callback") or (0.0 if len(order) < 4 else None))
    assert order == ["the loop", "callback", "callback", "callback"]


async def test_who_is_cancelled_is_not_called_and_holds_up_nobody(tempo):
    clock, heard = asyncio.get_running_loop().time, []
    tasks = [
        asyncio.create_task(tempo.call_repeatedly(clock() + 0.01, lambda n=n: heard.append(n)))
        for n in range(3 * FEW_CALLBACKS)
    ]
    await asyncio.sleep(0)
    for task in tasks[::2]:
        task.cancel()
    async with asyncio.timeout(20):
        ended = await asyncio.gather(*tasks, return_exceptions=True)
    assert [isinstance(end, asyncio.CancelledError) for end in ended] == [
        place % 2 == 0 for place in range(3 * FEW_CALLBACKS)
    ]
    assert heard == list(range(1, 3 * FEW_CALLBACKS, 2))


async def test_what_goes_wrong_is_told_to_who_plays_and_to_nobody_else(tempo):
    def fail():
        raise ValueError("off callback")

    clock = asyncio.get_running_loop().time
    wrong = asyncio.create_task(tempo.call_repeatedly(clock() + 0.01, fail))
    assert len(await called(tempo, [0.0, 0.02])) == 2
    with pytest.raises(ValueError, match="off callback"):
        await wrong


async def test_a_crowd_is_called_together():
    loop = asyncio.get_running_loop()
    tempo, rings = TimerWheel(loop), []
    tempo._call_at = lambda at, ring: loop.call_at(at, lambda: (rings.append(at), ring()))
    callbacks = 10 * FEW_CALLBACKS
    await asyncio.gather(*[called(tempo, [0.1 + 0.02 * number / callbacks]) for number in range(callbacks)])
    crowded = rings[: -(FEW_CALLBACKS + 1)]
    assert len(rings) < callbacks / 2
    assert all(after - before >= TICK_SECONDS * 0.99 for before, after in itertools.pairwise(crowded))


async def test_a_loop_has_one():
    assert timer_wheel() is timer_wheel()


class SlowTime:
    """A loop whose time passes only where it waits, or where a callback says that it took some."""

    def __init__(self):
        self.now, self._timer = 0.0, None
        self.create_future = asyncio.get_running_loop().create_future

    def time(self):
        return self.now

    def call_at(self, at, ring):
        self._timer = (at, ring)
        return SimpleNamespace(cancel=lambda: None)

    def run(self, until):
        while self.now < until:
            at, ring = self._timer
            self.now = max(self.now, at)
            ring()


def crowd(loop, cost):
    """Twice FEW_CALLBACKS that are due each 32 ms: how late each was called, and when, and their tasks.

    A call takes `cost()` seconds, and one that is late a third of that for each interval.
    """
    late, tempo, interval = [], TimerWheel(loop), 0.032

    async def play():
        at = 0.0

        def callback():
            nonlocal at
            due = 1 + int((loop.now - at) / interval + 1e-9)
            late.append((loop.now, loop.now - at))
            loop.now += cost() * (1 + 0.3 * (due - 1))
            at += due * interval
            return at

        await tempo.call_repeatedly(at, callback)

    return late, [asyncio.create_task(play()) for _ in range(2 * FEW_CALLBACKS)]


async def test_a_crowd_for_which_there_is_no_time_is_called_half_as_often_and_later():
    loop, interval, callbacks = SlowTime(), 0.032, 2 * FEW_CALLBACKS

    def cost():
        return (1.2 if loop.now < 5 else 0.3) * interval / callbacks  # more than there is time for, and then less

    late, tasks = crowd(loop, cost)
    await asyncio.sleep(0)
    loop.run(5 + DELAYING_SECONDS + 2)
    for task in tasks:
        task.cancel()
    hurried = [each for at, each in late if 1 < at < 5]
    calm = [each for at, each in late if at > 5 + DELAYING_SECONDS + 1]
    assert min(hurried) >= DELAY_SECONDS
    assert max(hurried) < DELAY_SECONDS + interval
    assert max(calm) < interval / 2
    assert len(hurried) / 4 == pytest.approx(callbacks / interval / 2, rel=0.2)


async def test_a_crowd_is_called_as_before_after_a_hitch():
    loop = SlowTime()
    hitch = iter([0.06])

    def cost():
        return next(hitch, 0.0001) if loop.now > 1 else 0.0001

    late, tasks = crowd(loop, cost)
    await asyncio.sleep(0)
    loop.run(3)
    for task in tasks:
        task.cancel()
    assert max(each for _, each in late) > 0.05
    assert max(each for at, each in late if at > 1.2) < DELAY_SECONDS / 2
