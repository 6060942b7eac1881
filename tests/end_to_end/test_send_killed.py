"""Killed at whatever moment, a run leaves a reply that opens, and an older one as it was."""

from __future__ import annotations

import random
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy
import pytest

from tests.end_to_end.conftest import read_wav, tone, write_wav
from tests.live_server import Connection, live_server
from tests.sound_server import until

RUNS = 6
RATE = 24_000
OLDER = bytes(range(200))
REPLY = numpy.random.default_rng(5).integers(-9_000, 9_000, 20 * RATE).astype("<i2").tobytes()
PIECE = 1_000
"""Bytes of sound in a message."""


def speak(connection: Connection) -> None:
    """Say all of the reply, as fast as it is taken."""
    connection.set_up()
    connection.hear()
    for start in range(0, len(REPLY), PIECE):
        connection.audio(REPLY[start : start + PIECE])


@pytest.fixture
def started(spawn, tmp_path):
    """Start a `send` in a folder of its own, where there is an older reply."""

    def start(url: str, name: str = "run"):
        folder = tmp_path / name
        folder.mkdir()
        write_wav(folder / "q.wav", tone(1_600))
        write_wav(folder / "q.reply.wav", OLDER)
        words = ("send", "q.wav", "--base-url", url, "--speed", 0, "-q")
        return spawn(*words, cwd=folder), folder

    return start


def size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def kill(process) -> None:
    process.kill()
    assert process.wait(10) == -signal.SIGKILL


@pytest.mark.timeout(120)
def test_in_the_middle_of_the_reply(started) -> None:
    def speak_without_end(connection: Connection) -> None:
        speak(connection)
        connection.drain()

    def kill_at(number: int, length: int) -> int:
        process, folder = started(server.url, f"run{number}")
        partial = folder / "q.reply.partial.wav"
        until(lambda: size(partial) >= length, lambda: f"{size(partial)} bytes of {length}")
        kill(process)
        assert read_wav(folder / "q.reply.wav") == (16_000, OLDER)
        rate, part = read_wav(partial)
        assert (rate, part) == (RATE, REPLY[: len(part)])
        return len(part)

    lengths = random.Random(5).sample(range(len(REPLY)), RUNS)
    with live_server(speak_without_end) as server, ThreadPoolExecutor(4) as several:
        kept = list(several.map(kill_at, range(RUNS), lengths))
    assert len({length for length in kept if 0 < length < len(REPLY)}) > RUNS // 3, "kills landed during the reply"


def test_before_the_reply(started) -> None:
    asked = threading.Event()

    def listen(connection: Connection) -> None:
        connection.set_up()
        connection.hear()
        asked.set()
        connection.drain()

    with live_server(listen) as server:
        process, folder = started(server.url)
        assert asked.wait(20)
        kill(process)
    assert read_wav(folder / "q.reply.wav") == (16_000, OLDER)
    assert size(folder / "q.reply.partial.wav") == 0


def test_after_the_reply(started) -> None:
    def answer(connection: Connection) -> None:
        speak(connection)
        connection.content(turnComplete=True)
        connection.drain()

    with live_server(answer) as server:
        process, folder = started(server.url)
        until(lambda: size(folder / "q.reply.wav") > len(REPLY), "the reply did not come")
        process.kill()
        process.wait(10)
    assert read_wav(folder / "q.reply.wav") == (RATE, REPLY)
    assert not (folder / "q.reply.partial.wav").exists()
