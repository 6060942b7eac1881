"""Time from the start of the process to the first byte, the setup frame and the first audio frame at the server.

And to its exit, after an answer that comes at once: the whole run.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable

from tests.benchmarks import sounds

from .bare_server import AUDIO_PART, text_frame
from .clients import CLIENTS
from .measure import PYTHON, Case, Figure, Rounds, Stage, divided, in_milliseconds, interleaved
from .table import number

MOMENTS = {"first_byte": "first byte", "setup": "setup frame", "first_audio": "first audio frame", "exited": "exit"}
BARE = "python -c pass"
OTHER = "livecli with FLAC"
LIBRARIES = "import asyncio, typer, websockets.asyncio.client, msgspec, pybase64"
"""The libraries that `send` imports: livecli cannot start faster than they do."""
TURN = [
    text_frame({"serverContent": {"inputTranscription": {"text": "Hello."}}}),
    text_frame(
        {
            "serverContent": {
                "modelTurn": {"parts": [AUDIO_PART], "role": "model"},
                "outputTranscription": {"text": "Hi."},
            }
        }
    ),
    text_frame({"serverContent": {"generationComplete": True}}),
    text_frame({"serverContent": {"turnComplete": True}, "usageMetadata": {"totalTokenCount": 1}}),
]
"""A turn as gemini-3.8-live sends it: no transcript says that it has ended."""
BOUND, OTHER_BOUND, EXIT_BOUND = 0.27, 0.40, 0.35


def figures(stage: Stage, rounds: int) -> list[Figure]:
    file = sounds.wav(stage.folder, 2)
    other = sounds.flac(sounds.wav(stage.folder, 2, rate=44_100, channels=2))
    commands = {client: (lambda client=client: CLIENTS[client](stage.server.url, file)) for client in CLIENTS}
    commands[OTHER] = lambda: CLIENTS["livecli"](stage.server.url, other)
    cases = [_moments(stage, name, command) for name, command in commands.items()]
    alone = [lambda: {BARE: stage.seconds([PYTHON, "-c", "pass"]), LIBRARIES: stage.seconds([PYTHON, "-c", LIBRARIES])}]
    taken = interleaved([*alone, *cases], rounds)
    return [
        *(
            _figure(taken, "livecli", moment, "google-genai", BOUND)
            for moment in ("first_byte", "setup", "first_audio")
        ),
        _figure(taken, OTHER, "first_audio", "google-genai", OTHER_BOUND),
        _figure(taken, "livecli", "exited", "google-genai", EXIT_BOUND),
        *(_figure(taken, "livecli", moment, "tutorial") for moment in MOMENTS),
        _figure(taken, "livecli", "first_byte", BARE),
    ]


def _moments(stage: Stage, name: str, command: Callable[[], list[str]]) -> Case:
    def case() -> dict[str, float]:
        started, arrivals = stage.visit(command(), TURN)
        return {f"{name} {moment}": getattr(arrivals, moment) - started for moment in MOMENTS}

    return case


def _figure(taken: Rounds, ours: str, moment: str, peer: str, bound: float | None = None) -> Figure:
    pair = f"{ours} {moment}", peer if peer == BARE else f"{peer} {moment}"
    sent = "a 44.1 kHz stereo FLAC: " if ours == OTHER else ""
    return Figure(
        f"{sent}start to {MOMENTS[moment]} ÷ {peer}",
        divided(taken, *pair),
        at_most=bound,
        measured=in_milliseconds(taken, *pair),
        floor=f"{number(statistics.median(divided(taken, LIBRARIES, pair[1])))}, the libraries' imports alone",
    )
