"""Who serves the API. Apart from `models`, whose table a run looks at only when something about its model is wrong."""

from __future__ import annotations

from enum import StrEnum


class Platform(StrEnum):
    """Vertex AI (since renamed Gemini Enterprise Agent Platform) or the Gemini Developer API."""

    VERTEX = "vertex"
    DEVELOPER = "developer"


DEFAULT_MODEL = "gemini-3.8-live"
