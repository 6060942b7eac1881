"""What `recording validate` finds in a recording that can be read."""

from __future__ import annotations

import re

import pytest

from livecli.recording.conversion import parse_recording
from livecli.recording.validation import problems

START = b'{"livecli": 1}\n[0.0, ">", {"setup": {"model": "models/m"}}]\n'
KEY = b"AIza" + 35 * b"k"


@pytest.mark.parametrize(
    ("more", "line", "problem"),
    [
        (b'[0.0, ">", {"setups": {}}]\n', 3, "not a message of a client: .*setups"),
        (b'[0.0, "<", {"setupComplete": 3}]\n', 3, "not a message of the server: "),
        (b'[0.0, "<", {"serverContent": {"outputTranscription": {"text": "%s"}}}]\n' % KEY, 3, "like a credential"),
        (b'[0.0, "close", {"code": 1000}]\n{"livecli": 1}\n', 0, "connection 2 has no frame"),
        (b'[0.0, "close", {"code": 1000}]\n{"livecli": 1}\n[0.0, "<", {}]\n', 5, "the server sends the first frame"),
        (b'[0.0, "<", {"setupComplete": {}, "setupComplete": {}}]\n', 3, "cannot be searched for credentials"),
        (b'[0.0, "<", {"news": "\xff"}]\n', 3, "not a message of the server: .*not JSON"),
        (
            b'[0.0, "close", {"code": 1000}]\n{"livecli": 1}\n[0.0, ">", {"redacted": true}]\n',
            5,
            "could not be recorded",
        ),
        (
            b'[0.0, "close", {"code": 1000}]\n{"livecli": 1}\n[0.0, ">", {"realtimeInput": {"text": "hi"}}]\n',
            5,
            "the first frame is another message",
        ),
    ],
)
def test_a_problem_is_found_with_its_line(more: bytes, line: int, problem: str) -> None:
    [(found_line, found)] = problems(parse_recording("x.live", START + more))
    assert found_line == line
    assert re.search(problem, found), found


def test_a_sound_recording_and_what_was_redacted_have_none() -> None:
    more = (
        b'[0.1, "<", {"setupComplete": {}}, "binary"]\n[0.1, "<", {"redacted": true}]\n[0.1, ">", {"redacted": true}]\n'
    )
    assert not [*problems(parse_recording("x.live", START + more))]
