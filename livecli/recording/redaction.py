"""Removal of secrets from the frames of a recording, and the renaming of ids. No I/O.

A frame loses the secrets that the process knows, those that a field or a query names, and those that look like Google's
keys and tokens. What is not known to be clean is not kept: a frame that is not one JSON object, that names a field
twice, or that still holds a secret in another encoding, becomes REDACTED.

Resumption handles are always renamed, the same one alike: the holder of a handle can resume the session.
"""

from __future__ import annotations

import base64
import json
import re
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import replace
from hashlib import sha256
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

import msgspec

from ..protocol.elision import elide_next
from .format import REDACTED, Direction, Header

SHORTEST_CHARACTERS = 16
"""The length from which a known credential is removed by its value. A shorter one is a placeholder, such as `local`."""

MASK = "REDACTED"
"""The replacement for a credential that is recognized by its name or its form."""

_COMPOUNDS = (
    "x-goog-api-key|x-api-key|proxy-authorization|authorization|(?:google|gemini)?[_-]?api[_-]?key"
    "|(?:access|refresh|auth|id|bearer)[_-]?token|client[_-]?secret|private[_-]?key"
)
_SCHEME = r"(?:(?:Bearer|Basic|Token)\s+)?"
_NAMES = f"{_COMPOUNDS}|bearer|token|secret|password|passwd|credentials?"
_NAME = re.compile(_NAMES, re.IGNORECASE)
_HANDLE = re.compile(r"handle|newHandle|new_handle")
_RESUMPTION = re.compile(r"session_?resumption(?:_?update)?", re.IGNORECASE)

_IN_TEXT = [
    # A query, or a form.
    (re.compile(rf"([?&](?:key|{_NAMES})=)[^&\s\"'<>\\]+", re.IGNORECASE), rf"\1{MASK}"),
    # JSON within a text.
    (re.compile(rf"(\\?[\"'](?:{_NAMES})\\?[\"']\s*:\s*\\?[\"'])[^\"'\\]+", re.IGNORECASE), rf"\1{MASK}"),
    # A header, or a variable.
    (
        re.compile(
            rf"\b((?:{_COMPOUNDS})\s*[:=]\s*(?:(?:Bearer|Basic|Token)\s+)?)(?!{MASK})[^\s\"',;&]+", re.IGNORECASE
        ),
        rf"\1{MASK}",
    ),
    # The user of a URL.
    (re.compile(r"(://)[^/\s@\"']+@"), rf"\1{MASK}@"),
    # API keys, OAuth tokens and ephemeral tokens of Google, bearer tokens of anyone, and private keys.
    (re.compile(r"AIza[\w-]{35}|ya29\.[\w.-]{16,}|auth_tokens/[\w-]{16,}"), MASK),
    (re.compile(r"(?<=Bearer )(?!REDACTED)[\w.~+/-]{16,}=*", re.IGNORECASE), MASK),
    (re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)", re.DOTALL), MASK),
]
"""Patterns of credentials in a text, and their replacements."""

_SIGNS = ("=", ":", "AIza", "ya29.", "auth_tokens/", "earer ", "EARER ", "-----BEGIN ")
"""One of these is in every text in which one of the patterns is found."""

BASE64 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_="
MIN_BASE64_CHARACTERS = 64
"""The shortest data that is taken for audio or a picture. Within it, only known secrets are looked for."""

MOST_HANDLES = 64
"""The latest resumption handles of a session, which the service may quote. There is a new one every few seconds."""

MAX_SHAPES = 4
"""The shapes of frames with data that are kept for each direction."""
MAX_SHAPE_BYTES = 1024
"""The longest shape, without its data."""


class Redactor:
    """Removes secrets from the frames of one session, which have to be passed in order.

    `secrets` are the credentials that the process knows. With `anonymous`, ids and projects are renamed.
    """

    def __init__(self, secrets: Iterable[str] = (), *, anonymous: bool = False) -> None:
        self._secrets: list[str] = []
        self._encoded: list[bytes] = []
        self._handles: deque[str] = deque(maxlen=MOST_HANDLES)
        self._ids = Ids() if anonymous else None
        # By direction, the keys that lead to a text, and the secret: how many of its characters end the text so far.
        self._begun: dict[tuple[Direction, tuple[str, ...], str], int] = {}
        self._shapes: dict[Direction, list[tuple[bytes, bytes]]] = {direction: [] for direction in Direction}
        self._blobs: list[str] = []  # in the frame at hand
        self.know(secrets)

    def know(self, secrets: Iterable[str]) -> None:
        """Remove these secrets too, from the next frame on."""
        for secret in secrets:
            if len(secret) >= SHORTEST_CHARACTERS and secret not in self._secrets:
                self._secrets.append(secret)
                self._encoded += _encodings(secret)

    def clean(self, direction: Direction, frame: bytes) -> bytes:
        """The frame without secrets, as JSON; REDACTED where it may not be kept."""
        if not self._is_shaped(direction, frame):
            try:
                frame = self._clean(direction, frame)
            except (ValueError, RecursionError, msgspec.DecodeError):
                return REDACTED
        return REDACTED if self._encoded and any(secret in frame for secret in self._encoded) else frame

    def clean_text(self, text: str) -> str:
        """A text that is no frame, such as the reason of a close, without secrets."""
        for secret in (*self._secrets, *self._handles):
            text = text.replace(secret, "…")
        return _without_credentials(text)

    def clean_header(self, header: Header) -> Header:
        """A header without secrets."""
        texts = {name: text and self.clean_text(text) for name, text in vars(header).items()}
        return replace(header, **{**texts, "url": header.url and self.clean_text(clean_url(header.url))})

    def _is_shaped(self, direction: Direction, frame: bytes) -> bool:
        """Whether the frame differs from one that was clean in its base64 only, as nearly all frames with audio do."""
        for before, after in self._shapes[direction]:
            if frame.startswith(before) and frame.endswith(after):
                data = frame[len(before) : -len(after)]
                return bool(data) and not data.translate(None, BASE64)
        return False

    def _clean(self, direction: Direction, frame: bytes) -> bytes:
        self._blobs.clear()
        # As text: json would take bytes for UTF-16 or UTF-32 where they look like it.
        message = json.loads(frame.decode(), object_pairs_hook=_once, parse_constant=_refuse)
        if not isinstance(message, dict):
            raise ValueError("not an object")
        cleaned = self._walked(direction, message, ())
        if cleaned != message:
            return json.dumps(cleaned, ensure_ascii=False, separators=(",", ":")).encode()
        # The reader of recordings is stricter than json: it refuses half of a surrogate pair.
        msgspec.json.decode(frame, type=msgspec.Raw)
        self._learn(direction, frame)
        return frame

    def _learn(self, direction: Direction, frame: bytes) -> None:
        if len(self._blobs) != 1:
            return
        before, data, after = frame.partition(self._blobs[0].encode())
        if data and data not in after and len(before) + len(after) <= MAX_SHAPE_BYTES:
            self._shapes[direction].insert(0, (before, after))
            del self._shapes[direction][MAX_SHAPES:]

    def _walked(self, direction: Direction, value: Any, path: tuple[str, ...], *, masks: bool = False) -> Any:
        """A value without secrets. `path` are the keys that lead to it; with `masks` nothing of it is kept."""
        match value:
            case dict():
                # The names of a function's parameters are not those of credentials.
                are_parameters = path[-1:] == ("properties",)
                return {
                    self._text(direction, name, (*path, "a name")): self._walked(
                        direction,
                        each,
                        (*path, name),
                        masks=masks or (not are_parameters and bool(_NAME.fullmatch(name))),
                    )
                    for name, each in value.items()
                }
            case list():
                return [self._walked(direction, each, path, masks=masks) for each in value]
            case bool() | None:
                return value
            case str() | int() | float() if masks:
                return MASK
            case str():
                return self._text(direction, value, path)
        return value

    def _text(self, direction: Direction, text: str, path: tuple[str, ...]) -> str:
        if len(path) > 1 and _HANDLE.fullmatch(path[-1]) and _RESUMPTION.fullmatch(path[-2]):
            return self._handle(text)
        if self._ids is not None and (renamed := self._ids.renamed(text, path[-1])) != text:
            return renamed
        if path[-1] == "data" and len(text) >= MIN_BASE64_CHARACTERS and _is_base64(text):
            self._blobs.append(text)
            return text
        for secret in self._secrets:
            key = direction, path, secret
            if (begun := self._begun.get(key, 0)) or secret[0] in text:
                text, self._begun[key] = elide_next(text, secret, begun)
        for handle in self._handles:
            text = text.replace(handle, "…")
        return _without_credentials(text)

    def _handle(self, text: str) -> str:
        """The new name of a handle, the same one in every recording. The service may quote a handle in a close."""
        if not text or text.startswith("handle-"):
            return text
        if len(text) >= SHORTEST_CHARACTERS and text not in self._handles:
            self._handles.append(text)
        return f"handle-{sha256(text.encode(errors='replace')).hexdigest()[:12]}"


def _without_credentials(text: str) -> str:
    """A text without credentials that are known by a name or by their shape."""
    if any(sign in text for sign in _SIGNS):
        for pattern, replacement in _IN_TEXT:
            text = pattern.sub(replacement, text)
    return text


def clean_url(url: str) -> str:
    """A URL without its query, its fragment and its user."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return MASK
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The members of an object. Raises ValueError where a name comes twice, since only one value would be looked at."""
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a name comes twice")
    return members


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is not JSON")


def _is_base64(text: str) -> bool:
    return text.isascii() and not text.encode().translate(None, BASE64)


def _encodings(secret: str) -> Iterator[bytes]:
    """A secret as it may stand in a frame: as it is, in JSON, in a query, and in the base64 of a longer text."""
    data = secret.encode(errors="surrogateescape")
    yield from {data, json.dumps(secret)[1:-1].encode(), quote(secret, safe="").encode()}
    for offset in range(3):
        encoded = base64.b64encode(bytes(offset) + data)
        # Only the characters that no neighbour of the secret has a part in.
        start, end = (offset * 8 + 5) // 6, (offset + len(data)) * 8 // 6
        yield from {encoded[start:end], encoded[start:end].translate(bytes.maketrans(b"+/", b"-_"))}


ID_NAMES = frozenset({"id", "ids", "handle", "newHandle", "sessionId", "session_id", "traceId", "interactionId"})
"""The fields that hold ids."""

_PROJECT = re.compile(r"projects/([^/\"\\\s]+)")


class Ids:
    """New names of ids and projects, the same ones wherever they stand."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}

    def renamed(self, text: str, field: str) -> str:
        """The text of this field with another id in its place, or other projects in it."""
        if field in ID_NAMES and text:
            return self._name(text, "id")
        return _PROJECT.sub(lambda found: f"projects/{self._name(found[1], 'project')}", text)

    def _name(self, text: str, kind: str) -> str:
        return self._names.setdefault(text, f"{kind}-{len(self._names) + 1}")
