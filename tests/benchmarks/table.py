"""The figures as a table, with rich at a terminal and as plain text elsewhere, and as JSON."""

from __future__ import annotations

import json
import os
import platform
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from .measure import Figure

HEADINGS = ("figure", "median", "spread", "bound", "measured")


def show(figures: Sequence[Figure]) -> None:
    """Print the figures on standard output."""
    if sys.stdout.isatty():
        _show_with_rich(figures)
    else:
        _show_plainly(figures)


def _show_plainly(figures: Sequence[Figure]) -> None:
    rows = [HEADINGS, *(_row(figure) for figure in figures)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADINGS))]
    for row in rows:
        name, *numbers, measured = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        print("  ".join([name, *(cell.strip().rjust(len(cell)) for cell in numbers), measured]).rstrip())


def save(figures: Sequence[Figure], path: Path, peers: Mapping[str, str]) -> None:
    """Write the figures as JSON, with the samples of every round and the versions of the peers."""
    about = {
        "peers": dict(peers),
        "when": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "system": platform.platform(),
        "cpus": os.cpu_count(),
    }
    path.write_text(json.dumps({**about, "figures": [_json(figure) for figure in figures]}, indent=2) + "\n")


def _show_with_rich(figures: Sequence[Figure]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for heading in HEADINGS:
        table.add_column(heading, justify="left" if heading in ("figure", "measured") else "right")
    for figure in figures:
        table.add_row(*_row(figure), style="" if figure.is_kept else "bold red")
    Console().print(table)


def _row(figure: Figure) -> tuple[str, str, str, str, str]:
    low, high = figure.spread
    spread = f"{number(low)} – {number(high)}"
    measured = figure.measured if figure.is_kept or not figure.floor else f"{figure.measured}; floor: {figure.floor}"
    return figure.name, f"{number(figure.median)} {figure.unit}", spread, bound(figure), measured


def bound(figure: Figure) -> str:
    words = [f"≤ {number(figure.at_most)}"] if figure.at_most is not None else []
    words += [f"≥ {number(figure.at_least)}"] if figure.at_least is not None else []
    return " ".join([*words, *([] if figure.is_kept else ["MISSED"])])


def number(number: float) -> str:
    """A number to three digits, without a minus before zero."""
    return f"{round(number, 2) + 0.0:.2f}" if abs(number) < 10 else f"{number:.1f}"


def _json(figure: Figure) -> dict[str, Any]:
    return {
        "name": figure.name,
        "unit": figure.unit,
        "median": figure.median,
        "spread": figure.spread,
        "at_most": figure.at_most,
        "at_least": figure.at_least,
        "kept": figure.is_kept,
        "measured": figure.measured,
        "floor": figure.floor,
        "samples": list(figure.samples),
    }
