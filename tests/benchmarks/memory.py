"""The peak of a long file, and how far it is above that of two seconds of the same kind."""

from __future__ import annotations

import statistics
from pathlib import Path

from . import sounds
from .clients import google_genai, livecli
from .measure import Case, Figure, Rounds, Stage, divided, interleaved

SHORT_SECONDS, CUT_SECONDS, HOUR_SECONDS = 2, 600, 3600
HOUR_BOUND_MB = 60.0
GROWTH_BOUND_MB = 20.0


def figures(stage: Stage, rounds: int, *, full: bool) -> list[Figure]:
    """With `full` an hour of each kind; else an hour of the plainest, and ten minutes of what has to be converted."""
    length, words = (HOUR_SECONDS, "an hour") if full else (CUT_SECONDS, "ten minutes")
    files = _files(stage.folder, length)

    def case(name: str, command: list[str]) -> Case:
        return lambda: {name: stage.peak_megabytes(command)}

    ours = [case(name, livecli(stage.sink.url, path)) for name, path in files.items()]
    taken = interleaved([*ours, case("google-genai", google_genai(stage.sink.url, files["short mono"]))], rounds)
    for path in files.values():
        path.unlink()
    return [
        Figure("peak memory, an hour of 16 kHz mono WAV", taken["long mono"], "MB", at_most=HOUR_BOUND_MB),
        _growth(taken, "mono", "an hour of 16 kHz mono WAV"),
        _growth(taken, "wav", f"{words} of 44.1 kHz stereo WAV"),
        _growth(taken, "flac", f"{words} of 44.1 kHz stereo FLAC"),
        _beside_google_genai(taken),
    ]


def _files(folder: Path, length: int) -> dict[str, Path]:
    short, long = (sounds.wav(folder, seconds, rate=44_100, channels=2) for seconds in (SHORT_SECONDS, length))
    return {
        "short mono": sounds.wav(folder, SHORT_SECONDS),
        "long mono": sounds.wav(folder, HOUR_SECONDS),
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


def _beside_google_genai(taken: Rounds) -> Figure:
    ours, theirs = "short mono", "google-genai"
    measured = f"{statistics.median(taken[ours]):.1f} ÷ {statistics.median(taken[theirs]):.1f} MB"
    return Figure("peak memory, 2 s of 16 kHz mono WAV ÷ google-genai", divided(taken, ours, theirs), measured=measured)
