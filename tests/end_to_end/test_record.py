"""`--record` of send, chat and serve: every frame of each connection, without secrets."""

from __future__ import annotations

import contextlib
import json
import random
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from livecli.console.recording import SessionRecording
from livecli.protocol.endpoint import Endpoint
from livecli.protocol.platform import Platform
from livecli.recording.conversion import read_recording
from livecli.recording.format import By, RecordedConnection, read_live
from livecli.recording.redaction import Redactor
from livecli.recording.validation import problems
from livecli.recording.writer import DiskThread, LiveFile
from livecli.report.reporter import Reporters
from livecli.report.summary import Summary
from tests.end_to_end.conftest import tone, write_wav

Livecli = Callable[..., Any]


def connections(path: Path) -> list[RecordedConnection]:
    return read_live(path.read_bytes()).connections


def kinds(connection: RecordedConnection) -> list[str]:
    """The first key of each frame, those of the client with a `>` before it, repeated ones once."""
    found: list[str] = []
    for frame in connection.frames:
        kind = f"{'>' if frame.direction == '>' else ''}{next(iter(json.loads(frame.data)), None)}"
        found += [kind] if found[-1:] != [kind] else []
    return found


def test_send_records_every_frame_and_the_close(livecli: Livecli, tmp_path: Path) -> None:
    ran = livecli("send", "--local", "--sample", "-q", "--speed", 0, "--record", "run.live", "--json")
    [connection] = connections(tmp_path / "run.live")
    header = connection.header
    assert (header.platform, header.model) == ("vertex", "gemini-3.8-live")
    assert (header.client or "").startswith("livecli/")
    assert (header.url or "").startswith("ws://127.0.0.1:")
    assert kinds(connection)[:3] == [">setup", "setupComplete", ">realtimeInput"]
    sent = [frame for frame in connection.frames if frame.direction == ">" and b'"audio"' in frame.data]
    assert len(sent) == ran.summary["sent"]["chunks"]
    assert {frame.is_binary for frame in sent} == {False}
    assert {frame.is_binary for frame in connection.frames if frame.direction == "<"} == {True}
    assert connection.close is not None
    assert (connection.close.code, connection.close.by) == (1000, By.CLIENT)


def test_a_session_on_two_connections_is_one_recording(livecli: Livecli, tmp_path: Path) -> None:
    words = ("--fault", "drop@reply:2#1", "--record", "kept/")
    assert livecli("send", "--local", "--sample", "-q", "--speed", 0, *words).status == 0
    [path] = (tmp_path / "kept").iterdir()
    first, second = connections(path)
    assert first.close is not None
    assert (first.close.code, first.close.by) == (1006, By.NETWORK)
    assert "sessionResumption" in second.frames[0].data.decode()


def test_each_input_of_several_has_a_recording(livecli: Livecli, tmp_path: Path) -> None:
    for name in ("a.wav", "b.wav"):
        write_wav(tmp_path / name, tone(1600))
    assert livecli("send", "--local", "a.wav", "b.wav", "-q", "--jobs", 2, "--record", "kept/").status == 0
    assert sorted(path.name for path in (tmp_path / "kept").iterdir()) == ["a.live", "b.live"]
    assert all(len(connections(path)) == 1 for path in (tmp_path / "kept").iterdir())


def test_a_chat_is_recorded_until_its_end(converse: Livecli, tmp_path: Path) -> None:
    assert converse("one\ntwo\n", "--local", "-q", "--record", "talk.live").status == 0
    [connection] = connections(tmp_path / "talk.live")
    texts = [frame for frame in connection.frames if frame.direction == ">" and b'"text"' in frame.data]
    assert len(texts) == 2
    assert connection.close is not None


def test_the_emulator_records_each_session(livecli_and_children: Livecli, tmp_path: Path) -> None:
    command = 'livecli() { "$0" -m livecli "$@"; }; livecli send --text one -q; livecli send --text two -q --model nope'
    ran = livecli_and_children("serve", "-q", "--record", "kept", "--", "sh", "-c", command, sys.executable)
    assert ran.status == 6
    first, second = (connections(path)[0] for path in sorted((tmp_path / "kept").iterdir()))
    assert first.close is not None
    assert (first.close.code, first.close.by) == (1000, By.CLIENT)
    assert (first.header.client or "").startswith("livecli/")
    assert second.close is not None
    assert (second.header.model, second.close.code, second.close.by) == ("nope", 1008, By.SERVER)


def test_no_secret_gets_in(livecli: Livecli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key = "AQ.a-key-of-another-shape-0123456789"
    monkeypatch.setenv("GOOGLE_API_KEY", key)
    (tmp_path / "s.toml").write_text(f'[[turn]]\ncall = {{name = "f", args = {{a = "{key}"}}}}\nthen = "so, {key}."\n')
    words = ("--script", "s.toml", "--tool", f"f=echo {key}", "--system", f"say {key}", "--record", "run.live")
    ran = livecli("send", "--local", "--text", f"is it {key}?", "-q", *words)
    assert ran.status == 0
    recorded = (tmp_path / "run.live").read_text()
    assert "toolResponse" in recorded
    assert key[8:] not in recorded


def test_ids_are_renamed(livecli: Livecli, tmp_path: Path) -> None:
    livecli("send", "--local", "--text", "hi", "-q", "--record", "run.live", "--record-anonymous", "--project", "mine")
    [connection] = connections(tmp_path / "run.live")
    assert json.loads(connection.frames[0].data)["setup"]["model"].startswith("projects/project-1/")
    assert json.loads(connection.frames[1].data)["setupComplete"]["sessionId"].startswith("id-")


@pytest.mark.parametrize(
    ("words", "status", "problem"),
    [
        (("send", "--record", "run.txt"), 2, "--record run.txt: a recording is a .live file, or in a folder"),
        (("send", "a.wav", "b.wav", "--record", "run.live"), 2, "with several inputs --record names a folder"),
        (("send", "--sample", "--runs", "2", "--record", "run.live"), 2, "with several runs --record names a folder"),
        (("send", "--record-anonymous"), 2, "--record-anonymous is for a recording"),
        (("send", "--record", "run.live", "--events", "run.live"), 2, "--record run.live would overwrite"),
        (("send", "--local", "--text", "hi", "--record", "no/run.live"), 3, "cannot write no/run.live: No such file"),
        (("send", "--local", "--text", "hi", "--record", "file/x/"), 3, "cannot make the folder file/x: Not a dir"),
        (("send", "--local", "--text", "hi", "--record", f"{300 * 'x'}.live"), 3, "cannot write xxx"),
        (("serve", "--record", "file/x", "--", "true"), 3, "cannot make the folder file/x: Not a dir"),
        (("serve", "--record-anonymous", "--", "true"), 2, "--record-anonymous is for recordings"),
    ],
)
def test_what_cannot_be_recorded_is_said_first(
    livecli: Livecli, tmp_path: Path, words: tuple[str, ...], status: int, problem: str
) -> None:
    (tmp_path / "file").write_text("")
    ran = livecli(*words)
    assert (ran.status, ran.err.splitlines()[0][7 : 7 + len(problem)]) == (status, problem)


def test_a_credential_of_the_connection_is_a_secret_too(tmp_path: Path) -> None:
    token = "a-token-of-the-metadata-server-0123456789"
    with DiskThread(pytest.fail) as disk:
        recording = SessionRecording(lambda: LiveFile(tmp_path / "run.live", disk), Redactor())
        reporter = Reporters(recording)
        reporter.connecting(Endpoint(Platform.VERTEX, "gemini-3.8-live", "wss://host/ws", "p/models/gemini-3.8-live"))
        reporter.authorised([token])
        reporter.frame("sent", json.dumps({"setup": {"model": "m", "systemInstruction": token}}).encode(), 0.0)
        reporter.closed("received", 1008, f"not {token}", 1.0)
        reporter.finished(Summary(""))
    [connection] = connections(tmp_path / "run.live")
    assert json.loads(connection.frames[0].data) == {"setup": {"model": "m", "systemInstruction": "…"}}
    assert connection.close is not None
    assert connection.close.reason == "not …"


def test_audio_in_files_beside_it_is_the_same(livecli: Livecli, tmp_path: Path) -> None:
    words = ("--local", "--sample", "-q", "--speed", 0, "-o", "reply.wav")
    assert livecli("send", *words, "--record", "run.live", "--record-audio", "flac").status == 0
    assert sorted(path.name for path in tmp_path.glob("run.*")) == [
        "run.live",
        "run.received-24000.flac",
        "run.sent-16000.flac",
    ]
    assert livecli("recording", "validate", "run.live").status == 0
    assert livecli("send", "--text", "x", "--record-audio", "flac", "--local").status == 2


def kill_while_recording(spawn: Callable[..., Any], folder: Path, chance: random.Random) -> None:
    """Kill a run within two seconds after its recording began, and read what there is of it."""
    path = folder / f"{chance.random()}.live"
    words = ("--local", "--sample", "-q", "--pace", "burst", "-o", "-", "--raw-output", "--record", path)
    process = spawn("send", *words, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 30
    while not path.exists():
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.001)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(chance.uniform(0, 2))
    process.kill()
    process.wait()
    recording = read_recording(str(path))
    [connection] = recording.connections
    assert connection.header.model == "gemini-3.8-live"
    # It may have been killed between the header and the setup.
    assert [*problems(recording)] == ([] if connection.frames else [(0, "connection 1 has no frame")])
    assert len(path.read_bytes().splitlines()) - 3 <= len(connection.frames)


def test_a_recording_can_be_read_after_its_process_was_killed(spawn: Callable[..., Any], tmp_path: Path) -> None:
    chance = random.Random(4)
    for _ in range(3):
        kill_while_recording(spawn, tmp_path, chance)
