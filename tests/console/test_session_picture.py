"""The picture of a recorded session, and its lines."""

from __future__ import annotations

import base64
import json
from array import array
from typing import Any

import pytest

from livecli.console.charts import cells
from livecli.console.session_picture import session_lines
from livecli.recording.format import By, Direction, Frame, Header, RecordedClose, RecordedConnection, Recording

CLIENT, SERVER = Direction


def frame(direction: Direction, at: float | None, **message: Any) -> Frame:
    return Frame(direction, json.dumps(message).encode(), at)


def sound(seconds: float, rate: int, loudness: int = 25_000) -> str:
    samples = array("h", [loudness, -loudness] * round(seconds * rate / 2))
    return base64.b64encode(samples.tobytes()).decode()


def asked(at: float | None, seconds: float) -> Frame:
    audio = {"mimeType": "audio/pcm;rate=16000", "data": sound(seconds, 16_000)}
    return frame(CLIENT, at, realtimeInput={"audio": audio})


def answered(at: float | None, seconds: float) -> Frame:
    blob = {"mimeType": "audio/pcm;rate=24000", "data": sound(seconds, 24_000)}
    return frame(SERVER, at, serverContent={"modelTurn": {"parts": [{"inlineData": blob}]}})


SESSION = RecordedConnection(
    Header("developer", "gemini-3.8-live", client="livecli/0.2.0"),
    [
        frame(CLIENT, 0.0, setup={"model": "models/gemini-3.8-live"}),
        frame(SERVER, 0.5, setupComplete={}),
        asked(1.0, 0.5),
        asked(1.5, 0.5),
        frame(SERVER, 2.0, toolCall={"functionCalls": [{"id": "1", "name": "find", "args": {"near": "me"}}]}),
        answered(3.0, 1.0),
        answered(3.0, 1.0),
        frame(SERVER, 3.0, serverContent={"generationComplete": True}),
        frame(SERVER, 5.0, serverContent={"turnComplete": True}),
    ],
    RecordedClose(1008, "be\x1bgone", By.SERVER, 10.0),
)


def drawn(*connections: RecordedConnection, columns: int = 66) -> list[str]:
    return ["".join(text for _, text in line) for line in session_lines(Recording([*connections]), columns)]


def test_both_sounds_marks_and_axis_have_one_clock() -> None:
    title, you, gemini, marks, axis, legend, blank, *_ = drawn(SESSION)
    # 50 columns for 10 seconds.
    bar = "\u2588"
    assert title == "developer · gemini-3.8-live · livecli/0.2.0"
    assert you == "you     " + " " * 5 + bar * 5 + " " * 40 + "   1.0 s"
    # The second chunk is played after the first.
    assert gemini == "gemini  " + " " * 15 + bar * 10 + " " * 25 + "   2.0 s"
    assert marks == " " * 8 + " " * 10 + "c" + " " * 4 + "g" + " " * 9 + "|"
    assert axis == " " * 8 + "0 s       2         4         6         8"
    assert legend == " " * 8 + "c tool call · | turn complete · g generation complete"
    assert blank == ""


def test_audio_that_follows_audio_is_one_line() -> None:
    assert drawn(SESSION)[7:] == [
        '    0.000 > setup {"model": "models/gemini-3.8-live"}',
        "    0.500 < setup_complete",
        "    1.000 > audio 1.0 s, 2 frames, 16,000 Hz",
        '    2.000 < tool_call {"calls": [{"name": "find", "args": {"near"…',
        "    3.000 < audio 2.0 s, 2 frames, 24,000 Hz",
        "    3.000 < generation_complete",
        "    5.000 < turn_complete",
        "   10.000   close 1008 be\\x1bgone, by the server",
    ]


@pytest.mark.parametrize("columns", [40, 80, 120])
def test_no_line_is_wider_than_the_terminal(columns: int) -> None:
    assert max(map(cells, drawn(SESSION, columns=columns))) <= columns


def test_a_session_without_sound_has_lines_only() -> None:
    typed = RecordedConnection(frames=[frame(CLIENT, 0.0, setup={}), frame(SERVER, 0.1, setupComplete={})])
    assert [line[:14] for line in drawn(typed)] == ["a session", "    0.000 > se", "    0.100 < se"]


def test_audio_without_times_is_drawn_one_after_another() -> None:
    frames = [frame(CLIENT, None, setup={}), asked(None, 1.0), asked(None, 1.0)]
    assert "\u2588" * 50 in drawn(RecordedConnection(frames=frames))[1]


def test_what_is_redacted_or_not_understood_says_so_and_connections_are_counted() -> None:
    frames = [frame(CLIENT, 0.0, redacted=True), frame(CLIENT, 0.0, setups={}), frame(SERVER, 0.0, setupComplete=3)]
    lines = drawn(RecordedConnection(frames=frames), RecordedConnection())
    assert lines[0] == "connection 1 of 2"
    assert lines[1] == "    0.000 > redacted"
    assert lines[2].startswith("    0.000 > not understood: ")
    assert lines[3].startswith("    0.000 < not understood: ")
    assert lines[4:] == ["", "connection 2 of 2"]


def test_a_short_sound_has_no_holes() -> None:
    assert "\u2588" * 50 in drawn(RecordedConnection(frames=[frame(CLIENT, 0.0, setup={}), asked(None, 0.1)]))[1]
