"""What was said and may have to be said again: in order, in flat memory, each number forgotten once."""

from __future__ import annotations

import tracemalloc

import pytest

from livecli import tail as module
from livecli.protocol import events
from livecli.protocol.messages import Content, FunctionResponse, Part
from livecli.tail import Tail

SAID = [
    events.ActivityStart(),
    events.AudioChunk(b"\1\2", 16_000),
    events.AudioChunk(b"", 8_000),
    events.Text("hé"),
    events.Image(b"\xff\xd8", "image/jpeg"),
    events.ClientTurns((Content(role="user", parts=[Part(text="x")]),), turn_complete=False),
    events.ToolResponse((FunctionResponse(id="1", name="f", response={"n": 10**30, "deep": [{}]}),)),
    events.AudioStreamEnd(),
    events.ActivityEnd(),
]


@pytest.fixture
def tail():
    made = Tail()
    yield made
    made.close()


def test_everything_that_can_be_said_comes_back_as_it_was(tail) -> None:
    for event in SAID:
        tail.append(event)
    assert list(tail) == SAID
    assert (tail.first, tail.end) == (1, len(SAID) + 1)


def test_numbers_are_forgotten_from_the_front_and_once(tail) -> None:
    for event in SAID:
        tail.append(event)
    for number in (3, 2, 0, -(10**30)):
        tail.forget(number)
        assert (tail.first, list(tail)) == (4, SAID[3:])
    tail.forget(10**30)
    assert (tail.first, tail.end, list(tail), tail.held_bytes) == (len(SAID) + 1, len(SAID) + 1, [], 0)


def test_what_is_appended_and_forgotten_while_it_is_read(tail) -> None:
    for number in range(4):
        tail.append(events.AudioChunk(bytes([number]), 16_000))
    read = iter(tail)
    assert next(read).pcm == b"\0"
    tail.forget(3)
    tail.append(events.AudioChunk(b"\4", 16_000))
    assert [event.pcm for event in read] == [b"\3", b"\4"]


def test_what_was_passed_by_makes_the_rest_useless(tail) -> None:
    tail.append(SAID[0])
    tail.pass_by()
    assert (tail.first, tail.end, list(tail)) == (3, 3, [])
    tail.append(SAID[1])
    assert (tail.first, list(tail)) == (3, [SAID[1]])


@pytest.mark.parametrize("forgotten", [0, 2])
def test_what_is_stale_is_left_out_and_the_rest_moves_up(tail, forgotten) -> None:
    for event in SAID:
        tail.append(event)
    tail.forget(forgotten)
    tail.drop(lambda event: isinstance(event, events.ToolResponse))
    left = [event for event in SAID if not isinstance(event, events.ToolResponse)]
    assert list(tail) == left[forgotten:]
    assert (tail.first, tail.end) == (forgotten + 1, len(left) + 1)
    tail.append(SAID[0])
    assert list(tail)[-1] == SAID[0]


def test_an_hour_goes_to_disk_and_is_compacted(tail, monkeypatch) -> None:
    monkeypatch.setattr(module, "COMPACT_BYTES", 256 * 1024)
    monkeypatch.setattr(module, "IN_MEMORY_BYTES", 64 * 1024)
    tracemalloc.start()
    for number in range(20_000):
        tail.append(events.AudioChunk(number.to_bytes(4, "big") * 256, 16_000))
        tail.forget(number - 1_000)
    size = tail._spool.seek(0, 2)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert [int.from_bytes(event.pcm[:4], "big") for event in tail] == list(range(18_999, 20_000))
    assert size < 3 * 1024 * 1024, "20 MB were said"
    assert peak < 4 * 1024 * 1024
