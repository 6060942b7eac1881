"""From a close to the error it means: the first answer of the table that fits, with what is known filled in. Pure."""

from __future__ import annotations

import re

from ..errors import LivecliError
from .close_cause import Answer
from .close_table import TABLE
from .situation import Situation


def explain(code: int, reason: str, situation: Situation) -> LivecliError:
    """The error that a close with `code` and `reason` means before the run's end."""
    answer = answer_to(code, reason, situation)
    found = re.search(answer.pattern, reason, re.IGNORECASE)
    facts = situation.facts() | (found.groupdict("") if found else {})
    what = "the connection was lost without a close" if code == 1006 else f"the server closed the session ({code})"
    error = answer.error(
        f"{what}: {reason}" if reason else what,
        hint=answer.remedy and answer.remedy.format_map(facts),
        close_code=code,
        close_reason=reason or None,
    )
    error.retry, error.source = answer.retry, answer.source
    error.cause = answer.cause.format_map(facts)
    remedies = [text.format_map(facts) for text in (answer.remedy, *answer.more) if text]
    error.remedies = tuple(filter(None, remedies))
    return error


def answer_to(code: int, reason: str, situation: Situation) -> Answer:
    """The row of the table for this close; there is one for every close."""
    return next(answer for answer in TABLE if answer.fits(code, reason, situation))
