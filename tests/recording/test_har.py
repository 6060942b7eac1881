"""HAR files, as Chrome and mitmproxy write them and as livecli does."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from livecli.recording.format import By, Direction, Frame, Header, RecordedClose, RecordedConnection, Recording
from livecli.recording.har import read_har, write_har
from livecli.toml_reader import LineError
from tests.cases import in_one_test

URL = "wss://generativelanguage.googleapis.com/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent"
SETUP, COMPLETE = '{"setup": {"model": "models/m"}}', '{\n  "setupComplete": {}\n}\n'


def message(kind: str, data: str, time: float = 100.0, opcode: int = 1) -> dict[str, Any]:
    return {"type": kind, "time": time, "opcode": opcode, "data": data}


def archive(*messages: dict[str, Any], url: str = URL, **fields: Any) -> bytes:
    entry = {
        "startedDateTime": "1970-01-01T00:01:39.500Z",
        "request": {"url": url, "headers": [{"name": "user-agent", "value": "Chrome"}]},
        "_webSocketMessages": messages,
    }
    other = {"request": {"url": "https://host/page", "headers": []}, "response": {}}
    return json.dumps({"log": {"entries": [other, {**entry, **fields}]}}).encode()


def test_a_connection_is_read_with_its_times() -> None:
    binary = base64.b64encode(COMPLETE.encode()).decode()
    data = archive(message("send", SETUP), message("receive", binary, 100.25, 2), message("send", "{}", 101))
    [connection] = read_har(b"\xef\xbb\xbf" + data).connections
    assert connection.header == Header(url=URL, client="Chrome", started="1970-01-01T00:01:39.500Z")
    assert connection.frames == [
        Frame(Direction.CLIENT, SETUP.encode(), 0.5),
        Frame(Direction.SERVER, COMPLETE.encode(), 0.75, is_binary=True),
        Frame(Direction.CLIENT, b"{}", 1.5),
    ]


def test_what_is_no_message_is_left_out_and_text_may_have_the_opcode_of_binary() -> None:
    data = archive(message("send", SETUP), message("error", "lost", opcode=-1), message("receive", COMPLETE, 90, 2))
    frames = [*read_har(data).frames]
    assert [frame.data for frame in frames] == [SETUP.encode(), COMPLETE.encode()]
    # The clock was set back.
    assert [frame.at for frame in frames] == [10.0, 10.0]


def test_what_mitmproxy_writes_is_read() -> None:
    """The first messages of an archive of mitmproxy 11.0.2, between livecli and its emulator."""
    path = "127.0.0.1:19801/ws/google.cloud.aiplatform.v1.LlmBidiService/BidiGenerateContent"
    answer = base64.b64encode(COMPLETE.encode()).decode()
    messages = message("send", SETUP, 1795921146.3709722), message("receive", answer, 1795921146.3953018, 2)
    started = "2026-11-29T02:59:06.343860+00:00"
    [connection] = read_har(archive(*messages, url=f"http://{path}", startedDateTime=started)).connections
    assert connection.header.url == f"ws://{path}"
    assert [(frame.is_binary, frame.data) for frame in connection.frames] == [
        (False, SETUP.encode()),
        (True, COMPLETE.encode()),
    ]
    assert [frame.at for frame in connection.frames] == pytest.approx([0.027, 0.051], abs=0.001)


def test_other_sockets_of_a_page_are_left_out() -> None:
    with pytest.raises(LineError, match="no connection to the Live API"):
        read_har(archive(message("send", "hello"), url="wss://host/chat"))
    assert read_har(archive(message("send", SETUP), url="wss://host/own/path")).connections


@in_one_test("data", [b"", b"[]", b"{}", b'{"log": {"entries": 1}}', b'{"log": \xff}', b"[" * 100_000, archive(url=3)])
def test_what_is_no_archive_is_refused(data: bytes) -> None:
    with pytest.raises(LineError, match="not a HAR file"):
        read_har(data)


def test_a_time_that_cannot_be_is_refused() -> None:
    with pytest.raises(LineError, match="a time is between"):
        read_har(archive(message("send", SETUP), message("receive", COMPLETE, 1e300)))


def test_a_recording_comes_back_as_it_was() -> None:
    close = RecordedClose(1008, "Bye\nbye", By.SERVER, 2.5)
    header = Header("vertex", "m", URL, "livecli/1", "2026-11-28T10:00:00Z")
    frames = [
        Frame(Direction.CLIENT, SETUP.encode(), 0.0),
        Frame(Direction.SERVER, b'{"a": "\xc3\xa9"}', 0.812345, True),
    ]
    recording = Recording([RecordedConnection(header, frames, close), RecordedConnection(Header(), frames[:1])])
    written = b"".join(write_har(recording))
    assert read_har(written) == recording
    [entry, _] = json.loads(written)["log"]["entries"]
    assert entry["_resourceType"] == "websocket"
    assert entry["time"] == 2500
    assert [each["time"] for each in entry["_webSocketMessages"]] == [1795860000.0, 1795860000.812345]
    assert [each["opcode"] for each in entry["_webSocketMessages"]] == [1, 2]
