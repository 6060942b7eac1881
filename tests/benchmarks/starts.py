"""Run time of short commands, relative to a Python interpreter that does nothing."""

from __future__ import annotations

from collections.abc import Sequence

from .measure import LIVECLI, PYTHON, Case, Figure, Stage, divided, in_milliseconds, interleaved

BARE = "python -c pass"
# Each command has its arguments, its exit status and its bound.
COMMANDS = {
    "livecli --version": (["--version"], 0, 1.7),
    "livecli --help": (["--help"], 0, 7.0),
    "livecli send --help": (["send", "--help"], 0, None),
    "livecli send --nope": (["send", "--nope"], 2, 8.0),
    # The command runs once the emulator listens.
    "livecli serve -- python -c pass": (["serve", "-q", "--", PYTHON, "-c", "pass"], 0, 40.0),
}


def figures(stage: Stage, rounds: int) -> list[Figure]:
    def case(name: str, command: Sequence[str], status: int = 0) -> Case:
        return lambda: {name: stage.seconds(command, status)}

    ours = [case(name, [LIVECLI, *words], status) for name, (words, status, _) in COMMANDS.items()]
    taken = interleaved([case(BARE, [PYTHON, "-c", "pass"]), *ours], rounds)
    return [
        Figure(
            f"{name} ÷ {BARE}", divided(taken, name, BARE), at_most=bound, measured=in_milliseconds(taken, name, BARE)
        )
        for name, (_, _, bound) in COMMANDS.items()
    ]
