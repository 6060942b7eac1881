"""A known key, token and handle, planted in every place: no command shows one in any mode, whatever goes wrong."""

from __future__ import annotations

import json
import os
import re
import sys
import threading
import time
import traceback
from pathlib import Path

import pytest

import livecli
from livecli.client import bisect, diagnosis, retry
from livecli.emulator.access import RequiredCredentials
from tests.live_server import Connection, live_server
from tests.serving import serving

KEY = "AIzaNotToBeSeen0123456789abcdefghijklmnop"
TOKEN = "ya29.NotToBeSeen" + 40 * "0123456789"
HANDLE = "HandleNotToBeSeen" + 10 * "0123456789"
SECRETS = (KEY, TOKEN[:40], HANDLE)

PLACES = {
    "key": {"GEMINI_API_KEY": KEY},
    "express": {"GOOGLE_API_KEY": KEY, "GOOGLE_GENAI_USE_VERTEXAI": "true"},
    "token": {"LIVECLI_ACCESS_TOKEN": TOKEN, "GOOGLE_CLOUD_PROJECT": "p"},
    "both": {"LIVECLI_ACCESS_TOKEN": TOKEN, "GEMINI_API_KEY": KEY, "GOOGLE_CLOUD_PROJECT": "p"},
}
MODES = {
    "plain": (),
    "quiet": ("-q",),
    "verbose": ("-v",),
    "every event": ("-vv",),
    "debug": ("--debug",),
    "json": ("--json",),
    "events": ("--events", "-"),
    "event file": ("--events", "events.jsonl", "--debug"),
    "explain": ("--explain",),
    "dry run": ("--dry-run", "--debug"),
    "bisect": ("--bisect-setup", "-v"),
}


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch) -> None:
    monkeypatch.setattr(retry, "FIRST_PAUSE_SECONDS", 0.01)


def assert_unseen(text: str, folder: Path) -> None:
    for secret in SECRETS:
        assert secret not in text
        holding = [path for path in folder.rglob("*") if path.is_file() and secret.encode() in path.read_bytes()]
        assert not holding


def hostile(connection: Connection) -> None:
    """Resumes, breaks, and quotes whatever it was given."""
    headers = connection.socket.request.headers
    given = headers.get("x-goog-api-key") or headers.get("Authorization", "").rpartition(" ")[2]
    connection.set_up()
    connection.say({"sessionResumptionUpdate": {"newHandle": HANDLE, "resumable": True}})
    connection.say({"error": {"code": 401, "message": f"{given} is not valid", "status": given}})
    connection.content(outputTranscription={"text": f"you sent {given}"}, inputTranscription={"text": given})
    connection.say({given: {given: given}})
    connection.say({"usageMetadata": {given: 1}})
    connection.say({"toolCall": {"functionCalls": [{"id": "1", "name": given, "args": {"k": given}}]}})
    escaped = "".join(f"\\u{ord(each):04X}" for each in given)
    connection.say(f'{{"serverContent": {{"outputTranscription": {{"text": "escaped: {escaped}"}}}}}}')
    for piece in (given[:20], given[20:]):
        connection.content(outputTranscription={"text": piece}, inputTranscription={"text": piece})
    connection.hear()
    connection.audio(bytes(4_800))
    connection.close(1011, f"Deadline expired before operation could complete. {given}{HANDLE}"[:123])


KINDS = {
    "output_transcript": lambda text: {"outputTranscription": {"text": text}},
    "input_transcript": lambda text: {"inputTranscription": {"text": text}},
    "model_text": lambda text: {"modelTurn": {"parts": [{"text": text}]}},
    "thought": lambda text: {"modelTurn": {"parts": [{"text": text, "thought": True}]}},
}
"""The texts that come in pieces, by the type of their event."""


@pytest.mark.parametrize("mode", ["plain", "verbose", "every event", "debug", "json", "events"])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("place", ["key", "token"])
def test_a_credential_in_pieces(livecli, monkeypatch, speech, place, kind, mode) -> None:
    """In halves and letter by letter: no reader can put it together from events, lines, frames or the answer."""
    for name, text in PLACES[place].items():
        monkeypatch.setenv(name, text)
    [secret] = [text for text in PLACES[place].values() if text in (KEY, TOKEN)]

    def quote(connection: Connection) -> None:
        connection.set_up()
        connection.hear()
        for piece in ("begins ", secret[:20], secret[20:], " ", *secret, " ends"):
            connection.content(**KINDS[kind](piece))
        connection.answer()
        connection.drain()

    with live_server(quote) as server:
        ran = livecli("send", speech, "--base-url", server.url, "--speed", 0, *MODES[mode])
    assert ran.status == 0, ran.err
    if mode == "events":
        events = [json.loads(line) for line in ran.out.splitlines()]
        gathered = "".join(event["text"] for event in events if event["type"] == kind)
        assert (gathered.startswith("begins "), gathered.endswith(" ends")) == (True, True)
    else:
        gathered = re.sub("[^!-~]", "", ran.out + ran.err)
    assert not [at for at in range(len(secret) - 11) if secret[at : at + 12] in gathered.replace("…", "")]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("place", PLACES)
def test_send(livecli, monkeypatch, tmp_path, speech, place, mode) -> None:
    for name, text in PLACES[place].items():
        monkeypatch.setenv(name, text)
    command = ("send", speech, "--speed", 0, "--idle-timeout", 20, *MODES[mode])
    with live_server(hostile) as server:
        ran = livecli(*command, "--base-url", server.url)
        assert mode == "dry run" or len(server.frames) > 1
    assert ran.status == (0 if mode == "dry run" else 6), ran.err
    assert_unseen(ran.out + ran.err, tmp_path)


def test_a_conversation_that_is_kept(converse, monkeypatch, tmp_path) -> None:
    """A piece of an answer is shown when it comes, but the two of them are not put together on the disk."""
    monkeypatch.setenv("GEMINI_API_KEY", KEY)

    def quote(connection: Connection) -> None:
        connection.set_up()
        connection.receive()
        for piece in ("it is ", KEY[:20], KEY[20:]):
            connection.content(outputTranscription={"text": piece})
        connection.answer()
        connection.drain()

    with live_server(quote) as server:
        ran = converse(b"what is my key?\n", "--base-url", server.url, "--save", tmp_path / "kept")
    assert ran.status == 0, ran.err
    assert_unseen("", tmp_path)
    assert [path for path in tmp_path.rglob("*") if path.is_file() and "it is …".encode() in path.read_bytes()]


REFUSALS = {302: 5, 401: 4, 403: 4, 429: 8, 500: 5, 503: 8}


@pytest.mark.parametrize(
    ("place", "answer"), [*(("both", answer) for answer in REFUSALS), ("key", 401), ("express", 401), ("token", 401)]
)
def test_an_upgrade_that_is_refused(livecli, monkeypatch, tmp_path, speech, place, answer) -> None:
    """The service quotes what it was sent, and only that: what else it knows is not ours."""
    for name, text in PLACES[place].items():
        monkeypatch.setenv(name, text)
    [sent] = [TOKEN] if place in ("token", "both") else [KEY]
    body = f'{{"error":{{"message":"{sent} is not valid"}}}}'
    with live_server(hostile, status=answer, body=body) as server:
        for mode, words in MODES.items():
            ran = livecli("send", speech, "--base-url", server.url, "--retries", 1, *words)
            assert ran.status == (0 if mode == "dry run" else REFUSALS[answer]), ran.err
            assert_unseen(ran.out + ran.err, tmp_path)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("debug", [(), ("--debug",)])
def test_a_crash(livecli, monkeypatch, tmp_path, speech, place, debug) -> None:
    for name, text in PLACES[place].items():
        monkeypatch.setenv(name, text)

    def crash(*_: object) -> None:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr(diagnosis, "truncation_warnings", crash)
    with serving(required=RequiredCredentials()) as served:
        ran = livecli("send", speech, "--base-url", served.url, "--speed", 0, *debug)
    assert ran.status == 70
    assert_unseen(ran.out + ran.err + "".join(served.log), tmp_path)


@pytest.mark.parametrize("debug", [(), ("--debug",)])
def test_a_crash_while_a_refusal_is_handled(livecli, monkeypatch, tmp_path, debug) -> None:
    monkeypatch.setenv("GEMINI_API_KEY", KEY)

    def refuse(connection: Connection) -> None:
        connection.receive()
        connection.close(1007, f"{KEY}: Request contains an invalid argument.")

    def crash(*_: object) -> None:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr(bisect, "bisect", crash)
    with live_server(refuse) as server:
        ran = livecli("send", "--text", "a", "--base-url", server.url, "--bisect-setup", *debug)
    assert ran.status == 70
    assert "ConnectionClosedError: received 1007 (invalid frame payload data) …: Request contains" in ran.err
    assert_unseen(ran.out + ran.err, tmp_path)


async def test_the_traceback_of_a_program(monkeypatch, tmp_path, speech) -> None:
    for name, text in PLACES["key"].items():
        monkeypatch.setenv(name, text)
    with live_server(hostile) as server, pytest.raises(livecli.ServerError) as raised:
        await livecli.send(speech, base_url=server.url, speed=0, output=tmp_path / "a.wav")
    error: BaseException | None = raised.value
    told = "".join(traceback.format_exception(error))
    assert "ConnectionClosedError: received 1011" in told
    assert_unseen(told, tmp_path)
    # A program may also print what was being handled when the error was raised.
    while (error := error.__context__) is not None:
        assert_unseen("".join(traceback.format_exception(error)), tmp_path)


@pytest.mark.parametrize(
    "words", [("help", "exit-statuses"), ("--help",), ("send", "--help"), ("--version",), ("auth", "status")]
)
def test_what_only_talks(livecli, monkeypatch, tmp_path, words) -> None:
    for name, text in PLACES["both"].items():
        monkeypatch.setenv(name, text)
    ran = livecli(*words)
    assert ran.status == 0, ran.err
    assert_unseen(ran.out + ran.err, tmp_path)


def test_no_process_list_names_one(spawn, speech, monkeypatch) -> None:
    """Nor does that of the command that `serve` runs."""
    for name, text in PLACES["both"].items():
        monkeypatch.setenv(name, text)
    seen: set[bytes] = set()
    over = threading.Event()

    def watch() -> None:
        while not over.wait(0.002):
            for entry in os.listdir("/proc"):  # noqa: PTH208 - Path.iterdir is slower than what it looks for
                try:
                    seen.add(Path("/proc", entry, "cmdline").read_bytes() if entry.isdecimal() else b"")
                except OSError:
                    continue

    watching = threading.Thread(target=watch)
    watching.start()
    try:
        command = [sys.executable, "-m", "livecli", "send", "speech.wav", "--speed", "20", "--debug"]
        process = spawn("serve", "--", *command)
        out, err = process.communicate(timeout=30)
        time.sleep(0.01)
    finally:
        over.set()
        watching.join(10)
    assert process.returncode == 0, err
    assert any(b"speech.wav" in line for line in seen)
    everything = b"\n".join(seen) + out + err
    assert not [secret for secret in SECRETS if secret.encode() in everything]
