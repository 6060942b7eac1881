"""Ephemeral tokens of the Developer API, which POST /v1alpha/auth_tokens creates. No I/O.

A token opens a number of sessions until it expires; resuming a session does not count, and an open session outlives its
token. A token can replace the setup of its sessions, or the fields of it that a field mask names.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec

from ..credentials.credential import EPHEMERAL_PREFIX
from ..protocol import close_reasons, events, messages
from ..protocol.close_reasons import Refusal
from ..protocol.codec import decode_client
from ..protocol.codec.proto_json import camel
from .access import UPGRADE_REFUSALS, CredentialError, RequiredCredentials, UpgradeRefusal, credentials_in

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

INVALID_MASK = "field_mask is invalid for BidiGenerateContentSetup"
"""The message about a mask with a path that is no field of the setup (googleapis/js-genai#1492)."""

REFUSALS = {
    **UPGRADE_REFUSALS,
    CredentialError.MISSING: UpgradeRefusal(403, "PERMISSION_DENIED", close_reasons.KEY_MISSING),
    CredentialError.WRONG_KEY: UpgradeRefusal(400, "INVALID_ARGUMENT", close_reasons.KEY_INVALID),
}


class EphemeralToken(msgspec.Struct):
    """A token: `uses` is the number of sessions that it still opens, None for any number. `name` is its text.

    `setup` and `mask` are the request's `bidiGenerateContentSetup` and `fieldMask`, with the mask's paths as names.
    """

    uses: int | None
    expires_at: datetime
    opens_until: datetime
    setup: messages.Setup | None = None
    mask: Sequence[Sequence[str]] = ()
    name: str = ""

    def effective_setup(self, setup: messages.Setup) -> messages.Setup:
        """The setup of a session whose client sends `setup`.

        Without a mask it is the token's, if there is one; otherwise the masked fields are the token's (documented).
        """
        if not self.mask:
            return self.setup or setup
        effective = msgspec.to_builtins(setup)
        locked = msgspec.to_builtins(self.setup or messages.Setup())
        for path in self.mask:
            _overwrite(effective, locked, path)
        return msgspec.convert(effective, messages.Setup)

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

    def __init__(self, required: RequiredCredentials) -> None:
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
        token.name = name = EPHEMERAL_PREFIX + secrets.token_hex(32)
        self._tokens[name] = token
        while len(self._tokens) > MAX_TOKENS:
            del self._tokens[next(iter(self._tokens))]
        return json.dumps({"name": name}, indent=2) + "\n", None

    def token_in(self, path: str, headers: Iterable[tuple[str, str]]) -> EphemeralToken | None:
        """The token of this emulator that a request holds, if it holds one."""
        return next((self._tokens[name] for name in credentials_in(path, headers)[1] if name in self._tokens), None)

    def use(self, name: str, now: datetime, *, resumes: bool) -> CredentialError | None:
        """Use the token of this name: see EphemeralToken."""
        token = self._tokens.get(name)
        return token.use(now, resumes=resumes) if token else CredentialError.WRONG_TOKEN


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
    setup, mask = _setup(fields.get("bidiGenerateContentSetup")), _mask(fields.get("fieldMask"))
    return EphemeralToken(_uses(fields.get("uses")), expires_at, opens_until, setup, mask)


def _setup(value: Any) -> messages.Setup | None:
    if value is None:
        return None
    try:
        [event] = decode_client(msgspec.json.encode({"setup": value}))
    except Refusal as refusal:
        raise ValueError(refusal.reason) from refusal
    assert isinstance(event, events.Setup), "that is what was encoded"
    return event.body


def _mask(value: Any) -> list[list[str]]:
    """The paths of a field mask, which is a string in JSON."""
    if value is None:
        return []
    if not isinstance(value, str):
        raise ValueError(close_reasons.INVALID_VALUE.format(at=" at 'field_mask'", type="type.googleapis.com"))
    paths = [[camel(name) for name in path.strip().split(".")] for path in value.split(",") if path.strip()]
    if not all(map(_is_field, paths)):
        raise ValueError(INVALID_MASK)
    return paths


def _is_field(path: Sequence[str]) -> bool:
    """Whether the setup has the field that a path names. Elements of lists have no path."""
    import msgspec.inspect

    kinds: Sequence[msgspec.inspect.Type] = [msgspec.inspect.type_info(messages.Setup)]
    for name in path:
        fields = {
            field.encode_name: field.type
            for kind in kinds
            if isinstance(kind, msgspec.inspect.StructType)
            for field in kind.fields
        }
        if name not in fields:
            return False
        kind = fields[name]
        kinds = kind.types if isinstance(kind, msgspec.inspect.UnionType) else [kind]
    return True


def _overwrite(target: dict[str, Any], source: dict[str, Any], path: Sequence[str]) -> None:
    """Replace the field at `path`; where `source` has none, remove it."""
    name, *rest = path
    if rest:
        inner = target.get(name, {})
        _overwrite(inner, source.get(name, {}), rest)
        if inner:
            target[name] = inner
    elif name in source:
        target[name] = source[name]
    else:
        target.pop(name, None)


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
