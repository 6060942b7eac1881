"""What is known of a session that was closed: where it was, with which model, what it asked for. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from functools import cached_property
from typing import Any

from . import events
from .codec import setup_json
from .models import MODELS, Platform, current_models
from .setup_rules import suspects


@dataclass(frozen=True)
class Situation:
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
        return list(suspects(self.asked, model, self.platform)) if model else []

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
        return self.platform is Platform.VERTEX and self.location == "global"

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
