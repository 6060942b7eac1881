"""Time from the server's answer to the first byte of the reply on disk, less the time of a bare socket."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from tests.benchmarks import clients, sounds

from .bare_server import ANSWER
from .measure import Case, Failed, Figure, Stage, interleaved

BOUND_MS = 0.5
HEADER_BYTES = 44
PATIENCE_SECONDS = 10.0


def figures(stage: Stage, rounds: int) -> list[Figure]:
    file = sounds.wav(stage.folder, 2)
    cases = [
        _case(stage, "livecli", clients.livecli(stage.server.url, file), "reply.partial.wav"),
        _case(stage, "bare", clients.bare_socket(stage.server.url, file), "bare.wav"),
    ]
    taken = interleaved(cases, rounds)
    added = [ours - bare for ours, bare in zip(taken["livecli"], taken["bare"], strict=True)]
    ours, bare = (statistics.median(taken[name]) for name in ("livecli", "bare"))
    name = "last chunk to the first reply byte on disk, added to a bare socket"
    return [Figure(name, added, "ms", at_most=BOUND_MS, measured=f"{ours:.2f} − {bare:.2f} ms")]


def _case(stage: Stage, name: str, command: list[str], reply: str) -> Case:
    def case() -> dict[str, float]:
        path = stage.folder / reply
        path.unlink(missing_ok=True)
        seen: list[float] = []
        _, arrivals = stage.visit(command, _answer(path, seen))
        return {name: 1000 * (seen[0] - arrivals.answered)}

    return case


def _answer(path: Path, seen: list[float]) -> Iterator[bytes]:
    """Send the answer, then poll the file without pauses."""
    yield ANSWER
    until = time.monotonic() + PATIENCE_SECONDS
    while not seen:
        with suppress(FileNotFoundError):
            if path.stat().st_size > HEADER_BYTES:
                seen.append(time.monotonic())
        if time.monotonic() > until:
            raise Failed(f"{path.name} was not written")
