"""Ephemeral tokens of the Developer API, which POST /v1alpha/auth_tokens creates. No I/O.

A token opens a number of sessions until it expires; resuming a session does not count, and an open session outlives its
token. The setup that a request locks is accepted and not enforced.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from ..protocol import close_reasons
from .access import EPHEMERAL, UPGRADE_REFUSALS, CredentialError, Required, UpgradeRefusal, credentials_in

MINT_PATH = re.compile(r"/v\d+(?:(?:alpha|beta)\d*)?/auth_tokens")
FIELDS = {
    name: name
    for name in ("name", "uses", "expireTime", "newSessionExpireTime", "bidiGenerateContentSetup", "fieldMask")
} | {
    "expire_time": "expireTime",
    "new_session_expire_time": "newSessionExpireTime",
    "bidi_generate_content_setup": "bidiGenerateContentSetup",
    "field_mask": "fieldMask",
}
EXPIRY = timedelta(minutes=30)
"""The lifetime of a token where the request names none."""

NEW_SESSION_EXPIRY = timedelta(minutes=1)
"""How long a token opens sessions where the request does not say."""

MAX_EXPIRY = timedelta(hours=20)
"""The limit of either time in a request."""

MAX_TOKENS = 10_000
"""The number of tokens that an emulator keeps; beyond it, the oldest are forgotten."""

REFUSALS = {
    **UPGRADE_REFUSALS,
    CredentialError.MISSING: UpgradeRefusal(403, "PERMISSION_DENIED", close_reasons.KEY_MISSING),
    CredentialError.WRONG_KEY: UpgradeRefusal(400, "INVALID_ARGUMENT", close_reasons.KEY_INVALID),
}


@dataclass
class EphemeralToken:
    """A token: `uses` is the number of sessions that it still opens, None for any number."""

    uses: int | None
    expires_at: datetime
    opens_until: datetime

    def use(self, now: datetime, *, resumes: bool) -> CredentialError | None:
        """Open a session, which counts as a use, or resume one. Returns what is wrong with that, if anything."""
        if now >= self.expires_at:
            return CredentialError.WRONG_TOKEN
        if resumes:
            return None
        if now >= self.opens_until or self.uses == 0:
            return CredentialError.WRONG_TOKEN
        if self.uses is not None:
            self.uses -= 1
        return None


class TokenMint:
    """The tokens of one emulator."""

    def __init__(self, required: Required) -> None:
        self._required = required
        self._tokens: dict[str, EphemeralToken] = {}

    def create(
        self, path: str, headers: Iterable[tuple[str, str]], body: bytes, now: datetime
    ) -> tuple[str, UpgradeRefusal | None]:
        """Create a token. Returns the body of the response, and the refusal where it is one."""
        if credential_error := self._required.check(path, headers):
            return _refused(REFUSALS[credential_error])
        try:
            token = _parse_request(body, now)
        except ValueError as error:
            return _refused(UpgradeRefusal(400, "INVALID_ARGUMENT", str(error)))
        name = EPHEMERAL + secrets.token_hex(32)
        self._tokens[name] = token
        while len(self._tokens) > MAX_TOKENS:
            del self._tokens[next(iter(self._tokens))]
        return json.dumps({"name": name}, indent=2) + "\n", None

    def token_in(self, path: str, headers: Iterable[tuple[str, str]]) -> EphemeralToken | None:
        """The token of this emulator that a request holds, if it holds one."""
        return next((self._tokens[name] for name in credentials_in(path, headers)[1] if name in self._tokens), None)


def is_mint_path(path: str) -> bool:
    """Whether a POST to `path` creates a token. SDKs double slashes."""
    return MINT_PATH.fullmatch(re.sub(r"/{2,}", "/", path.partition("?")[0])) is not None


def _refused(refusal: UpgradeRefusal) -> tuple[str, UpgradeRefusal]:
    return refusal.body, refusal


def _parse_request(body: bytes, now: datetime) -> EphemeralToken:
    """The token that the body of a request describes. Raises ValueError with the message of the service."""
    try:
        request = json.loads(body or b"{}")
    except (ValueError, RecursionError) as error:
        raise ValueError("Invalid JSON payload received.") from error
    if not isinstance(request, dict):
        raise ValueError("Invalid JSON payload received.")
    for name in request:
        if name not in FIELDS:
            raise ValueError(close_reasons.UNKNOWN_FIELD.format(name=name, at=""))
    fields = {FIELDS[name]: value for name, value in request.items()}
    expires_at = _time("expire_time", fields.get("expireTime"), now, EXPIRY)
    opens_until = _time("new_session_expire_time", fields.get("newSessionExpireTime"), now, NEW_SESSION_EXPIRY)
    return EphemeralToken(_uses(fields.get("uses")), expires_at, opens_until)


def _uses(value: Any) -> int | None:
    """The number of sessions, one where there is no value; 0 is any number."""
    if value is None:
        return 1
    if isinstance(value, bool) or not re.fullmatch(r"\d{1,9}", str(value)):
        raise ValueError(close_reasons.INVALID_VALUE.format(at=" at 'uses'", type="TYPE_INT32"))
    return int(value) or None


def _time(field: str, value: Any, now: datetime, default: timedelta) -> datetime:
    if value is None:
        return now + default
    try:
        moment = datetime.fromisoformat(value)
        ahead = moment - now
    except (TypeError, ValueError) as error:
        raise ValueError(close_reasons.INVALID_VALUE.format(at=f" at '{field}'", type="Timestamp")) from error
    if not timedelta(0) < ahead < MAX_EXPIRY:
        raise ValueError(f"{field} must be in the future, and less than 20 hours ahead.")
    return moment
