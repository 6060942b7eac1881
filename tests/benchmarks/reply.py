"""Frames of 24 KB of reply audio per second, decoded and written, from the first frame to the client's close."""

from __future__ import annotations

import statistics

from tests.benchmarks import clients, sounds

from .bare_server import ANSWER, audio_frame
from .measure import Case, Figure, Stage, divided, interleaved

FRAMES, FRAME_BYTES = 3_000, 24_000
BOUND = 2.5


def figures(stage: Stage, rounds: int) -> list[Figure]:
    file = sounds.wav(stage.folder, 2)
    tone = sounds.tone(24_000)[:FRAME_BYTES]
    answer = [audio_frame(tone) * 10] * (FRAMES // 10) + [ANSWER]

    def case(client: str) -> Case:
        command = clients.CLIENTS[client](stage.server.url, file)
        return lambda: {client: FRAMES / stage.visit(command, answer)[1].answer_seconds}

    taken = interleaved([case("livecli"), case("tutorial")], rounds)
    ours, theirs = (statistics.median(taken[client]) / 1000 for client in ("livecli", "tutorial"))
    measured = f"{ours:.1f} ÷ {theirs:.1f} thousand"
    name = "24 KB reply frames a second, decoded and written ÷ tutorial"
    return [Figure(name, divided(taken, "livecli", "tutorial"), at_least=BOUND, measured=measured)]
