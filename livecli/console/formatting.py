"""Figures as text: the result of a run, its tables, the lines of a batch, function calls. No I/O."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence

from ..errors import LivecliError
from ..process.stdio import JOINERS, Span, one_line
from ..protocol.grounding import Citation
from ..protocol.messages import Json
from ..report.batch_stats import BatchStats
from ..report.stats import FlowStats, percentile
from ..report.summary import Summary, latencies
from ..report.usage import billed_tokens
from . import charts

PERCENTILES = {"p50": 0.5, "p95": 0.95, "p99": 0.99, "max": 1.0}
"""The names of the percentiles in a table, and their fractions."""

MISSING = "–"
"""The text for a figure that does not exist."""

LABEL_COLUMNS, LENGTH_COLUMNS = 10, 9
"""The columns of the labels of a result, and of the lengths behind its envelopes."""
NARROWEST, WIDEST, PLAIN_ENVELOPE = 16, 48, 32
"""The columns of an envelope that leaves room for the transcripts, at most, and where there is no terminal."""
PLAIN_COLUMNS = 80
"""The width of a waterfall where there is no terminal."""
WIDE_TABLE = 76
"""The width from which the names of figures stand beside them."""
HEARD_CHARACTERS = 400
"""The length to which the transcript of the question is cut on a terminal, where the user knows it."""

MAX_CHARACTERS = 1000
"""The length to which the arguments and results of functions are shortened."""


def input_name(summary: Summary) -> str:
    """The input of a run as a user would call it."""
    return "standard input" if summary.input == "-" else one_line(summary.input)


def connection(summary: Summary) -> str:
    """How long it took to connect."""
    steps = summary.connect_seconds, summary.setup_seconds
    connect, setup = (milliseconds(1000 * (seconds or 0)) for seconds in steps)
    return f"connected in {connect}, set up in {setup}"


def batch_progress(stats: BatchStats, now: float) -> list[Span]:
    """The progress of a batch."""
    facts = [f"{count(stats.ended)}/{count(stats.total)}", f"{count(stats.running)} running", *_mishaps(stats)]
    left = stats.seconds_left(now)
    facts.append(f"{stats.speed(now):.1f}×")
    if left is not None and stats.ended < stats.total:
        facts.append(f"{duration(left)} left")
    return [("", fact) for fact in facts]


def _mishaps(stats: BatchStats) -> list[str]:
    """The numbers of failed, interrupted, unsent and retried runs, without zeros."""
    numbers = {
        "failed": stats.failed.total(),
        "interrupted": stats.interrupted,
        "not sent": stats.unsent,
        "retried": stats.retries,
    }
    return [f"{count(number)} {name}" for name, number in numbers.items() if number]


def duration(length: float) -> str:
    """A length of time in whole seconds, as 1:02:03."""
    minutes, rest = divmod(round(length), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def run_row(summary: Summary, name_columns: int) -> list[Span]:
    """A successful run of a batch: its name, the length of both sounds, and how long the answer took."""
    stats, known = summary.stats, latencies(summary)
    latency = next((known[name] for name in ("first_sound", "first_audio", "turn") if known[name] is not None), None)
    return [
        ("green", "✓ "),
        ("", name_cell(input_name(summary), name_columns)),
        ("", f"  {short_seconds(stats.sent.audio_seconds):>7} → {short_seconds(stats.received.audio_seconds):>7}"),
        ("dim", f"  {milliseconds(latency):>8}"),
    ]


def failed_rows(
    summary: Summary, error: LivecliError, name_columns: int, columns: int, *, hint: bool
) -> Iterator[list[Span]]:
    """A run of a batch that failed: its name, the error, and with `hint` what to do about it, below if it is long."""
    name = input_name(summary)
    row: list[Span] = [("red", "✗ "), ("", name_cell(name, name_columns))]
    row.append(("", f"  {one_line(error.message).removeprefix(f'{name} ')}"))
    remedy = one_line(error.hint) if hint and error.hint else ""
    if remedy and sum(charts.cells(text) for _, text in row) + 3 + charts.cells(remedy) <= columns:
        yield [*row, ("dim", f" · {remedy}")]
        return
    yield row
    if remedy:
        indent = name_columns + 4
        yield [("dim", " " * (indent if indent + charts.cells(remedy) <= columns else 2) + remedy)]


def name_cell(name: str, columns: int) -> str:
    """A name in so many columns: its end, if it is too long."""
    return charts.padded(charts.end_of(name, columns), columns)


def batch_totals(stats: BatchStats, now: float, folder: str) -> list[Span]:
    """The number of runs, by their result, how long they took, and the folder of their replies."""
    style = "green" if stats.done == stats.total else "yellow"
    facts: list[Span] = [(style, f"{count(stats.done)}/{count(stats.total)}")]
    if stats.failed:
        statuses = ", ".join(f"{count(number)} with status {status}" for status, number in sorted(stats.failed.items()))
        facts.append(("red", f"{count(stats.failed.total())} failed ({statuses})"))
    facts += [("", text) for text in _mishaps(stats) if not text.endswith(" failed")]
    facts += [("", f"{seconds(now - stats.started_at)}"), ("", f"{stats.speed(now):.1f}×")]
    if stats.spending.usd is not None:
        facts.append(("", usd(stats.spending.usd)))
    style, last = facts.pop()
    return [*facts, (style, f"{last} → {one_line(folder)}" if stats.done else last)]


def batch_flows(stats: BatchStats, columns: int | None) -> Iterator[list[Span]]:
    """The amount of audio of all runs in each direction, and the latencies of the first sounds."""
    sent = stats.chunks, stats.sent_bytes, stats.sent_seconds
    received = stats.received_chunks, stats.received_bytes, stats.received_seconds
    for name, style, (chunks, size, length) in (("sent", "cyan", sent), ("received", "green", received)):
        if chunks:
            facts = [f"{count(chunks)} chunks", f"{count(size)} bytes", seconds(length)]
            yield from folded([(style, f"{name:{LABEL_COLUMNS}}")], [("", fact) for fact in facts], columns)
    if values := sorted(stats.latencies["first_sound"]):
        facts = [f"{name} {milliseconds(percentile(values, share))}" for name, share in PERCENTILES.items()]
        yield from folded([("dim", f"{'latency':{LABEL_COLUMNS}}")], [("", fact) for fact in facts], columns)


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
    """A time in milliseconds that may be missing."""
    return MISSING if number is None else charts.milliseconds(number)


# --- the result of a run ---


def result_lines(summary: Summary, columns: int | None, *, has_answer: bool) -> Iterator[list[Span]]:
    """The result of a run: both sounds on one time axis, the transcripts, chunk statistics, and the file.

    `columns` is the width of the terminal; None where lines may be of any length. With `has_answer`, the transcript of
    the answer has been printed already.
    """
    stats = summary.stats
    heard = one_line(stats.heard, keep=JOINERS)
    if columns is not None and len(heard) > HEARD_CHARACTERS:
        heard = heard[: HEARD_CHARACTERS - 1] + charts.ELLIPSIS
    if has_answer and stats.said.strip():
        yield []
    yield from picture_lines(summary, columns, [heard, "" if has_answer else one_line(stats.said, keep=JOINERS)])
    for name, style, flow in (("sent", "cyan", stats.sent), ("received", "green", stats.received)):
        if flow.chunks:
            yield from folded([(style, f"{name:{LABEL_COLUMNS}}")], flow_facts(flow), columns)
    for place, line in enumerate(source_lines(stats.citations)):
        yield [("dim", f"{'' if place else 'sources':{LABEL_COLUMNS}}"), ("", line)]
    if facts := outcome(summary):
        yield from folded([], facts, columns)


def picture_lines(summary: Summary, columns: int | None, texts: Sequence[str]) -> Iterator[list[Span]]:
    """The envelopes of a run with the latency between them, and beside or below them what was said in each."""
    stats = summary.stats
    quoted = [f"“{text}”" if text else "" for text in texts]
    beside = (columns or 0) - LABEL_COLUMNS - LENGTH_COLUMNS - 2 - max(map(charts.cells, quoted))
    is_beside = columns is None or beside >= NARROWEST
    width = PLAIN_ENVELOPE if columns is None else beside if is_beside else columns - LABEL_COLUMNS - LENGTH_COLUMNS
    width = max(1, min(width, WIDEST))
    *bars, latency = charts.envelopes(summary, width)
    lengths = [stats.sent.audio_seconds, stats.received.audio_seconds]
    names = [("you", "cyan"), ("gemini", "green")]
    for (name, style), bar, length, text in zip(names, bars, lengths, quoted, strict=True):
        words: list[Span] = [("", f"  {text}")] if text and is_beside else []
        if bar.strip():
            figure = f"{short_seconds(length):>{LENGTH_COLUMNS}}"
            yield [("dim", f"{name:{LABEL_COLUMNS}}"), (style, charts.padded(bar, width)), ("", figure), *words]
        elif words:
            yield [("dim", f"{name:{LABEL_COLUMNS}}"), ("", text)]
    if latency:
        yield [("dim", " " * LABEL_COLUMNS + latency)]
    if not is_beside:
        for (name, _), text in zip(names, texts, strict=True):
            if text:
                yield [("dim", f"{name:{LABEL_COLUMNS}}"), ("", text)]


def flow_facts(flow: FlowStats) -> list[Span]:
    """The figures of the audio in one direction."""
    sizes = (
        count(flow.largest) if flow.smallest == flow.largest else f"{count(flow.smallest or 0)}–{count(flow.largest)}"
    )
    span = flow.last_at - flow.first_at if flow.last_at is not None and flow.first_at is not None else 0.0
    return [
        ("", f"{count(flow.chunks)} chunk{'s' if flow.chunks != 1 else ''}"),
        ("", f"{count(flow.bytes)} bytes"),
        ("", f"{seconds(flow.audio_seconds)} in {seconds(span)}"),
        ("", f"{sizes} bytes each"),
    ]


def outcome(summary: Summary) -> list[Span]:
    """Where the reply is, what it cost, and how its turn ended."""
    facts = [("bold", one_line(summary.output or ""))]
    if tokens := sum(billed_tokens(summary.stats.usage or {}).values()):
        facts.append(("", f"{count(tokens)} tokens"))
    if summary.cost_usd is not None:
        facts.append(("", usd(summary.cost_usd)))
    facts.append(
        ("green" if summary.stats.turn_complete and not summary.stats.interrupted else "yellow", _turn(summary))
    )
    return [fact for fact in facts if fact[1]]


def folded(label: Sequence[Span], facts: Iterable[Span], columns: int | None) -> Iterator[list[Span]]:
    """`facts` behind a label, with dots between them, on as many lines of at most `columns` as are needed."""
    line, used = [*label], sum(charts.cells(text) for _, text in label)
    indent, is_first = used, True
    for style, text in facts:
        width = charts.cells(text) + (0 if is_first else 3)
        if columns is not None and not is_first and used + width > columns:
            yield line
            line, used, is_first = [("", " " * indent)], indent, True
        line += [(style, text)] if is_first else [("dim", " · "), (style, text)]
        used, is_first = used + width, False
    yield line


def dotted(facts: Sequence[Span]) -> list[Span]:
    """`facts` on one line, with dots between them."""
    return [span for place, fact in enumerate(facts) for span in ([("dim", " · ")] if place else []) + [fact]]


def stats_lines(summary: Summary, columns: int | None, *, has_answer: bool) -> Iterator[list[Span]]:
    """The output of `--stats`: the picture, a waterfall of the time, and every figure."""
    if has_answer and summary.stats.said.strip():
        yield []
    yield from picture_lines(summary, columns, ["", ""])
    yield []
    width = columns or PLAIN_COLUMNS
    yield from charts.waterfall(summary, width)
    yield []
    if width >= WIDE_TABLE:
        yield [("bold", f"{'':28}  {'sent':>22}  {'received':>22}")]
    for name, sent, received in transfer_rows(summary):
        if width >= WIDE_TABLE:
            yield [("dim", f"{name:28}"), ("cyan", f"  {sent:>22}"), ("green", f"  {received:>22}")]
        else:
            yield [("dim", name)]
            yield [("", "  sent      "), ("cyan", sent)]
            yield [("", "  received  "), ("green", received)]
    for name, value in summary_rows(summary):
        label: Span = ("dim", f"{name:{LABEL_COLUMNS}}")
        if name in ("latency", "usage"):
            yield from folded([label], [("", part) for part in value.split(" · ")], columns)
        elif not (name == "said" and has_answer):
            yield [label, ("bold" if name == "reply" else "", value)]


def short_seconds(number: float) -> str:
    """A length of time in seconds, one digit after the point."""
    return f"{number:,.1f} s"


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
        ("heard", one_line(stats.heard, keep=JOINERS)),
        ("said", one_line(stats.said, keep=JOINERS)),
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


def sending_progress(summary: Summary, total_seconds: float | None) -> dict[str, str]:
    """How much of the question was sent: its `share`, `times`, the `rate` as a multiple of real time, and what is left.

    A figure that is not known is missing.
    """
    flow, is_sent = summary.stats.sent, summary.stats.asked_at is not None
    span = (flow.last_at or 0.0) - (flow.first_at or 0.0)
    rate = flow.audio_seconds / span if span else None
    so_far = duration(flow.audio_seconds)
    figures = {"rate": f"{rate:.1f}×"} if rate else {}
    if total_seconds is None:
        return {"times": f"{so_far} sent", **figures}
    figures["times"] = f"{so_far} / {duration(total_seconds)}"
    figures["share"] = f"{sent_share(summary, total_seconds):4.0%}"
    if is_sent:
        return {**figures, "left": "sent"}
    return (
        {**figures, "left": f"{duration(max(total_seconds - flow.audio_seconds, 0.0) / rate)} left"}
        if rate
        else figures
    )


def sent_share(summary: Summary, total_seconds: float) -> float:
    """How much of a question of so many seconds was sent, 0 to 1."""
    if summary.stats.asked_at is not None:
        return 1.0
    return min(summary.stats.sent.audio_seconds / total_seconds, 1.0) if total_seconds else 0.0


def progress_line(summary: Summary, total_seconds: float | None) -> str:
    """The progress of a run on one line."""
    sent, received = summary.stats.sent, summary.stats.received
    figures = sending_progress(summary, total_seconds) if sent.chunks else {}
    words = [figures[name].strip() for name in ("share", "times", "rate", "left") if name in figures]
    words.append(f"{duration(received.audio_seconds)} received")
    return f"{input_name(summary)}: {' · '.join(words)}"
