"""Many runs in words: how far they are, a line for each that is over, and all of them at the end. Pure."""

from __future__ import annotations

from ..process.stdio import one_line
from ..report.batch_stats import Tally, percentile
from ..report.summary import Summary, latencies
from .formatting import NONE, count, milliseconds, seconds

SHARES = {"p50": 0.5, "p95": 0.95, "p99": 0.99, "max": 1.0}


def progress(tally: Tally, now: float) -> str:
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


def totals(tally: Tally, now: float) -> str:
    """How many, and how they ended."""
    words = [f"{count(tally.done)} of {count(tally.total)} done"]
    if tally.failed:
        statuses = ", ".join(f"{count(times)} with {status}" for status, times in sorted(tally.failed.items()))
        words.append(f"{count(tally.failed.total())} failed ({statuses})")
    words += [f"{count(tally.interrupted)} interrupted"] if tally.interrupted else []
    words += [f"{count(tally.retries)} retries"] if tally.retries else []
    return f"{', '.join(words)}, in {seconds(now - tally.started_at)}"


def throughput(tally: Tally, now: float) -> str:
    """What has passed in all, and in a second."""
    took = max(now - tally.started_at, 1e-9)
    times = tally.sent_seconds / took
    return (
        f"{count(tally.chunks)} chunks, {count(tally.sent_bytes)} bytes, {seconds(tally.sent_seconds)} of audio sent, "
        f"{seconds(tally.received_seconds)} received: {count(tally.chunks / took)} chunks/s, {times:.3g} × real time"
    )


def percentiles(tally: Tally) -> list[tuple[str, list[str]]]:
    """(latency, its percentiles in the order of SHARES), those only that exist."""
    rows = []
    for name, values in tally.latencies.items():
        if values:
            ordered = sorted(values)
            shown = [milliseconds(percentile(ordered, share)) for share in SHARES.values()]
            rows.append((name.replace("_", " "), shown))
    return rows or [("latency", [NONE] * len(SHARES))]
