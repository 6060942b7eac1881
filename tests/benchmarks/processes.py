"""`python -m tests.benchmarks.processes`: how many more real-time sessions two processes carry than one.

A process carries as many sessions as its core has time for, so sessions are compared by CPU time. The server is that of
`sessions.py`. It has a core to itself.

With four cores or more each process of livecli has one too, and one process is compared with `--processes 2` and twice
as many sessions, by the busier process. With fewer, all of livecli has one core: `--processes 2` is compared with two
commands that have half of the sessions each and know nothing of each other. So the figure has all that the processes
cost each other by sharing a list, a limit and a display, and nothing of what two cores take from each other.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks import sounds, table

from .load_clients import cpu_seconds, memory_bytes
from .measure import LIVECLI, MEGABYTE, PYTHON, Figure
from .sessions import (
    PATIENCE_SECONDS,
    PROMISED,
    SETTLING_SECONDS,
    STARTS_A_SECOND,
    TOGETHER_SECONDS,
    children,
    inputs,
    is_whole,
    pinned,
)

ROUNDS, PROCESSES = 3, 2
FEW_SESSIONS = 250
"""The sessions of a process where all of livecli has one core."""
RATIO_BOUND, LATE_BOUND = 1.8, 1.5


@dataclass
class Measurement:
    """The result of a run. Shares are of one core, over the time in which all sessions sent."""

    sessions: int
    shares: Sequence[float]
    late_ms: float
    lost: int
    megabytes: Sequence[int]

    @property
    def measured(self) -> str:
        shares = " + ".join(f"{share:.1%}" for share in self.shares)
        memory = " + ".join(f"{size}" for size in self.megabytes)
        return f"{self.sessions} sessions, {shares} of a core; p99 {self.late_ms:.1f} ms; {memory} MB"


def run(sessions: int, processes: int, commands: int, folder: Path) -> Measurement:
    """Run this many sessions from start to end, in commands of as many sessions and processes each."""
    seconds = sessions // STARTS_A_SECOND + TOGETHER_SECONDS
    sound = sounds.wav(folder, seconds)
    folders = [folder / f"{number}" for number in range(commands)]
    each, rate = sessions // commands, STARTS_A_SECOND / commands
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL}
    with pinned([PYTHON, "-m", "tests.benchmarks.sessions_server"], -1, **pipes) as server, ExitStack() as stack:
        assert server.stdin is not None
        assert server.stdout is not None
        url = f"ws://127.0.0.1:{int(server.stdout.readline())}"
        firsts = []
        for own in folders:
            own.mkdir()
            words = ["--jobs", each, "--processes", processes, "--connect-rate", rate, "--speed", 1, "-q"]
            files = ["--from", inputs(each, sound, own), "-o", own / "replies"]
            command = [LIVECLI, "send", *files, "--base-url", url, *words]
            firsts.append(stack.enter_context(pinned([str(word) for word in command], 0, **streams)))
        time.sleep(sessions / STARTS_A_SECOND + SETTLING_SECONDS)
        pids = [first.pid for first in firsts] + [worker for first in firsts for worker in workers(first.pid)]
        before, began = [cpu_seconds(pid) or 0.0 for pid in pids], time.monotonic()
        time.sleep(seconds - sessions / STARTS_A_SECOND - 2 * SETTLING_SECONDS)
        after, took = [cpu_seconds(pid) or 0.0 for pid in pids], time.monotonic() - began
        megabytes = [round((memory_bytes(pid, peak=True) or 0) / MEGABYTE) for pid in pids]
        for first in firsts:
            first.wait(PATIENCE_SECONDS)
        arrivals = json.loads(server.communicate("")[0])
    shares = [(end - start) / took for start, end in zip(before, after, strict=True)]
    lost = sessions - sum(is_whole(own, number) for own in folders for number in range(each))
    return Measurement(sessions, shares, arrivals["late_ms"]["p99"], lost, megabytes)


def workers(pid: int) -> list[int]:
    """The worker processes of a process, each of which gets a core of its own where there are enough."""
    found = children(pid)
    cores = sorted(os.sched_getaffinity(0))
    if has_enough_cores():
        for number, child in enumerate(found, 1):
            with suppress(OSError):
                os.sched_setaffinity(child, {cores[number]})
    return found


def has_enough_cores() -> bool:
    """Whether each process and the server have one."""
    return len(os.sched_getaffinity(0)) >= PROCESSES + 2


def main() -> int:
    parser = argparse.ArgumentParser("python -m tests.benchmarks.processes", description="Sessions in two processes.")
    parser.add_argument("--sessions", type=int, metavar="N", help="number of sessions of one process")
    each = parser.parse_args().sessions or (PROMISED if has_enough_cores() else FEW_SESSIONS)
    alone = (each, 1, 1) if has_enough_cores() else (PROCESSES * each, 1, PROCESSES)
    ones, twos = [], []
    for _ in range(ROUNDS):
        for (sessions, processes, commands), carried in ((alone, ones), ((PROCESSES * each, PROCESSES, 1), twos)):
            with tempfile.TemporaryDirectory(prefix="livecli-bench-") as folder:
                carried.append(run(sessions, processes, commands, Path(folder)))
            print(f"{commands} × --processes {processes}: {carried[-1].measured}", file=sys.stderr)
    cost = max if has_enough_cores() else sum
    ratios = [PROCESSES * cost(one.shares) / cost(two.shares) for one, two in zip(ones, twos, strict=True)]
    late = [two.late_ms / one.late_ms for one, two in zip(ones, twos, strict=True)]
    words = f"{PROCESSES * each} sessions in {PROCESSES} processes"
    figures = [
        Figure("sessions of two processes", ratios, "×", at_least=RATIO_BOUND, measured=twos[-1].measured),
        Figure(f"{words}: lateness, p99", late, "×", LATE_BOUND, measured=ones[-1].measured),
        Figure(f"{words}: dropped or unanswered", [float(two.lost) for two in twos], "", 0.0),
    ]
    table.show(figures)
    return 0 if all(figure.is_kept for figure in figures) else 1


if __name__ == "__main__":
    sys.exit(main())
