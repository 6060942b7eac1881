"""HTTP responses that refuse a request: the error that each status means, and the message in the body."""

from __future__ import annotations

import json
from collections.abc import Mapping
from http import HTTPStatus

from ..errors import AuthError, ConnectError, LivecliError, QuotaError

BODY_CHARACTERS = 200
"""Characters of a body that an error shows."""

STATUSES: dict[int, tuple[type[LivecliError], str]] = {
    401: (AuthError, "the credential was refused: `livecli auth status` says which one is used"),
    403: (AuthError, "the credential lacks permission: the role Vertex AI User, and the API enabled in its project"),
    404: (ConnectError, "is the URL the service's? --base-url and --api-version make it"),
    407: (ConnectError, "the proxy wants a user and a password: see HTTPS_PROXY"),
    429: (QuotaError, "wait, then try again"),
    503: (QuotaError, "wait, then try again"),
}
"""The error and the hint for each status that has its own."""


def http_error(
    action: str,
    status: int,
    body: bytes,
    *,
    statuses: Mapping[int, tuple[type[LivecliError], str]] = STATUSES,
    retry_after_seconds: float | None = None,
) -> LivecliError:
    """The error for a response with `status` instead of success. `action` begins the message, as in "HOST refused"."""
    kind, hint = statuses.get(status, (ConnectError, _other_hint(status)))
    said = message_in(body)
    return kind(
        f"{action}: {status} {phrase(status)}{f': {said}' if said else ''}",
        hint=hint,
        retry="later" if status >= 500 else None,
        retry_after_seconds=retry_after_seconds,
    )


def phrase(status: int) -> str:
    """The reason phrase of a status."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "unknown status"


def message_in(body: bytes) -> str:
    """Google's `error.message`, or the first line of a plain text; nothing of an HTML page."""
    text = body[:4096].decode(errors="replace").strip()
    try:
        text = json.loads(text)["error"]["message"]
    except (ValueError, KeyError, TypeError, RecursionError):
        text = "" if text.startswith("<") else text
    return str(text).partition("\n")[0][:BODY_CHARACTERS]


def _other_hint(status: int) -> str | None:
    if 300 <= status < 400:
        return "redirects are not followed, since a credential goes to one host: give the final URL as --base-url"
    return "the server failed: try again" if status >= 500 else None
