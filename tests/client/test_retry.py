"""What is tried again, how often, and after which pause."""

from __future__ import annotations

import asyncio
import random
from itertools import islice

import pytest

from livecli.client import retry as retrying
from livecli.client.connect_errors import retry_after
from livecli.client.retry import (
    LONGEST_PAUSE_SECONDS,
    LONGEST_RETRY_AFTER_SECONDS,
    ReconnectBudget,
    pauses,
    with_retries,
)
from livecli.errors import AuthError, ConnectError, LivecliError, QuotaError, ServerError
from tests.cases import in_one_test
from tests.virtual_time import idle, in_virtual_time


def passing(error: LivecliError, retry: str = "later", after: float | None = None) -> LivecliError:
    error.retry, error.retry_after_seconds = retry, after
    return error


class Attempts:
    def __init__(self, *errors: LivecliError | None) -> None:
        self.errors, self.made = list(errors), 0

    async def __call__(self) -> str:
        self.made += 1
        error = self.errors.pop(0)
        if error is not None:
            raise error
        return "open"


@pytest.fixture
def slept(monkeypatch) -> list[float]:
    pauses: list[float] = []

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)

    monkeypatch.setattr(retrying.asyncio, "sleep", sleep)
    return pauses


def test_pauses_double_up_to_half_a_minute_and_differ(monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(set(islice(pauses(), 20))) == 20
    monkeypatch.setattr(random, "random", lambda: 0.0)
    assert list(islice(pauses(), 4)) == pytest.approx([0.3, 0.6, 1.2, 2.4])
    assert max(islice(pauses(), 30)) == LONGEST_PAUSE_SECONDS
    monkeypatch.setattr(random, "random", lambda: 1.0)
    assert list(islice(pauses(), 2)) == pytest.approx([0.15, 0.3])


async def test_each_attempt_is_told_before_its_pause(slept) -> None:
    attempts = Attempts(passing(ConnectError("refused")), passing(QuotaError("503"), after=7.5), None)
    told = []
    assert await with_retries(attempts, 3, told.append) == "open"
    assert [(retry.attempt, retry.most, retry.seconds) for retry in told] == [(1, 3, slept[0]), (2, 3, 7.5)]
    assert slept[1] == 7.5


async def test_the_last_error_is_raised_with_the_number_of_attempts(slept) -> None:
    attempts = Attempts(*[passing(ConnectError(f"{number}")) for number in range(5)])
    with pytest.raises(ConnectError) as raised:
        await with_retries(attempts, 3, lambda retry: None)
    assert raised.value.message == "3 (4 attempts)"
    assert attempts.made == 4


@pytest.mark.parametrize(
    ("error", "most"),
    [
        (AuthError("no key"), 3),
        (ServerError("1007"), 3),
        (passing(ConnectError("refused")), 0),
        (passing(QuotaError("429"), after=LONGEST_RETRY_AFTER_SECONDS + 1), 3),
        (passing(QuotaError("429"), after=float("inf")), None),
    ],
)
async def test_once_and_no_more(slept, error, most) -> None:
    attempts = Attempts(error, None)
    with pytest.raises(LivecliError) as raised:
        await with_retries(attempts, most, lambda retry: None)
    assert raised.value is error
    assert "attempts" not in error.message
    assert (attempts.made, slept) == (1, [])


@in_virtual_time
async def test_it_can_be_cancelled_in_a_pause() -> None:
    task = asyncio.create_task(with_retries(Attempts(passing(QuotaError("x"), after=60.0)), 3, lambda retry: None))
    await idle()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


@in_one_test(
    ("text", "seconds"),
    [
        ("7", 7.0),
        (" 7 ", 7.0),
        ("0", 0.0),
        ("9" * 400, float("inf")),
        ("Mon, 01 Jan 2001 00:00:00 GMT", 0.0),
        (None, None),
        ("", None),
        ("-7", None),
        ("soon", None),
        ("NaN", None),
        ("1e9", None),
        ("Mon, 01 Jan 2101 00:00:00", None),
        ("Mon, 32 Jan 2101 00:00:00 GMT", None),
        ("Mon, 01 Jan 99999 00:00:00 GMT", None),
        ("Mon, 01 Jan 2101 00:00:00 +" + "9" * 20, None),
        ("²", None),
    ],
)
def test_what_a_server_asks_for(text, seconds) -> None:
    assert retry_after(text) == seconds


def test_a_date_is_the_distance_to_it() -> None:
    from datetime import UTC, datetime, timedelta
    from email.utils import format_datetime

    at = datetime.now(UTC) + timedelta(seconds=90)
    assert 85 < (retry_after(format_datetime(at, usegmt=True)) or 0) <= 90


class TestLosses:
    lost = passing(ServerError("1006"), "resume")
    failed = passing(ServerError("1011"), "later")

    def test_the_first_is_free_and_the_next_are_not(self) -> None:
        losses = ReconnectBudget(3)
        assert losses.after(self.lost, fruitful=False) is None
        assert [losses.after(self.lost, fruitful=False).attempt for _ in range(2)] == [2, 3]
        with pytest.raises(ServerError):
            losses.after(self.lost, fruitful=False)

    def test_one_that_was_good_for_something_begins_the_count_anew(self) -> None:
        losses = ReconnectBudget(1)
        for _ in range(5):
            losses.after(self.lost, fruitful=False)
            assert losses.after(self.lost, fruitful=True) is None

    def test_with_none_allowed_a_good_one_may_be_lost_all_the_same(self) -> None:
        losses = ReconnectBudget(0)
        assert losses.after(self.lost, fruitful=True) is None
        with pytest.raises(ServerError):
            losses.after(self.lost, fruitful=False)

    def test_after_a_failure_of_the_service_there_is_a_pause_at_once(self) -> None:
        assert ReconnectBudget(3).after(self.failed, fruitful=True).attempt == 1

    def test_without_a_bound(self) -> None:
        losses = ReconnectBudget(None)
        assert [losses.after(self.lost, fruitful=False) for _ in range(100)][-1].attempt == 100
