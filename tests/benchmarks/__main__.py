"""`python -m tests.benchmarks`: runs the benchmarks, shows a table, and ends with status 1 if a bound is missed."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from tests.benchmarks import (
    chart,
    first_byte,
    latency,
    load,
    memory,
    pace,
    plugin,
    proxy,
    reply,
    report,
    starts,
    table,
    throughput,
)

from .bare_server import BareServer
from .environment import BENCHMARKS, versions
from .measure import Failed, Figure, Stage

PUBLISHED = Path(__file__).parents[2] / ".github" / "images"

# Each subject is called with the options, and has a default number of rounds.
SUBJECTS = {
    "starts": lambda stage, options: starts.figures(stage, options.rounds or 21),
    "first-byte": lambda stage, options: first_byte.figures(stage, options.rounds or 11),
    "memory": lambda stage, options: memory.figures(stage, options.rounds or 3, full=options.full),
    "throughput": lambda stage, options: throughput.figures(stage, options.rounds or 11),
    "reply": lambda stage, options: reply.figures(stage, options.rounds or 7),
    "latency": lambda stage, options: latency.figures(stage, options.rounds or 15),
    "pace": lambda stage, options: pace.figures(stage, options.rounds or 2),
    "load": lambda stage, options: load.figures(stage, full=options.full),
    "report": lambda stage, options: report.figures(stage, options.rounds or 5),
    "plugin": lambda stage, options: plugin.figures(stage, options.rounds or 11),
    "proxy": lambda stage, options: proxy.figures(stage, full=options.full),
}


def main() -> int:
    options = _arguments()
    peers = versions()
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory(prefix="livecli-bench-") as folder, BareServer() as server:
        stage = Stage(Path(folder), server)
        for subject in options.only or SUBJECTS:
            started = time.monotonic()
            try:
                figures += SUBJECTS[subject](stage, options)
            except Failed as failure:
                print(f"{subject}: {failure}", file=sys.stderr)
                return 1
            print(f"{subject}: {time.monotonic() - started:.0f} s", file=sys.stderr)
    table.show(figures)
    folder = PUBLISHED if options.publish else BENCHMARKS
    folder.mkdir(parents=True, exist_ok=True)
    table.save(figures, options.json or BENCHMARKS / "bench.json", peers)
    chart.save(figures, folder / "bench.svg", peers)
    return 0 if all(figure.is_kept for figure in figures) else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser("python -m tests.benchmarks", description="Compare livecli with its peers.")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every sample to FILE [.benchmarks/bench.json]")
    parser.add_argument("--publish", action="store_true", help="write the chart to .github/images, for the README")
    parser.add_argument(
        "--full",
        action="store_true",
        help="memory: an hour of each format; load: increase users to the limit; proxy: minutes",
    )
    parser.add_argument("--rounds", type=int, help="number of rounds, instead of the default of each subject")
    parser.add_argument("--only", action="append", choices=SUBJECTS, help="run this subject only (repeatable)")
    return parser.parse_args()


sys.exit(main())
