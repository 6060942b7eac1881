"""The audio of a recording in FLAC files beside it."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import soundfile

from livecli.errors import FileError
from livecli.recording.conversion import read_recording
from livecli.recording.format import By, Direction, Header, read_live
from livecli.recording.redaction import Redactor
from livecli.recording.writer import DiskThread, LiveFile, Recorder

LOUD = bytes(range(250)) * 8


def blob(data: bytes, mime_type: str = "audio/pcm;rate=16000") -> dict[str, str]:
    return {"mimeType": mime_type, "data": base64.b64encode(data).decode()}


def asked(data: bytes, mime_type: str = "audio/pcm;rate=16000") -> tuple[Direction, bytes]:
    return Direction.CLIENT, json.dumps({"realtimeInput": {"audio": blob(data, mime_type)}}).encode()


def answered(data: bytes) -> tuple[Direction, bytes]:
    parts = [{"inlineData": blob(data, "audio/pcm")}, {"text": "words"}]
    return Direction.SERVER, json.dumps({"serverContent": {"modelTurn": {"parts": parts}}}).encode()


FRAMES = [asked(LOUD), asked(LOUD[:500]), answered(LOUD[::-1]), asked(LOUD, "audio/pcm;rate=8000"), asked(LOUD)]


def write(
    path: Path, frames: Sequence[tuple[Direction, bytes]] = FRAMES, look: Callable[[], None] = lambda: None
) -> list[str]:
    """Write a recording, and `look` at it before its end. Returns the warnings."""
    warnings: list[str] = []
    with DiskThread(warnings.append) as disk:
        recorder = Recorder(LiveFile(path, disk, moves_audio=True), Redactor())
        recorder.begin(Header(), 0.0)
        for direction, data in frames:
            recorder.frame(direction, data, 0.0)
        recorder.close(1000, "", By.CLIENT, 1.0)
        written = threading.Event()
        disk.put(written.set)
        assert written.wait(10)
        look()
        recorder.end()
    return warnings


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("run.*"))


def frames_in(path: Path) -> list[bytes]:
    return [frame.data for frame in read_recording(str(path)).frames]


def test_audio_comes_back_as_it_was(tmp_path: Path) -> None:
    assert write(tmp_path / "run.live") == []
    assert names(tmp_path) == ["run.live", "run.received-24000.flac", "run.sent-16000.flac", "run.sent-8000.flac"]
    assert [frame.data for frame in read_recording(str(tmp_path / "run.live")).frames] == [data for _, data in FRAMES]
    places = [json.loads(frame.data) for frame in read_live((tmp_path / "run.live").read_bytes()).frames]
    assert places[1]["realtimeInput"]["audio"]["data"] == {
        "file": "run.sent-16000.flac",
        "offset": 1000,
        "samples": 250,
    }
    assert places[4]["realtimeInput"]["audio"]["data"]["offset"] == 1250
    sound, rate = soundfile.read(tmp_path / "run.sent-16000.flac", dtype="int16")
    assert (sound.tobytes(), rate) == (LOUD + LOUD[:500] + LOUD, 16_000)
    assert {path.stat().st_mode & 0o777 for path in tmp_path.glob("run.*")} == {0o600}


def test_it_can_be_read_before_the_end(tmp_path: Path) -> None:
    seen: list[object] = []
    write(tmp_path / "run.live", look=lambda: seen.extend([names(tmp_path), frames_in(tmp_path / "run.live")]))
    assert seen == [
        ["run.live", "run.received-24000.pcm", "run.sent-16000.pcm", "run.sent-8000.pcm"],
        [data for _, data in FRAMES],
    ]


def test_a_recording_replaces_the_audio_of_the_one_before(tmp_path: Path) -> None:
    path, seen = tmp_path / "run.live", list[list[bytes]]()
    write(path)
    write(path, [asked(LOUD[:100])], lambda: seen.append(frames_in(path)))
    assert seen == [frames_in(path)] == [[asked(LOUD[:100])[1]]]


@pytest.mark.parametrize(
    "frame",
    [
        asked(b"odd"),
        asked(b""),
        asked(LOUD, "image/png"),
        asked(LOUD, "audio/pcm;rate=1"),
        (Direction.CLIENT, b'{"realtimeInput": {"audio": {"mimeType": "audio/pcm", "data": "not base64"}}}'),
        (Direction.CLIENT, b'{"realtimeInput": {"audio": {"mimeType": "audio/pcm", "data": "AA=="}}}'),
        (Direction.SERVER, b'{"serverContent": {"outputTranscription": {"text": "data"}}}'),
    ],
)
def test_what_would_not_come_back_stays_in_its_line(tmp_path: Path, frame: tuple[Direction, bytes]) -> None:
    assert write(tmp_path / "run.live", [frame]) == []
    assert names(tmp_path) == ["run.live"]
    assert [each.data for each in read_live((tmp_path / "run.live").read_bytes()).frames] == [frame[1]]


def test_a_file_that_is_missing_is_named(tmp_path: Path) -> None:
    write(tmp_path / "run.live")
    (tmp_path / "run.sent-8000.flac").unlink()
    with pytest.raises(FileError, match=r"run\.sent-8000\.flac"):
        read_recording(str(tmp_path / "run.live"))


@pytest.mark.parametrize(("offset", "samples"), [(0, 9), (8, 1), (-1, 1), (0, -1)])
def test_audio_that_is_not_in_its_file_is_an_error(tmp_path: Path, offset: int, samples: int) -> None:
    (tmp_path / "run.sent-16000.pcm").write_bytes(bytes(16))
    place = {"file": "run.sent-16000.flac", "offset": offset, "samples": samples}
    frame = json.dumps({"realtimeInput": {"audio": {"mimeType": "audio/pcm", "data": place}}})
    (tmp_path / "run.live").write_text(f'{{"livecli": 1}}\n[0.0, ">", {frame}]\n')
    with pytest.raises(FileError, match=rf"run\.sent-16000\.flac has no {samples} samples from {offset} on"):
        read_recording(str(tmp_path / "run.live"))


@pytest.mark.parametrize("name", ["../secret.flac", "secret\0.flac"])
def test_no_file_elsewhere_is_read(tmp_path: Path, name: str) -> None:
    place = {"file": name, "offset": 0, "samples": 1}
    frame = json.dumps({"realtimeInput": {"audio": {"mimeType": "audio/pcm", "data": place}}})
    (tmp_path / "run.live").write_text(f'{{"livecli": 1}}\n[0.0, ">", {frame}]\n')
    [read] = read_recording(str(tmp_path / "run.live")).frames
    assert json.loads(read.data) == json.loads(frame)


def test_audio_that_cannot_be_written_ends_the_recording_with_a_warning(tmp_path: Path) -> None:
    (tmp_path / "run.sent-16000.pcm").mkdir()
    [warning] = write(tmp_path / "run.live")
    assert warning == f"cannot write {tmp_path / 'run.live'}: Is a directory; the recording ends here"


def test_audio_that_cannot_become_flac_stays_pcm(tmp_path: Path) -> None:
    (tmp_path / "run.sent-16000.flac.partial").mkdir()
    [warning] = write(tmp_path / "run.live", FRAMES[:2])
    assert "its audio stays PCM: Is a directory" in warning
    assert [each.data for each in read_recording(str(tmp_path / "run.live")).frames] == [d for _, d in FRAMES[:2]]
