"""Recordings of every format into every other one, without secrets."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from livecli.errors import FileError, UsageError
from livecli.recording.conversion import FORMATS, cleaned, parse_recording, read_recording, rendered
from livecli.recording.format import By, Direction, Frame, Header, RecordedClose, RecordedConnection, Recording
from livecli.recording.validation import problems
from tests.cases import in_one_test
from tests.emulator.recorded import NAMES, recorded_log
from tests.recorded_sessions import FOLDER

RECORDED = {path.name: path.read_bytes() for path in sorted(FOLDER.glob("*.live"))}
RECORDED |= {f"{name}.websocket.log": recorded_log(name) for name in NAMES}


def told(recording: Recording) -> list[tuple[Direction, object]]:
    return [(frame.direction, json.loads(frame.data)) for frame in recording.frames]


@pytest.mark.parametrize("extension", FORMATS)
@pytest.mark.parametrize("name", RECORDED)
def test_every_recording_of_the_service_comes_back_from_every_format(name: str, extension: str) -> None:
    recording = parse_recording(name, RECORDED[name])
    back = parse_recording(f"x{extension}", b"".join(rendered(f"x{extension}", recording)))
    assert told(back) == told(recording)
    assert [(each.header.platform, each.header.model) for each in back.connections] == [
        (each.header.platform, each.header.model) for each in recording.connections
    ]


@pytest.mark.parametrize(
    ("setup", "platform"),
    [
        ("models/gemini-x", "developer"),
        ("publishers/google/models/gemini-x", "vertex"),
        ("projects/REDACTED/locations/REDACTED/publishers/google/models/gemini-x", "vertex"),
        ("gemini-x", None),
    ],
)
def test_the_platform_and_the_model_are_known_from_the_setup(setup: str, platform: str | None) -> None:
    [connection] = parse_recording("x.log", b'>1 {"setup": {"model": "%s"}}\n' % setup.encode()).connections
    assert connection.header == Header(platform=platform, model="gemini-x")


def test_a_log_with_several_setups_has_several_connections() -> None:
    log = b'>1 {"setup": {}}\n<1 {"setupComplete": {}}\n>1 {"setup": {}}\n<1 {"setupComplete": {}}\n<1 {"setup": 1}\n'
    assert [len(each.frames) for each in parse_recording("x.websocket.log", log).connections] == [2, 3]


@in_one_test("name", ["session.txt", "session", "SESSION.LIVE.BAK"])
@in_one_test("data", [*list(RECORDED.values())[:1], *list(RECORDED.values())[-1:]])
def test_another_extension_leaves_the_format_to_the_content(name: str, data: bytes) -> None:
    assert [*parse_recording(name, data).frames]


@pytest.mark.parametrize("data", [b"", b"RIFF\x10\0\0\0WAVE", b"a word\n"])
def test_a_file_that_is_no_recording_is_told_so(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "question.wav").write_bytes(data)
    with pytest.raises(FileError, match=r"question\.wav:1: not a recording") as error:
        read_recording(str(tmp_path / "question.wav"))
    assert error.value.hint == "the extension of one is .live, .har, .websocket.log, .yaml"


def test_a_name_that_is_no_recording_cannot_be_written() -> None:
    with pytest.raises(UsageError, match=r"run\.json is not named as a recording"):
        rendered("run.json", Recording())


def test_a_wrong_file_is_named_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "x.live").write_text('{"livecli": 1}\nnonsense\n')
    with pytest.raises(FileError, match=r"x\.live:2: "):
        read_recording(str(tmp_path / "x.live"))
    with pytest.raises(FileError, match="cannot read"):
        read_recording(str(tmp_path / "y.live"))


def test_secrets_are_removed_everywhere() -> None:
    secret = "s3cret-of-this-process"
    frame = Frame(Direction.CLIENT, json.dumps({"setup": {"systemInstruction": secret}}).encode())
    header = Header(url=f"wss://host/ws?key={secret}", client=f"agent {secret}")
    recording = Recording([RecordedConnection(header, [frame], RecordedClose(1008, secret, By.SERVER, 1.0))])
    assert secret not in repr(cleaned(recording, [secret]))


def test_the_archive_of_a_real_chromium_is_read() -> None:
    """`chromium.har` was saved by the network panel of Chromium 156: a page that talks to the emulator."""
    data = (FOLDER / "chromium.har").read_bytes()
    assert b"?key=AIza" in data
    [connection] = cleaned(parse_recording("chromium.har", data)).connections
    header = connection.header
    assert (header.platform, header.model) == ("developer", "gemini-3.8-live")
    assert (header.url or "").endswith("GenerativeService.BidiGenerateContent")
    assert "HeadlessChrome/156" in (header.client or "")
    assert [frame.is_binary for frame in connection.frames[:2]] == [False, True]
    times = [frame.at or 0.0 for frame in connection.frames]
    assert times == sorted(times)
    assert b"AIza" not in b"".join(frame.data for frame in connection.frames)
    assert not [*problems(Recording([connection]))]
