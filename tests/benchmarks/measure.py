"""Children run in turn, what they took, and the figures made of it.

One run of everything is a round. A ratio is taken within a round, between neighbours in time, so that what else the
machine does falls on both; the figure is the median of the rounds, its spread the middle half of them.
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

from .sink import ANSWER, Arrivals, Sink

HERE = Path(__file__).parent
PYTHON = sys.executable
LIVECLI = str(Path(sys.executable).with_name("livecli"))
"""The console script, as a person starts it."""
TOKEN = "ya29.bench"
PATIENCE_SECONDS = 120.0
MEGABYTE = 2**20
MAXRSS_UNIT = 1 if sys.platform == "darwin" else 1024
"""Bytes in which the system counts a peak."""

Case = Callable[[], Mapping[str, float]]
"""Measures something once, and calls what came of it by names."""
Rounds = dict[str, list[float]]
"""The samples of each name, one a round."""


@dataclass(frozen=True)
class Figure:
    """One line of the table: a sample a round, and the bound that their median must keep."""

    name: str
    samples: Sequence[float]
    unit: str = "×"
    at_most: float | None = None
    at_least: float | None = None
    measured: str = ""
    """What was divided by what, in this machine's units."""
    floor: str = ""
    """What cannot be had for less, or more, whoever writes it: told where the bound is missed."""

    @property
    def median(self) -> float:
        return statistics.median(self.samples)

    @property
    def spread(self) -> tuple[float, float]:
        """The middle half of the rounds."""
        if len(self.samples) < 2:
            return self.median, self.median
        low, _, high = statistics.quantiles(self.samples, n=4, method="inclusive")
        return low, high

    @property
    def is_kept(self) -> bool:
        """Whether the bound is kept, or there is none."""
        over = self.at_most is not None and self.median > self.at_most
        under = self.at_least is not None and self.median < self.at_least
        return not (over or under)


class Failed(Exception):
    """A child did not do what it was measured for."""


class Stage:
    """Where children run: an empty folder, an environment with nobody's settings, and a sink to talk to."""

    def __init__(self, folder: Path, sink: Sink) -> None:
        self.folder = folder
        self.sink = sink
        # Without PYTHON* too: an installed program has its bytecode, and nothing that unbuffers it.
        self.environment = {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": str(folder),
            "LIVECLI_ACCESS_TOKEN": TOKEN,
        }

    def seconds(self, command: Sequence[str], status: int = 0) -> float:
        """How long `command` takes from start to end."""
        with _Child(command, self.folder, self.environment) as child:
            child.finish(status)
            return time.monotonic() - child.started

    def visit(self, command: Sequence[str], answer: Iterable[bytes] = (ANSWER,)) -> tuple[float, Arrivals]:
        """When `command` was started, and what came of it at the sink, which gives this answer."""
        with _Child(command, self.folder, self.environment) as child:
            try:
                arrivals = self.sink.serve(child.is_running, answer)
            except OSError as error:
                raise child.failed(str(error)) from error
            child.finish()
            return child.started, arrivals

    def cpu_seconds(self, command: Sequence[str]) -> tuple[float, Arrivals]:
        """What `command` took of a processor, with what the system did for it; and what came of it at the sink."""
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        _, arrivals = self.visit(command)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, arrivals

    def peak_megabytes(self, command: Sequence[str]) -> float:
        """The most memory that `command` held at once while it talked to the sink.

        A small process starts it: the peak that the system reports for a child is its parent's at least.
        """
        noted = self.folder / "peak"
        self.visit([PYTHON, "-I", "-S", str(HERE / "peak.py"), str(noted), *command])
        return int(noted.read_text()) * MAXRSS_UNIT / MEGABYTE


class _Child:
    """A process that is gone at the end of the block, and what it complained of until then."""

    def __init__(self, command: Sequence[str], folder: Path, environment: Mapping[str, str]) -> None:
        self._command = command
        self._complaints = tempfile.TemporaryFile()
        self.started = time.monotonic()
        self._process = subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=self._complaints,
            process_group=0,
        )
        # Popen.wait(timeout) would look for the end every so many milliseconds, and that is what would be measured.
        self._end_of_patience = threading.Timer(PATIENCE_SECONDS, self._stop)
        self._end_of_patience.start()

    def __enter__(self) -> _Child:
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()
        self._process.wait()
        self._end_of_patience.cancel()
        self._end_of_patience.join()
        self._complaints.close()

    def is_running(self) -> bool:
        return self._process.poll() is None

    def finish(self, status: int = 0) -> None:
        """Wait for its end, which has to be this one."""
        ended = self._process.wait()
        if ended != status:
            raise self.failed(f"status {ended}")

    def failed(self, reason: str) -> Failed:
        """What is wrong, with what it said about it."""
        self._complaints.seek(0)
        said = self._complaints.read().decode(errors="replace")[-2000:]
        return Failed(f"{' '.join(self._command)}: {reason}\n{said}")

    def _stop(self) -> None:
        """Together with what it started itself."""
        if self.is_running():
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)


def interleaved(cases: Iterable[Case], rounds: int, *, warm: bool = True) -> Rounds:
    """Every case once a round, in turn. With `warm` a first round, which fills the caches, is not counted."""
    cases = list(cases)
    taken = [{name: sample for case in cases for name, sample in case().items()} for _ in range(rounds + warm)]
    return {name: [samples[name] for samples in taken[warm:]] for name in taken[0]}


def divided(rounds: Rounds, ours: str, theirs: str) -> list[float]:
    """Ours by theirs, round by round."""
    return [mine / other for mine, other in zip(rounds[ours], rounds[theirs], strict=True)]


def in_milliseconds(rounds: Rounds, *names: str) -> str:
    """The medians of these, one over the other, for orientation."""
    return " ÷ ".join(f"{1000 * statistics.median(rounds[name]):.0f}" for name in names) + " ms"
