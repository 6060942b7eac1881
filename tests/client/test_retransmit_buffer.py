"""What was said and may have to be said again: in order, in flat memory, each number forgotten once."""

from __future__ import annotations

import tempfile
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livecli.client import retransmit
from livecli.client import retransmit as module
from livecli.client.retransmit import RetransmitBuffer
from livecli.protocol import events
from livecli.protocol.messages import Content, FunctionResponse, Part

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
    made = RetransmitBuffer()
    yield made
    made.close()


def test_everything_that_can_be_said_comes_back_as_it_was(tail) -> None:
    for event in SAID:
        tail.extend((event,))
    assert list(tail) == SAID
    assert (tail.first, tail.end) == (1, len(SAID) + 1)


def test_numbers_are_forgotten_from_the_front_and_once(tail) -> None:
    for event in SAID:
        tail.extend((event,))
    for number in (3, 2, 0, -(10**30)):
        tail.forget(number)
        assert (tail.first, list(tail)) == (4, SAID[3:])
    tail.forget(10**30)
    assert (tail.first, tail.end, list(tail), tail.held_bytes) == (len(SAID) + 1, len(SAID) + 1, [], 0)


def test_what_is_appended_and_forgotten_while_it_is_read(tail) -> None:
    for number in range(4):
        tail.extend((events.AudioChunk(bytes([number]), 16_000),))
    read = iter(tail)
    assert next(read).pcm == b"\0"
    tail.forget(3)
    tail.extend((events.AudioChunk(b"\4", 16_000),))
    assert [event.pcm for event in read] == [b"\3", b"\4"]


def test_what_was_passed_by_makes_the_rest_useless(tail) -> None:
    tail.extend((SAID[0],))
    tail.pass_by(1)
    assert (tail.first, tail.end, list(tail)) == (3, 3, [])
    tail.extend((SAID[1],))
    assert (tail.first, list(tail)) == (3, [SAID[1]])


@pytest.mark.parametrize("forgotten", [0, 2])
def test_what_is_stale_is_left_out_and_the_rest_moves_up(tail, forgotten) -> None:
    for event in SAID:
        tail.extend((event,))
    tail.forget(forgotten)
    tail.drop(lambda event: isinstance(event, events.ToolResponse))
    left = [event for event in SAID if not isinstance(event, events.ToolResponse)]
    assert list(tail) == left[forgotten:]
    assert (tail.first, tail.end) == (forgotten + 1, len(left) + 1)
    tail.extend((SAID[0],))
    assert list(tail)[-1] == SAID[0]


@pytest.fixture
def files(monkeypatch):
    """The temporary files that were made."""
    made, make = [], tempfile.TemporaryFile
    monkeypatch.setattr(tempfile, "TemporaryFile", lambda **how: made.append(make(**how)) or made[-1])
    return made


def test_an_hour_goes_to_disk_and_what_is_forgotten_is_given_back(tail, files, monkeypatch) -> None:
    monkeypatch.setattr(retransmit, "FILE_BYTES", 256 * 1024)
    monkeypatch.setattr(module, "IN_MEMORY_BYTES", 64 * 1024)
    tracemalloc.start()
    for number in range(20_000):
        tail.extend((events.AudioChunk(number.to_bytes(4, "big") * 256, 16_000),))
        tail.forget(number - 1_000)
    size = sum(file.seek(0, 2) for file in files if not file.closed)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert [int.from_bytes(event.pcm[:4], "big") for event in tail] == list(range(18_999, 20_000))
    assert 512 * 1024 < size < 3 * 1024 * 1024, "20 MB were said"
    assert peak < 4 * 1024 * 1024
    tail.close()
    assert all(file.closed for file in files)


def test_where_the_disk_is_full_it_is_said_and_what_came_before_is_still_held(tail, files, monkeypatch) -> None:
    monkeypatch.setattr(module, "IN_MEMORY_BYTES", 0)
    chunks = [events.AudioChunk(bytes([number]) * 40_000, 16_000) for number in range(5)]
    tail.extend(chunks[:2])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tempfile, "TemporaryFile", lambda **_: open("/dev/full", "r+b", buffering=0))
        with pytest.raises(OSError, match="No space left on device"):
            tail.extend(chunks[2:3])
    assert (tail.end, list(tail)) == (3, chunks[:2])
    tail.extend(chunks[2:])
    assert (len(files), list(tail)) == (1, chunks)


CHUNKS = st.builds(events.AudioChunk, st.binary(max_size=6), st.sampled_from([16_000, 8_000]))
OTHERS = st.sampled_from(
    [
        events.ActivityStart(),
        events.ActivityEnd(),
        events.Text("hi"),
        events.ClientTurns((Content(role="user", parts=[Part(text="x")]),)),
        events.ToolResponse((FunctionResponse(id="1", name="f", response={"output": 10**30}),)),
    ]
)
RUNS = st.builds(
    lambda pcm, size: [events.AudioChunk(pcm[at : at + size]) for at in range(0, len(pcm), size)],
    st.binary(max_size=40),
    st.integers(1, 8),
)
BATCHES = RUNS | st.lists(CHUNKS | OTHERS, max_size=4)
STEPS = st.lists(BATCHES | st.floats(0, 1) | st.just("pass by"), max_size=30)


@given(STEPS, st.booleans())
def test_it_holds_what_was_said_and_not_forgotten(steps, writes):
    model, held = [], RetransmitBuffer()
    with pytest.MonkeyPatch.context() as patch:
        if writes:
            for place, name in ((module, "IN_MEMORY_BYTES"), (module, "LEAST_BYTES"), (retransmit, "FILE_BYTES")):
                patch.setattr(place, name, 400)
        first = 1
        for step in steps:
            if isinstance(step, list):
                held.extend(step)
                model += step
            elif step == "pass by":
                held.pass_by(2)
                first, model = first + len(model) + 2, []
            else:
                count = round(step * len(model))
                held.forget(first + count - 1)
                first, model = first + count, model[count:]
            assert (held.first, held.end) == (first, first + len(model))
            assert list(held) == model
            assert (held.held_bytes == 0) is (not model)
    held.close()
