"""Elision of secrets from what a server sends: of whole ones, of escaped ones, and of ones that come in pieces."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from functools import lru_cache

import msgspec

from ..errors import SHORTEST_SECRET
from . import events

ELLIPSIS = "…".encode()

# The escapes in JSON that have a shorter spelling, and the escaped backslash, which begins no other escape. The group
# is the code of a character in ASCII.
_ESCAPE = re.compile(rb"\\(?:u00([0-7][0-9a-fA-F])|[/\\])")


def secrets_in(text: str, secrets: Iterable[str]) -> list[str]:
    """The secrets that `text` quotes, and the start of one with which it ends: a close reason is cut at 123 bytes."""
    found = []
    for secret in secrets:
        if len(secret) < SHORTEST_SECRET:
            continue
        whole = [secret] if secret in text else []
        starts = (secret[:end] for end in range(min(len(secret), len(text)), SHORTEST_SECRET - 1, -1))
        found += whole or [start for start in starts if text.endswith(start)][:1]
    return found


def text_without_secrets(text: str, secrets: Iterable[str]) -> str:
    """`text` with an ellipsis in place of each secret that it quotes."""
    for secret in secrets:
        if len(secret) >= SHORTEST_SECRET:
            text = text.replace(secret, "…")
    return text


def without_secrets(frame: bytes, secrets: Iterable[str]) -> bytes:
    """`frame` with an ellipsis in place of each secret that it quotes, in whatever escapes of JSON."""
    for secret in secrets:
        if len(secret) < SHORTEST_SECRET:
            continue
        quoted_bytes = _json_bytes(secret)
        if b"\\" in frame and quoted_bytes in (plain := _ESCAPE.sub(_shortest_spelling, frame)):
            frame = plain
        if quoted_bytes in frame:
            frame = frame.replace(quoted_bytes, ELLIPSIS)
    return frame


@lru_cache(256)
def _json_bytes(text: str) -> bytes:
    """`text` as it stands in JSON."""
    return json.dumps(text)[1:-1].encode()


def _shortest_spelling(escape: re.Match[bytes]) -> bytes:
    """The character itself where JSON needs no escape for it."""
    if escape[0] == b"\\/":
        return b"/"
    return _json_bytes(chr(int(escape[1], 16))) if escape[1] else escape[0]


PIECES = (events.InputTranscript, events.ModelText, events.OutputTranscript, events.Thought)
"""Events whose texts a reader puts together."""


class PieceElision:
    """Elides secrets from texts that come in pieces. Each kind of event is a text of its own.

    The end of a piece is elided where it is the beginning of a secret, and so is what continues that. Fewer than
    SHORTEST_SECRET characters of a secret are left, which may stand in any text.
    """

    def __init__(self, secrets: Iterable[str]) -> None:
        self._secrets = [secret for secret in secrets if len(secret) >= SHORTEST_SECRET]
        # By kind of event and secret, how many of the secret's characters are at the end of the text so far.
        self._begun: dict[tuple[type[events.Event], str], int] = {}

    def elided(self, received: Sequence[events.Event], frame: bytes) -> tuple[Sequence[events.Event], bytes]:
        """The events of a frame, and the frame, both without parts of secrets."""
        if not self._secrets:
            return received, frame
        kept = [*received]
        for place, event in enumerate(received):
            if isinstance(event, PIECES) and (text := self._without_parts(type(event), event.text)) != event.text:
                frame = _replaced(frame, event.text, text)
                kept[place] = msgspec.structs.replace(event, text=text)
        return kept, frame

    def _without_parts(self, kind: type[events.Event], text: str) -> str:
        for secret in self._secrets:
            text, self._begun[kind, secret] = elide_next(text, secret, self._begun.get((kind, secret), 0))
        return text


def elide_next(piece: str, secret: str, begun: int) -> tuple[str, int]:
    """The next piece of a text that has ended with `begun` characters of the secret so far.

    Returns it without parts of the secret, and how many of the secret's characters it ends with, elided or not.
    """
    text, place = secret[:begun] + piece, begun
    if begun >= SHORTEST_SECRET:
        # The beginning was elided, and so is what continues it.
        while place < min(len(text), len(secret)) and text[place] == secret[place]:
            place += 1
    lengths = range(min(len(secret) - 1, len(text)), 0, -1)
    ends_with = next((length for length in lengths if text.endswith(secret[:length])), 0)
    spans = [match.span() for match in re.finditer(re.escape(secret), text)]
    if ends_with >= SHORTEST_SECRET:
        spans.append((len(text) - ends_with, len(text)))
    shown = ""
    for start, end in spans:
        if end > place:
            shown += text[place : max(start, place)] + "…"
            place = end
    return shown + text[place:], ends_with


def _replaced(frame: bytes, text: str, elided: str) -> bytes:
    """The frame with `elided` in place of a text; all of it is elided where the text has other escapes in it."""
    spelled, replacement = (json.dumps(each, ensure_ascii=False).encode() for each in (text, elided))
    if spelled in frame:
        return frame.replace(spelled, replacement)
    # Another event of the frame may have had the same text.
    return frame if replacement in frame else ELLIPSIS
