"""The shape of one answer to a close, a row of the table in `answers`, and a short name for each kind of row. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..errors import AuthError, LivecliError, QuotaError, ServerError
from .platform import Platform
from .situation import Situation

if TYPE_CHECKING:
    from ..errors import Retry

DOCUMENTED = "Google's documentation"
REPORTED = "reports of users; Google documents no reason"
GUESSED = "the close code alone: nothing is known of this reason"


@dataclass(frozen=True)
class Answer:
    """One row. `codes` empty: any; `when` looks at the setup; `remedy` is the hint, `more` what to try after it."""

    codes: frozenset[int]
    pattern: str
    error: type[LivecliError]
    retry: Retry
    cause: str
    remedy: str | None
    more: tuple[str, ...] = ()
    platform: Platform | None = None
    when: Callable[[Situation], bool] | None = None
    source: str = REPORTED

    def fits(self, code: int, reason: str, situation: Situation) -> bool:
        """Whether this row answers the close."""
        return (
            (not self.codes or code in self.codes)
            and self.platform in (None, situation.platform)
            and re.search(self.pattern, reason, re.IGNORECASE) is not None
            and (self.when is None or self.when(situation))
        )


def refused(*codes: int, **row: Any) -> Answer:
    """Something that was sent is not accepted: the same again would not be."""
    return Answer(frozenset(codes), **{"error": ServerError, "retry": "never", **row})


def denied(**row: Any) -> Answer:
    """The credential is refused."""
    return refused(**{"error": AuthError, **row})


def busy(*codes: int, **row: Any) -> Answer:
    """Quota or overload: a pause helps."""
    return refused(*codes, **{"error": QuotaError, "retry": "later", **row})


def lost(*codes: int, **row: Any) -> Answer:
    """The connection is over, and the session may go on with another."""
    return refused(*codes, retry="resume", **row)


def failed(*codes: int, **row: Any) -> Answer:
    """The service failed: a pause may help."""
    return refused(*codes, retry="later", **row)
