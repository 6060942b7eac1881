"""`python -m tests.benchmarks.processes`: how many more real-time sessions two processes carry than one.

A process carries as many sessions as its core has time for. So one process with some sessions is compared with
`--processes 2` and twice as many, by the CPU time of the busier process. The server is that of `sessions.py`. It has a
core to itself; with four cores or more each process of livecli has one too. With fewer, all of livecli has one core,
and there are so few sessions that the core is not used up.
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
from contextlib import suppress
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
RATIO_BOUND, LATE_BOUND_MS = 1.8, 50.0


@dataclass
class Carried:
    """The result of a run. Shares are of one core, over the time in which all sessions sent."""

    sessions: int
    busiest_share: float
    first_share: float
    late_ms: float
    lost: int
    megabytes: Sequence[int]

    @property
    def measured(self) -> str:
        memory = ", ".join(f"{size}" for size in self.megabytes)
        return (
            f"{self.sessions} sessions, {self.busiest_share:.1%} of a core; first process {self.first_share:.1%};"
            f" p99 {self.late_ms:.1f} ms; {memory} MB"
        )


def run(sessions: int, processes: int, folder: Path) -> Carried:
    """Run this many sessions from start to end."""
    seconds = sessions // STARTS_A_SECOND + TOGETHER_SECONDS
    listed = inputs(sessions, sounds.wav(folder, seconds), folder)
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with pinned([PYTHON, "-m", "tests.benchmarks.sessions_server"], -1, **pipes) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        url = f"ws://127.0.0.1:{int(server.stdout.readline())}"
        words = ["--jobs", sessions, "--processes", processes, "--connect-rate", STARTS_A_SECOND, "--speed", 1, "-q"]
        command = [LIVECLI, "send", "--from", listed, "--base-url", url, "-o", folder / "replies", *words]
        streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL}
        with pinned([str(word) for word in command], 0, **streams) as first:
            time.sleep(sessions / STARTS_A_SECOND + SETTLING_SECONDS)
            pids = [first.pid, *workers(first.pid)]
            before, began = [cpu_seconds(pid) or 0.0 for pid in pids], time.monotonic()
            time.sleep(seconds - sessions / STARTS_A_SECOND - 2 * SETTLING_SECONDS)
            after, took = [cpu_seconds(pid) or 0.0 for pid in pids], time.monotonic() - began
            megabytes = [round((memory_bytes(pid, peak=True) or 0) / MEGABYTE) for pid in pids]
            first.wait(PATIENCE_SECONDS)
        arrivals = json.loads(server.communicate("")[0])
    shares = [(end - start) / took for start, end in zip(before, after, strict=True)]
    lost = sessions - sum(is_whole(folder, number) for number in range(sessions))
    return Carried(sessions, max(shares), shares[0], arrivals["late_ms"]["p99"], lost, megabytes)


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
    ones, twos = [], []
    for _ in range(ROUNDS):
        for sessions, processes, carried in ((each, 1, ones), (PROCESSES * each, PROCESSES, twos)):
            with tempfile.TemporaryDirectory(prefix="livecli-bench-") as folder:
                carried.append(run(sessions, processes, Path(folder)))
            print(f"{processes}: {carried[-1].measured}", file=sys.stderr)
    ratios = [
        two.sessions / one.sessions * one.busiest_share / two.busiest_share for one, two in zip(ones, twos, strict=True)
    ]
    words = f"{PROCESSES * each} sessions in {PROCESSES} processes"
    figures = [
        Figure("sessions of two processes", ratios, "×", at_least=RATIO_BOUND, measured=twos[-1].measured),
        Figure(f"{words}: chunks late, p99", [two.late_ms for two in twos], "ms", LATE_BOUND_MS),
        Figure(f"{words}: dropped or unanswered", [float(two.lost) for two in twos], "", 0.0),
        Figure(f"{words}: CPU of the first process", [100 * two.first_share for two in twos], "%"),
    ]
    table.show(figures)
    return 0 if all(figure.is_kept for figure in figures) else 1


if __name__ == "__main__":
    sys.exit(main())
