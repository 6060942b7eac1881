"""The format `.live`: written, read, cut off, edited wrongly."""

from __future__ import annotations

import pytest

from livecli.recording.format import (
    By,
    Direction,
    Frame,
    Header,
    LineWriter,
    RecordedClose,
    RecordedConnection,
    Recording,
    read_live,
    write_live,
)
from livecli.toml_reader import LineError
from tests.cases import in_one_test
from tests.recorded_sessions import FOLDER

SETUP = b'{"setup": {"model": "models/gemini-3.8-live"}}'
EXAMPLE = b"""\
{"livecli": 1, "platform": "developer", "model": "gemini-3.8-live", "url": "wss://host/ws", "client": "livecli/0.2.0"}
[0.0, ">", {"setup": {"model": "models/gemini-3.8-live"}}]
[0.812, "<", {"setupComplete": {}}, "binary"]
[0.001, ">", {"realtimeInput": {"audio": {"mimeType": "audio/pcm;rate=16000", "data": "AAAA"}}}]
[3.2, "close", {"code": 1000, "reason": "", "by": "client"}]
"""


def test_the_example_is_read_and_written_as_it_is() -> None:
    recording = read_live(EXAMPLE)
    [connection] = recording.connections
    assert connection.header.model == "gemini-3.8-live"
    assert connection.frames[:2] == [
        Frame(Direction.CLIENT, SETUP, 0.0, line=2),
        Frame(Direction.SERVER, b'{"setupComplete": {}}', 0.812, is_binary=True, line=3),
    ]
    assert connection.frames[2].at == pytest.approx(0.813)
    assert connection.close == RecordedClose(1000, "", By.CLIENT, pytest.approx(4.013))
    assert b"".join(write_live(recording)) == EXAMPLE


def test_a_byte_order_mark_and_the_line_ends_of_windows_are_read() -> None:
    connections = read_live(b"\xef\xbb\xbf" + EXAMPLE.replace(b"\n", b"\r\n")).connections
    assert connections == read_live(EXAMPLE).connections


def test_times_do_not_drift() -> None:
    writer = LineWriter()
    lines = [writer.frame(Direction.CLIENT, b"{}", n / 3, is_binary=False) for n in range(3001)]
    recording = read_live(writer.header(Header()) + b"".join(lines))
    assert [*recording.frames][-1].at == pytest.approx(1000, abs=1e-6)


def test_a_frame_of_several_lines_becomes_one() -> None:
    frame = b'{\n  "setupComplete": {}\r\n}\n'
    recording = Recording([RecordedConnection(Header(), [Frame(Direction.SERVER, frame)])])
    lines = [*write_live(recording)]
    assert lines[1] == b'[0.0, "<", {   "setupComplete": {}  }]\n'


def test_a_session_that_was_resumed_has_a_header_for_each_connection() -> None:
    recording = read_live(EXAMPLE + EXAMPLE)
    assert len(recording.connections) == 2
    assert [frame.at for frame in recording.connections[1].frames] == [0.0, 0.812, pytest.approx(0.813)]


@in_one_test("cut", range(len(EXAMPLE) - 61, len(EXAMPLE), 7))
def test_a_last_line_that_is_not_complete_is_ignored(cut: int) -> None:
    [connection] = read_live(EXAMPLE[:cut]).connections
    assert len(connection.frames) == 3
    assert connection.close is None


HEADER = b'{"livecli": 1}\n'
WRONG = {
    b"": (1, "the header is missing"),
    b'[0.0, ">", {}]\n': (1, "the header is missing"),
    b'{"livecli": 2}\n': (1, "must be 1"),
    b'{"livecli": 1, "model": 3}\n': (1, "model must be a text"),
    HEADER + b"nonsense\n\n": (2, "neither a header nor a frame"),
    HEADER + b'[0.0, ">"]\n': (2, "a line is"),
    HEADER + b'["a", ">", {}]\n': (2, "the seconds since the line before"),
    HEADER + b'[-1, ">", {}]\n': (2, "backwards"),
    HEADER + b'[0.0, "up", {}]\n': (2, "'up' is not a direction"),
    HEADER + b'[0.0, ">", []]\n': (2, "the frame is not a JSON object"),
    HEADER + b'[0.0, ">", {}, "blue"]\n': (2, "the kind of a frame"),
    HEADER + b'[1e300, ">", {}]\n': (2, "a time is between 0 and 1e+10 s"),
    HEADER + b'[1e10, ">", {}]\n[1, "close", {"code": 1000}]\n': (3, "a time is between"),
    HEADER + b'[0.0, "close", {"code": "x"}]\n': (2, "the code of a close is an integer"),
    HEADER + b'[0.0, "close", {"code": true}]\n': (2, "the code of a close is an integer"),
    HEADER + b'[0.0, "close", {"code": 65536}]\n': (2, "from 0 to 65535"),
    HEADER + b'[0.0, "close", {"code": 1000, "by": "me"}]\n': (2, "a close has a code"),
    HEADER + b'[0.0, "close", {"code": 1000, "by": "client"}]\n[0.0, ">", {}]\n': (3, "the connection is closed"),
}


@in_one_test("data", WRONG)
def test_a_wrong_line_is_named(data: bytes) -> None:
    with pytest.raises(LineError) as error:
        read_live(data)
    assert (error.value.line, WRONG[data][1] in error.value.reason) == (WRONG[data][0], True), error.value


@in_one_test("path", sorted(FOLDER.glob("*.live")))
def test_the_recordings_of_the_service_are_read(path) -> None:
    recording = read_live(path.read_bytes())
    assert [frame.direction for frame in recording.frames][:2] == [Direction.CLIENT, Direction.SERVER]
