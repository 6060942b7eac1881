"""The page of many runs: percentiles, a row for each, and the picture and transcript of each, folded."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from ..recording.format import RecordedItem
from ..recording.session_analysis import analysed
from ..report.summary import Summary, latencies
from .document import document, escaped, figures, section
from .picture import session_svg
from .session import Verdict, milliseconds, percentile, seconds, transcript_list, verdict_list, verdicts

SHARES = (0.5, 0.9, 0.95, 0.99)
"""The percentiles that the table has."""

COLUMNS = ("first_sound", "turn")
"""The latencies that each row has."""

NAMES = {
    "connect": "connect",
    "setup": "setup",
    "first_audio": "first audio",
    "first_sound": "first sound",
    "turn": "whole answer",
}
"""The latencies, by their names in `--json`."""


class RecordedRun(NamedTuple):
    """A run of a batch. `read` reads its recording when its details are written."""

    name: str
    read: Callable[[], Iterable[RecordedItem]]
    summary: Summary


def batch_page(runs: Sequence[RecordedRun]) -> Iterator[bytes]:
    """The parts of the page. One recording is read at a time."""
    return document(f"{len(runs):,} runs", _body(runs))


def _body(runs: Sequence[RecordedRun]) -> Iterator[str]:
    failed = [run for run in runs if run.summary.error is not None]
    yield f"<h1>{len(runs):,} runs</h1>\n"
    yield verdict_list(
        [
            *([Verdict("bad", f"{len(failed):,} failed")] if failed else []),
            *([Verdict("good", f"{len(runs) - len(failed):,} succeeded")] if len(failed) < len(runs) else []),
        ]
    )
    sent, received = (
        (
            sum(flow.audio_seconds for flow in flows)
            for flows in zip(*((run.summary.stats.sent, run.summary.stats.received) for run in runs), strict=True)
        )
        if runs
        else (0.0, 0.0)
    )
    yield figures([("runs", f"{len(runs):,}"), ("sent audio", seconds(sent)), ("received audio", seconds(received))])
    yield section("Percentiles", _percentiles(runs))
    yield section("Runs", _rows(runs))
    yield "<section>\n<h2>Details</h2>\n"
    for number, run in enumerate(runs):
        yield _details(number, run)
    yield "</section>\n"


def _percentiles(runs: Sequence[RecordedRun]) -> str:
    head = "".join(f'<th class="number">p{100 * share:g}</th>' for share in SHARES)
    rows = []
    for name, words in NAMES.items():
        known = [_seconds(latencies(run.summary)[name]) for run in runs]
        cells = "".join(f'<td class="number">{milliseconds(percentile(known, share))}</td>' for share in SHARES)
        rows.append(f"<tr><td>{words}</td>{cells}</tr>")
    return _table(f"<th>latency</th>{head}", rows)


def _seconds(latency: float | None) -> float | None:
    return None if latency is None else latency / 1000


def _rows(runs: Sequence[RecordedRun]) -> str:
    """A row for each run, with a link to its details."""
    rows = []
    for number, run in enumerate(runs):
        summary = run.summary
        known = latencies(summary)
        end = summary.error.message if summary.error is not None else "ok"
        numbers = [
            *(milliseconds(_seconds(known[name])) for name in COLUMNS),
            seconds(summary.stats.sent.audio_seconds),
            seconds(summary.stats.received.audio_seconds),
        ]
        cells = "".join(f'<td class="number">{cell}</td>' for cell in numbers)
        style = "failed" if summary.error is not None else ""
        link = f'<a href="#run{number}">{escaped(run.name)}</a>'
        rows.append(f'<tr class="{style}"><td>{link}</td>{cells}<td>{escaped(end)}</td></tr>')
    names = [*(NAMES[name] for name in COLUMNS), "sent", "received"]
    head = "".join(f'<th class="number">{name}</th>' for name in names)
    return _table(f"<th>input</th>{head}<th>end</th>", rows)


def _table(head: str, rows: Sequence[str]) -> str:
    body = "".join(rows)
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def _details(number: int, run: RecordedRun) -> str:
    found = analysed(run.read())
    judged = [Verdict("bad", run.summary.error.message)] if run.summary.error is not None else []
    body = verdict_list([*judged, *verdicts(found)])
    if any(lane.seconds for lane in found.lanes.values()):
        body += session_svg(found, f"picture{number}")
    body += transcript_list(found)
    return (
        f'<details class="file"><summary>{escaped(run.name)}</summary>\n<div id="run{number}">{body}</div></details>\n'
    )
