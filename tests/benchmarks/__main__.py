"""`python -m tests.benchmarks`: run every subject, show the table, end with 1 where a bound is missed."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from tests.benchmarks import chart, first_byte, latency, load, memory, pace, reply, starts, table, throughput

from .environment import BENCHMARKS, versions
from .measure import Failed, Figure, Stage
from .sink import Sink

PUBLISHED = Path(__file__).parents[2] / ".github" / "images"

SUBJECTS = {  # rounds, what is measured
    "starts": lambda stage, asked: starts.figures(stage, asked.rounds or 21),
    "first-byte": lambda stage, asked: first_byte.figures(stage, asked.rounds or 11),
    "memory": lambda stage, asked: memory.figures(stage, asked.rounds or 3, full=asked.full),
    "throughput": lambda stage, asked: throughput.figures(stage, asked.rounds or 11),
    "reply": lambda stage, asked: reply.figures(stage, asked.rounds or 7),
    "latency": lambda stage, asked: latency.figures(stage, asked.rounds or 15),
    "pace": lambda stage, asked: pace.figures(stage, asked.rounds or 2),
    "load": lambda stage, asked: load.figures(stage, full=asked.full),
}


def main() -> int:
    asked = _arguments()
    peers = versions()
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory(prefix="livecli-bench-") as folder, Sink() as sink:
        stage = Stage(Path(folder), sink)
        for subject in asked.only or SUBJECTS:
            started = time.monotonic()
            try:
                figures += SUBJECTS[subject](stage, asked)
            except Failed as failure:
                print(f"{subject}: {failure}", file=sys.stderr)
                return 1
            print(f"{subject}: {time.monotonic() - started:.0f} s", file=sys.stderr)
    table.show(figures)
    folder = PUBLISHED if asked.publish else BENCHMARKS
    folder.mkdir(parents=True, exist_ok=True)
    table.save(figures, asked.json or BENCHMARKS / "bench.json", peers)
    chart.save(figures, folder / "bench.svg", peers)
    return 0 if all(figure.is_kept for figure in figures) else 1


def _arguments() -> argparse.Namespace:
    words = argparse.ArgumentParser("python -m tests.benchmarks", description="livecli beside its peers, as ratios.")
    words.add_argument("--json", type=Path, metavar="FILE", help="every sample goes there [.benchmarks/bench.json]")
    words.add_argument("--publish", action="store_true", help="the chart goes to .github/images, for the README")
    words.add_argument(
        "--full", action="store_true", help="memory: an hour of every kind; load: more users, until it is too much"
    )
    words.add_argument("--rounds", type=int, help="instead of each subject's own number")
    words.add_argument("--only", action="append", choices=SUBJECTS, help="this subject; may be given again")
    return words.parse_args()


sys.exit(main())
