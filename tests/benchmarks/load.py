"""Load of the emulator: one `livecli serve` on one core, and many users on another, each streaming 1 KB every 32 ms.

The users end two seconds of speech with `activityEnd`, or leave that to voice detection. With `full`, their number
grows until replies begin too late. `waited` is the share of the time in which other processes kept the emulator from
its core.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from .measure import HERE, LIVECLI, MEGABYTE, PYTHON, Failed, Figure, Stage

SESSIONS = 500
GROWING = (750, 1000, 1250, 1500, 2000)
SECONDS = 6.0
"""Long enough for two turns of each user."""
START_BOUND_MS, SESSION_BOUND_MB = 250.0, 1.0
PATIENCE_SECONDS = 120.0
MODES = {"manual": "activityEnd", "voice": "voice detection"}


@dataclass(frozen=True)
class LoadResult:
    """The result of a run: `seen` is the output of `load_clients.py`."""

    mode: str
    seen: dict[str, Any]

    @property
    def starts_ms(self) -> list[float]:
        return [1000 * seconds for seconds in self.seen["answered_seconds"]]

    @property
    def late_ms(self) -> float:
        """The p99 of the time until a reply begins."""
        return self.starts_ms[int(0.99 * len(self.starts_ms))]

    @property
    def lost(self) -> int:
        """Number of dropped connections and missing replies."""
        return int(self.seen["dropped"] + self.seen["missing"])

    @property
    def is_served(self) -> bool:
        return not self.lost and bool(self.starts_ms) and self.late_ms <= START_BOUND_MS

    @property
    def described(self) -> str:
        seen = self.seen
        server = f"{seen['server_share']:.0%} of a core" if seen["server_share"] is not None else "?"
        median = self.starts_ms[len(self.starts_ms) // 2]
        return (
            f"{len(self.starts_ms)} replies, p50 {median:.0f} ms; emulator {server}"
            f" (waited {seen['waited_share']:.0%}), users {seen['own_share']:.0%}"
        )


def figures(stage: Stage, *, full: bool) -> list[Figure]:
    """Each run has an emulator of its own, so that its memory can be measured."""
    made = []
    for mode in MODES:
        made += _figures(_run(stage, SESSIONS, mode))
        if full:
            made.append(_most(stage, mode))
    return made


def _figures(result: LoadResult) -> list[Figure]:
    words = f"{result.seen['sessions']} users, {MODES[result.mode]}"
    held = result.seen["session_bytes"]
    memory = [held / MEGABYTE] if held is not None else []
    return [
        Figure(f"{words}: reply begins, p99", [result.late_ms], "ms", START_BOUND_MS, measured=result.described),
        Figure(f"{words}: dropped or unanswered", [float(result.lost)], "", 0.0),
        *(Figure(f"{words}: memory a user", memory, "MB", SESSION_BOUND_MB) for _ in memory),
    ]


def _most(stage: Stage, mode: str) -> Figure:
    """The most users that are served within the bounds, and the failure of the next larger number."""
    served, trouble = SESSIONS, ""
    for sessions in GROWING:
        result = _run(stage, sessions, mode)
        if not result.is_served:
            trouble = f"{sessions}: p99 {result.late_ms:.0f} ms, {result.lost} lost; {result.described}"
            break
        served = sessions
    return Figure(f"most users, {MODES[mode]}", [float(served)], "", measured=trouble)


def _run(stage: Stage, sessions: int, mode: str) -> LoadResult:
    with emulator(stage) as (server, port):
        words = [port, sessions, SECONDS, mode, server.pid]
        command = [PYTHON, str(HERE / "load_clients.py"), *map(str, words)]
        with Pinned(command, stage, core=-1) as clients:
            output, _ = clients.communicate(timeout=PATIENCE_SECONDS)
        if clients.returncode or server.poll() is not None:
            raise Failed(f"{sessions} users: status {clients.returncode}, emulator {server.poll()}")
    result = LoadResult(mode, json.loads(output))
    if not result.starts_ms:
        raise Failed(f"{sessions} users were not answered: {result.seen}")
    return result


@contextmanager
def emulator(stage: Stage, *, core: int = 0) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """An emulator that listens, on one core: its process and its port."""
    with Pinned([LIVECLI, "serve", "--port", "0", "--tls-port", "0", "--quiet"], stage, core=core) as server:
        assert server.stdout is not None
        for line in server.stdout:
            if line.startswith("export LIVECLI_BASE_URL="):
                yield server, int(line.rpartition(":")[2])
                return
        raise Failed("the emulator did not start")


class Pinned(subprocess.Popen[str]):
    """A process on one core, given by its index. It is killed at the end of the block."""

    def __init__(self, command: list[str], stage: Stage, *, core: int) -> None:
        super().__init__(
            command,
            cwd=stage.folder,
            env=stage.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=sys.stderr,
            text=True,
        )
        if hasattr(os, "sched_setaffinity"):
            with suppress(OSError):
                os.sched_setaffinity(self.pid, {sorted(os.sched_getaffinity(0))[core]})

    def __exit__(self, *_: object) -> None:
        self.kill()
        super().__exit__(None, None, None)
