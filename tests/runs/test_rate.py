"""The rate at which sessions start: a fall and a recovery, on a clock of its own."""

import pytest

from livecli.errors import ConnectError, QuotaError
from livecli.report.reporter import Retry
from livecli.runs.rate import SLOWEST, STEPS, AdaptiveRate, RateTicket


class Time:
    now = 100.0

    def clock(self):
        return self.now

    async def sleep(self, seconds):
        assert seconds > 0
        self.now += seconds


@pytest.fixture
def time():
    return Time()


@pytest.fixture
def said():
    return []


@pytest.fixture
def starts(time, said):
    return AdaptiveRate(10.0, time.clock, time.sleep, said.append)


async def started_at(starts, time, times):
    """When each of so many was admitted."""
    began = time.now
    return [(await starts.admit(), round(time.now - began, 6))[1] for _ in range(times)]


async def test_the_first_waits_for_nobody_and_the_others_keep_their_distance(starts, time):
    assert await started_at(starts, time, 4) == [0, 0.1, 0.2, 0.3]


async def test_a_pause_is_not_made_up_for(starts, time):
    await started_at(starts, time, 2)
    time.now += 60
    first, second, third = await started_at(starts, time, 3)
    assert first == 0
    assert third - second == pytest.approx(0.1)


async def test_a_refusal_halves_the_rate_once_for_all_that_were_under_way(starts, time, said):
    numbers = [await starts.admit() for _ in range(3)]
    for number in numbers:
        starts.refused(number)
    assert starts.per_second == 5
    assert said == ["the service is at its limit: sessions start at 5 a second"]
    starts.refused(await starts.admit())
    assert starts.per_second == 2.5
    assert await started_at(starts, time, 2) == [pytest.approx(0.4), pytest.approx(0.8)]


async def test_it_never_falls_to_nothing(starts):
    for _ in range(20):
        starts.refused(await starts.admit())
    assert starts.per_second == SLOWEST


async def test_what_is_taken_brings_the_rate_back_slowly(starts, said):
    early = await starts.admit()
    starts.refused(early)
    starts.opened(early)
    assert starts.per_second == 5, "it had started before the rate fell"
    rates = []
    for _ in range(STEPS):
        starts.opened(await starts.admit())
        rates.append(starts.per_second)
    assert rates[0] == pytest.approx(5.2)
    assert rates == sorted(rates)
    assert rates[-1] == 10
    assert said[1:] == ["sessions start at 10 a second again"]


async def test_a_wish_of_the_service_holds_everybody_up(starts, time):
    starts.refused(await starts.admit(), after_seconds=7.0)
    assert (await started_at(starts, time, 1))[0] == pytest.approx(7.0)


async def test_only_want_of_room_slows_anybody_down(starts):
    entry = RateTicket(starts)
    await entry.admit()
    entry.failed(ConnectError("no network"))
    assert starts.per_second == 10
    await entry.pause(Retry(QuotaError("no room"), 1, 3, 0.0))
    assert starts.per_second == 5
