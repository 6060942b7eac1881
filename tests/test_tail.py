"""What may have to be said again: held in order, forgotten from the front, whatever is said and forgotten when."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livecli import tail
from livecli.protocol import events, messages
from livecli.tail import Tail

CHUNKS = st.builds(events.AudioChunk, st.binary(max_size=6), st.sampled_from([16_000, 8_000]))
OTHERS = st.sampled_from(
    [
        events.ActivityStart(),
        events.ActivityEnd(),
        events.Text("hi"),
        events.ClientTurns((messages.Content(role="user", parts=[messages.Part(text="x")]),)),
        events.ToolResponse((messages.FunctionResponse(id="1", name="f", response={"output": 10**30}),)),
    ]
)
RUNS = st.builds(
    lambda pcm, size: [events.AudioChunk(pcm[at : at + size]) for at in range(0, len(pcm), size)],
    st.binary(max_size=40),
    st.integers(1, 8),
)
SAID = RUNS | st.lists(CHUNKS | OTHERS, max_size=4)
STEPS = st.lists(SAID | st.floats(0, 1) | st.just("pass by"), max_size=30)


@given(STEPS, st.booleans())
def test_it_holds_what_was_said_and_not_forgotten(steps, compacts):
    model, held = [], Tail()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tail, "COMPACT_BYTES", 16 if compacts else tail.COMPACT_BYTES)
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


def test_what_is_said_and_forgotten_while_it_is_read():
    held = Tail()
    held.extend([events.AudioChunk(bytes([number, 0])) for number in range(10)])
    read = iter(held)
    assert next(read).pcm[0] == 0
    held.forget(3)
    assert next(read).pcm[0] == 3
    held.extend([events.Text("more")])
    held.forget(10)
    assert list(read) == [events.Text("more")]
    held.forget(99)
    assert list(held) == list(read) == []
    held.close()


def test_an_hour_goes_to_disk_and_comes_back():
    held = Tail()
    said = [events.AudioChunk(bytes([number % 256]) * 1024) for number in range(3_000)]
    for at in range(0, 3_000, 32):
        held.extend(said[at : at + 32])
    assert held._spool._rolled
    held.forget(1_001)
    assert list(held) == said[1_001:]
    held.close()
