"""The output of `--explain`: a detailed description of an error, on standard error after its message."""

from __future__ import annotations

from collections.abc import Iterator

from ..errors import BudgetError, LivecliError, OutputClosed, statuses
from ..process.stdio import one_line, write_stderr
from ..protocol.endpoint import Endpoint
from ..report.reporter import Reporter
from ..report.summary import Summary

RETRY_ADVICE = {
    "never": "does not help: the same request fails in the same way",
    "resume": "helps at once: the connection broke, and nothing was refused",
    "later": "may help after a pause",
}
"""The advice for each value of `LivecliError.retry`."""


class ExplanationLines(Reporter):
    """Writes an explanation after each run that failed."""

    def finished(self, summary: Summary) -> None:
        if summary.error and not isinstance(summary.error, BudgetError | OutputClosed):
            write_stderr(explanation(summary.error, summary.endpoint))


def explanation(error: LivecliError, endpoint: Endpoint | None) -> str:
    """Labelled lines about an error, with remedies in the order in which to try them.

    Control characters are escaped and secrets are left out.
    """
    return "".join(
        f"  {label:8}  {one_line(error.without_secrets(text))}\n" for label, text in _facts(error, endpoint) if text
    )


def _facts(error: LivecliError, endpoint: Endpoint | None) -> Iterator[tuple[str, str | None]]:
    yield "cause", error.advice.cause
    yield "seen", _symptom(error)
    if endpoint:
        yield "where", ", ".join(filter(None, (str(endpoint.platform), endpoint.model, endpoint.location)))
        yield "", endpoint.url
    for place, remedy in enumerate(error.advice.remedies or filter(None, [error.hint]), 1):
        yield "try" if place == 1 else "", f"{place}. {remedy}"
    if error.close_code is not None or error.retry != "never":
        yield "retry", RETRY_ADVICE[error.retry]
    yield "status", f"{error.exit_status}: {dict(statuses()).get(str(error.exit_status), '')}".rstrip(": ")
    yield "source", error.advice.source


def _symptom(error: LivecliError) -> str:
    if error.close_code is None:
        return error.message
    if error.close_code == 1006:
        return "no close: the connection was lost"
    return f"close {error.close_code}, " + (f'"{error.close_reason}"' if error.close_reason else "without a reason")
