"""A credential, its headers, and the credentials that environment variables hold.

The order of preference is in `decision`, and google-auth's credentials are in `adc`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Protocol

from ..errors import AuthError
from ..protocol.endpoint import LOCAL_KEY, Environment, value

TOKEN_VARIABLE = "LIVECLI_ACCESS_TOKEN"
KEY_VARIABLES = ("GOOGLE_API_KEY", "GEMINI_API_KEY")
CREDENTIAL_VARIABLES = (TOKEN_VARIABLE, *KEY_VARIABLES)
"""The variables that hold a secret."""
PROJECT_VARIABLES = ("GOOGLE_CLOUD_PROJECT", "GOOGLE_APPLICATION_CREDENTIALS")
"""The variables that name a project, the second one with the credential in its file."""
QUOTA_VARIABLE = "GOOGLE_CLOUD_QUOTA_PROJECT"
EPHEMERAL_PREFIX = "auth_tokens/"
"""The beginning of an ephemeral token."""
OTHER_SECRETS = {EPHEMERAL_PREFIX: "an ephemeral token", "ya29.": "a bearer token"}
"""Secrets that are mistaken for a key, by their first characters."""
QUOTES = "\"'`"
ELIDED = "…"
"""Replacement for a secret that is shown."""
SETUP_HINT = (
    "to try it without one, add --local\n"
    "with a key from https://aistudio.google.com/apikey: livecli auth login\n"
    "with Google Cloud: gcloud auth application-default login, and --project ID\n"
    "in CI: set GEMINI_API_KEY, or LIVECLI_ACCESS_TOKEN and pass --project ID"
)
"""The ways to a credential, the easiest first. Behind "hint: " each line fits a terminal of 80 columns."""
GOOGLE_CLOUD_HINT = (
    "gcloud auth application-default login\n"
    "in CI: set LIVECLI_ACCESS_TOKEN, or GOOGLE_APPLICATION_CREDENTIALS\n"
    "to try it without a credential, add --local"
)
"""The same where a project was named already."""
KEY_PREFIX = "AIza"
"""The beginning of API keys, which a bearer token never has."""


class CredentialKind(StrEnum):
    """The kind of a credential, which determines its headers."""

    TOKEN = "token"
    ADC = "adc"
    KEY = "key"
    NONE = "none"


class Tokens(Protocol):
    """A source of access tokens. `token` returns a valid one, and blocks while it is refreshed."""

    def token(self) -> str: ...

    @property
    def expires_at(self) -> datetime | None: ...


@dataclass(frozen=True)
class Credential:
    """A credential: `source` is the place that it comes from in words, and `why` the reason that it is used.

    `place` is the row of `auth status` that it belongs to. `project` is the credential's own project, `account` the
    address of a service account, and `quota_project` the project that is billed; each is None where there is none.
    `stored_for` is the host, with its port, that a key was stored for; None for Google's. `warning` is what is wrong
    with sending the credential to the endpoint that was resolved with it.
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
    stored_for: str | None = None
    warning: str | None = None

    def headers(self) -> dict[str, str]:
        """The headers of the handshake. Blocks while a token is refreshed.

        Raises AuthError where the credential is refused, and ConnectError where the token server cannot be reached.
        """
        return self._headers_with(self._current_secret())

    def elided_headers(self) -> dict[str, str]:
        """The same headers without the secret. Does not refresh a token."""
        return self._headers_with(ELIDED)

    def bearer(self) -> str:
        """The bearer token itself. Blocks and raises as `headers` does; an API key has none."""
        if self.kind in (CredentialKind.TOKEN, CredentialKind.ADC):
            return self._current_secret()
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
        """When the token expires, in UTC; None before the first refresh, and where the expiry is not known."""
        return self.tokens.expires_at if self.tokens else jwt_expiry(self.secret)

    def _current_secret(self) -> str:
        return cleaned(self.source, self.tokens.token()) if self.tokens else self.secret

    def _headers_with(self, secret: str) -> dict[str, str]:
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
    """A place where a credential can be, what was found there without the secret, and whether it is used."""

    source: str
    found: bool
    detail: str
    used: bool = False


def ready_token(environ: Environment) -> Credential | None:
    """The bearer token in LIVECLI_ACCESS_TOKEN, for CI."""
    text = value(environ, TOKEN_VARIABLE)
    if text is None:
        return None
    secret, quota = cleaned(TOKEN_VARIABLE, text), quota_project(environ)
    if secret.startswith(KEY_PREFIX):
        raise AuthError(f"{TOKEN_VARIABLE} holds an API key, no bearer token", hint="set GEMINI_API_KEY to it instead")
    return Credential(TOKEN_VARIABLE, CredentialKind.TOKEN, place=TOKEN_VARIABLE, quota_project=quota, secret=secret)


def jwt_expiry(token: str) -> datetime | None:
    """When a JWT expires, by its claim `exp`; None for another token. The JWT is not verified."""
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
    """The API key in the environment. GOOGLE_API_KEY takes precedence, as in Google's SDKs."""
    name = next((name for name in KEY_VARIABLES if value(environ, name)), None)
    if name is None:
        return None
    return Credential(name, CredentialKind.KEY, place=name, secret=cleaned(name, environ[name]))


def pasted_key(text: str) -> Credential:
    """A key that was typed or piped in. Raises AuthError for an empty text, and for another kind of secret."""
    if not text.strip():
        raise AuthError("no key was given", hint="paste it at the prompt, or: livecli auth login < key.txt")
    secret = cleaned("the key", text)
    other = next((what for prefix, what in OTHER_SECRETS.items() if secret.startswith(prefix)), None)
    if other:
        raise AuthError(f"this is {other}, no API key", hint=f"it ends soon: set {TOKEN_VARIABLE} to it instead")
    return Credential("the key", CredentialKind.KEY, secret=secret)


def local_key(environ: Environment) -> dict[str, str]:
    """The variable with LOCAL_KEY for the SDKs, which open no session without a key, a token or a project.

    Empty where the environment names one of those.
    """
    named = [value(environ, name) for name in (*KEY_VARIABLES, TOKEN_VARIABLE, *PROJECT_VARIABLES)]
    return {KEY_VARIABLES[0]: LOCAL_KEY} if set(named) <= {None, LOCAL_KEY} else {}


def known_secrets(environ: Environment) -> list[str]:
    """The keys and the token that the environment holds, for their removal from texts."""
    return [secret for name in (*KEY_VARIABLES, TOKEN_VARIABLE) if (secret := value(environ, name))]


def quota_project(environ: Environment) -> str | None:
    """The quota project that the environment names. Raises AuthError if it does not fit a header."""
    text = value(environ, QUOTA_VARIABLE)
    return cleaned(QUOTA_VARIABLE, text) if text else None


def cleaned(name: str, text: str) -> str:
    """`text` without surrounding blanks. Raises AuthError, without quoting it, if it cannot be a header's value."""
    text = text.strip()
    if text and all("!" <= character <= "~" for character in text) and text[0] not in QUOTES:
        return text
    raise AuthError(
        f"{name} contains a quotation mark, a blank, a line break or another character that cannot be part of it",
        hint="copy it again, without quotes and in one piece",
    )
