"""pydantic-ai's cassettes: old ones and new ones, read and written, and files that are none."""

from __future__ import annotations

import builtins
import json
from typing import Any

import pytest

from livecli.errors import FileError
from livecli.recording.cassette import read_cassette, write_cassette
from livecli.recording.format import By, Direction, Frame, RecordedClose, RecordedConnection, Recording
from livecli.toml_reader import LineError
from tests.cases import in_one_test

OLD = """\
# no kinds, and no times
version: 1
interactions:
- direction: sent
  data: {setup: {model: models/m, day: 2026-11-28, text: 'yes'}}
- direction: received
  data:
    setupComplete: {}
"""
NEW = """\
version: 1
interactions:
- {kind: message, direction: sent, data: {setup: {}}, at: 0}
- {kind: message, direction: received, data: {goAway: {timeLeft: 1s}}, at: 1.5}
- {kind: close, code: 1008, reason: 'too long', ok: false, at: 2}
- {kind: message, direction: sent, data: {setup: {}}, at: 2.5}
"""


def test_an_old_cassette_has_no_times_and_no_dates() -> None:
    [connection] = read_cassette(OLD.encode()).connections
    assert [(frame.direction, frame.at, frame.line) for frame in connection.frames] == [
        (Direction.CLIENT, None, 4),
        (Direction.SERVER, None, 6),
    ]
    assert json.loads(connection.frames[0].data)["setup"] == {"model": "models/m", "day": "2026-11-28", "text": "yes"}


def test_a_new_one_has_times_and_closes() -> None:
    first, second = read_cassette(NEW.encode()).connections
    assert [frame.at for frame in first.frames] == [0, 1.5]
    assert first.close == RecordedClose(1008, "too long", By.SERVER, 2)
    assert (len(second.frames), second.close) == (1, None)


def test_a_note_in_place_of_data_is_no_data() -> None:
    audio = """\
version: 1
interactions:
- {direction: sent, data: {realtime_input: {audio: {data: '<the clip "Hello." (5.5 s): elided>'}}}}
- {direction: received, data: {text: '"data": "<b>"', data: <33 bytes elided>}}
"""
    [connection] = read_cassette(audio.encode()).connections
    assert [json.loads(frame.data) for frame in connection.frames] == [
        {"realtime_input": {"audio": {"data": ""}}},
        {"text": '"data": "<b>"', "data": ""},
    ]


def test_a_recording_comes_back() -> None:
    frames = [Frame(Direction.CLIENT, '{"text": "café: ✓ \\n- x"}'.encode(), 0.25), Frame(Direction.SERVER, b"{}", 1.0)]
    recording = Recording([RecordedConnection(frames=frames, close=RecordedClose(1000, "", By.SERVER, 2.0))])
    back = read_cassette(b"".join(write_cassette(recording.connections)))
    assert [(each.direction, json.loads(each.data), each.at) for each in back.frames] == [
        (each.direction, json.loads(each.data), each.at) for each in frames
    ]
    assert back.connections[0].close == recording.connections[0].close


HEAD = "version: 1\ninteractions:\n"
WRONG = {
    "": (1, "not a cassette"),
    "version: 2\ninteractions: []": (1, "not a cassette"),
    "version: 1\ninteractions: [3]": (1, "not a cassette"),
    HEAD + "- {": (3, "not YAML"),
    HEAD + "- !!python/object:os.system {}": (3, "not YAML"),
    HEAD + "- {direction: up, data: {}}": (3, "not an interaction"),
    HEAD + "- {direction: sent, data: []}": (3, "not an interaction"),
    HEAD + "- {kind: close, direction: sent, data: {}}": (3, "not an interaction"),
    HEAD + "- {direction: sent, data: {}, at: soon}": (3, "`at` is the seconds"),
    HEAD + "- {direction: sent, data: {}, at: .nan}": (3, "a time is between"),
    HEAD + "- {direction: sent, data: {}, at: -1}": (3, "a time is between"),
    HEAD + "- {direction: sent, data: {}, at: " + 400 * "9" + "}": (3, "a time is between"),
    HEAD + "- {kind: close, code: 65536}": (3, "the code of a close"),
    HEAD + "- {direction: sent, data: {x: !!binary aGVsbG8=}}": (3, "cannot be JSON"),
    HEAD + "- {direction: sent, data: {x: .nan}}": (3, "cannot be JSON"),
}


@in_one_test("text", WRONG)
def test_a_wrong_line_is_named(text: str) -> None:
    with pytest.raises(LineError) as error:
        read_cassette(text.encode())
    assert (error.value.line, WRONG[text][1] in error.value.reason) == (WRONG[text][0], True), error.value


def test_of_a_key_that_comes_twice_the_last_one_counts() -> None:
    text = "version: 1\ninteractions: []\ninteractions:\n- {direction: sent, data: {setup: {}}}\n"
    [frame] = read_cassette(text.encode()).frames
    assert (frame.data, frame.line) == (b'{"setup": {}}', 4)


def test_without_the_package_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def missing(name: str, *rest: Any) -> Any:
        if name == "yaml":
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", missing)
    with pytest.raises(FileError, match="needs the package PyYAML") as error:
        read_cassette(OLD.encode())
    assert "pyyaml" in str(error.value.hint)
