"""Who may come in: the credential that a client shows at the upgrade, and how the service refuses one. Pure.

Clients show it in five places, each taken on either platform:

    Authorization: Bearer TOKEN          every Vertex client
    Authorization: Token auth_tokens/…   an ephemeral token; the Python SDK repeats it in x-goog-api-key
    x-goog-api-key: KEY                  Python and Go SDKs; Vertex in express mode
    ?key=KEY                             the JavaScript SDK, and Google's samples
    ?access_token=TOKEN                  an ephemeral token from JavaScript; a bearer token from a browser

Vertex refuses the upgrade itself. The Developer API lets everybody in, and closes the session.
"""

from __future__ import annotations

import hmac
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum, auto
from urllib.parse import parse_qs

from ..protocol import close_reasons
from ..protocol.close_reasons import Refusal
from ..protocol.platform import PROJECT_PLATFORM, Platform

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
    for platform in Platform:
        if found := re.fullmatch(f"/ws/{platform.facts.path_pattern}", plain):
            return Service(platform, found[1])
    return Service(PROJECT_PLATFORM, PROJECT_PLATFORM.facts.beta_version) if plain == VERBATIM_PATH else None


def asks_for_health(path: str) -> bool:
    """Whether somebody waits for the emulator to be up."""
    return path.partition("?")[0] in HEALTH_PATHS


EPHEMERAL = "auth_tokens/"

_EXPECTED = (
    " Expected OAuth 2 access token, login cookie or other valid authentication credential. "
    "See https://developers.google.com/identity/sign-in/web/devconsole-project."
)
MISSING_CREDENTIAL = "Request is missing required authentication credential." + _EXPECTED
INVALID_CREDENTIAL = "Request had invalid authentication credentials." + _EXPECTED


class Objection(Enum):
    """What the service has against the credential that was shown."""

    MISSING = auto()
    WRONG_KEY = auto()
    WRONG_TOKEN = auto()


@dataclass(frozen=True)
class UpgradeRefusal:
    """An HTTP status instead of the upgrade, with the body that Google's front end writes."""

    code: int
    status: str
    message: str

    @property
    def body(self) -> str:
        return (
            json.dumps({"error": {"code": self.code, "message": self.message, "status": self.status}}, indent=2) + "\n"
        )


UPGRADE_REFUSALS = {
    Objection.MISSING: UpgradeRefusal(401, "UNAUTHENTICATED", MISSING_CREDENTIAL),
    Objection.WRONG_TOKEN: UpgradeRefusal(401, "UNAUTHENTICATED", INVALID_CREDENTIAL),
    # Nobody has reported what Vertex answers here. 401 asks for another proof of who calls; a key proves nothing about
    # that, it names a project that may call or may not. So a client's tests get to see both statuses.
    Objection.WRONG_KEY: UpgradeRefusal(403, "PERMISSION_DENIED", close_reasons.KEY_INVALID),
}
"""On Vertex."""

SESSION_REFUSALS = {
    Objection.MISSING: (1007, close_reasons.KEY_MISSING),
    Objection.WRONG_KEY: (1007, close_reasons.KEY_INVALID),
    Objection.WRONG_TOKEN: (1007, INVALID_CREDENTIAL),  # not reported by anybody: the code that keys get
}
"""On the Developer API: close codes and reasons."""


def session_refusal(objection: Objection) -> Refusal:
    """The close of a session with the Developer API."""
    return Refusal(*SESSION_REFUSALS[objection])


@dataclass(frozen=True)
class Required:
    """The credential without which nobody gets in; where both are named, either will do. None asks for nothing."""

    key: str | None = None
    token: str | None = None

    def objection_to(self, path: str, headers: Iterable[tuple[str, str]]) -> Objection | None:
        """What there is against a request for this path, query included; None if it may come in."""
        if self.key is None and self.token is None:
            return None
        keys, tokens = shown(path, headers)
        if _among(self.key, keys) or _among(self.token, tokens):
            return None
        return Objection.WRONG_TOKEN if tokens else Objection.WRONG_KEY if keys else Objection.MISSING


NOTHING_REQUIRED = Required()


def shown(path: str, headers: Iterable[tuple[str, str]]) -> tuple[list[str], list[str]]:
    """The keys and the tokens that a client shows, wherever it does."""
    query = parse_qs(path.partition("?")[2])
    keys, tokens = query.get("key", []), query.get("access_token", [])
    for name, value in headers:
        if name.lower() == "x-goog-api-key":
            keys.append(value)
        elif name.lower() == "authorization":
            scheme, _, credential = value.strip().partition(" ")
            if scheme.lower() in ("bearer", "token"):
                tokens.append(credential.strip())
    ephemeral = [key for key in keys if key.startswith(EPHEMERAL)]
    return [key for key in keys if key not in ephemeral], tokens + ephemeral


def _among(required: str | None, shown: list[str]) -> bool:
    if required is None:
        return False
    wanted = required.encode(errors="surrogateescape")
    return any(hmac.compare_digest(wanted, credential.encode(errors="surrogateescape")) for credential in shown)
