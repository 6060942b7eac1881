"""Usage errors of `send`: they are found before the first session, and are lines on standard error alone."""

from __future__ import annotations

import pytest

from livecli.errors import FileError
from livecli.media.sound_devices import speaker_sink
from livecli.media.sound_devices.devices import Device, DeviceKind
from tests.end_to_end.conftest import tone, write_wav
from tests.live_server import live_server

TOOL = '[[tool]]\nname = "f"\ncommand = "true"\nblocking = false\n'

WRONG = {
    "thinking": ("--model", "gemini-3.8-live", "--thinking", "high"),
    "functions": ("--model", "gemini-3.1-flash-live-preview", "--tools", "tools.toml"),
    "a model": ("--model", "a b"),
    "a project": ("--platform", "vertex", "--project", "a/b"),
    "a price": ("--model", "a-model", "--max-cost", "1"),
    "a speaker": ("--play", "--device", "no such"),
}
MANY = {"one after another": (), "three at once": ("--jobs", "3")}


@pytest.fixture
def send(livecli, tmp_path, monkeypatch):
    """Send three files to a server, and return what came of it and the number of connections."""
    monkeypatch.setattr(
        speaker_sink, "list_devices", lambda: [Device(0, "speaker", DeviceKind.PLAYBACK, is_default=True)]
    )
    (tmp_path / "tools.toml").write_text(TOOL)
    for number in range(3):
        write_wav(tmp_path / f"q{number}.wav", tone(800))

    def run(*words):
        connections = []

        def handle(connection):
            connections.append(connection)
            connection.take_spoken_turn(tone(800))

        with live_server(handle) as server:
            ran = livecli("send", *words, "--base-url", server.url, "--json", "--speed", 0)
        return ran, len(connections)

    return run


@pytest.mark.parametrize("many", MANY.values(), ids=MANY)
@pytest.mark.parametrize("words", WRONG.values(), ids=WRONG)
def test_of_many(send, tmp_path, words, many):
    ran, connections = send("q0.wav", "q1.wav", "q2.wav", *many, *words)
    assert (ran.status, ran.out, connections) == (2, "", 0), ran.err
    assert ran.err.count("error: ") == 1
    assert not list(tmp_path.glob("*.reply*"))


@pytest.mark.parametrize("words", WRONG.values(), ids=WRONG)
def test_of_one(send, words):
    if "--max-cost" in words:
        words = (*words, "--jobs", "1")
    ran, connections = send("q0.wav", *words)
    assert (ran.status, ran.out, connections, ran.err.count("error: ")) == (2, "", 0, 1), ran.err
    assert "connecting" not in ran.err


def test_what_is_no_usage_error_belongs_to_each_input(send, monkeypatch):
    """No speaker at all is a file error, and a missing credential one of its own: each input has its line."""

    def fail():
        raise FileError("there are no sound devices here")

    monkeypatch.setattr(speaker_sink, "list_devices", fail)
    ran, connections = send("q0.wav", "q1.wav", "q2.wav", "--play", "--device", "a")
    assert (ran.status, [summary["exit_code"] for summary in ran.summaries], connections) == (3, [3, 3, 3], 0)


def test_a_missing_credential_is_looked_for_once(livecli, send, stand_in, monkeypatch):
    monkeypatch.setenv("GCE_METADATA_HOST", stand_in.host)
    monkeypatch.delenv("LIVECLI_BASE_URL", raising=False)
    ran = livecli("send", "q0.wav", "q1.wav", "q2.wav", "--jobs", 2, "--json")
    errors = [summary["error"] for summary in ran.summaries]
    assert (ran.status, len(stand_in.asked), len(errors)) == (4, 1, 3), ran.err
    assert {error["message"] for error in errors} == {"no credential found"}
