"""Chunks of 1,024 bytes a second as the server sees them come, from the first to the last, unpaced."""

from __future__ import annotations

import statistics

from tests.benchmarks import clients, sounds

from .measure import Case, Figure, Rounds, Stage, divided, interleaved

SECONDS = {  # of audio, 31.25 chunks each: as much as takes a good part of a second
    "livecli": (4800, clients.livecli),
    "livecli one by one": (2400, clients.one_by_one),
    "raw asyncio": (2400, clients.raw_asyncio),
    "tutorial": (600, clients.tutorial),
    "aiohttp": (600, clients.aiohttp),
    "google-genai": (300, clients.google_genai),
    "sink": (2, clients.flood),
}
BOUNDS = {  # at least
    ("livecli", "tutorial"): 5.0,
    ("livecli", "google-genai"): 20.0,
    ("livecli", "aiohttp"): None,
    ("livecli", "raw asyncio"): 1.0,
    ("livecli one by one", "tutorial"): 2.0,
    ("livecli one by one", "google-genai"): 8.0,
}
WORDS = {"livecli": "with catch-up batching (--speed 0)", "livecli one by one": "one message a write (Session.send)"}
SINK_FRAMES = 700.0


def figures(stage: Stage, rounds: int) -> list[Figure]:
    files = {seconds: sounds.wav(stage.folder, seconds) for seconds in {seconds for seconds, _ in SECONDS.values()}}

    def case(name: str) -> Case:
        seconds, client = SECONDS[name]
        return lambda: {name: stage.visit(client(stage.sink.url, files[seconds]))[1].chunks_per_second}

    taken = interleaved([case(name) for name in SECONDS], rounds)
    for file in files.values():
        file.unlink()
    sink = [rate / 1000 for rate in taken["sink"]]
    return [
        *(_figure(taken, ours, theirs, bound) for (ours, theirs), bound in BOUNDS.items()),
        Figure("frames made beforehand, from a socket through the sink", sink, "thousand/s", at_least=SINK_FRAMES),
    ]


def _figure(taken: Rounds, ours: str, theirs: str, bound: float | None) -> Figure:
    a, b = (statistics.median(taken[name]) / 1000 for name in (ours, theirs))
    name = f"1 KB chunks a second, {WORDS[ours]} ÷ {theirs}"
    return Figure(name, divided(taken, ours, theirs), at_least=bound, measured=f"{a:.1f} ÷ {b:.1f} thousand")
