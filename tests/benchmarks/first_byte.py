"""From the start of the process to what the server sees: the first byte, the setup frame, the first audio frame."""

from __future__ import annotations

from . import sounds
from .clients import CLIENTS
from .measure import PYTHON, Figure, Rounds, Stage, divided, in_milliseconds

MOMENTS = {"first_byte": "first byte", "setup": "setup frame", "first_audio": "first audio frame"}
THIRD = 1 / 3


def figures(stage: Stage, rounds: int) -> list[Figure]:
    file = sounds.wav(stage.folder, 2)
    taken: Rounds = {"python": [], **{f"{client} {moment}": [] for client in CLIENTS for moment in MOMENTS}}
    for counted in [False] + [True] * rounds:
        bare = stage.seconds([PYTHON, "-c", "pass"])
        if counted:
            taken["python"].append(bare)
        for client, command in CLIENTS.items():
            started, arrivals = stage.visit(command(stage.sink.url, file))
            if counted:
                for moment in MOMENTS:
                    taken[f"{client} {moment}"].append(getattr(arrivals, moment) - started)
    return [*_beside(taken, "google-genai", THIRD), *_beside(taken, "tutorial", None), _beside_python(taken)]


def _beside(taken: Rounds, peer: str, bound: float | None) -> list[Figure]:
    pairs = [(words, f"livecli {moment}", f"{peer} {moment}") for moment, words in MOMENTS.items()]
    return [
        Figure(f"start to {words} ÷ {peer}", divided(taken, *pair), at_most=bound, measured=in_milliseconds(taken, *pair))
        for words, *pair in pairs
    ]


def _beside_python(taken: Rounds) -> Figure:
    pair = ("livecli first_byte", "python")
    return Figure("start to first byte ÷ python -c pass", divided(taken, *pair), measured=in_milliseconds(taken, *pair))
