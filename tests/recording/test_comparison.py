"""Comparison of two recorded sessions."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from livecli.recording.comparison import Difference, aligned, compare, json_differences
from livecli.recording.format import By, Frame, RecordedClose, Recording
from livecli.recording.session_analysis import RecordedTurn
from tests.page.recordings import session

Change = Callable[[dict[str, Any]], Any]


def changed(index: int, change: Change, *, at: float | None = None) -> Recording:
    """The session with one frame that is another one."""
    recording = session()
    frames = recording.connections[0].frames
    message = json.loads(frames[index].data)
    change(message)
    frames[index] = msgspec.structs.replace(
        frames[index], data=json.dumps(message).encode(), at=frames[index].at if at is None else at
    )
    return recording


def place(key: str) -> int:
    return next(index for index, frame in enumerate(session().connections[0].frames) if key.encode() in frame.data)


def found(other: Recording, **options: bool) -> list[tuple[str, str, Any, Any]]:
    return [(each.where, each.what, each.a, each.b) for each in compare(session(), other, **options)]


def test_a_session_is_the_same_as_itself_with_other_ids_and_times() -> None:
    assert compare(session(), session(), timing=True) == []
    assert found(changed(place("toolCall"), lambda each: each["toolCall"]["functionCalls"][0].update(id="2"))) == []
    assert found(changed(place("newHandle"), lambda each: each["sessionResumptionUpdate"].update(newHandle="2"))) == []
    assert found(changed(place("generationComplete"), lambda each: None, at=1.19)) == []


def test_each_aspect_is_compared() -> None:
    def arguments(each: dict[str, Any]) -> None:
        each["toolCall"]["functionCalls"][0]["args"] = {"Good morning": "x"}

    assert found(changed(place("toolCall"), arguments)) == [
        ("turn 1", "call Good morning.Good morning", "Good morning", "x")
    ]
    thought = changed(place("usageMetadata"), lambda each: each["usageMetadata"].update(thoughtsTokenCount=1))
    assert found(thought) == [("turn 1", "usage", ["totalTokenCount"], ["thoughtsTokenCount", "totalTokenCount"])]
    assert compare(
        session(),
        changed(place("outputTr"), lambda each: each["serverContent"]["outputTranscription"].update(text="Good")),
    ) == [Difference("turn 1", "answer", "Good morning", "Good", "word error rate 50%")]
    end = RecordedClose(1008, "no", By.SERVER, 3.0)
    assert [each[:2] for each in found(session(close=end))] == [("session", "close")]


def test_a_missing_frame_changes_the_order() -> None:
    recording = session()
    del recording.connections[0].frames[place("generationComplete")]
    [(where, what, a, b)] = found(recording)
    assert (where, what) == ("turn 1", "order")
    assert [kind for kind in a if kind not in b] == ["generation_complete"]


def test_latencies_are_compared_on_request() -> None:
    def moved(frame: Frame) -> Frame:
        return msgspec.structs.replace(frame, at=(frame.at or 0) + (0.5 if (frame.at or 0) > 2 else 0))

    recording = session()
    recording.connections[0].frames = [moved(frame) for frame in recording.connections[0].frames]
    assert found(recording) == []
    assert [each[:2] for each in found(recording, timing=True)] == [
        ("turn 2", "latency first"),
        ("turn 2", "latency sound"),
        ("turn 2", "latency complete"),
    ]


def test_numbers_of_tokens_are_compared_on_request() -> None:
    other = changed(place("usageMetadata"), lambda each: each["usageMetadata"].update(totalTokenCount=41))
    assert found(other) == []
    assert found(other, timing=True) == [("turn 1", "tokens", 40, 41)]


def turns(*questions: str) -> list[RecordedTurn]:
    return [RecordedTurn(typed=question) for question in questions]


@pytest.mark.parametrize(
    ("a", "b", "pairs"),
    [
        (("one two", "three four", "five six"), ("one two", "five six"), [(0, 0), (1, None), (2, 1)]),
        (("one two",), ("three four", "one two"), [(None, 0), (0, 1)]),
        (("one two three",), ("one two four",), [(0, 0)]),
        ((), ("one",), [(None, 0)]),
        ((), (), []),
    ],
)
def test_turns_are_aligned_by_content(a: tuple[str, ...], b: tuple[str, ...], pairs: list[Any]) -> None:
    assert aligned(turns(*a), turns(*b)) == pairs


def test_json_is_compared_by_its_members() -> None:
    a, b = {"x": [1, {"y": 2}], "z": 1}, {"x": [1, {"y": 3}], "w": None}
    assert [*json_differences(a, b)] == [(".x[1].y", 2, 3), (".z", 1, None)]
    assert [*json_differences(1, True)] == [("", 1, True)]
    assert [*json_differences([1], [1, 2])] == [("", [1], [1, 2])]
