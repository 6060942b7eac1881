"""The figures that have a bound as an SVG picture: the share of its bound that each uses."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from html import escape
from pathlib import Path

from .measure import Figure
from .table import number

WIDTH, LABEL, BARS, ROW, TOP = 1020, 520, 300, 24, 46
MOST = 1.4
"""The longest bar, as a multiple of the bound."""

STYLE = """
text { font: 13px system-ui, sans-serif; fill: #1f2328 } .quiet { fill: #59636e; font-size: 12px }
.kept { fill: #1a7f37 } .missed { fill: #cf222e } .spread { stroke: #1f2328 } .bound { stroke: #59636e }
@media (prefers-color-scheme: dark) {
  text { fill: #f0f6fc } .quiet { fill: #9198a1 } .spread { stroke: #f0f6fc } .bound { stroke: #9198a1 }
}
""".strip()


def save(figures: Sequence[Figure], path: Path, peers: Mapping[str, str]) -> None:
    """Draw the figures that have a bound."""
    bounded = [figure for figure in figures if figure.at_most is not None or figure.at_least is not None]
    height = TOP + ROW * len(bounded) + 12
    rows = [line for place, figure in enumerate(bounded) for line in _row(figure, TOP + ROW * place)]
    about = f"{datetime.now(UTC):%Y-%m-%d}, beside " + ", ".join(f"{name} {version}" for name, version in peers.items())
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" '
        'aria-label="livecli beside its peers">',
        f"<style>{STYLE}</style>",
        _text(0, 16, "livecli beside its peers: how much of its bound each figure uses (the line is the bound)"),
        _text(0, 34, f"make bench, {about}", "quiet"),
        *rows,
        f'<path class="bound" stroke-dasharray="3" d="M{LABEL + BARS / MOST:.0f} {TOP - 4}V{height - 8}"/>',
        "</svg>",
    ]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _row(figure: Figure, top: float) -> list[str]:
    low, high = sorted(_used(figure, value) for value in figure.spread)
    middle, across = _used(figure, figure.median), top + ROW / 2
    kind = "kept" if figure.is_kept else "missed"
    sign, limit = ("≤", figure.at_most) if figure.at_most is not None else ("≥", figure.at_least)
    words = f"{number(figure.median)} {figure.unit} ({sign} {number(limit or 0.0)})"
    return [
        _text(0, across + 4, figure.name),
        f'<rect class="{kind}" x="{LABEL}" y="{top + 5}" width="{_at(middle) - LABEL:.1f}" height="{ROW - 10}"/>',
        f'<path class="spread" d="M{_at(low):.1f} {across}H{_at(high):.1f}"/>',
        _text(LABEL + BARS + 12, across + 4, words),
    ]


def _used(figure: Figure, value: float) -> float:
    """The share of its bound that `value` uses, for upper and lower bounds."""
    if figure.at_most is not None:
        return value / figure.at_most if figure.at_most else math.inf if value else 0.0
    return (figure.at_least or 0.0) / value if value else math.inf


def _at(share: float) -> float:
    return LABEL + BARS * min(max(share, 0.0), MOST) / MOST


def _text(across: float, down: float, words: str, kind: str = "") -> str:
    style = f' class="{kind}"' if kind else ""
    return f'<text x="{across}" y="{down}"{style}>{escape(words)}</text>'
