"""Reading sessions that were recorded on the wire."""

from __future__ import annotations

import pytest

from livecli.recording.format import Direction, Frame
from livecli.recording.websocket_log import read_websocket_log
from livecli.toml_reader import LineError
from tests.cases import in_one_test

SETUP, COMPLETE = b'{"setup":{"model":"models/m"}}', b'{\n  "setupComplete": {}\n}\n'
LOG = b">31 " + SETUP + b"\n<27 " + COMPLETE + b"\n"


def test_frames_are_read_byte_by_byte() -> None:
    assert read_websocket_log(LOG) == [
        Frame(Direction.CLIENT, SETUP, None, line=1),
        Frame(Direction.SERVER, COMPLETE, None, line=2),
    ]


@pytest.mark.parametrize(
    "data", [b"\n\n" + LOG, b"\xef\xbb\xbf" + LOG, LOG.rstrip(b"\n"), LOG.replace(b"27", b"9").replace(b"31", b"99999")]
)
def test_what_an_editor_does_to_a_file_is_no_harm(data: bytes) -> None:
    frames = [one.data.strip() for one in read_websocket_log(data)]
    assert frames == [SETUP, COMPLETE.strip()]


def test_a_header_within_a_text_is_none() -> None:
    (one,) = read_websocket_log(b'<30 {\n "a": "<9 {}",\n  "b": ">5 "\n}\n\n')
    assert one.data == b'{\n "a": "<9 {}",\n  "b": ">5 "\n}\n'


def test_lines_and_times() -> None:
    recorded = read_websocket_log(b">9 @0 {}\n<9 @1.25 {\n}\n\n<9 {}\n>9 @2 {}\n")
    assert [(one.line, one.at) for one in recorded] == [(1, 0.0), (2, 1.25), (5, None), (6, 2.0)]


@in_one_test(
    ("data", "line", "reason"),
    [
        (b"", 1, "a frame begins with"),
        (b"\n \n", 1, "a frame begins with"),
        (b"\n\nhello\n" + LOG, 3, "a frame begins with"),
        (b'{"setup": {}}', 1, "a frame begins with"),
        (LOG + b'<40 {\n  "serverContent": {\n', 7, "the frame is not JSON"),
        (LOG + b'<40 {\n  "serverContent": nothing\n}\n', 7, "the frame is not JSON"),
        (LOG + b"<3 []\n", 6, "not a JSON object"),
        (LOG + b"<3 \n", 6, "the frame is not JSON"),
        (LOG + b'<9 {"a":"\xff"}\n', 6, "the frame is not JSON"),
        (LOG + b"<9 " + b"[" * 100_000 + b"\n", 6, "the frame is not JSON"),
        (b">9 @2 {}\n<9 {}\n<9 @1 {}\n", 3, "1.0 s is earlier"),
    ],
)
def test_a_malformed_recording_is_refused_with_its_line(data: bytes, line: int, reason: str) -> None:
    with pytest.raises(LineError, match=reason) as raised:
        read_websocket_log(data)
    assert raised.value.line == line
