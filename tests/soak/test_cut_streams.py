"""The server's bytes end at each place where they can."""

from __future__ import annotations

import random

import pytest

from tests.cutting_proxy import ENDS
from tests.end_to_end.test_send_cut import answer, cut, encrypted  # noqa: F401 - fixtures
from tests.live_server import live_server


@pytest.mark.parametrize("end", ENDS)
def test_cut_at_each_byte(attack, cut, end):  # noqa: F811 - a fixture
    with live_server(answer) as server:
        try_each(attack, cut, server, end, 2_000)


@pytest.mark.parametrize("end", ENDS)
def test_cut_at_bytes_of_tls(attack, cut, encrypted, end):  # noqa: F811
    try_each(attack, cut, encrypted, end, 400)


def try_each(attack, cut, server, end, at_most):  # noqa: F811
    """Every byte, or as many of them as there is time for."""
    length = cut(server, 2**60, "FIN")
    places = range(length + 1)
    for most in random.Random(1).sample(places, min(attack.times(at_most), len(places))):
        with attack.attempt(f"{end} after {most} bytes"):
            cut(server, most, end)
