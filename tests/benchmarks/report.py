"""`livecli report` of a recorded session: its time against that of reading each line as JSON, and its peak memory."""

from __future__ import annotations

import base64
import statistics
from collections.abc import Iterator
from pathlib import Path

from livecli.recording.format import (
    By,
    Direction,
    Frame,
    Header,
    RecordedClose,
    RecordedConnection,
    Recording,
    write_live,
)

from . import sounds
from .measure import LIVECLI, PYTHON, Case, Figure, Stage, divided, in_milliseconds, interleaved

LONG_SECONDS, SHORT_SECONDS = 600, 60
TIME_BOUND, MEMORY_BOUND = 6.5, 1.2
CHUNK_SECONDS = 0.032
QUESTION_SECONDS, CYCLE_SECONDS = 4.0, 10.0
"""The user speaks for this long in each cycle, and the model answers for as long, four times as fast as speech."""

READ = "import json, sys\nfor line in open(sys.argv[1], 'rb'): json.loads(line)"
"""A program that reads each line."""


def figures(stage: Stage, rounds: int) -> list[Figure]:
    long, short = (_recorded(stage.folder / f"{seconds}.live", seconds) for seconds in (LONG_SECONDS, SHORT_SECONDS))

    def timed(name: str, *words: str) -> Case:
        return lambda: {name: stage.seconds(words)}

    def peak(name: str, path: Path) -> Case:
        return lambda: {name: stage.peak_megabytes([LIVECLI, "report", str(path)], visits=False)}

    taken = interleaved(
        [
            timed("report", LIVECLI, "report", str(long)),
            timed("read", PYTHON, "-c", READ, str(long)),
            peak("long", long),
            peak("short", short),
        ],
        rounds,
    )
    peaks = " ÷ ".join(f"{statistics.median(taken[name]):.0f}" for name in ("long", "short")) + " MB"
    return [
        Figure(
            "report of ten minutes ÷ reading its lines as JSON",
            divided(taken, "report", "read"),
            at_most=TIME_BOUND,
            measured=in_milliseconds(taken, "report", "read"),
        ),
        Figure(
            "peak memory, report of ten minutes ÷ of one",
            divided(taken, "long", "short"),
            at_most=MEMORY_BOUND,
            measured=peaks,
        ),
    ]


def _recorded(path: Path, seconds: int) -> Path:
    """A recording of questions and answers."""
    frames = sorted(_frames(seconds), key=lambda frame: frame.at or 0.0)
    close = RecordedClose(1000, "", By.CLIENT, float(seconds))
    recording = Recording([RecordedConnection(Header("developer", "gemini-3.8-live"), frames, close)])
    path.write_bytes(b"".join(write_live(recording)))
    return path


def _frames(seconds: int) -> Iterator[Frame]:
    yield Frame(Direction.CLIENT, b'{"setup": {"model": "models/gemini-3.8-live"}}')
    yield Frame(Direction.SERVER, b'{"setupComplete": {}}', 0.1)
    asked, answer = (sounds.tone(rate)[: 2 * round(CHUNK_SECONDS * rate)] for rate in (16_000, 24_000))
    quiet = bytes(len(asked))
    for chunk in range(round(seconds / CHUNK_SECONDS)):
        at = 0.2 + chunk * CHUNK_SECONDS
        place = at % CYCLE_SECONDS
        yield _frame(Direction.CLIENT, at, asked if place < QUESTION_SECONDS else quiet)
        if place < QUESTION_SECONDS:
            yield _frame(Direction.SERVER, at - place + QUESTION_SECONDS + place / 4, answer)
    for cycle in range(1, int(seconds / CYCLE_SECONDS)):
        yield Frame(Direction.SERVER, b'{"serverContent": {"turnComplete": true}}', cycle * CYCLE_SECONDS)


def _frame(direction: Direction, at: float, pcm: bytes) -> Frame:
    data = base64.b64encode(pcm)
    if direction is Direction.CLIENT:
        return Frame(
            direction, b'{"realtimeInput":{"audio":{"data":"%s","mimeType":"audio/pcm;rate=16000"}}}' % data, at
        )
    part = b'{"inlineData": {"mimeType": "audio/pcm;rate=24000", "data": "%s"}}' % data
    return Frame(direction, b'{"serverContent": {"modelTurn": {"parts": [%s]}}}' % part, at, is_binary=True)
