"""From the start of the process to what the server sees: the first byte, the setup frame, the first audio frame."""

from __future__ import annotations

from pathlib import Path

from . import sounds
from .clients import CLIENTS
from .measure import PYTHON, Case, Figure, Rounds, Stage, divided, in_milliseconds, interleaved

MOMENTS = {"first_byte": "first byte", "setup": "setup frame", "first_audio": "first audio frame"}
BARE = "python -c pass"
BOUND = 1 / 3


def figures(stage: Stage, rounds: int) -> list[Figure]:
    file = sounds.wav(stage.folder, 2)
    cases = [_moments(stage, client, file) for client in CLIENTS]
    taken = interleaved([lambda: {BARE: stage.seconds([PYTHON, "-c", "pass"])}, *cases], rounds)
    return [
        *(_figure(taken, moment, "google-genai", BOUND) for moment in MOMENTS),
        *(_figure(taken, moment, "tutorial") for moment in MOMENTS),
        _figure(taken, "first_byte", BARE),
    ]


def _moments(stage: Stage, client: str, file: Path) -> Case:
    def case() -> dict[str, float]:
        started, arrivals = stage.visit(CLIENTS[client](stage.sink.url, file))
        return {f"{client} {moment}": getattr(arrivals, moment) - started for moment in MOMENTS}

    return case


def _figure(taken: Rounds, moment: str, peer: str, bound: float | None = None) -> Figure:
    pair = f"livecli {moment}", peer if peer == BARE else f"{peer} {moment}"
    return Figure(
        f"start to {MOMENTS[moment]} ÷ {peer}",
        divided(taken, *pair),
        at_most=bound,
        measured=in_milliseconds(taken, *pair),
    )
