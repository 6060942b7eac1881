"""The limits of a connection and of a session."""

from __future__ import annotations

import pytest

from livecli.emulator.core.lifetime import UNLIMITED, Lifetime, Limits
from livecli.protocol import events
from livecli.protocol.close_reasons import Refusal


def test_without_limits_nothing_is_due() -> None:
    lifetime = Lifetime(UNLIMITED, 100.0)
    assert lifetime.wake_at is None
    assert lifetime.due(1e9) is None


def test_a_go_away_comes_once_and_then_the_end() -> None:
    lifetime = Lifetime(Limits(connection_seconds=600.0, goaway_seconds=60.0), 100.0)
    assert lifetime.wake_at == 640.0
    assert lifetime.due(639.9) is None
    assert lifetime.due(640.0) == [events.GoAway(60.0)]
    assert lifetime.wake_at == 700.0
    assert lifetime.due(699.9) is None
    with pytest.raises(Refusal, match="1008 Connection aborted"):
        lifetime.due(700.0)


def test_a_connection_whose_end_comes_before_its_go_away_was_sent() -> None:
    lifetime = Lifetime(Limits(connection_seconds=600.0), 0.0)
    with pytest.raises(Refusal, match="1011 Deadline expired"):
        lifetime.due(601.0)


def test_a_go_away_cannot_come_before_the_connection() -> None:
    lifetime = Lifetime(Limits(connection_seconds=10.0, goaway_seconds=60.0), 5.0)
    assert lifetime.due(5.0) == [events.GoAway(10.0)]


def test_a_session_ends_after_the_time_of_all_its_connections() -> None:
    lifetime = Lifetime(Limits(session_seconds=900.0), 50.0, before_seconds=800.0)
    assert lifetime.session_seconds(60.0) == 810.0
    assert lifetime.wake_at == 150.0
    with pytest.raises(Refusal, match="1000"):
        lifetime.due(150.0)


def test_a_session_with_compression_has_no_end() -> None:
    assert Lifetime(Limits(session_seconds=900.0), 50.0, compresses=True).wake_at is None


def test_the_earlier_end_comes_first() -> None:
    lifetime = Lifetime(Limits(connection_seconds=600.0, goaway_seconds=60.0, session_seconds=100.0), 0.0)
    assert lifetime.wake_at == 100.0
    with pytest.raises(Refusal, match="1000"):
        lifetime.due(100.0)
