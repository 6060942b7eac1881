"""What the body of an HTTP error says."""

from __future__ import annotations

import json

BODY_CHARACTERS = 200


def message_in(body: bytes) -> str:
    """Google's `error.message`, or the first line of a plain text; nothing of an HTML page."""
    text = body[:4096].decode(errors="replace").strip()
    try:
        text = json.loads(text)["error"]["message"]
    except (ValueError, KeyError, TypeError, RecursionError):
        text = "" if text.startswith("<") else text
    return str(text).partition("\n")[0][:BODY_CHARACTERS]
