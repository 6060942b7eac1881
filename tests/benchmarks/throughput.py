"""Chunks of 1,024 bytes a second as the server sees them come, from the first to the last, unpaced."""

from __future__ import annotations

import statistics
from collections.abc import Callable

from . import sounds
from .clients import CLIENTS, Client
from .measure import Figure, Stage, divided, interleaved

SECONDS = 600
"""Of audio: 18,750 chunks."""


def figures(stage: Stage, rounds: int) -> list[Figure]:
    file = sounds.wav(stage.folder, SECONDS)

    def rate(client: Client) -> Callable[[], float]:
        return lambda: stage.visit(client(stage.sink.url, file))[1].chunks_per_second

    taken = interleaved({name: rate(client) for name, client in CLIENTS.items()}, rounds)
    file.unlink()
    peers = [name for name in CLIENTS if name != "livecli"]
    thousands = {name: statistics.median(samples) / 1000 for name, samples in taken.items()}
    return [
        Figure(
            f"unpaced chunks a second ÷ {peer}",
            divided(taken, "livecli", peer),
            measured=f"{thousands['livecli']:.1f} ÷ {thousands[peer]:.1f} thousand",
        )
        for peer in peers
    ]
