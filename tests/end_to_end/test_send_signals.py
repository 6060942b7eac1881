"""Signals at any moment of a run: an older reply stays as it was until the new one is whole, and nothing else is left.

Some moments are tried here, and hundreds in `make soak`.
"""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.end_to_end.conftest import read_wav, tone, write_wav
from tests.end_to_end.test_send_killed import OLDER, RATE, REPLY, speak
from tests.fork_server import PASSED_ON
from tests.live_server import Connection, LiveServer, live_server
from tests.sound_server import until

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has other signals")

SIGNALS = (
    {}
    if sys.platform == "win32"
    else {
        "KILL": -signal.SIGKILL,
        "TERM": 128 + signal.SIGTERM,
        "INT": 128 + signal.SIGINT,
        "HUP": 128 + signal.SIGHUP,
        "PIPE": 0,
        "QUIT": -signal.SIGQUIT,
        "STOP": 0,
        "USR1": -signal.SIGUSR1,
        "ALRM": -signal.SIGALRM,
    }
)
"""The exit status of a run that gets a signal. It ignores one, and is continued after another."""


def answer(made: Connection) -> None:
    speak(made)
    made.content(turnComplete=True)
    made.drain()


class Runs:
    """Runs of `send` against one server, each in a folder of its own, where there is an older reply."""

    def __init__(self, spawn, fork, folder: Path, server: LiveServer) -> None:
        self._spawn, self._fork, self._folder, self._server = spawn, fork, folder, server
        self._count = 0

    def start(self, begin) -> tuple[subprocess.Popen[bytes], Path]:
        self._count += 1
        folder = self._folder / f"run{self._count}"
        folder.mkdir()
        write_wav(folder / "q.wav", tone(1_600))
        write_wav(folder / "q.reply.wav", OLDER)
        words = ("send", "q.wav", "--base-url", self._server.url, "--speed", 0, "-q", "--no-transcripts")
        return begin(*words, cwd=folder), folder

    def signal_in_reply(self, name: str, chance: random.Random) -> None:
        """Send a signal once so much of the reply has come."""
        process, folder = self.start(self._fork if f"SIG{name}" in PASSED_ON else self._spawn)
        partial, length = folder / "q.reply.partial.wav", chance.randrange(len(REPLY))
        until(lambda: size(partial) >= length or process.poll() is not None, "the reply did not come")
        status = self._signalled(process, name)
        check(folder)
        is_whole = read_wav(folder / "q.reply.wav")[1] == REPLY
        assert status == (0 if is_whole else SIGNALS[name])

    def signal_after(self, name: str, chance: random.Random) -> None:
        """Send a signal some time after the start, as soon as while Python starts, where livecli does not handle it."""
        process, folder = self.start(self._spawn)
        time.sleep(chance.uniform(0, 0.6))
        self._signalled(process, name)
        check(folder)

    def _signalled(self, process: subprocess.Popen[bytes], name: str) -> int:
        process.send_signal(getattr(signal, f"SIG{name}"))
        if name == "STOP":
            time.sleep(0.1)
            process.send_signal(signal.SIGCONT)
        return process.wait(20)


def size(path: Path) -> int:
    with suppress(FileNotFoundError):
        return path.stat().st_size
    return 0


def check(folder: Path) -> None:
    """The reply is the older one or the whole new one, what is incomplete can be played, and nothing else is there."""
    assert read_wav(folder / "q.reply.wav") in [(16_000, OLDER), (RATE, REPLY)]
    partial = folder / "q.reply.partial.wav"
    # A run that was killed before the first audio leaves an empty file.
    if size(partial):
        rate, part = read_wav(partial)
        assert (rate, part) == (RATE, REPLY[: len(part)])
    assert {path.name for path in folder.iterdir()} <= {"q.wav", "q.reply.wav", partial.name}


@pytest.fixture
def runs(spawn, fork, tmp_path: Path) -> Iterator[Runs]:
    with live_server(answer) as server:
        yield Runs(spawn, fork, tmp_path, server)


@pytest.mark.parametrize("name", SIGNALS)
def test_signals(runs: Runs, name: str) -> None:
    chance = random.Random(9)
    runs.signal_in_reply(name, chance)
    runs.signal_after(name, chance)
