"""Standard streams that cannot be written: full, closed, or in an encoding without our characters."""

import json
import os
import subprocess
import sys
import threading
import time

import pytest

from tests.end_to_end.conftest import read_wav, tone
from tests.live_server import Connection, live_server

REPLY = tone(2400, 24_000)
TO_STDOUT = [
    ["--version"],
    ["auth", "status", "--local"],
    ["send", "--sample", "--dry-run", "--local"],
    ["send", "--sample", "--json"],
    ["send", "--sample", "--events", "-"],
    ["send", "--sample", "-o", "-"],
    ["serve", "--port", 0, "--tls-port", 0],
]


def answer(connection: Connection) -> None:
    connection.take_spoken_turn(REPLY)


@pytest.fixture
def server(monkeypatch):
    with live_server(answer) as running:
        monkeypatch.setenv("LIVECLI_BASE_URL", running.url)
        yield running


@pytest.fixture
def closing(tmp_path):
    """Run a command line with a standard stream closed, which only a shell can do."""

    def run(descriptor, *argv, typed=None):
        command = ["sh", "-c", f'exec "$@" {descriptor}>&-', "sh", sys.executable, "-m", "livecli", *map(str, argv)]
        return subprocess.run(command, cwd=tmp_path, input=typed, capture_output=True, timeout=30)

    return run


@pytest.mark.parametrize(
    ("argv", "unbuffered"),
    [*((argv, "") for argv in [*TO_STDOUT, ["--help"], ["send", "--help"]]), *((argv, "1") for argv in TO_STDOUT[:4])],
)
def test_a_full_disk_behind_standard_output(spawn, server, argv, unbuffered):
    with open("/dev/full", "w") as full:
        process = spawn(*argv, stdout=full, env={**os.environ, "PYTHONUNBUFFERED": unbuffered})
        _, err = process.communicate(timeout=30)
    assert process.returncode == 3, err
    assert b"cannot write standard output: No space left on device" in err
    assert b"Traceback" not in err
    assert b"Exception ignored" not in err


@pytest.mark.parametrize("argv", TO_STDOUT)
def test_standard_output_that_is_closed(closing, server, argv):
    ran = closing(1, *argv)
    assert ran.returncode == 3, ran.stderr
    assert b"standard output is closed" in ran.stderr
    assert b"Traceback" not in ran.stderr


@pytest.mark.parametrize("argv", [["chat", "--json"], ["chat", "--events", "-"], ["send", "--text", "hi", "--json"]])
def test_no_session_is_opened_for_lines_that_cannot_be_written(closing, argv):
    ran = closing(1, *argv, "--local", typed=b"hello\n")
    assert (ran.returncode, ran.stderr) == (3, b"error: standard output is closed\n")


def test_a_chat_whose_standard_output_is_closed(closing):
    ran = closing(1, "chat", "--local", typed=b"hello\n")
    assert ran.returncode == 3, ran.stderr
    assert b"error: standard output is closed" in ran.stderr
    assert b"Traceback" not in ran.stderr


def test_standard_error_that_is_closed_or_full_costs_nothing(closing, spawn, server, tmp_path):
    ran = closing(2, "send", "--speed", 0, "--json", "-o", "closed.wav")
    assert (ran.returncode, json.loads(ran.stdout)["output"]) == (0, "closed.wav")
    assert closing(2, "send", "missing.wav").returncode == 3
    with open("/dev/full", "w") as full:
        process = spawn("send", "--sample", "--speed", 0, "-v", "-o", "full.wav", stderr=full)
        process.communicate(timeout=30)
    assert process.returncode == 0
    assert read_wav(tmp_path / "closed.wav") == read_wav(tmp_path / "full.wav") == (24_000, REPLY)


def test_a_full_disk_behind_events(livecli, server):
    ran = livecli("send", "--speed", 0, "--events", "/dev/full")
    assert ran.status == 3
    assert ran.err.count("cannot write /dev/full: No space left on device") == 1


def test_a_locale_without_our_characters(spawn):
    process = spawn(
        "send", "--sample", "--dry-run", env={**os.environ, "PYTHONIOENCODING": "ascii", "GEMINI_API_KEY": "k" * 30}
    )
    out, err = process.communicate(timeout=30)
    assert process.returncode == 0, err
    assert b"x-goog-api-key: \\u2026" in out


def test_a_reader_who_pauses_is_no_silent_server(livecli, monkeypatch, tmp_path):
    """Neither by the idle timeout nor by pings, whose answers lie behind what has not been read."""
    monkeypatch.setattr("livecli.client.connection.PING_SECONDS", 0.1)
    monkeypatch.setattr("livecli.client.connection.PONG_SECONDS", 0.1)
    parts, part = 400, bytes(48_000)  # more than all the buffers on the way hold

    def talk(connection: Connection) -> None:
        connection.set_up()
        connection.hear()
        for _ in range(parts):
            connection.audio(part)
        connection.content(turnComplete=True)
        connection.drain()

    def read() -> None:
        with open(tmp_path / "fifo", "rb") as fifo:
            fifo.read(1000)
            time.sleep(1)  # several times what either timeout allows
            read.bytes = 1000 + len(fifo.read())

    os.mkfifo(tmp_path / "fifo")
    reading = threading.Thread(target=read)
    reading.start()
    with live_server(talk) as server:
        ran = livecli("send", "--speed", 0, "-o", "fifo", "--idle-timeout", 0.3, "--base-url", server.url)
    reading.join(30)
    assert ran.status == 0, ran.err
    assert read.bytes == 44 + parts * len(part)
