"""What a credential is, how it is spelled in headers, and which secrets the environment holds.

Nothing here knows a platform's preferences (that is `decision`) or google-auth (that is `adc`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Protocol

from ..errors import AuthError
from ..protocol.endpoint import Environment, value

TOKEN_VARIABLE = "LIVECLI_ACCESS_TOKEN"
KEY_VARIABLES = ("GOOGLE_API_KEY", "GEMINI_API_KEY")
QUOTA_VARIABLE = "GOOGLE_CLOUD_QUOTA_PROJECT"
EPHEMERAL_PREFIX = "auth_tokens/"
NO_KEYS = {EPHEMERAL_PREFIX: "an ephemeral token", "ya29.": "a bearer token"}
"""What is pasted in place of a key, by its beginning."""
ELIDED = "…"
WAYS_OUT = (
    "set GOOGLE_API_KEY or GEMINI_API_KEY, or run `livecli auth login`; "
    "or run `gcloud auth application-default login`; or set LIVECLI_ACCESS_TOKEN "
    "and pass --project (--local needs none of them)"
)


class CredentialKind(StrEnum):
    """What sort of credential it is."""

    TOKEN = "token"
    ADC = "adc"
    KEY = "key"
    NONE = "none"


class Tokens(Protocol):
    """Something that has a fresh token when asked, and may block for it."""

    def token(self) -> str: ...

    @property
    def expires_at(self) -> datetime | None: ...


@dataclass(frozen=True)
class Credential:
    """What is sent to prove who asks. `source` is where it came from and `why` the reason it won.

    `place` is the row of `auth status` it was found in. `project` is the credential's own, where it has one; `account`
    is the service account's address.
    """

    source: str
    kind: CredentialKind
    why: str = ""
    place: str = ""
    project: str | None = None
    quota_project: str | None = None
    account: str | None = None
    secret: str = field(default="", repr=False)
    tokens: Tokens | None = field(default=None, repr=False)

    def headers(self) -> dict[str, str]:
        """The headers of the handshake. Blocks while a token is refreshed.

        Raises AuthError where the credential is refused and ConnectError where nobody can be asked.
        """
        return self._spelled(self._current())

    def elided_headers(self) -> dict[str, str]:
        """The same headers with the secrets left out; never refreshes."""
        return self._spelled(ELIDED)

    def bearer(self) -> str:
        """The bearer token itself. Blocks and raises as `headers` does; an API key has none."""
        if self.kind in (CredentialKind.TOKEN, CredentialKind.ADC):
            return self._current()
        raise AuthError(
            "there is only an API key, and a key is no bearer token",
            hint="run `gcloud auth application-default login`, or set LIVECLI_ACCESS_TOKEN",
        )

    @property
    def is_ephemeral(self) -> bool:
        """Whether it is a token of the Developer API that opens one session (`auth_tokens/…`)."""
        return self.secret.startswith(EPHEMERAL_PREFIX)

    @property
    def expires_at(self) -> datetime | None:
        """When the token ends, in UTC; None before the first refresh and for what says no end."""
        return self.tokens.expires_at if self.tokens else end_of_jwt(self.secret)

    def _current(self) -> str:
        return cleaned(self.source, self.tokens.token()) if self.tokens else self.secret

    def _spelled(self, secret: str) -> dict[str, str]:
        if self.kind is CredentialKind.NONE:
            return {}
        if self.is_ephemeral:
            return {"Authorization": f"Token {secret}"}
        if self.kind is CredentialKind.KEY:
            return {"x-goog-api-key": secret}
        quota = {"x-goog-user-project": self.quota_project} if self.quota_project else {}
        return {"Authorization": f"Bearer {secret}", **quota}


@dataclass(frozen=True)
class Source:
    """One place where a credential could be, what was found there (never the secret), and whether it won."""

    source: str
    found: bool
    detail: str
    used: bool = False


def ready_token(environ: Environment) -> Credential | None:
    """The bearer token that the environment holds ready, for CI."""
    text = value(environ, TOKEN_VARIABLE)
    if text is None:
        return None
    secret, quota = cleaned(TOKEN_VARIABLE, text), quota_project(environ)
    return Credential(TOKEN_VARIABLE, CredentialKind.TOKEN, place=TOKEN_VARIABLE, quota_project=quota, secret=secret)


def end_of_jwt(token: str) -> datetime | None:
    """When a token ends that says so itself: a JWT does, in its `exp`. It is read, not verified."""
    import base64
    import json

    parts = token.split(".")
    if len(parts) != 3:
        return None
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
        return datetime.fromtimestamp(claims["exp"], UTC)
    except (ValueError, TypeError, KeyError, OverflowError, OSError, RecursionError):
        return None


def api_key(environ: Environment) -> Credential | None:
    """The API key that the environment holds; GOOGLE_API_KEY wins, as in Google's SDKs."""
    name = next((name for name in KEY_VARIABLES if value(environ, name)), None)
    if name is None:
        return None
    return Credential(name, CredentialKind.KEY, place=name, secret=cleaned(name, environ[name]))


def pasted_key(text: str) -> Credential:
    """A key that somebody typed or piped in, to be kept. Raises AuthError for nothing, and for another thing."""
    if not text.strip():
        raise AuthError("no key was given", hint="paste it at the prompt, or: livecli auth login < key.txt")
    secret = cleaned("the key", text)
    other = next((what for prefix, what in NO_KEYS.items() if secret.startswith(prefix)), None)
    if other:
        raise AuthError(f"this is {other}, no API key", hint=f"it ends soon: set {TOKEN_VARIABLE} to it instead")
    return Credential("the key", CredentialKind.KEY, secret=secret)


def quota_project(environ: Environment) -> str | None:
    """The project that pays, if the environment names one, fit for a header."""
    text = value(environ, QUOTA_VARIABLE)
    return cleaned(QUOTA_VARIABLE, text) if text else None


def cleaned(name: str, text: str) -> str:
    """A header value out of pasted text: blanks around it go; inside it none is tolerated, and nothing is quoted."""
    text = text.strip()
    if text and all("!" <= character <= "~" for character in text):
        return text
    raise AuthError(
        f"{name} contains a blank, a line break or another character that cannot be part of it",
        hint="copy it again, without quotes and in one piece",
    )
