"""The paths that the service answers on, and what each asks for. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ..protocol.models import Platform

VERSION = r"(v\d+(?:(?:alpha|beta)\d*)?)"
SERVICE_PATHS = {
    Platform.VERTEX: rf"/ws/google\.cloud\.aiplatform\.{VERSION}\.LlmBidiService/BidiGenerateContent",
    Platform.DEVELOPER: rf"/ws/google\.ai\.generativelanguage\.{VERSION}\.GenerativeService"
    r"\.BidiGenerateContent(?:Constrained)?",  # Constrained: with an ephemeral token
}
VERBATIM_PATH = "/"
"""Where the Python SDK connects on Vertex if no project is given in code: its base URL is then the whole address."""

HEALTH_PATHS = frozenset({"/", "/healthz"})


@dataclass(frozen=True)
class Service:
    """Which API, and which version of it (`v1beta`)."""

    platform: Platform
    version: str


def service_at(path: str) -> Service | None:
    """The service that this path names, if any. SDKs double the slash, and put keys into the query."""
    plain = re.sub(r"/{2,}", "/", path.partition("?")[0])
    for platform, pattern in SERVICE_PATHS.items():
        if found := re.fullmatch(pattern, plain):
            return Service(platform, found[1])
    return Service(Platform.VERTEX, "v1beta1") if plain == VERBATIM_PATH else None


def asks_for_health(path: str) -> bool:
    """Whether somebody waits for the emulator to be up."""
    return path.partition("?")[0] in HEALTH_PATHS
