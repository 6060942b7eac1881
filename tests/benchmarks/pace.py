"""Real time: CPU per minute of audio, and how late each chunk arrives."""

from __future__ import annotations

import statistics

from tests.benchmarks import clients, sounds

from .bare_server import Arrivals
from .measure import Case, Figure, Stage, divided, interleaved

SHORT_SECONDS, LONG_SECONDS, MINUTE = 2, 20, 60
CHUNK_SECONDS = 512 / 16_000
CPU_BOUND, DRIFT_BOUND_MS, DEVIATION_BOUND_MS = 0.6, 5.0, 3.0


def figures(stage: Stage, rounds: int) -> list[Figure]:
    short, long = (sounds.wav(stage.folder, seconds) for seconds in (SHORT_SECONDS, LONG_SECONDS))
    paces: list[Arrivals] = []

    def case(client: str) -> Case:
        def measured() -> dict[str, float]:
            once, _ = stage.cpu_seconds(_command(client, stage.server.url, short))
            more, arrivals = stage.cpu_seconds(_command(client, stage.server.url, long))
            if client == "livecli":
                paces.append(arrivals)
            return {client: once + (more - once) * (MINUTE - SHORT_SECONDS) / (LONG_SECONDS - SHORT_SECONDS)}

        return measured

    taken = interleaved([case("livecli"), case("google-genai")], rounds, warm=False)
    ours, theirs = (statistics.median(taken[client]) for client in ("livecli", "google-genai"))
    late = [[1000 * seconds for seconds in lateness(arrivals.times)] for arrivals in paces]
    return [
        Figure(
            "CPU for a minute of audio at --speed 1 ÷ google-genai",
            divided(taken, "livecli", "google-genai"),
            at_most=CPU_BOUND,
            measured=f"{ours:.2f} ÷ {theirs:.2f} s",
        ),
        Figure("drift at --speed 1, 20 s scaled to a minute", list(map(_drift, late)), "ms", at_most=DRIFT_BOUND_MS),
        Figure("a chunk after its deadline at --speed 1, p99", list(map(_p99, late)), "ms", at_most=DEVIATION_BOUND_MS),
    ]


def _command(client: str, url: str, file: object) -> list[str]:
    made = {"livecli": clients.livecli, "google-genai": clients.google_genai}[client]
    return made(url, file, "1")  # type: ignore[operator]


def lateness(times: list[float]) -> list[float]:
    """Seconds by which each chunk is later than the most punctual one, since only the client knows its schedule."""
    behind = [at - place * CHUNK_SECONDS for place, at in enumerate(times)]
    return [each - min(behind) for each in behind]


def _drift(late: list[float]) -> float:
    """Milliseconds per minute by which lateness grows, from the median of the first second to that of the last."""
    second = round(1 / CHUNK_SECONDS)
    grown = statistics.median(late[-second:]) - statistics.median(late[:second])
    return abs(grown) * MINUTE / (LONG_SECONDS - 1)


def _p99(late: list[float]) -> float:
    return sorted(late)[int(0.99 * len(late))]
