"""One `livecli serve` on one core, and a crowd of users on another, each streaming 1 KB every 32 ms.

A crowd says when it is done of two seconds of speech, or leaves that to voice detection. With `full` it grows until
replies begin too late; before that it is as large as was promised. Where others use the machine too, `waited` says how
much of the time they kept the emulator from its core.
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
"""Two turns of everybody's."""
START_BOUND_MS, SESSION_BOUND_MB = 250.0, 1.0
PATIENCE_SECONDS = 120.0
MODES = {"manual": "activityEnd", "voice": "voice detection"}


@dataclass(frozen=True)
class Crowded:
    """What a crowd of this size saw."""

    mode: str
    seen: dict[str, Any]

    @property
    def starts_ms(self) -> list[float]:
        return [1000 * seconds for seconds in self.seen["answered_seconds"]]

    @property
    def late_ms(self) -> float:
        """Ninety-nine replies in a hundred have begun by then."""
        return self.starts_ms[int(0.99 * len(self.starts_ms))]

    @property
    def lost(self) -> int:
        """Connections that were dropped, replies that did not come."""
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
            f" (waited {seen['waited_share']:.0%}), crowd {seen['own_share']:.0%}"
        )


def figures(stage: Stage, *, full: bool) -> list[Figure]:
    """Each crowd has an emulator of its own, so that memory is its own too."""
    made = []
    for mode in MODES:
        made += _figures(_crowd(stage, SESSIONS, mode))
        if full:
            made.append(_most(stage, mode))
    return made


def _figures(crowded: Crowded) -> list[Figure]:
    words = f"{crowded.seen['sessions']} users, {MODES[crowded.mode]}"
    held = crowded.seen["session_bytes"]
    memory = [held / MEGABYTE] if held is not None else []
    return [
        Figure(f"{words}: reply begins, p99", [crowded.late_ms], "ms", START_BOUND_MS, measured=crowded.described),
        Figure(f"{words}: dropped or unanswered", [float(crowded.lost)], "", 0.0),
        *(Figure(f"{words}: memory a user", memory, "MB", SESSION_BOUND_MB) for _ in memory),
    ]


def _most(stage: Stage, mode: str) -> Figure:
    """The largest crowd that is served as the small one is, and what was wrong with the next."""
    served, trouble = SESSIONS, ""
    for sessions in GROWING:
        crowded = _crowd(stage, sessions, mode)
        if not crowded.is_served:
            trouble = f"{sessions}: p99 {crowded.late_ms:.0f} ms, {crowded.lost} lost; {crowded.described}"
            break
        served = sessions
    return Figure(f"most users, {MODES[mode]}", [float(served)], "", measured=trouble)


def _crowd(stage: Stage, sessions: int, mode: str) -> Crowded:
    with _emulator(stage) as (emulator, port):
        command = [PYTHON, str(HERE / "crowd.py"), str(port), str(sessions), str(SECONDS), mode, str(emulator.pid)]
        with _Pinned(command, stage, core=-1) as crowd:
            said, _ = crowd.communicate(timeout=PATIENCE_SECONDS)
        if crowd.returncode or emulator.poll() is not None:
            raise Failed(f"a crowd of {sessions}: status {crowd.returncode}, emulator {emulator.poll()}")
    crowded = Crowded(mode, json.loads(said))
    if not crowded.starts_ms:
        raise Failed(f"a crowd of {sessions} was not answered: {crowded.seen}")
    return crowded


@contextmanager
def _emulator(stage: Stage) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """It listens, and on which port."""
    with _Pinned([LIVECLI, "serve", "--port", "0", "--tls-port", "0", "--quiet"], stage, core=0) as emulator:
        assert emulator.stdout is not None
        for line in emulator.stdout:
            if line.startswith("export LIVECLI_BASE_URL="):
                yield emulator, int(line.rpartition(":")[2])
                return
        raise Failed("the emulator did not start")


class _Pinned(subprocess.Popen[str]):
    """A process on one core, the first or the last that there is; gone at the end of the block."""

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
