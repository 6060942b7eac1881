"""A summary in words: the rows of the table at the end, for whoever draws them. Pure."""

from __future__ import annotations

import json

from ..process.stdio import one_line
from ..protocol.grounding import Citation
from ..protocol.messages import Json
from ..report.batch_stats import BatchStats, percentile
from ..report.stats import FlowStats
from ..report.summary import Summary, latencies

# Many runs in words: how far they are, a line for each that is over, and all of them at the end. Pure.
SHARES = {"p50": 0.5, "p95": 0.95, "p99": 0.99, "max": 1.0}


def batch_progress(tally: BatchStats, now: float) -> str:
    """Where it stands, on one line."""
    words = [f"{count(tally.done)} of {count(tally.total)} done", f"{count(tally.running)} running"]
    words += [f"{count(tally.failed.total())} failed"] if tally.failed else []
    words += [f"{count(tally.retries)} retries"] if tally.retries else []
    words += [f"{count(tally.rate(now))} chunks/s"]
    left = tally.seconds_left(now)
    return ", ".join([*words, f"{duration(left)} left"] if left is not None and tally.ended < tally.total else words)


def duration(length: float) -> str:
    """A length of time to the second, as 1:02:03."""
    minutes, rest = divmod(round(length), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def ended_well(summary: Summary) -> str:
    """A line for one that is done."""
    stats = summary.stats
    turn = latencies(summary)["turn"]
    answered = f"answered in {milliseconds(turn)}" if turn is not None else "answered"
    words = [f"{seconds(stats.sent.audio_seconds)} sent", answered, f"{seconds(stats.received.audio_seconds)} received"]
    return f"{one_line(summary.input)}: {', '.join(words)}; {one_line(summary.output or 'no audio')}"


def totals(tally: BatchStats, now: float) -> str:
    """How many, and how they ended."""
    words = [f"{count(tally.done)} of {count(tally.total)} done"]
    if tally.failed:
        statuses = ", ".join(f"{count(times)} with {status}" for status, times in sorted(tally.failed.items()))
        words.append(f"{count(tally.failed.total())} failed ({statuses})")
    words += [f"{count(tally.interrupted)} interrupted"] if tally.interrupted else []
    words += [f"{count(tally.retries)} retries"] if tally.retries else []
    return f"{', '.join(words)}, in {seconds(now - tally.started_at)}"


def throughput(tally: BatchStats, now: float) -> str:
    """What has passed in all, and in a second."""
    took = max(now - tally.started_at, 1e-9)
    times = tally.sent_seconds / took
    return (
        f"{count(tally.chunks)} chunks, {count(tally.sent_bytes)} bytes, {seconds(tally.sent_seconds)} of audio sent, "
        f"{seconds(tally.received_seconds)} received: {count(tally.chunks / took)} chunks/s, {times:.3g} × real time"
    )


def percentiles(tally: BatchStats) -> list[tuple[str, list[str]]]:
    """(latency, its percentiles in the order of SHARES), those only that exist."""
    rows = []
    for name, values in tally.latencies.items():
        if values:
            ordered = sorted(values)
            shown = [milliseconds(percentile(ordered, share)) for share in SHARES.values()]
            rows.append((name.replace("_", " "), shown))
    return rows or [("latency", [NONE] * len(SHARES))]


NONE = "–"
SHOWN_CHARACTERS = 1000
"""Of what a function is called with, and of what it returns."""


def count(number: float) -> str:
    """12345 as 12,345."""
    return f"{round(number):,}"  # not as a float: a server may count further than those go


def seconds(number: float | None) -> str:
    """A length of time in seconds, two digits after the point."""
    return NONE if number is None else f"{number:,.2f} s"


def milliseconds(number: float | None) -> str:
    """A short time; under 10 ms a digit after the point counts."""
    if number is None:
        return NONE
    return f"{number:.1f} ms" if number < 10 else f"{number:,.0f} ms"


def transfers(summary: Summary) -> list[tuple[str, str, str]]:
    """(figure, sent, received)."""
    sent, received = summary.stats.sent, summary.stats.received
    return [
        ("chunks", count(sent.chunks), count(received.chunks)),
        ("bytes", count(sent.bytes), count(received.bytes)),
        ("audio", seconds(sent.audio_seconds), _audio(received)),
        ("chunk bytes min / mean / max", _sizes(sent), _sizes(received)),
        ("time", _span(sent), _span(received)),
        ("gaps p50 / p95 / max", _gaps(sent), _gaps(received)),
    ]


def facts(summary: Summary) -> list[tuple[str, str]]:
    """(figure, value), those only that exist."""
    stats = summary.stats
    known = [f"{name.replace('_', ' ')} {milliseconds(value)}" for name, value in latencies(summary).items() if value]
    rows = [
        ("latency", " · ".join(known)),
        ("turn", _turn(summary)),
        ("heard", one_line(stats.heard)),
        ("said", one_line(stats.said)),
        *(("sources" if place == 0 else "", line) for place, line in enumerate(sources(stats.citations))),
        ("usage", _usage(summary)),
        ("reply", one_line(summary.output or "")),
    ]
    return [row for row in rows if row[1]]


def _audio(flow: FlowStats) -> str:
    return seconds(flow.audio_seconds) + (f" at {flow.rate / 1000:g} kHz" if flow.rate else "")


def _sizes(flow: FlowStats) -> str:
    if flow.mean is None or flow.smallest is None:
        return NONE
    return f"{count(flow.smallest)} / {count(flow.mean)} / {count(flow.largest)}"


def _span(flow: FlowStats) -> str:
    return NONE if flow.first_at is None or flow.last_at is None else seconds(flow.last_at - flow.first_at)


def _gaps(flow: FlowStats) -> str:
    if flow.gaps.maximum is None:
        return NONE
    gaps = (flow.gaps.percentile(0.5), flow.gaps.percentile(0.95), flow.gaps.maximum)
    return " / ".join(f"{1000 * (gap or 0):.1f}" for gap in gaps) + " ms"


def _turn(summary: Summary) -> str:
    stats = summary.stats
    words = ["complete"] if stats.turn_complete else []
    words += ["interrupted"] if stats.interrupted else []
    words += [one_line(stats.turn_reason)] if stats.turn_reason else []
    return ", ".join(words)


def sources(citations: list[Citation]) -> list[str]:
    """Numbered, each with the parts of the answer that rest on it below."""
    lines = []
    for number, citation in enumerate(citations, 1):
        lines.append(f"[{number}] {one_line(' '.join(filter(None, (citation.title, citation.uri))))}")
        lines += [f'    "{one_line(words)}"' for words in citation.said]
    return lines


def call(name: str, args: Json) -> str:
    """A function call, as `find_station {"near": "me"}`."""
    return f"{one_line(name)} {short(json.dumps(args, ensure_ascii=False))}"


def short(text: str) -> str:
    """The first line of `text`, for the eye; of a long one it is said how long it is."""
    first, *more = text.strip().splitlines() or [""]
    if len(first) > SHOWN_CHARACTERS:
        return f"{one_line(first[:SHOWN_CHARACTERS])}… ({count(len(text))} characters)"
    return one_line(first) + (f" … ({count(1 + len(more))} lines)" if more else "")


def result(response: Json) -> str:
    """What a function returned: the text alone, where there is nothing else."""
    match response:
        case {"output": str(text), **rest} if not rest:
            return short(text)
    return short(json.dumps(response, ensure_ascii=False))


def _usage(summary: Summary) -> str:
    usage = summary.stats.usage or {}
    counts = {name: number for name, number in usage.items() if isinstance(number, int) and name.endswith("TokenCount")}
    return " · ".join(
        f"{one_line(name.removesuffix('TokenCount'))} {count(number)}" for name, number in counts.items()
    ) + (" tokens" if counts else "")


def progress(summary: Summary, total_seconds: float | None) -> tuple[str, str]:
    """What has passed so far: (sent, received)."""
    sent, received = summary.stats.sent, summary.stats.received
    of = f" of {seconds(total_seconds)}" if total_seconds else ""
    return (
        f"{count(sent.bytes)} bytes, {seconds(sent.audio_seconds)}{of}, {count(sent.chunks)} chunks",
        f"{count(received.bytes)} bytes, {seconds(received.audio_seconds)}, {count(received.chunks)} chunks",
    )
