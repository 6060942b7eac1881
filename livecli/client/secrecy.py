"""What a peer quotes of what it was trusted with, and how that is left out. Pure."""

from __future__ import annotations

from collections.abc import Iterable

SHORTEST = 8
"""What has fewer characters is no secret, and may stand anywhere."""


def quoted(text: str, secrets: Iterable[str]) -> list[str]:
    """The secrets in `text`, and the beginning of one with which it ends: a close reason is cut at 123 bytes."""
    found = []
    for secret in secrets:
        if len(secret) < SHORTEST:
            continue
        whole = [secret] if secret in text else []
        starts = (secret[:end] for end in range(min(len(secret), len(text)), SHORTEST - 1, -1))
        found += whole or [start for start in starts if text.endswith(start)][:1]
    return found


def without(frame: bytes, secrets: Iterable[str]) -> bytes:
    """`frame`, of which what comes of it can be told to anybody."""
    for secret in secrets:
        if len(secret) >= SHORTEST and (quoted_bytes := secret.encode()) in frame:
            frame = frame.replace(quoted_bytes, "…".encode())
    return frame
