"""Chunks of 1,024 bytes a second as the server sees them come, from the first to the last, unpaced."""

from __future__ import annotations

import statistics

from . import sounds
from .clients import CLIENTS
from .measure import Case, Figure, Rounds, Stage, divided, interleaved

SECONDS = 600
"""Of audio: 18,750 chunks."""


def figures(stage: Stage, rounds: int) -> list[Figure]:
    file = sounds.wav(stage.folder, SECONDS)

    def case(client: str) -> Case:
        return lambda: {client: stage.visit(CLIENTS[client](stage.sink.url, file))[1].chunks_per_second}

    taken = interleaved([case(client) for client in CLIENTS], rounds)
    file.unlink()
    return [_figure(taken, peer) for peer in ("tutorial", "google-genai")]


def _figure(taken: Rounds, peer: str) -> Figure:
    ours, theirs = (statistics.median(taken[client]) / 1000 for client in ("livecli", peer))
    measured = f"{ours:.1f} ÷ {theirs:.1f} thousand"
    return Figure(f"unpaced chunks a second ÷ {peer}", divided(taken, "livecli", peer), measured=measured)
