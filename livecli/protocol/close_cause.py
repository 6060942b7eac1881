"""One row of the table of close causes (`close_table`), the context that rows look at, and constructors of rows."""

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
from .models import MODELS, LocationFacts, current_models
from .names import VOICES
from .platform import Platform
from .setup_rules import SetupProblem, matching_rules

if TYPE_CHECKING:
    from ..errors import Retry


SHORTEST_SESSION_SECONDS = 120.0
"""The shortest time after which Google documents the end of a session: that of one with audio and video."""


@dataclass(frozen=True)
class CloseContext:
    """A session that was closed: its platform, model, location, setup and the API's version.

    `setup` is None if the client had sent none; `active` is whether the service had accepted it. `version` None stands
    for the platform's default. `seconds` is how long the connection had been open, None if that is not known.
    """

    platform: Platform
    model: str
    location: str | None = None
    setup: events.Setup | None = None
    active: bool = False
    version: str | None = None
    seconds: float | None = None

    @cached_property
    def setup_json(self) -> dict[str, Any]:
        """The setup as it was sent."""
        return setup_json(self.setup) if self.setup else {}

    @cached_property
    def suspects(self) -> list[SetupProblem]:
        """The setup's fields that may be to blame, the surest first; none for an unknown model."""
        model = MODELS.get(self.model)
        version = self.version or self.platform.facts.default_version
        return list(matching_rules(self.setup_json, model, self.platform, version)) if model else []

    @property
    def is_served(self) -> bool:
        """Whether the model is a current one of this platform."""
        return self.model in current_models(self.platform)

    @property
    def other_platform(self) -> Platform | None:
        """The platform that serves the model, if this one does not."""
        if self.is_served:
            return None
        return next((platform for platform in Platform if self.model in current_models(platform)), None)

    @property
    def locations(self) -> LocationFacts:
        """Where the platform is known to serve the model; no names if that is not known."""
        return MODELS[self.model].locations if self.is_served and self.location else LocationFacts()

    @property
    def is_elsewhere(self) -> bool:
        """Whether the model is known to be served in other locations only."""
        return bool(self.locations.names) and self.location not in self.locations.names

    @property
    def is_disputed(self) -> bool:
        """Whether sources contradict each other on whether the location serves the model."""
        return self.location in self.locations.disputed

    @property
    def resumes(self) -> bool:
        """Whether the setup has the handle of an earlier session."""
        match self.setup_json:
            case {"sessionResumption": {"handle": str(handle)}}:
                return bool(handle)
        return False

    @property
    def is_young(self) -> bool:
        """Whether the session was too new for the end of its time: its first connection, open for a short time."""
        return self.seconds is not None and self.seconds < SHORTEST_SESSION_SECONDS and not self.resumes

    def placeholders(self) -> dict[str, str]:
        """The values for the `{placeholders}` of a cause or a remedy."""
        current = current_models(self.platform)
        places = self.locations
        near = [] if self.model in MODELS else get_close_matches(self.model, current, n=1, cutoff=0.8)
        blamed = [f"{problem.reason}: {problem.remedy}" for problem in self.suspects]
        return {
            "model": self.model,
            "platform": self.platform.facts.name,
            "location": self.location or "this location",
            "served": ", ".join(places.names),
            "elsewhere": next((name for name in places.names if name != self.location), ""),
            "for_location": str(places.evidence),
            "against_location": str(places.contradicted_by or ""),
            "voices": ", ".join(sorted(VOICES)),
            "other": str(self.other_platform or ""),
            "models": f"current models are {', '.join(current)}",
            "nearest": f"did you mean {near[0]}? " if near else "",
            "suspects": "; ".join(problem.reason for problem in self.suspects),
            "suspect": blamed[0] if blamed else "",
            "other_suspects": "; ".join(blamed[1:]),
        }


DOCUMENTED = "Google's documentation"
PROBED = "sessions with the service that others recorded or probed in 2026"
REPORTED = "reports of users; Google documents no reason"
GUESSED = "the close code alone: nothing is known of this reason"


@dataclass(frozen=True)
class CloseCause:
    """A row: which closes it explains, the error that they mean, and its texts.

    It explains a close whose code is one of `codes` (any if there are none), whose reason contains `pattern` (a regular
    expression, case ignored), and whose context `when` accepts. `remedy` is the error's hint, and `more` are further
    remedies. `source` is where the row is known from.
    """

    codes: frozenset[int]
    pattern: str
    error: type[LivecliError]
    retry: Retry
    cause: str
    remedy: str | None
    more: tuple[str, ...] = ()
    when: Callable[[CloseContext], bool] | None = None
    source: str = REPORTED

    def matches(self, code: int, reason: str, context: CloseContext) -> bool:
        """Whether this row explains the close."""
        return (
            (not self.codes or code in self.codes)
            and re.search(self.pattern, reason, re.IGNORECASE) is not None
            and (self.when is None or self.when(context))
        )


def refused(*codes: int, **row: Any) -> CloseCause:
    """A row for something that the service does not accept: the same request fails again."""
    return CloseCause(frozenset(codes), **{"error": ServerError, "retry": "never", **row})


def denied(**row: Any) -> CloseCause:
    """A row for a refused credential."""
    return refused(**{"error": AuthError, **row})


def busy(*codes: int, **row: Any) -> CloseCause:
    """A row for quota or overload: trying again after a pause may help."""
    return refused(*codes, **{"error": QuotaError, "retry": "later", **row})


def lost(*codes: int, **row: Any) -> CloseCause:
    """A row for a connection that ended: the session may go on over another."""
    return refused(*codes, retry="resume", **row)


def failed(*codes: int, **row: Any) -> CloseCause:
    """A row for a failure of the service: trying again after a pause may help."""
    return refused(*codes, retry="later", **row)
