"""Removal of secrets from the frames of a recording, and the renaming of ids. No I/O.

A frame loses the secrets that the process knows, those that a field or a query names, and those that look like Google's
keys and tokens. What is not known to be clean is not kept: a frame that is not a JSON object, or that cannot be decoded
where a secret may come in pieces, becomes REDACTED.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import msgspec

from ..errors import ProtocolError
from ..protocol.close_reasons import Refusal
from ..protocol.codec import decode_client, decode_server
from ..protocol.elision import PieceElision, without_secrets
from .format import REDACTED, Direction

SHORTEST_CHARACTERS = 16
"""The length from which a known credential is removed by its value. A shorter one is a placeholder, such as `local`."""

MASK = "REDACTED"
"""What stands for the value of a credential."""

_NAMES = (
    "api[_-]?key|x-goog-api-key|access[_-]?token|refresh[_-]?token|id[_-]?token|auth[_-]?token|bearer|authorization"
    "|client[_-]?secret|secret|password|passwd|private[_-]?key|credentials?"
)
_NAMED = re.compile(rb'"(?:%s)"\s*:' % _NAMES.encode(), re.IGNORECASE)
_NAME = re.compile(_NAMES, re.IGNORECASE)
_QUERY = re.compile(rb'((?:[?&]|\\u0026)(?:key|token|%s)=)[^&"\\\s]+' % _NAMES.encode(), re.IGNORECASE)
# API keys, OAuth tokens and ephemeral tokens of Google, and bearer tokens of anyone.
_SHAPES = re.compile(
    rb"AIza[\w-]{35}|ya29\.[\w.-]{16,}|auth_tokens/[\w-]{16,}|(?<=Bearer )[\w.~+/-]{16,}=*", re.IGNORECASE
)


class Redactor:
    """Removes secrets from the frames of one connection, which have to be passed in order.

    `secrets` are the credentials that the process knows. With `anonymous`, ids are renamed.
    """

    def __init__(self, secrets: Iterable[str] = (), *, anonymous: bool = False) -> None:
        self._secrets = [secret for secret in secrets if len(secret) >= SHORTEST_CHARACTERS]
        self._pieces = {direction: PieceElision(self._secrets) for direction in Direction}
        self._ids = Ids() if anonymous else None

    def clean(self, direction: Direction, frame: bytes) -> bytes:
        """The frame without secrets, as JSON; REDACTED where it may not be kept."""
        try:
            # Raw checks the syntax, and makes nothing of it.
            if not frame.lstrip().startswith(b"{") or not msgspec.json.decode(frame, type=msgspec.Raw):
                return REDACTED
            frame.decode()
            frame = self._without_values(direction, frame)
            frame = _SHAPES.sub(MASK.encode(), _QUERY.sub(rb"\1" + MASK.encode(), frame))
            if _NAMED.search(frame):
                frame = _dumped(_without_named(json.loads(frame)))
            if self._ids is not None:
                frame = self._ids.renamed(frame)
        except (ValueError, RecursionError, ProtocolError, Refusal):
            return REDACTED
        return frame

    def clean_text(self, text: str) -> str:
        """A text that is no frame, such as the reason of a close, without secrets."""
        for secret in self._secrets:
            text = text.replace(secret, MASK)
        data = _QUERY.sub(rb"\1" + MASK.encode(), text.encode(errors="replace"))
        return _SHAPES.sub(MASK.encode(), data).decode()

    def _without_values(self, direction: Direction, frame: bytes) -> bytes:
        if not self._secrets:
            return frame
        frame = without_secrets(frame, self._secrets)
        if b'"text"' not in frame:
            return frame
        decode = decode_client if direction is Direction.CLIENT else decode_server
        return self._pieces[direction].elided(decode(frame), frame)[1]


def clean_url(url: str) -> str:
    """A URL without its query, its fragment and its user."""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def _without_named(value: Any) -> Any:
    match value:
        case dict():
            return {
                name: MASK if _NAME.fullmatch(name) and isinstance(each, str | int | float) else _without_named(each)
                for name, each in value.items()
            }
        case list():
            return [_without_named(each) for each in value]
    return value


def _dumped(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


ID_NAMES = frozenset({"id", "ids", "handle", "newHandle", "sessionId", "session_id", "traceId", "interactionId"})
"""The fields that hold ids."""

_ID_FIELD = re.compile(rb'"(?:%s)"\s*:' % "|".join(sorted(ID_NAMES)).encode())
_PROJECT = re.compile(rb"projects/([^/\"\\]+)")


class Ids:
    """New names of ids and projects, the same ones wherever they stand."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}

    def renamed(self, frame: bytes) -> bytes:
        """The frame with other ids and projects."""
        frame = _PROJECT.sub(lambda found: b"projects/" + self._name(found[1].decode(), "project").encode(), frame)
        return _dumped(self._walked(json.loads(frame))) if _ID_FIELD.search(frame) else frame

    def _name(self, text: str, kind: str) -> str:
        return self._names.setdefault(text, f"{kind}-{len(self._names) + 1}")

    def _walked(self, value: Any, *, is_id: bool = False) -> Any:
        match value:
            case dict():
                return {name: self._walked(each, is_id=name in ID_NAMES) for name, each in value.items()}
            case list():
                return [self._walked(each, is_id=is_id) for each in value]
            case str() if is_id and value:
                return self._name(value, "id")
        return value
