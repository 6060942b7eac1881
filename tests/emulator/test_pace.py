"""The time at which received audio is worked through."""

import pytest

from livecli.emulator.pace import InputClock, Pace


def test_a_burst_is_worked_through_at_four_times_real_time() -> None:
    clock = InputClock(Pace.BURST)
    assert [clock.push(0.1, now=10.0) for _ in range(3)] == pytest.approx([10.0, 10.025, 10.05])


def test_audio_at_real_time_is_worked_through_as_it_arrives() -> None:
    clock = InputClock(Pace.BURST)
    assert [clock.push(0.1, now=10.0 + n / 10) for n in range(3)] == pytest.approx([10.0, 10.1, 10.2])


def test_audio_after_a_burst_waits_for_the_rest_of_it() -> None:
    clock = InputClock(Pace.BURST)
    clock.push(4.0, now=10.0)
    assert clock.push(0, now=10.5) == 11.0
    assert clock.push(0, now=11.5) == 11.5


@pytest.mark.parametrize("pace", [Pace.REALTIME, Pace.INSTANT])
def test_at_another_pace_no_audio_waits(pace: Pace) -> None:
    clock = InputClock(pace)
    assert [clock.push(60.0, now=1.0) for _ in range(3)] == [1.0, 1.0, 1.0]
