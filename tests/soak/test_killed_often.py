"""Hundreds of kills, at other moments each time, of runs that share names and of batches that go on."""

from __future__ import annotations

import random

import pytest

from tests.end_to_end.conftest import spawn  # noqa: F401 - a fixture
from tests.end_to_end.test_send_killed_often import compete, resume, server  # noqa: F401 - likewise


@pytest.mark.parametrize("number", range(10))
def test_runs_with_one_output_name(spawn, server, tmp_path, number):  # noqa: F811 - fixtures
    compete(spawn, tmp_path, server.url, random.Random(), rounds=20)


@pytest.mark.parametrize("number", range(10))
def test_a_batch_that_goes_on_after_each_kill(spawn, server, tmp_path, number):  # noqa: F811
    resume(spawn, tmp_path, server.url, random.Random(), kills=10)
