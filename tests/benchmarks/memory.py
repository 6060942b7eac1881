"""Peak memory: a long file against a short one of its format, and a short one against google-genai."""

from __future__ import annotations

import statistics
from pathlib import Path

from tests.benchmarks import sounds

from .clients import google_genai, livecli
from .measure import Case, Figure, Rounds, Stage, divided, interleaved

SHORT_SECONDS, CUT_SECONDS, HOUR_SECONDS, LONG_HOURS = 2, 600, 3600, 3
BOUND, OTHER_BOUND, LONG_BOUND = 0.55, 0.75, 1.1
GROWTH_BOUND_MB = 20.0


def figures(stage: Stage, rounds: int, *, full: bool) -> list[Figure]:
    """With `full`, files that have to be converted last an hour, else ten minutes."""
    length, words = (HOUR_SECONDS, "an hour") if full else (CUT_SECONDS, "ten minutes")
    files = _files(stage.folder, length)

    def case(name: str, command: list[str]) -> Case:
        return lambda: {name: stage.peak_megabytes(command)}

    ours = [case(name, livecli(stage.server.url, path)) for name, path in files.items()]
    theirs = case("google-genai", google_genai(stage.server.url, files["short mono"]))
    taken = interleaved([*ours, theirs], rounds, warm=False)
    for path in files.values():
        path.unlink()
    return [
        _divided(taken, "short mono", "google-genai", "2 s of 16 kHz mono WAV ÷ google-genai", BOUND),
        _divided(taken, "short flac", "google-genai", "2 s of 44.1 kHz stereo FLAC ÷ google-genai", OTHER_BOUND),
        _divided(taken, "long mono", "short mono", "3 hours of 16 kHz mono WAV ÷ 2 s", LONG_BOUND),
        _growth(taken, "wav", f"{words} of 44.1 kHz stereo WAV"),
        _growth(taken, "flac", f"{words} of 44.1 kHz stereo FLAC"),
    ]


def _files(folder: Path, length: int) -> dict[str, Path]:
    short, long = (sounds.wav(folder, seconds, rate=44_100, channels=2) for seconds in (SHORT_SECONDS, length))
    return {
        "short mono": sounds.wav(folder, SHORT_SECONDS),
        "long mono": sounds.wav(folder, LONG_HOURS * HOUR_SECONDS),
        "short wav": short,
        "long wav": long,
        "short flac": sounds.flac(short),
        "long flac": sounds.flac(long),
    }


def _growth(taken: Rounds, kind: str, words: str) -> Figure:
    long, short = f"long {kind}", f"short {kind}"
    above = [most - least for most, least in zip(taken[long], taken[short], strict=True)]
    measured = f"{statistics.median(taken[long]):.1f} − {statistics.median(taken[short]):.1f} MB"
    return Figure(f"peak memory, {words} − 2 s", above, "MB", at_most=GROWTH_BOUND_MB, measured=measured)


def _divided(taken: Rounds, ours: str, theirs: str, words: str, bound: float) -> Figure:
    measured = f"{statistics.median(taken[ours]):.1f} ÷ {statistics.median(taken[theirs]):.1f} MB"
    return Figure(f"peak memory, {words}", divided(taken, ours, theirs), at_most=bound, measured=measured)
