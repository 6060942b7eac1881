"""What a close says: the reasons Google gives, and for whoever receives one the error, its remedy and its exit status.

The texts are as users and SDK tests report them (the service documents none); it cuts a reason at 123 bytes, so a
pattern matches the beginning. The emulator refuses with the same texts.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from ..errors import AuthError, LivecliError, QuotaError, ServerError
from .models import Platform, current_models

INVALID_ARGUMENT = "Request contains an invalid argument."
PRECONDITION_FAILED = "Precondition check failed."
NOT_NATIVE_AUDIO = "Cannot extract voices from a non-audio request."
INVALID_RESOURCE = "Invalid resource field value in the request."
MODEL_RETIRED = "{model} is not supported in the live api."
MODEL_UNKNOWN = {
    Platform.DEVELOPER: (
        "{model} is not found for API version {version}, or is not supported for bidiGenerateContent. "
        "Call ListModels to see the list of available models and their supported methods."
    ),
    Platform.VERTEX: (
        "Publisher Model `{model}` was not found or your project does not have access to it. "
        "Please ensure you are using a valid model version."
    ),
}
KEY_MISSING = "API Key not found. Please pass a valid API key."
KEY_INVALID = "API key not valid. Please pass a valid API key."
UNKNOWN_FIELD = 'Invalid JSON payload received. Unknown name "{name}"{at}: Cannot find field.'
INVALID_VALUE = "Invalid value{at} ({type})"
ENTITY_NOT_FOUND = "Requested entity was not found."
DEADLINE_EXPIRED = "Deadline expired before operation could complete."
INTERNAL_ERROR = "Internal error encountered."

CLOSE_REASON_BYTES = 123


class Refusal(Exception):
    """The server ends the session: a close code, and a reason that is cut as the protocol requires."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(f"{code} {reason}")
        self.code = code
        self.reason = reason.encode()[:CLOSE_REASON_BYTES].decode(errors="ignore")


@dataclass(frozen=True)
class Situation:
    """What is known of the session that was closed."""

    platform: Platform
    model: str
    location: str | None = None


KEY = (
    r"api[ _-]?key|unregistered callers|unauthenticated|authentication credential|invalid.{0,9}token|token.{0,9}expired"
)
PERMISSION = r"permission|denied access|has not been used in project|or it is disabled|PERMISSION_DENIED"
QUOTA = r"quota|resource.?exhausted|rate limit|too many"
UNAVAILABLE = r"unavailable|overloaded"
MODEL = r"is not supported in the live api|is not found for API version|Publisher Model|not supported for bidiGenerate"

TABLE: tuple[tuple[frozenset[int] | None, str, type[LivecliError], str | None], ...] = (
    (None, KEY, AuthError, "check the key or token: `livecli auth status` says which one is used"),
    (None, PERMISSION, AuthError, "the credential needs the role Vertex AI User, and the API enabled in its project"),
    (frozenset({1008, 1011, 1013}), QUOTA, QuotaError, "wait, then try again"),
    (frozenset({1011, 1013}), UNAVAILABLE, QuotaError, "wait, then try again"),
    (None, MODEL, ServerError, "{models}"),
    (None, r"User location", ServerError, "the Developer API does not serve this country: use --platform vertex"),
    (None, r"extract voices|non-audio", ServerError, "this model answers in AUDIO only: leave responseModalities out"),
    (None, r"resource field", ServerError, "the model must be named as the platform spells it: check --model"),
    (None, r"Unknown name", ServerError, "the service does not know this field: check --setup"),
    (None, r"Precondition", ServerError, "activity messages go with manual detection only: see --activity"),
    (frozenset({1007}), r"", ServerError, "the service does not accept something in the setup: `--dry-run` shows it"),
    (frozenset({1011}), r"", ServerError, "try again: the service failed"),
    (frozenset({1006}), r"", ServerError, "try again"),
    (None, r"", ServerError, None),
)
"""Close codes (None: any), pattern of the reason, the error it means, what to do. The first row that fits counts."""


def explain(code: int, reason: str, situation: Situation) -> LivecliError:
    """The error that a close with `code` and `reason` means before the run's end."""
    error, hint = next(
        (error, hint)
        for codes, pattern, error, hint in TABLE
        if (codes is None or code in codes) and re.search(pattern, reason, re.IGNORECASE)
    )
    if hint == "{models}":
        hint = _other_model(situation)
    what = "the connection was lost without a close" if code == 1006 else f"the server closed the session ({code})"
    message = f"{what}: {reason}" if reason else what
    return error(message, hint=hint, close_code=code, close_reason=reason or None)


def _other_model(situation: Situation) -> str:
    models = ", ".join(current_models(situation.platform))
    if situation.platform is Platform.VERTEX and situation.location == "global":
        return (
            f"location global serves no Live model that is known: try --location us-central1; current models: {models}"
        )
    return f"current models are {models}"
