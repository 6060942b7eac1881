"""Fixtures that run command lines: in process through `main([...])`, or as a process, for its streams and signals."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import threading
import time
import wave
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from livecli.__main__ import main

SAMPLE_STEM = "where_is_the_nearest_train_station"
PEAK = Path(__file__).parents[1] / "benchmarks" / "peak.py"


@dataclass
class Ran:
    """The exit status and the output of one command line."""

    status: int
    out: str
    err: str

    @property
    def summaries(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def summary(self) -> dict[str, Any]:
        [summary] = self.summaries
        return summary


@pytest.fixture
def livecli(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Ran]:
    """Run a command line in process, in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def run(*argv: Any) -> Ran:
        capsys.readouterr()
        status = main([str(word) for word in argv])
        out, err = capsys.readouterr()
        return Ran(status, out, err)

    return run


@pytest.fixture
def livecli_and_children(
    capfd: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Ran]:
    """Run a command line in process, like `livecli`, where the processes that it starts write to its streams too."""
    monkeypatch.chdir(tmp_path)

    def run(*argv: Any) -> Ran:
        capfd.readouterr()
        status = main([str(word) for word in argv])
        out, err = capfd.readouterr()
        return Ran(status, out, err)

    return run


@pytest.fixture
def converse(livecli: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Ran]:
    """Run a chat in process, with these bytes in the pipe that is its standard input. `--local` takes no time."""

    def run(typed: bytes | str, *words: Any) -> Ran:
        pace = ("--pace", "instant") if "--local" in words and "--pace" not in words else ()
        read_end, write_end = os.pipe()

        def write() -> None:
            try:
                with os.fdopen(write_end, "wb") as pipe:
                    pipe.write(typed if isinstance(typed, bytes) else typed.encode())
            except BrokenPipeError:
                pass

        writing = threading.Thread(target=write)
        with os.fdopen(read_end) as pipe:
            monkeypatch.setattr(sys, "stdin", pipe)
            writing.start()
            ran = livecli("chat", *words, *pace)
        writing.join(20)
        return ran

    return run


@pytest.fixture
def spawn(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    """Start a command line as a process, in an empty folder. It is killed at the end of the test."""
    with _starting([sys.executable, "-m", "livecli"], tmp_path) as start:
        yield start


@pytest.fixture
def fork(forked_livecli: Path, tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    """Like `spawn`, in a fifth of the time: the command is a fork, and the process that is returned is its client.

    A process that is killed or limited, or has closed streams, other descriptors or a terminal of its own, is spawned.
    """
    with _starting([str(forked_livecli / "livecli")], tmp_path) as start:
        yield start


@pytest.fixture
def livecli_on_path(forked_livecli: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`livecli` is a program on the PATH. It is that of `fork`."""
    monkeypatch.setenv("PATH", os.pathsep.join([str(forked_livecli), os.environ["PATH"]]))


@contextmanager
def _starting(program: list[str], folder: Path) -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    started: list[subprocess.Popen[bytes]] = []

    def start(*argv: Any, **options: Any) -> subprocess.Popen[bytes]:
        pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
        command = [*program, *(str(word) for word in argv)]
        process = subprocess.Popen(command, **{"cwd": folder, **pipes, **options})
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        # A child process that is still running may hold the pipes.
        with suppress(subprocess.TimeoutExpired):
            process.communicate(timeout=10)


@pytest.fixture
def at_a_display(spawn: Callable[..., subprocess.Popen[bytes]]) -> Callable[..., tuple[int, str]]:
    """Run a command line whose standard error is a terminal: its exit status, and all that the terminal was sent."""
    return lambda *argv: _at_a_terminal(spawn, argv, ["stderr"], {"COLUMNS": "100"})


@pytest.fixture
def in_terminal(spawn: Callable[..., subprocess.Popen[bytes]]) -> Callable[..., tuple[int, str]]:
    """Run a command line whose streams are all a terminal, with these variables: as `at_a_display`."""
    return lambda *argv, **variables: _at_a_terminal(spawn, argv, ["stdin", "stdout", "stderr"], variables)


def _at_a_terminal(
    spawn: Callable[..., subprocess.Popen[bytes]], argv: tuple[Any, ...], streams: list[str], variables: dict[str, str]
) -> tuple[int, str]:
    ours, theirs = os.openpty()
    environment = {**os.environ, "TERM": "xterm-256color", **variables}
    process = spawn(*argv, **dict.fromkeys(streams, theirs), env=environment)
    os.close(theirs)
    seen = b""
    # Reading fails once the process has ended.
    with suppress(OSError):
        while select.select([ours], [], [], 20)[0] and (part := os.read(ours, 65536)):
            seen += part
    os.close(ours)
    return process.wait(20), seen.decode()


def finished(process: subprocess.Popen[bytes], timeout: float = 30.0) -> Ran:
    """The end of a process whose streams are text."""
    out, err = process.communicate(timeout=timeout)
    return Ran(process.returncode, out.decode(), err.decode())


def wait_until(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come true"
        time.sleep(0.01)


def noting_peak(path: Path, *words: Any) -> list[str]:
    """A command that runs livecli, and writes its peak memory to a file, in kilobytes."""
    command = [sys.executable, "-I", "-S", PEAK, path, sys.executable, "-m", "livecli", *words]
    return [str(word) for word in command]


@pytest.fixture
def speech(tmp_path: Path) -> Path:
    """Half a second of a 440 Hz tone, 16 kHz mono PCM16."""
    path = tmp_path / "speech.wav"
    write_wav(path, tone(8000))
    return path


def tone(samples: int, rate: int = 16_000) -> bytes:
    """A loud tone of 440 Hz, mono PCM16."""
    import numpy

    return (12_000 * numpy.sin(2 * numpy.pi * 440 * numpy.arange(samples) / rate)).astype("<i2").tobytes()


def write_wav(path: Path, pcm: bytes, rate: int = 16_000) -> None:
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, rate, 0, "NONE", ""))
        file.writeframes(pcm)


def read_wav(path: Path) -> tuple[int, bytes]:
    with wave.open(str(path)) as file:
        assert (file.getnchannels(), file.getsampwidth()) == (1, 2)
        return file.getframerate(), file.readframes(file.getnframes())
