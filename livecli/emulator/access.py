"""The credential of a request: where clients put it, and how each platform refuses a missing or wrong one. No I/O.

Clients put it in one of five places, and either platform accepts each of them:

    Authorization: Bearer TOKEN          every Vertex client
    Authorization: Token auth_tokens/…   an ephemeral token; the Python SDK repeats it in x-goog-api-key
    x-goog-api-key: KEY                  Python and Go SDKs; Vertex in express mode
    ?key=KEY                             the JavaScript SDK, and Google's samples
    ?access_token=TOKEN                  an ephemeral token from JavaScript; a bearer token from a browser

Vertex AI refuses the upgrade. The Developer API completes it, and closes the session.
"""

from __future__ import annotations

import hmac
import json
import re
from collections.abc import Iterable
from enum import Enum, auto
from urllib.parse import parse_qs

import msgspec

from ..credentials.credential import EPHEMERAL_PREFIX
from ..protocol import close_reasons
from ..protocol.close_reasons import Refusal
from ..protocol.endpoint import CONSTRAINED
from ..protocol.platform import KEY_PLATFORM, PROJECT_PLATFORM, Platform

VERBATIM_PATH = "/"
"""The path that the Python SDK requests on Vertex AI without a project in code: its base URL is then the whole URL."""

# Firebase's SDKs (Web, Android, Apple, Flutter, Unity) reach both platforms on Firebase's host, with paths of their own
# (read in firebase 13.2.0 and in the Flutter plugin). Their names of the Developer API's models begin with the project.
FIREBASE_PATHS = {
    PROJECT_PLATFORM: r"google\.firebase\.vertexai\.(v1beta)\.LlmBidiService/BidiGenerateContent/locations/[^/]+",
    KEY_PLATFORM: r"google\.firebase\.vertexai\.(v1beta)\.GenerativeService/BidiGenerateContent",
}
FIREBASE_MODEL_PREFIX = {PROJECT_PLATFORM: "", KEY_PLATFORM: "projects/[^/]+/"}


class Service(msgspec.Struct, frozen=True):
    """A platform, and the version of its API (`v1beta`).

    `model_prefix` is a regular expression of what precedes the platform's own resource name in `setup.model`.
    """

    platform: Platform
    version: str
    model_prefix: str = ""

    def resource_name(self, model: str) -> str:
        """The platform's own resource name of the model that a setup names."""
        return re.sub(f"^{self.model_prefix}", "", model)


def service_at(path: str) -> Service | None:
    """The service at `path`, None where there is none. SDKs double slashes, and put keys into the query."""
    plain = re.sub(r"/{2,}", "/", path.partition("?")[0])
    for platform in Platform:
        found = re.fullmatch(f"/ws/{platform.facts.path_pattern}", plain)
        if found and found[1] in platform.facts.api_versions:
            return Service(platform, found[1])
    for platform, pattern in FIREBASE_PATHS.items():
        if found := re.fullmatch(f"/ws/{pattern}", plain):
            return Service(platform, found[1], FIREBASE_MODEL_PREFIX[platform])
    return Service(PROJECT_PLATFORM, PROJECT_PLATFORM.facts.beta_version) if plain == VERBATIM_PATH else None


CREDENTIAL_HEADERS = ("authorization", "x-goog-api-key")
CREDENTIAL_QUERIES = ("key", "access_token")
"""Where a request has its credential: the headers, in lower case, and the names in its query."""

_EXPECTED = (
    " Expected OAuth 2 access token, login cookie or other valid authentication credential. "
    "See https://developers.google.com/identity/sign-in/web/devconsole-project."
)
MISSING_CREDENTIAL = "Request is missing required authentication credential." + _EXPECTED
INVALID_CREDENTIAL = "Request had invalid authentication credentials." + _EXPECTED


class CredentialError(Enum):
    """The error in the credential of a request."""

    MISSING = auto()
    WRONG_KEY = auto()
    WRONG_TOKEN = auto()


class UpgradeRefusal(msgspec.Struct, frozen=True):
    """An HTTP error instead of an upgrade, with the JSON body that Google's front end writes."""

    code: int
    status: str
    message: str

    @property
    def body(self) -> str:
        return (
            json.dumps({"error": {"code": self.code, "message": self.message, "status": self.status}}, indent=2) + "\n"
        )


UPGRADE_REFUSALS = {
    CredentialError.MISSING: UpgradeRefusal(401, "UNAUTHENTICATED", MISSING_CREDENTIAL),
    CredentialError.WRONG_TOKEN: UpgradeRefusal(401, "UNAUTHENTICATED", INVALID_CREDENTIAL),
    # A guess: no report of what Vertex AI answers to a wrong key was found. A key does not prove who calls, it names a
    # project that may or may not call, so the status is 403 and not 401.
    CredentialError.WRONG_KEY: UpgradeRefusal(403, "PERMISSION_DENIED", close_reasons.KEY_INVALID),
}
"""The refusals of Vertex AI."""

SESSION_REFUSALS = {
    CredentialError.MISSING: (1008, close_reasons.KEY_MISSING),
    CredentialError.WRONG_KEY: (1007, close_reasons.KEY_INVALID),
    CredentialError.WRONG_TOKEN: (1007, INVALID_CREDENTIAL),  # a guess: the code that wrong keys get
}
"""The refusals of the Developer API: close codes and reasons."""


def session_refusal(error: CredentialError) -> Refusal:
    """The close with which the Developer API refuses a session."""
    return Refusal(*SESSION_REFUSALS[error])


class RequiredCredentials(msgspec.Struct, frozen=True):
    """The credentials that the emulator accepts. Where both are None, it requires none."""

    key: str | None = None
    token: str | None = None

    @property
    def secrets(self) -> list[str]:
        """The key and the token that are required."""
        return [secret for secret in (self.key, self.token) if secret]

    def check(self, path: str, headers: Iterable[tuple[str, str]]) -> CredentialError | None:
        """The error in the credential of a request for `path`, query included; None where it is accepted."""
        if self.key is None and self.token is None:
            return None
        keys, tokens = credentials_in(path, headers)
        if _contains(keys, self.key) or _contains(tokens, self.token):
            return None
        return CredentialError.WRONG_TOKEN if tokens else CredentialError.WRONG_KEY if keys else CredentialError.MISSING


NOTHING_REQUIRED = RequiredCredentials()


def wrong_kind_of_credential(path: str, headers: Iterable[tuple[str, str]]) -> CredentialError | None:
    """The error of an API key that is given for ephemeral tokens, or of a token for a key, on the Developer API.

    A key is no credential of the constrained path (documented; the answer is a guess). A token on the other path is
    refused as a wrong key (googleapis/js-genai#600).
    """
    keys, tokens = credentials_in(path, headers)
    if path.partition("?")[0].endswith(CONSTRAINED):
        return CredentialError.WRONG_TOKEN if keys and not tokens else None
    ephemeral = [token for token in tokens if token.startswith(EPHEMERAL_PREFIX)]
    return CredentialError.WRONG_KEY if ephemeral and not keys else None


def credentials_in(path: str, headers: Iterable[tuple[str, str]]) -> tuple[list[str], list[str]]:
    """The API keys and the tokens of a request for `path`, query included."""
    query = parse_qs(path.partition("?")[2])
    keys, tokens = query.get("key", []), query.get("access_token", [])
    for name, value in headers:
        if name.lower() == "x-goog-api-key":
            keys.append(value)
        elif name.lower() == "authorization":
            scheme, _, credential = value.strip().partition(" ")
            if scheme.lower() in ("bearer", "token"):
                tokens.append(credential.strip())
    ephemeral = [key for key in keys if key.startswith(EPHEMERAL_PREFIX)]
    return [key for key in keys if key not in ephemeral], tokens + ephemeral


def _contains(credentials: list[str], required: str | None) -> bool:
    if required is None:
        return False
    wanted = required.encode(errors="surrogateescape")
    return any(hmac.compare_digest(wanted, credential.encode(errors="surrogateescape")) for credential in credentials)
