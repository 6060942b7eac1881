"""Figures as text: the rows of the final table, the lines of a batch, function calls. No I/O."""

from __future__ import annotations

import json
from collections.abc import Iterable

from ..process.stdio import one_line
from ..protocol.grounding import Citation
from ..protocol.messages import Json
from ..report.batch_stats import BatchStats, percentile
from ..report.stats import FlowStats
from ..report.summary import Summary, latencies
from ..report.usage import billed_tokens

PERCENTILES = {"p50": 0.5, "p95": 0.95, "p99": 0.99, "max": 1.0}
"""The names of the percentiles in a table, and their fractions."""

MISSING = "–"
"""The text for a figure that does not exist."""

MAX_CHARACTERS = 1000
"""The length to which the arguments and results of functions are shortened."""


def batch_progress(stats: BatchStats, now: float) -> str:
    """The progress of a batch, on one line."""
    words = [f"{count(stats.done)} of {count(stats.total)} done", f"{count(stats.running)} running"]
    words += [f"{count(stats.failed.total())} failed"] if stats.failed else []
    words += [f"{count(stats.retries)} retries"] if stats.retries else []
    words += [f"{count(stats.rate(now))} chunks/s"]
    left = stats.seconds_left(now)
    return ", ".join([*words, f"{duration(left)} left"] if left is not None and stats.ended < stats.total else words)


def duration(length: float) -> str:
    """A length of time in whole seconds, as 1:02:03."""
    minutes, rest = divmod(round(length), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def completed_run(summary: Summary) -> str:
    """The line for a successful run of a batch."""
    stats = summary.stats
    turn = latencies(summary)["turn"]
    answered = f"answered in {milliseconds(turn)}" if turn is not None else "answered"
    words = [f"{seconds(stats.sent.audio_seconds)} sent", answered, f"{seconds(stats.received.audio_seconds)} received"]
    return f"{one_line(summary.input)}: {', '.join(words)}; {one_line(summary.output or 'no audio')}"


def batch_totals(stats: BatchStats, now: float) -> str:
    """The number of runs, by their result, and how long they took."""
    words = [f"{count(stats.done)} of {count(stats.total)} done"]
    if stats.failed:
        statuses = ", ".join(f"{count(number)} with {status}" for status, number in sorted(stats.failed.items()))
        words.append(f"{count(stats.failed.total())} failed ({statuses})")
    words += [f"{count(stats.interrupted)} interrupted"] if stats.interrupted else []
    words += [f"{count(stats.unsent)} not sent"] if stats.unsent else []
    words += [f"{count(stats.retries)} retries"] if stats.retries else []
    return f"{', '.join(words)}, in {seconds(now - stats.started_at)}"


def batch_throughput(stats: BatchStats, now: float) -> str:
    """The amount of data of all runs, and the rate."""
    elapsed = max(now - stats.started_at, 1e-9)
    speed = stats.sent_seconds / elapsed
    return (
        f"{count(stats.chunks)} chunks, {count(stats.sent_bytes)} bytes, {seconds(stats.sent_seconds)} of audio sent, "
        f"{seconds(stats.received_seconds)} received: {count(stats.chunks / elapsed)} chunks/s, {speed:.3g} × real time"
    )


def latency_percentiles(stats: BatchStats) -> list[tuple[str, list[str]]]:
    """Rows (latency, its percentiles in the order of PERCENTILES) for the latencies that were measured."""
    rows = []
    for name, values in stats.latencies.items():
        if values:
            ordered = sorted(values)
            cells = [milliseconds(percentile(ordered, share)) for share in PERCENTILES.values()]
            rows.append((name.replace("_", " "), cells))
    return rows or [("latency", [MISSING] * len(PERCENTILES))]


def count(number: float) -> str:
    """12345 as 12,345."""
    # The format ",.0f" would round large integers from a server to the precision of a float.
    return f"{round(number):,}"


def seconds(number: float | None) -> str:
    """A length of time in seconds, two digits after the point."""
    return MISSING if number is None else f"{number:,.2f} s"


def milliseconds(number: float | None) -> str:
    """A time in milliseconds, with one digit after the point below 10 ms."""
    if number is None:
        return MISSING
    return f"{number:.1f} ms" if number < 10 else f"{number:,.0f} ms"


def transfer_rows(summary: Summary) -> list[tuple[str, str, str]]:
    """Rows (figure, sent, received)."""
    sent, received = summary.stats.sent, summary.stats.received
    return [
        ("chunks", count(sent.chunks), count(received.chunks)),
        ("bytes", count(sent.bytes), count(received.bytes)),
        ("audio", seconds(sent.audio_seconds), _audio(received)),
        ("chunk bytes min / mean / max", _sizes(sent), _sizes(received)),
        ("time", _span(sent), _span(received)),
        ("gaps p50 / p95 / max", _gaps(sent), _gaps(received)),
    ]


def summary_rows(summary: Summary) -> list[tuple[str, str]]:
    """Rows (figure, value) for the figures that exist."""
    stats = summary.stats
    known = [f"{name.replace('_', ' ')} {milliseconds(value)}" for name, value in latencies(summary).items() if value]
    rows = [
        ("latency", " · ".join(known)),
        ("turn", _turn(summary)),
        ("heard", one_line(stats.heard)),
        ("said", one_line(stats.said)),
        *(("sources" if place == 0 else "", line) for place, line in enumerate(source_lines(stats.citations))),
        ("usage", _usage(summary)),
        ("cost", _cost(summary)),
        ("reply", one_line(summary.output or "")),
    ]
    return [row for row in rows if row[1]]


def _audio(flow: FlowStats) -> str:
    return seconds(flow.audio_seconds) + (f" at {flow.rate / 1000:g} kHz" if flow.rate else "")


def _sizes(flow: FlowStats) -> str:
    if flow.mean is None or flow.smallest is None:
        return MISSING
    return f"{count(flow.smallest)} / {count(flow.mean)} / {count(flow.largest)}"


def _span(flow: FlowStats) -> str:
    return MISSING if flow.first_at is None or flow.last_at is None else seconds(flow.last_at - flow.first_at)


def _gaps(flow: FlowStats) -> str:
    if flow.gaps.maximum is None:
        return MISSING
    gaps = (flow.gaps.percentile(0.5), flow.gaps.percentile(0.95), flow.gaps.maximum)
    return " / ".join(f"{1000 * (gap or 0):.1f}" for gap in gaps) + " ms"


def _turn(summary: Summary) -> str:
    stats = summary.stats
    words = ["complete"] if stats.turn_complete else []
    words += ["interrupted"] if stats.interrupted else []
    words += [one_line(stats.turn_reason)] if stats.turn_reason else []
    return ", ".join(words)


def source_lines(citations: list[Citation]) -> list[str]:
    """Numbered sources, each followed by the parts of the answer that cite it."""
    lines = []
    for number, citation in enumerate(citations, 1):
        lines.append(f"[{number}] {one_line(' '.join(filter(None, (citation.title, citation.uri))))}")
        lines += [f'    "{one_line(words)}"' for words in citation.passages]
    return lines


def function_call(name: str, args: Json) -> str:
    """A function call as text, as `find_station {"near": "me"}`."""
    return f"{one_line(name)} {shortened(json.dumps(args, ensure_ascii=False))}"


def whole_function_call(name: str, args: Json) -> str:
    """A function call as text, with all of its arguments, and escapes for the characters that are not printable."""
    text = f"{name} {json.dumps(args, ensure_ascii=False)}"
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def shortened(text: str) -> str:
    """The first line of `text`, cut to MAX_CHARACTERS, and the full length if something is left out."""
    first, *more = text.strip().splitlines() or [""]
    if len(first) > MAX_CHARACTERS:
        return f"{one_line(first[:MAX_CHARACTERS])}… ({count(len(text))} characters)"
    return one_line(first) + (f" … ({count(1 + len(more))} lines)" if more else "")


def function_result(response: Json) -> str:
    """The result of a function as text: the bare text when the result has only the key "output", else JSON."""
    match response:
        case {"output": str(text), **rest} if not rest:
            return shortened(text)
    return shortened(json.dumps(response, ensure_ascii=False))


def _usage(summary: Summary) -> str:
    tokens = billed_tokens(summary.stats.usage or {})
    counts = " · ".join(f"{one_line(name)} {count(number)}" for name, number in tokens.items())
    return f"{counts} tokens" if counts else ""


def _cost(summary: Summary) -> str:
    cost, evidence = summary.cost_usd, summary.model_prices.evidence
    if cost is None:
        return ""
    return usd(cost) + (f" at the prices of {evidence.date}" if evidence.date else "")


def usd(number: float) -> str:
    """An amount in US dollars; cents are too coarse for a run."""
    return f"${number:,.4f}" if number >= 0.01 else f"${number:.6f}"


def missing_prices(unpriced: Iterable[str]) -> str:
    """Why the cost is not known, given the tokens without a price."""
    return (
        f"no price is known for {', '.join(map(one_line, unpriced))}, so the cost is not: --prices FILE.toml names it"
    )


def transfer_progress(summary: Summary, total_seconds: float | None) -> tuple[str, str]:
    """The amount of data so far, as (sent, received)."""
    sent, received = summary.stats.sent, summary.stats.received
    of = f" of {seconds(total_seconds)}" if total_seconds else ""
    return (
        f"{count(sent.bytes)} bytes, {seconds(sent.audio_seconds)}{of}, {count(sent.chunks)} chunks",
        f"{count(received.bytes)} bytes, {seconds(received.audio_seconds)}, {count(received.chunks)} chunks",
    )
