"""Runs child processes, measures them, and makes figures of the samples.

A round runs each case once. Ratios are taken within a round, between runs that follow one another, so that other load
on the machine affects both. A figure is the median of the rounds, and its spread is their interquartile range.
"""

from __future__ import annotations

import os
import resource
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from .bare_server import ANSWER, Arrivals, BareServer

HERE = Path(__file__).parent
PYTHON = sys.executable
LIVECLI = str(Path(sys.executable).with_name("livecli"))
"""The installed console script."""
TOKEN = "ya29.bench"
PATIENCE_SECONDS = 120.0
MEGABYTE = 2**20
MAXRSS_UNIT = 1 if sys.platform == "darwin" else 1024
"""The unit of `ru_maxrss`, in bytes."""

Case = Callable[[], Mapping[str, float]]
"""Measures once, and returns its samples by name."""
Rounds = dict[str, list[float]]
"""The samples of each name, one per round."""


@dataclass(frozen=True)
class Figure:
    """One line of the table: a sample per round, and the bounds of their median."""

    name: str
    samples: Sequence[float]
    unit: str = "×"
    at_most: float | None = None
    at_least: float | None = None
    measured: str = ""
    """The medians that were compared, in units of this machine."""
    floor: str = ""
    """The best value that any client could reach, shown where the bound is missed."""

    @property
    def median(self) -> float:
        return statistics.median(self.samples)

    @property
    def spread(self) -> tuple[float, float]:
        """The interquartile range of the rounds."""
        if len(self.samples) < 2:
            return self.median, self.median
        low, _, high = statistics.quantiles(self.samples, n=4, method="inclusive")
        return low, high

    @property
    def is_kept(self) -> bool:
        """Whether the median is within its bounds."""
        over = self.at_most is not None and self.median > self.at_most
        under = self.at_least is not None and self.median < self.at_least
        return not (over or under)


class Failed(Exception):
    """A child process failed."""


class Stage:
    """The surroundings of the child processes: an empty folder, an environment without settings, and a server."""

    def __init__(self, folder: Path, server: BareServer) -> None:
        self.folder = folder
        self.server = server
        # No PYTHON* variable is passed: an installed program has its bytecode and buffered streams.
        self.environment = {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": str(folder),
            "LIVECLI_ACCESS_TOKEN": TOKEN,
        }

    def seconds(self, command: Sequence[str], status: int = 0) -> float:
        """Seconds that `command` takes from start to end."""
        with _Child(command, self.folder, self.environment) as child:
            child.finish(status)
            return time.monotonic() - child.started

    def visit(self, command: Sequence[str], answer: Iterable[bytes] = (ANSWER,)) -> tuple[float, Arrivals]:
        """Run `command` against the server, which sends `answer`. Returns its start time and the arrivals."""
        with _Child(command, self.folder, self.environment) as child:
            try:
                arrivals = self.server.serve(child.is_running, answer)
            except OSError as error:
                raise child.failed(str(error)) from error
            child.finish()
            arrivals.exited = time.monotonic()
            return child.started, arrivals

    def cpu_seconds(self, command: Sequence[str]) -> tuple[float, Arrivals]:
        """Run `command` against the server. Returns its CPU time, user and system, in seconds, and the arrivals."""
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        _, arrivals = self.visit(command)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, arrivals

    def peak_megabytes(self, command: Sequence[str], *, visits: bool = True) -> float:
        """Run `command`, against the server where it `visits` it. Returns its peak memory.

        A small process starts it, since the peak that the system reports for a child is at least that of its parent.
        """
        noted = self.folder / "peak"
        words = [PYTHON, "-I", "-S", str(HERE / "peak.py"), str(noted), *command]
        if visits:
            self.visit(words)
        else:
            self.seconds(words)
        return int(noted.read_text()) * MAXRSS_UNIT / MEGABYTE


class _Child:
    """A child process and its standard error. It is killed at the end of the block."""

    def __init__(self, command: Sequence[str], folder: Path, environment: Mapping[str, str]) -> None:
        self._command = command
        self._errors = tempfile.TemporaryFile()
        self.started = time.monotonic()
        self._process = subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=self._errors,
            process_group=0,
        )
        # Popen.wait(timeout) polls, and its interval would be part of the measurement.
        self._timer = threading.Timer(PATIENCE_SECONDS, self._stop)
        self._timer.start()

    def __enter__(self) -> _Child:
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()
        self._process.wait()
        self._timer.cancel()
        self._timer.join()
        self._errors.close()

    def is_running(self) -> bool:
        return self._process.poll() is None

    def finish(self, status: int = 0) -> None:
        """Wait for its end. Raises Failed for another exit status."""
        ended = self._process.wait()
        if ended != status:
            raise self.failed(f"status {ended}")

    def failed(self, reason: str) -> Failed:
        """The error for `reason`, with the end of its standard error."""
        self._errors.seek(0)
        said = self._errors.read().decode(errors="replace")[-2000:]
        return Failed(f"{' '.join(self._command)}: {reason}\n{said}")

    def _stop(self) -> None:
        """Kill its process group."""
        if self.is_running():
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)


def interleaved(cases: Iterable[Case], rounds: int, *, warm: bool = True) -> Rounds:
    """Run every case once per round, in turn. With `warm`, a first round fills the caches and is not counted."""
    cases = list(cases)
    taken = [{name: sample for case in cases for name, sample in case().items()} for _ in range(rounds + warm)]
    return {name: [samples[name] for samples in taken[warm:]] for name in taken[0]}


def divided(rounds: Rounds, ours: str, theirs: str) -> list[float]:
    """The ratio of `ours` to `theirs` in each round."""
    return [mine / other for mine, other in zip(rounds[ours], rounds[theirs], strict=True)]


def in_milliseconds(rounds: Rounds, *names: str) -> str:
    """The medians of these, for the column `measured`."""
    return " ÷ ".join(f"{1000 * statistics.median(rounds[name]):.0f}" for name in names) + " ms"
