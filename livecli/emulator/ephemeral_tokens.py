"""Ephemeral tokens of the Developer API: POST /v1alpha/auth_tokens makes one, and it opens some sessions. Pure.

How many and until when is kept; what else may be said in a request (a setup that is locked) is taken and not kept, and
a session that is open outlives its token. Going on with a session that was cut off is no further use.
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
from .access import EPHEMERAL, UPGRADE_REFUSALS, Objection, Required, UpgradeRefusal, shown

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
LASTS, OPENS, LONGEST = timedelta(minutes=30), timedelta(minutes=1), timedelta(hours=20)
"""By default a token lasts so long and opens sessions so long; the most that can be asked for."""
MAX_TOKENS = 10_000
"""Beyond that the oldest are forgotten."""

REFUSALS = {
    **UPGRADE_REFUSALS,
    Objection.MISSING: UpgradeRefusal(
        403,
        "PERMISSION_DENIED",
        "Method doesn't allow unregistered callers (callers without established identity). Please use API Key or other "
        "form of API consumer identity to call this API.",
    ),
    Objection.WRONG_KEY: UpgradeRefusal(400, "INVALID_ARGUMENT", close_reasons.KEY_INVALID),
}


@dataclass
class EphemeralToken:
    """What is left of it. `uses` counts down; None is any number."""

    uses: int | None
    expires_at: datetime
    opens_until: datetime

    def objection_to(self, now: datetime, *, resumes: bool) -> Objection | None:
        """What there is against opening a session with it, or going on with one. Without any, a use is gone."""
        if now >= self.expires_at:
            return Objection.WRONG_TOKEN
        if resumes:
            return None
        if now >= self.opens_until or self.uses == 0:
            return Objection.WRONG_TOKEN
        if self.uses is not None:
            self.uses -= 1
        return None


class TokenMint:
    """All tokens of one emulator."""

    def __init__(self, required: Required) -> None:
        self._required = required
        self._tokens: dict[str, EphemeralToken] = {}

    def answer(
        self, path: str, headers: Iterable[tuple[str, str]], body: bytes, now: datetime
    ) -> tuple[str, UpgradeRefusal | None]:
        """The body of the answer to a request for a token, and the refusal that it is, if it is one."""
        if objection := self._required.objection_to(path, headers):
            return _refused(REFUSALS[objection])
        try:
            token = _asked_for(body, now)
        except ValueError as error:
            return _refused(UpgradeRefusal(400, "INVALID_ARGUMENT", str(error)))
        name = EPHEMERAL + secrets.token_hex(32)
        self._tokens[name] = token
        while len(self._tokens) > MAX_TOKENS:
            del self._tokens[next(iter(self._tokens))]
        return json.dumps({"name": name}, indent=2) + "\n", None

    def token_in(self, path: str, headers: Iterable[tuple[str, str]]) -> EphemeralToken | None:
        """The token made here that a client shows, if it shows one."""
        return next((self._tokens[name] for name in shown(path, headers)[1] if name in self._tokens), None)


def mints_at(path: str) -> bool:
    """Whether tokens are made on that path. SDKs double the slash."""
    return MINT_PATH.fullmatch(re.sub(r"/{2,}", "/", path.partition("?")[0])) is not None


def _refused(refusal: UpgradeRefusal) -> tuple[str, UpgradeRefusal]:
    return refusal.body, refusal


def _asked_for(body: bytes, now: datetime) -> EphemeralToken:
    """Raises ValueError with the service's words."""
    try:
        said = json.loads(body or b"{}")
    except (ValueError, RecursionError) as error:
        raise ValueError("Invalid JSON payload received.") from error
    if not isinstance(said, dict):
        raise ValueError("Invalid JSON payload received.")
    for name in said:
        if name not in FIELDS:
            raise ValueError(close_reasons.UNKNOWN_FIELD.format(name=name, at=""))
    wanted = {FIELDS[name]: value for name, value in said.items()}
    expires_at = _time("expire_time", wanted.get("expireTime"), now, LASTS)
    opens_until = _time("new_session_expire_time", wanted.get("newSessionExpireTime"), now, OPENS)
    return EphemeralToken(_uses(wanted.get("uses")), expires_at, opens_until)


def _uses(said: Any) -> int | None:
    """One where nothing is said; 0 is any number."""
    if said is None:
        return 1
    if isinstance(said, bool) or not re.fullmatch(r"\d{1,9}", str(said)):
        raise ValueError(close_reasons.INVALID_VALUE.format(at=" at 'uses'", type="TYPE_INT32"))
    return int(said) or None


def _time(field: str, said: Any, now: datetime, usual: timedelta) -> datetime:
    if said is None:
        return now + usual
    try:
        moment = datetime.fromisoformat(said)
        ahead = moment - now
    except (TypeError, ValueError) as error:
        raise ValueError(close_reasons.INVALID_VALUE.format(at=f" at '{field}'", type="Timestamp")) from error
    if not timedelta(0) < ahead < LONGEST:
        raise ValueError(f"{field} must be in the future, and less than 20 hours ahead.")
    return moment
