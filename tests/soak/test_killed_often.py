"""Kills and signals at hundreds of moments: of runs that share names, of batches that go on, and of single runs."""

from __future__ import annotations

import random

import pytest

from tests.end_to_end.test_record import kill_while_recording
from tests.end_to_end.test_send_killed_often import compete, resume, server  # noqa: F401 - a fixture
from tests.end_to_end.test_send_signals import SIGNALS, runs  # noqa: F401 - likewise


def test_runs_with_one_output_name(attack, spawn, server, tmp_path):  # noqa: F811 - fixtures
    for seed in range(attack.times(12)):
        with attack.attempt(seed):
            folder = tmp_path / str(seed)
            folder.mkdir()
            compete(spawn, folder, server.url, random.Random(seed), rounds=10)


def test_a_batch_that_goes_on_after_each_kill(attack, spawn, server, tmp_path):  # noqa: F811
    for seed in range(attack.times(20)):
        with attack.attempt(seed):
            folder = tmp_path / str(seed)
            folder.mkdir()
            resume(spawn, folder, server.url, random.Random(seed), kills=8)


def test_recordings(attack, spawn, tmp_path):
    chance = random.Random(50)
    for number in range(attack.times(50)):
        with attack.attempt(number):
            kill_while_recording(spawn, tmp_path, chance)


@pytest.mark.parametrize("name", SIGNALS)
def test_signals(attack, runs, name):  # noqa: F811
    chance = random.Random(11)
    for number in range(attack.times(30)):
        with attack.attempt(f"{name} in the reply, {number}"):
            runs.signal_in_reply(name, chance)
        with attack.attempt(f"{name} after some time, {number}"):
            runs.signal_after(name, chance)
