"""The times at which the messages of a turn are sent."""

from __future__ import annotations

import pytest

from livecli.emulator.core.behaviour import Wait
from livecli.emulator.core.delivery import EARLY_SECONDS, LEAD_SECONDS, TICK_SECONDS, Delivery
from livecli.emulator.core.response import Message
from livecli.emulator.pace import Pace
from livecli.protocol import events

START = 50.0


def audio(seconds: float) -> Message:
    return [events.AudioChunk(bytes(2 * round(24_000 * seconds)), 24_000)]


TRANSCRIPT: Message = [events.OutputTranscript("a")]
GENERATED: Message = [events.GenerationComplete()]
COMPLETE: Message = [events.TurnComplete(), events.Usage({})]


def times(delivery: Delivery, late: float = 0.0) -> list[float]:
    """When each message is sent, from START on, by a caller that wakes up `late` seconds after `wake_at`."""
    now, sent = START, []
    while not delivery.done:
        while delivery.next_message(now) is not None:
            sent.append(round(now - START, 6))
        if not delivery.done:
            assert delivery.wake_at is not None
            assert delivery.wake_at > now, "each wait is one"
            now = delivery.wake_at + late
    return sent


def turn(parts: int, seconds: float = 0.2) -> list[Message | Wait]:
    return [*(audio(seconds) for _ in range(parts)), GENERATED, COMPLETE]


class TestBurst:
    def test_audio_comes_at_four_times_real_time_and_the_end_shortly_before_playback_ends(self) -> None:
        sent = times(Delivery(iter(turn(5)), Pace.BURST))
        assert sent == pytest.approx([0, 0.05, 0.1, 0.15, 0.2, 0.2, 1.0 - EARLY_SECONDS])

    def test_generation_is_complete_right_after_the_last_audio(self) -> None:
        *_, last, generated, _ = times(Delivery(iter(turn(8)), Pace.BURST))
        assert last == generated

    def test_delays_of_the_caller_do_not_add_up(self) -> None:
        late = 0.013
        sent = times(Delivery(iter(turn(10)), Pace.BURST), late)
        assert sent[-3:] == pytest.approx([0.45 + late, 0.45 + late, 2.0 - EARLY_SECONDS + late])

    def test_short_parts_are_sent_together(self) -> None:
        sent = times(Delivery(iter(turn(40, 0.055)), Pace.BURST))
        assert len(set(sent[:40])) == pytest.approx(40 * 0.055 / 4 / TICK_SECONDS, abs=1)

    def test_a_pause_moves_what_follows(self) -> None:
        messages: list[Message | Wait] = [audio(0.4), Wait(2.0), audio(0.4), audio(0.4), GENERATED, COMPLETE]
        assert times(Delivery(iter(messages), Pace.BURST)) == pytest.approx([0, 2.0, 2.1, 2.1, 2.8 - EARLY_SECONDS])

    def test_a_turn_without_audio_takes_no_time(self) -> None:
        assert times(Delivery(iter([TRANSCRIPT, GENERATED, COMPLETE]), Pace.BURST)) == [0, 0, 0]

    def test_a_turn_of_a_fraction_of_a_second_has_no_negative_wait(self) -> None:
        assert times(Delivery(iter(turn(1, 0.1)), Pace.BURST)) == [0, 0, 0]


def test_in_real_time_audio_is_sent_a_little_before_it_is_played() -> None:
    sent = times(Delivery(iter(turn(4, 0.5)), Pace.REALTIME))
    assert sent == pytest.approx([0, 0.5 - LEAD_SECONDS, 1.0 - LEAD_SECONDS, 1.5 - LEAD_SECONDS, 1.25, 2.0])


def test_without_a_pace_only_pauses_take_time() -> None:
    messages: list[Message | Wait] = [audio(5.0), Wait(1.5), audio(5.0), GENERATED, COMPLETE]
    assert times(Delivery(iter(messages), Pace.INSTANT)) == [0, 1.5, 1.5, 1.5]


@pytest.mark.parametrize("pace", list(Pace))
def test_an_interruption_ends_playback(pace: Pace) -> None:
    delivery = Delivery(iter([audio(9.0), [events.Interrupted()], COMPLETE]), pace)
    assert times(delivery) == [0, 0, 0]
    assert delivery.interrupted
    assert delivery.completed


def test_a_turn_that_stops_without_an_end_is_done_and_not_completed() -> None:
    delivery = Delivery(iter([TRANSCRIPT]), Pace.BURST)
    assert times(delivery) == [0]
    assert not delivery.completed
