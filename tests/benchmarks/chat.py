"""`python -m tests.benchmarks.chat`: the latencies, memory and CPU time of `livecli chat` at a terminal and in a pipe.

Sound is measured with a PulseAudio server of its own: what is heard is recorded from the monitor of the speaker.
`--python` names the interpreter of another version of livecli, which is measured in turn with this one.
"""

from __future__ import annotations

import argparse
import os
import pty
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import numpy

from livecli.media.file_source import SAMPLE, read_sound
from tests.environment import cleaned
from tests.sound_server import RATE, SoundServer, running

PEAK = Path(__file__).with_name("peak.py")
SECONDS_AT_MOST = 60.0
QUIET_PEAK = 200
"""The peak below which a piece of the recording counts as silent, of 32,768."""

AT_REST = (b"listening\x1b", b"hearing you\x1b")
"""What the toolbar of a chat with a microphone shows, followed by a change of colour."""

QUESTION = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen"


class Recorder:
    """What a monitor plays, with the time at which each piece arrived."""

    def __init__(self, sounds: SoundServer) -> None:
        words = ["parec", "--raw", "--format=s16le", f"--rate={RATE}", "--channels=1", "--latency-msec=10"]
        self._process = subprocess.Popen([*words, "-d", "speaker.monitor"], env=sounds.env, stdout=subprocess.PIPE)
        self._pieces: list[tuple[float, bytes]] = []
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self._process.stdout
        while piece := os.read(self._process.stdout.fileno(), 4096):
            self._pieces.append((time.perf_counter(), piece))

    def last_sound_before(self, silence_from: float) -> float:
        """When the last audible sample was played, seen from `silence_from`, by when it has been silent."""
        for at, piece in reversed(self._pieces):
            samples = numpy.frombuffer(piece[: len(piece) & ~1], "<i2")
            loud = numpy.flatnonzero(abs(samples.astype(int)) > QUIET_PEAK)
            if at <= silence_from and loud.size:
                return at - (len(samples) - 1 - int(loud[-1])) / RATE
        raise AssertionError("nothing was heard")

    def close(self) -> None:
        self._process.terminate()
        self._process.wait()


class Chat:
    """A chat on a pseudo-terminal, and what it has written so far."""

    def __init__(self, python: str, url: str, *words: str, env: dict[str, str]) -> None:
        self.started = time.perf_counter()
        process_id, self._master = pty.fork()
        if not process_id:
            # Python looks for modules in the current folder first.
            os.chdir(env["HOME"])
            os.execve(python, [python, "-m", "livecli", "chat", "--base-url", url, *words], env)
        self.pid, self._output = process_id, b""
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        with suppress(OSError):
            while part := os.read(self._master, 65_536):
                self._output += part

    def write(self, keys: bytes) -> None:
        os.write(self._master, keys)

    def wait(self, *texts: bytes, start: int = 0) -> float:
        """Wait until one of `texts` was written, and return when that was seen."""
        limit = time.perf_counter() + SECONDS_AT_MOST
        while not any(text in self._output[start:] for text in texts):
            assert time.perf_counter() < limit, f"{texts} did not come: {self._output[-1500:]!r}"
            time.sleep(0.002)
        return time.perf_counter()

    @property
    def written(self) -> int:
        return len(self._output)

    @property
    def megabytes(self) -> float:
        found = re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{self.pid}/status").read_text())
        assert found
        return int(found[1]) / 1024

    @property
    def cpu_seconds(self) -> float:
        ticks = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(ticks[11]) + int(ticks[12])) / os.sysconf("SC_CLK_TCK")

    def close(self) -> None:
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self._master)


@contextmanager
def served(*words: str) -> Iterator[str]:
    """The URL of an emulator of this version."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "livecli", "serve", "-q", "--port", str(port), "--tls-port", "0", *words]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while True:
            with socket.socket() as probe:
                if not probe.connect_ex(("127.0.0.1", port)):
                    break
            time.sleep(0.02)
        yield f"ws://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


class Bench:
    """The samples of each figure, by its name and by the interpreter that was measured."""

    def __init__(self, pythons: dict[str, str], folder: Path, env: dict[str, str], words: list[str]) -> None:
        self.samples: dict[str, dict[str, list[float]]] = {}
        self._words = words
        self._pythons, self._folder, self._env = pythons, folder, env

    def note(self, figure: str, name: str, value: float) -> None:
        self.samples.setdefault(figure, {}).setdefault(name, []).append(value)

    def words(self, name: str) -> list[str]:
        """The further words of a chat with sound: the other version may not know them."""
        return self._words if name == "this" else []

    def each(self) -> Iterator[tuple[str, str, dict[str, str]]]:
        """The name and the interpreter of each version, with a new home folder."""
        for name, python in self._pythons.items():
            home = Path(tempfile.mkdtemp(dir=self._folder))
            yield name, python, {**self._env, "HOME": str(home), "TERM": "xterm-256color", "LANG": "C.UTF-8"}

    def show(self) -> None:
        for figure, by_name in self.samples.items():
            cells = [
                f"{name} {statistics.median(taken):.3g} ({min(taken):.3g}–{max(taken):.3g}, {len(taken)} ×)"
                for name, taken in by_name.items()
            ]
            print(f"{figure:48}", " | ".join(cells), flush=True)


def typed(bench: Bench, url: str, idle_seconds: float) -> None:
    """From the start to the prompt; memory and CPU time at rest."""
    for name, python, env in bench.each():
        chat = Chat(python, url, env=env)
        bench.note("prompt there, typed, s", name, chat.wait(b"ready") - chat.started)
        at_rest(bench, "typed", name, chat, idle_seconds)
        chat.close()


def spoken(bench: Bench, url: str, sounds: SoundServer, idle_seconds: float) -> None:
    """As `typed`, with a microphone and a speaker."""
    for name, python, env in bench.each():
        chat = Chat(python, url, "--mic", "--play", *bench.words(name), env={**env, **pulse(sounds)})
        bench.note("prompt there, --mic --play, s", name, chat.wait(*AT_REST) - chat.started)
        at_rest(bench, "--mic --play", name, chat, idle_seconds)
        chat.close()


def at_rest(bench: Bench, label: str, name: str, chat: Chat, seconds: float) -> None:
    time.sleep(1)
    before = chat.cpu_seconds
    time.sleep(seconds)
    bench.note(f"idle, {label}, % of a core", name, 100 * (chat.cpu_seconds - before) / seconds)
    bench.note(f"memory, {label}, MB", name, chat.megabytes)


def pulse(sounds: SoundServer) -> dict[str, str]:
    return {key: sounds.env[key] for key in ("XDG_RUNTIME_DIR", "PULSE_RUNTIME_PATH", "PULSE_SERVER")}


def interrupted(bench: Bench, url: str, sounds: SoundServer, folder: Path) -> None:
    """From `interrupted` received, and from Ctrl-C, to the last audible sample at the monitor of the speaker."""
    speech = b"".join(read_sound(SAMPLE, RATE))
    for name, python, env in bench.each():
        log = folder / "events"
        log.unlink(missing_ok=True)
        os.mkfifo(log)
        received: list[float] = []

        def read(log: Path = log, received: list[float] = received) -> None:
            with log.open() as lines:
                for line in lines:
                    if '"interrupted"' in line:
                        received.append(time.perf_counter())

        threading.Thread(target=read, daemon=True).start()
        words = ["--mic", "--play", "--full-duplex", *bench.words(name), "--events", str(log)]
        chat = Chat(python, url, *words, env={**env, **pulse(sounds)})
        chat.wait(*AT_REST)
        recorder = Recorder(sounds)
        for way in ("Ctrl-C", "interrupted"):
            start = chat.written
            chat.write(f"{QUESTION}\r".encode())
            chat.wait(b"speaking", start=start)
            time.sleep(1.2)
            if way == "Ctrl-C":
                pressed = time.perf_counter()
                chat.write(b"\x03")
            else:
                received.clear()
                sounds.say(speech[: RATE * 2] + bytes(RATE))
                limit = time.perf_counter() + 5
                while not received:
                    assert time.perf_counter() < limit, "the service did not interrupt"
                    time.sleep(0.005)
                pressed = received[0]
            time.sleep(0.25)
            silent_from = max(time.perf_counter(), pressed + 0.25) if way == "Ctrl-C" else pressed + 0.25
            last = recorder.last_sound_before(silent_from)
            bench.note(f"{way} to the last audible sample, ms", name, 1000 * (last - pressed))
            time.sleep(2.5)
        recorder.close()
        chat.close()


def device_lost(bench: Bench, url: str, program: str) -> None:
    """From the loss of both devices to the message about it."""
    for name, python, env in bench.each():
        with running(program) as sounds:
            chat = Chat(python, url, "--mic", "--play", "--full-duplex", env={**env, **pulse(sounds)})
            chat.wait(*AT_REST)
            time.sleep(0.5)
            start, lost = chat.written, time.perf_counter()
            sounds.kill()
            bench.note("lost device noticed, s", name, chat.wait(b"is off", b"lost", start=start) - lost)
            chat.close()


def piped(bench: Bench, url: str, turns: int) -> None:
    """A conversation through a pipe, which is a process from its start to its end."""
    for name, python, env in bench.each():
        lines = "".join(f"question {number}\n" for number in range(turns)).encode()
        noted = Path(env["HOME"]) / "peak"
        started = time.perf_counter()
        # A small process starts it, since the peak that the system reports for a child is at least that of its parent.
        process = subprocess.Popen(
            [sys.executable, "-I", "-S", PEAK, noted, python, "-m", "livecli", "chat", "-q", "--base-url", url],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=env["HOME"],
            env=env,
        )
        assert process.stdin
        assert process.stdout
        threading.Thread(target=_fill, args=[process, lines], daemon=True).start()
        answers = process.stdout.read().decode().splitlines()
        _, status, usage = os.wait4(process.pid, 0)
        assert not status
        assert answers == [f"question {number}" for number in range(turns)]
        bench.note(f"pipe, {turns} turns, s", name, time.perf_counter() - started)
        bench.note(f"pipe, {turns} turns, MB", name, int(noted.read_text()) / 1024)
        bench.note(f"pipe, {turns} turns, CPU s", name, usage.ru_utime + usage.ru_stime)


def _fill(process: subprocess.Popen[bytes], lines: bytes) -> None:
    assert process.stdin
    process.stdin.write(lines)
    process.stdin.close()


def main() -> None:
    parser = argparse.ArgumentParser("python -m tests.benchmarks.chat")
    parser.add_argument("--python", metavar="FILE", help="an interpreter with another version of livecli")
    parser.add_argument("--words", default="", help="further words of a chat with sound, such as '--echo off'")
    parser.add_argument("--only", choices=["terminal", "pipe"])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--turns", type=int, nargs="*", default=[1, 100, 500, 2000])
    parser.add_argument("--idle-seconds", type=float, default=5.0)
    options = parser.parse_args()
    pythons = {"this": sys.executable, **({"other": options.python} if options.python else {})}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="livecli-bench-")))
        bench = Bench(pythons, folder, cleaned(os.environ), options.words.split())
        instant = stack.enter_context(served("--pace", "instant", "--connection-seconds", "0"))
        realtime = stack.enter_context(served("--realtime", "--connection-seconds", "0"))
        program = shutil.which("pulseaudio")
        sounds = stack.enter_context(running(program)) if program else None
        print(f"load {os.getloadavg()[0]:.1f}", flush=True)
        for number in range(options.rounds):
            if options.only != "pipe":
                typed(bench, instant, options.idle_seconds)
            if options.only != "pipe" and sounds is not None and program is not None:
                spoken(bench, instant, sounds, options.idle_seconds)
                interrupted(bench, realtime, sounds, folder)
                if number < 3:
                    device_lost(bench, instant, program)
            for turns in options.turns if options.only != "terminal" else ():
                # One round of what takes minutes.
                if turns < 500 or not number:
                    piped(bench, instant, turns)
        bench.show()
        print(f"load {os.getloadavg()[0]:.1f}", flush=True)


if __name__ == "__main__":
    main()
