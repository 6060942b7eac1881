"""Lateness and CPU against the number of sessions, as an SVG picture."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from .chart import STYLE

if TYPE_CHECKING:
    from .sessions import Seen

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 760, 360, 60, 60, 60, 40
MOST_MS = 100.0
"""The upper edge of the scale; later values are drawn there."""
LINES = """
.late { fill: none; stroke: #0969da; stroke-width: 2 } .cpu { fill: none; stroke: #bc4c00; stroke-width: 2 }
.peer { fill: none; stroke: #59636e; stroke-width: 2 }
.dot-late { fill: #0969da } .dot-cpu { fill: #bc4c00 } .dot-peer { fill: #59636e }
.grid { stroke: #59636e; stroke-opacity: 0.25 }
"""

NAMES = {
    "google_genai": "google-genai",
    "tutorial": "the tutorial's loop",
    "livecli --processes 2": "two processes",
    "asyncio": "asyncio alone",
}
"""The names of the other clients in the picture."""


def save(seen: Sequence[Seen], bound_ms: float, path: Path) -> None:
    """Draw the p99 of lateness of each client, on the left scale, and livecli's share of a core, on the right one.

    The first client is livecli.
    """
    most = max(each.sessions for each in seen)
    clients = list(dict.fromkeys(each.client for each in seen))
    late = {
        client: [
            (_across(each.sessions, most), _down(each.late_ms["p99"] / MOST_MS))
            for each in seen
            if each.client == client
        ]
        for client in clients
    }
    ours = [each for each in seen if each.client == clients[0]]
    cpu = [(_across(each.sessions, most), _down(each.cpu_share)) for each in ours]
    bound = _down(bound_ms / MOST_MS)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        'aria-label="lateness and CPU against the number of sessions">',
        f"<style>{STYLE}{LINES}</style>",
        _text(0, 16, "Real-time sessions of 1 KB every 32 ms each, from one process on one core, and from two"),
        _text(0, 34, f"make bench-sessions, {datetime.now(UTC):%Y-%m-%d}", "quiet"),
        *_scale(lambda share: f"{MOST_MS * share:.0f} ms", 0, "start"),
        *_scale(lambda share: f"{share:.0%}", WIDTH, "end"),
        *[_text(_across(each.sessions, most), HEIGHT - 14, f"{each.sessions:,}", "quiet", "middle") for each in ours],
        f'<path class="bound" stroke-dasharray="3" d="M{LEFT} {bound:.1f}H{WIDTH - RIGHT}"/>',
        *_line(late.pop(clients[0]), "late"),
        *_line(cpu, "cpu"),
        *[line for points in late.values() for line in _line(points, "peer")],
        *[_text(points[0][0] + 8, points[0][1] + 14, NAMES[client], "dot-peer") for client, points in late.items()],
        _text(LEFT + 8, TOP - 8, "● a chunk behind its deadline, p99", "dot-late"),
        _text(LEFT + 260, TOP - 8, "● CPU, of one core", "dot-cpu"),
        "</svg>",
    ]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _scale(word: Callable[[float], str], across: float, anchor: str) -> Iterable[str]:
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        yield _text(across, _down(share) + 4, word(share), "quiet", anchor)
        yield f'<path class="grid" d="M{LEFT} {_down(share):.1f}H{WIDTH - RIGHT}"/>'


def _line(points: Sequence[tuple[float, float]], kind: str) -> Iterable[str]:
    yield f'<path class="{kind}" d="M{"L".join(f"{x:.1f} {y:.1f}" for x, y in points)}"/>'
    yield from (f'<circle class="dot-{kind}" cx="{x:.1f}" cy="{y:.1f}" r="4"/>' for x, y in points)


def _across(sessions: int, most: int) -> float:
    return LEFT + (WIDTH - LEFT - RIGHT) * sessions / most


def _down(share: float) -> float:
    return TOP + (HEIGHT - TOP - BOTTOM) * (1 - min(share, 1.0))


def _text(across: float, down: float, words: str, kind: str = "", anchor: str = "start") -> str:
    style = f' class="{kind}"' if kind else ""
    return f'<text x="{across:.1f}" y="{down:.1f}" text-anchor="{anchor}"{style}>{words}</text>'
