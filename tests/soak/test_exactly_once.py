"""Hundreds of sessions whose connections break at random, and every fault of the emulator at each of its moments."""

from __future__ import annotations

import pytest

from tests.end_to_end.conftest import tone, write_wav
from tests.end_to_end.test_fault_matrix import CONNECT, ENDS, QUESTION, ask  # noqa: F401 - a fixture
from tests.end_to_end.test_send_exactly_once import exactly_once, faulty, short_pauses, undisturbed  # noqa: F401
from tests.end_to_end.test_send_storms import come_back


@pytest.mark.parametrize("platform", ["vertex", "developer"])
def test_exactly_once(attack, livecli, tmp_path, platform):
    for seed in range(1_000, 1_000 + attack.times(400)):
        with attack.attempt(seed):
            exactly_once(livecli, tmp_path, platform, seed)


def test_a_fault_at_any_time_changes_nothing(attack, livecli, tmp_path):
    write_wav(tmp_path / "q.wav", tone(16_000))
    whole = undisturbed(livecli, tmp_path)
    for seed in range(1_000, 1_000 + attack.times(300)):
        with attack.attempt(seed):
            faulty(livecli, tmp_path, seed, whole)


MOMENTS = ["setup", "turn:1", *(f"audio:{n}" for n in range(1, 31)), *(f"reply:{n}" for n in range(1, 4))]


@pytest.mark.parametrize("source", QUESTION)
def test_each_fault_at_each_moment(attack, ask, source):  # noqa: F811 - a fixture
    _, whole = ask(source)
    moments = [when for when in MOMENTS if source == "pipe" or "audio" not in when]
    # As many moments as there is time for, all over the session.
    for when in moments[:: max(1, round(1 / attack.share / 2))]:
        for what, (status, kind, code) in ENDS.items():
            with attack.attempt(f"{what}@{when}"):
                ran, reply = ask(source, f"{what}@{when}")
                error = ran.summary["error"]
                assert (ran.status, error["kind"], error["close_code"]) == (status, kind, code), ran.err
                assert whole.startswith(reply)
    for what, (status, kind) in CONNECT.items():
        with attack.attempt(f"{what}@connect"):
            words = ("--connect-timeout", 0.3 if "stall" in what else 10, "--retries", 0)
            ran, reply = ask(source, f"{what}@connect", words=words)
            assert (ran.status, ran.summary["error"]["kind"], reply) == (status, kind, b"")


def test_sessions_that_are_lost_at_once_come_back_at_the_rate(attack, livecli, tmp_path):
    with attack.attempt("200 sessions, 50 a second"):
        come_back(livecli, tmp_path, jobs=200, rate=50)
