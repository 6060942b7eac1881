"""The shape of one answer to a close, a row of the table in `answers`, and a short name for each kind of row. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cached_property
from typing import TYPE_CHECKING, Any

from ..errors import AuthError, LivecliError, QuotaError, ServerError
from . import events
from .codec import setup_json
from .models import MODELS, current_models
from .platform import Platform
from .setup_rules import matching_rules

if TYPE_CHECKING:
    from ..errors import Retry


# What is known of a session that was closed: where it was, with which model, what it asked for. Pure.
@dataclass(frozen=True)
class CloseContext:
    """`setup` is what the client said first, if it came to that; `active` whether the service had accepted it."""

    platform: Platform
    model: str
    location: str | None = None
    setup: events.Setup | None = None
    active: bool = False

    @cached_property
    def asked(self) -> dict[str, Any]:
        """The setup as it went over the wire."""
        return setup_json(self.setup) if self.setup else {}

    @cached_property
    def suspects(self) -> list[tuple[str, str]]:
        """(path, why) of the setup's fields that may be to blame, the surest first; of an unknown model none."""
        model = MODELS.get(self.model)
        return list(matching_rules(self.asked, model, self.platform)) if model else []

    @property
    def is_served(self) -> bool:
        """Whether the model is a current one of this platform."""
        return self.model in current_models(self.platform)

    @property
    def is_served_elsewhere(self) -> bool:
        """Whether the model is a current one of the other platform, and not of this."""
        return not self.is_served and any(self.model in current_models(platform) for platform in Platform)

    @property
    def in_global(self) -> bool:
        """Whether it was at location `global` of Vertex AI."""
        return self.platform.facts.needs_project and self.location == "global"

    @property
    def resumes(self) -> bool:
        """Whether the setup names a handle of a session before."""
        match self.asked:
            case {"sessionResumption": {"handle": str(handle)}}:
                return bool(handle)
        return False

    def facts(self) -> dict[str, str]:
        """The words that a cause or a remedy may name."""
        current = current_models(self.platform)
        near = [] if self.model in MODELS else get_close_matches(self.model, current, n=1, cutoff=0.8)
        blamed = [f"{why}: leave {path} out" for path, why in self.suspects]
        return {
            "model": self.model,
            "location": self.location or "this location",
            "other": str(next(platform for platform in Platform if platform is not self.platform)),
            "models": f"current models are {', '.join(current)}",
            "nearest": f"did you mean {near[0]}? " if near else "",
            "suspects": "; ".join(why for _, why in self.suspects),
            "suspect": blamed[0] if blamed else "",
            "other_suspects": "; ".join(blamed[1:]),
        }


DOCUMENTED = "Google's documentation"
REPORTED = "reports of users; Google documents no reason"
GUESSED = "the close code alone: nothing is known of this reason"


@dataclass(frozen=True)
class CloseCause:
    """One row. `codes` empty: any; `when` looks at the setup; `remedy` is the hint, `more` what to try after it."""

    codes: frozenset[int]
    pattern: str
    error: type[LivecliError]
    retry: Retry
    cause: str
    remedy: str | None
    more: tuple[str, ...] = ()
    platform: Platform | None = None
    when: Callable[[CloseContext], bool] | None = None
    source: str = REPORTED

    def fits(self, code: int, reason: str, situation: CloseContext) -> bool:
        """Whether this row answers the close."""
        return (
            (not self.codes or code in self.codes)
            and self.platform in (None, situation.platform)
            and re.search(self.pattern, reason, re.IGNORECASE) is not None
            and (self.when is None or self.when(situation))
        )


def refused(*codes: int, **row: Any) -> CloseCause:
    """Something that was sent is not accepted: the same again would not be."""
    return CloseCause(frozenset(codes), **{"error": ServerError, "retry": "never", **row})


def denied(**row: Any) -> CloseCause:
    """The credential is refused."""
    return refused(**{"error": AuthError, **row})


def busy(*codes: int, **row: Any) -> CloseCause:
    """Quota or overload: a pause helps."""
    return refused(*codes, **{"error": QuotaError, "retry": "later", **row})


def lost(*codes: int, **row: Any) -> CloseCause:
    """The connection is over, and the session may go on with another."""
    return refused(*codes, retry="resume", **row)


def failed(*codes: int, **row: Any) -> CloseCause:
    """The service failed: a pause may help."""
    return refused(*codes, retry="later", **row)
