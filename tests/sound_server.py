"""A PulseAudio server for a test, with two virtual sound cards, `speaker` and `mouth`, and their monitors.

What livecli plays on the default speaker can be recorded from `speaker.monitor`; what a test plays into `mouth` comes
out of the default microphone, `mouth.monitor`.
"""

from __future__ import annotations

import os
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from livecli.media.sound_devices.speaker import Speaker
from tests.environment import cleaned
from tests.needs import needs

RATE = 16_000
"""Sample rate of the recordings and of the audio that is played, in hertz: mono PCM16."""
SECONDS_AT_MOST = 20.0

# Without norewinds a sink that idles has up to two seconds of silence in front of what is played next.
SETUP = """\
load-module module-native-protocol-unix socket={socket} auth-anonymous=1
load-module module-null-sink sink_name=speaker rate=48000 norewinds=1 sink_properties=device.description=Speaker
load-module module-null-sink sink_name=mouth rate=48000 norewinds=1 sink_properties=device.description=Mouth
set-default-sink speaker
set-default-source mouth.monitor
"""


class Recording:
    """A recording by `parec`, while it lasts."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.pcm = bytearray()
        self._process = process
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    @property
    def samples(self) -> Any:
        """The samples recorded so far."""
        import numpy

        pcm = bytes(self.pcm)
        return numpy.frombuffer(pcm[: len(pcm) & ~1], "<i2").astype(float)

    def wait_for_sound(self, peak: int = 1000) -> None:
        until(lambda: abs(self.samples).max(initial=0) > peak, "nothing was heard")

    def wait_for_silence(self, seconds: float = 0.3) -> None:
        """Wait until this long a silence was recorded."""
        last = round(seconds * RATE)
        until(lambda: len(self.samples) > last and not self.samples[-last:].any(), "it never fell silent")

    def _read(self) -> None:
        assert self._process.stdout
        while heard := self._process.stdout.read1(4096):  # type: ignore[attr-defined]
            self.pcm += heard


@dataclass
class SoundServer:
    """A running sound server. `env` are the variables that make a program use it."""

    folder: Path
    env: dict[str, str]
    process: subprocess.Popen[bytes]

    @contextmanager
    def recorded(self, source: str = "speaker.monitor") -> Iterator[Recording]:
        """Record from a source during the block."""
        words = [
            "parec",
            "--raw",
            "--format=s16le",
            f"--rate={RATE}",
            "--channels=1",
            "--latency-msec=20",
            "-d",
            source,
        ]
        process = subprocess.Popen(words, env=self.env, stdout=subprocess.PIPE)
        recording = Recording(process)
        try:
            until(lambda: recording.pcm, "the recording did not begin")
            yield recording
        finally:
            process.terminate()
            recording._thread.join(SECONDS_AT_MOST)
            process.communicate(timeout=SECONDS_AT_MOST)

    def say(self, pcm: bytes, sink: str = "mouth") -> None:
        """Play PCM16 mono into a sink, and wait until it was played."""
        # With half a second in the server's buffer a busy machine leaves no gaps. The sound begins no later for it.
        words = ["pacat", "--raw", "--format=s16le", f"--rate={RATE}", "--channels=1", "--latency-msec=500", "-d", sink]
        # From a file, since pacat keeps a core busy from the end of a pipe to the end of the sound.
        with tempfile.TemporaryFile() as file:
            file.write(pcm)
            file.seek(0)
            subprocess.run(words, env=self.env, stdin=file, check=True, timeout=SECONDS_AT_MOST + len(pcm) / 2 / RATE)

    def unplug(self) -> None:
        """Remove all devices."""
        subprocess.run(
            ["pactl", "unload-module", "module-null-sink"], env=self.env, check=True, timeout=SECONDS_AT_MOST
        )

    def plug(self) -> None:
        """Add the devices again."""
        for line in SETUP.splitlines():
            if "module-native-protocol" not in line:
                subprocess.run(["pactl", *line.split()], env=self.env, check=True, timeout=SECONDS_AT_MOST)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(SECONDS_AT_MOST)


@contextmanager
def running(program: str) -> Iterator[SoundServer]:
    """Start a sound server in a temporary folder, whose path is short enough for a socket."""
    with tempfile.TemporaryDirectory(prefix="sound") as name:
        folder = Path(name)
        address = folder / "native"
        (folder / "setup.pa").write_text(SETUP.format(socket=address))
        ours = {"HOME": name, "XDG_RUNTIME_DIR": name, "PULSE_RUNTIME_PATH": name, "PULSE_SERVER": f"unix:{address}"}
        env = {**cleaned(os.environ), **ours}
        quiet = ["--daemonize=no", "--use-pid-file=no", "--disable-shm=yes", "--realtime=no", "--high-priority=no"]
        words = [program, "-n", "-F", str(folder / "setup.pa"), "--exit-idle-time=-1", *quiet, "--log-level=error"]
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(words, env=env, stdin=subprocess.DEVNULL, stderr=log)
        try:
            until(lambda: _answers(address), lambda: f"PulseAudio did not start: {(folder / 'log').read_text()}")
            _prioritize(process.pid)
            yield SoundServer(folder, env, process)
        finally:
            process.kill()
            process.wait(SECONDS_AT_MOST)


def _prioritize(process: int) -> None:
    """Give a sound server the priority that it has on a desktop, where that is allowed: a late one leaves gaps."""
    # PulseAudio itself asks D-Bus for it, whose service a machine for tests does not have.
    with suppress(OSError):
        for thread in os.listdir(f"/proc/{process}/task"):  # noqa: PTH208 - their names are numbers
            os.sched_setscheduler(int(thread), os.SCHED_RR, os.sched_param(5))


@pytest.fixture
def sound_server(monkeypatch: pytest.MonkeyPatch) -> Iterator[SoundServer]:
    """A sound server that this process and its children use."""
    needs("pactl"), needs("parec"), needs("pacat")
    with running(needs("pulseaudio")) as server:
        for name in ("XDG_RUNTIME_DIR", "PULSE_RUNTIME_PATH", "PULSE_SERVER"):
            monkeypatch.setenv(name, server.env[name])
        yield server


class DeviceCalls:
    """What every speaker handed to its device: (flushes before the call, bytes of sound), a pair for each call."""

    def __init__(self) -> None:
        self.flushes = 0
        self.pairs: list[tuple[int, int]] = []

    def since_flush(self) -> list[int]:
        """The bytes of sound of each call that came after the last flush."""
        return [size for flushes, size in self.pairs if flushes == self.flushes]


@pytest.fixture
def device_calls(monkeypatch: pytest.MonkeyPatch) -> DeviceCalls:
    """Counts calls in place of time: how late a device's thread is depends on what else the machine does."""
    calls, feed, flush = DeviceCalls(), Speaker._feed, Speaker.flush

    def fed(self: Speaker, stream: Any, size: int) -> bytes | bytearray:
        flushes = calls.flushes
        piece = feed(self, stream, size)
        calls.pairs.append((flushes, len(piece)))
        return piece

    def flushed(self: Speaker) -> None:
        flush(self)
        calls.flushes += 1

    monkeypatch.setattr(Speaker, "_feed", fed)
    monkeypatch.setattr(Speaker, "flush", flushed)
    return calls


def until(true: Any, complaint: Any) -> None:
    """Wait until `true()` is true. Fails the test with `complaint` after `SECONDS_AT_MOST`."""
    deadline = time.monotonic() + SECONDS_AT_MOST
    while not true():
        if time.monotonic() > deadline:
            pytest.fail(complaint() if callable(complaint) else complaint)
        time.sleep(0.01)


def _answers(address: Path) -> bool:
    """Whether the server has its devices, which appear later than its socket."""
    if not address.exists():
        return False
    with socket.socket(socket.AF_UNIX) as probe:
        if probe.connect_ex(str(address)):
            return False
    env = {**cleaned(os.environ), "PULSE_SERVER": f"unix:{address}"}
    listed = subprocess.run(["pactl", "info"], env=env, capture_output=True, text=True, timeout=SECONDS_AT_MOST)
    return "mouth.monitor" in listed.stdout


def pitch(samples: Any) -> float:
    """The loudest frequency, in hertz."""
    import numpy

    spectrum = abs(numpy.fft.rfft(samples * numpy.hanning(len(samples))))
    return float(spectrum.argmax() * RATE / len(samples))


def power(samples: Any, hertz: float) -> float:
    """The power within 20 Hz of a frequency, in no particular unit."""
    import numpy

    spectrum = abs(numpy.fft.rfft(samples * numpy.hanning(len(samples)))) ** 2
    frequencies = numpy.fft.rfftfreq(len(samples), 1 / RATE)
    return float(spectrum[abs(frequencies - hertz) <= 20].sum())
