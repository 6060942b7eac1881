"""Thousands of hostile frames, other ones each time: each is events or the error of the side that sent it."""

from __future__ import annotations

import pytest
from hypothesis import given, settings

from tests.protocol.test_fuzz import FROM_CLIENT, FROM_SERVER, fuzzed, of_client, of_server


def long(attack):
    """The settings of an attack."""
    return settings(fuzzed, derandomize=False, max_examples=attack.times(5_000))


@pytest.mark.parametrize("kind", FROM_SERVER)
def test_hostile_frames_of_a_server(attack, kind):
    @long(attack)
    @given(FROM_SERVER[kind])
    def try_all(frame):
        with attack.attempt(frame):
            of_server(frame)

    try_all()


@pytest.mark.parametrize("kind", FROM_CLIENT)
def test_hostile_frames_of_a_client(attack, kind):
    @long(attack)
    @given(FROM_CLIENT[kind])
    def try_all(frame):
        with attack.attempt(frame):
            of_client(frame)

    try_all()
