"""The peak of a long file, and how far it is above that of two seconds of the same kind."""

from __future__ import annotations

import statistics
from pathlib import Path

from . import sounds
from .clients import google_genai, livecli
from .measure import Figure, Rounds, Stage, divided, interleaved

HOUR_SECONDS, TEN_MINUTES_SECONDS = 3600, 600
HOUR_BOUND_MB = 60.0
GROWTH_BOUND_MB = 20.0


def figures(stage: Stage, rounds: int, *, full: bool) -> list[Figure]:
    """With `full` an hour of each kind; else an hour of the plainest, and ten minutes of what has to be converted."""
    length, words = (HOUR_SECONDS, "an hour") if full else (TEN_MINUTES_SECONDS, "ten minutes")
    short, hour = sounds.wav(stage.folder, 2), sounds.wav(stage.folder, HOUR_SECONDS)
    stereo = [sounds.wav(stage.folder, seconds, rate=44_100, channels=2) for seconds in (2, length)]
    flac = [sounds.flac(path) for path in stereo]
    files = {"short": short, "hour": hour, "short wav": stereo[0], "wav": stereo[1], "short flac": flac[0], "flac": flac[1]}
    cases = {name: _peak(stage, livecli(stage.sink.url, path)) for name, path in files.items()}
    cases["google-genai"] = _peak(stage, google_genai(stage.sink.url, short))
    taken = interleaved(cases, rounds)
    _remove(hour, *stereo, *flac)
    return [
        Figure("peak memory, an hour of 16 kHz mono WAV", taken["hour"], "MB", at_most=HOUR_BOUND_MB),
        _growth(taken, "an hour of 16 kHz mono WAV", "hour", "short"),
        _growth(taken, f"{words} of 44.1 kHz stereo WAV", "wav", "short wav"),
        _growth(taken, f"{words} of 44.1 kHz stereo FLAC", "flac", "short flac"),
        Figure("peak memory, 2 s ÷ google-genai", divided(taken, "short", "google-genai"), measured=_over(taken, "short", "google-genai", "÷")),
    ]


def _peak(stage: Stage, command: list[str]):
    return lambda: stage.peak_megabytes(command)


def _growth(taken: Rounds, words: str, long: str, short: str) -> Figure:
    above = [most - least for most, least in zip(taken[long], taken[short], strict=True)]
    return Figure(f"peak memory, {words}, above 2 s of it", above, "MB", at_most=GROWTH_BOUND_MB, measured=_over(taken, long, short, "−"))


def _over(taken: Rounds, one: str, other: str, sign: str) -> str:
    return f"{statistics.median(taken[one]):.1f} {sign} {statistics.median(taken[other]):.1f} MB"


def _remove(*paths: Path) -> None:
    for path in paths:
        path.unlink()
