"""Chunks of 1,024 bytes per second at the server, from the first to the last, unpaced."""

from __future__ import annotations

import statistics

from tests.benchmarks import clients, sounds

from .measure import Case, Figure, Rounds, Stage, divided, interleaved

# Seconds of audio, of 31.25 chunks each, for each client: enough for a large part of a second.
SECONDS = {
    "livecli": (4800, clients.livecli),
    "livecli unbatched": (2400, clients.unbatched),
    "raw asyncio": (2400, clients.raw_asyncio),
    "tutorial": (600, clients.tutorial),
    "aiohttp": (600, clients.aiohttp),
    "google-genai": (300, clients.google_genai),
    "server": (2, clients.flood),
}
# Lower bounds of the ratios.
BOUNDS = {
    ("livecli", "tutorial"): 5.0,
    ("livecli", "google-genai"): 20.0,
    ("livecli", "aiohttp"): None,
    ("livecli", "raw asyncio"): 1.0,
    ("livecli unbatched", "tutorial"): 2.0,
    ("livecli unbatched", "google-genai"): 8.0,
}
WORDS = {"livecli": "with catch-up batching (--speed 0)", "livecli unbatched": "one message per write (Session.send)"}
SERVER_FRAMES = 700.0


def figures(stage: Stage, rounds: int) -> list[Figure]:
    files = {seconds: sounds.wav(stage.folder, seconds) for seconds in {seconds for seconds, _ in SECONDS.values()}}

    def case(name: str) -> Case:
        seconds, client = SECONDS[name]
        return lambda: {name: stage.visit(client(stage.server.url, files[seconds]))[1].chunks_per_second}

    taken = interleaved([case(name) for name in SECONDS], rounds)
    for file in files.values():
        file.unlink()
    server = [rate / 1000 for rate in taken["server"]]
    return [
        *(_figure(taken, ours, theirs, bound) for (ours, theirs), bound in BOUNDS.items()),
        Figure(
            "frames made beforehand, as fast as the server reads them", server, "thousand/s", at_least=SERVER_FRAMES
        ),
    ]


def _figure(taken: Rounds, ours: str, theirs: str, bound: float | None) -> Figure:
    a, b = (statistics.median(taken[name]) / 1000 for name in (ours, theirs))
    name = f"1 KB chunks a second, {WORDS[ours]} ÷ {theirs}"
    return Figure(name, divided(taken, ours, theirs), at_least=bound, measured=f"{a:.1f} ÷ {b:.1f} thousand")
