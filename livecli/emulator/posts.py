"""A POST before websockets sees it: that reads requests without a body only, since an upgrade has none. Pure.

The request is passed on as a GET without its body, so that whoever answers upgrades answers it, too.
"""

from __future__ import annotations

import re

POST = b"POST "
MAX_HEAD_BYTES = 64 * 1024
MAX_BODY_BYTES = 64 * 1024

_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d{1,9})[ \t]*(?=\r\n|$)", re.IGNORECASE)


class Peek:
    """What arrives on one connection, until it is known whether it begins with a POST.

    `body` is that of the POST; `over` is true once everything that comes is for websockets.
    """

    def __init__(self) -> None:
        self.body: bytes | None = None
        self.over = False
        self._held = b""

    def feed(self, data: bytes) -> bytes:
        """What websockets is to have of what has come so far, nothing while a POST is not whole."""
        self._held += data
        if not POST.startswith(self._held[: len(POST)]):
            return self._pass_on()
        head, blank, body = self._held.partition(b"\r\n\r\n")
        if not blank:
            return self._pass_on() if len(head) > MAX_HEAD_BYTES else b""
        length = _LENGTH.search(head)
        wanted = int(length[1]) if length else 0
        if wanted > MAX_BODY_BYTES:
            return self._pass_on()
        if len(body) < wanted:
            return b""
        self.body = body[:wanted]
        self._held = b"GET " + _LENGTH.sub(b"", head.removeprefix(POST)) + blank
        return self._pass_on()

    def _pass_on(self) -> bytes:
        """As it came, where it is not for us: what websockets cannot read it refuses."""
        self.over = True
        return self._held
