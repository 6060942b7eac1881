"""How long a connection lasts, and when it is to be left."""

from __future__ import annotations

import pytest

from livecli.client.resumable import CONNECTION_SECONDS, SHORTEST_SECONDS, ConnectionLifetime


def test_half_of_what_is_left_is_left_for_what_is_under_way() -> None:
    life = ConnectionLifetime()
    life.begin(100.0)
    assert (life.seconds, life.leave_at) == (CONNECTION_SECONDS, None)
    life.warn(640.0, 60.0)
    assert (life.seconds, life.leave_at, life.leaving) == (600.0, 670.0, False)
    life.leave()
    assert (life.leave_at, life.leaving) == (None, True)
    life.begin(680.0)
    assert (life.seconds, life.leave_at, life.leaving) == (600.0, None, False)


@pytest.mark.parametrize("left", [0.0, -5.0, -1e12])
def test_a_connection_lasts_a_second_whatever_is_said(left) -> None:
    life = ConnectionLifetime()
    life.begin(0.0)
    life.warn(0.1, left)
    assert life.seconds == SHORTEST_SECONDS


def test_one_that_ended_unannounced_tells_its_age() -> None:
    life = ConnectionLifetime()
    life.begin(10.0)
    assert not life.has_lasted(39.0)
    assert life.has_lasted(41.0)
    life.expire(41.0)
    assert life.seconds == 31.0
