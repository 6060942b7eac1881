"""One connection of the emulator's, from its first byte on: what websockets itself does not do."""

from __future__ import annotations

import asyncio
import re
import weakref
from collections.abc import Sequence
from typing import Any, cast

from websockets.asyncio.server import ServerConnection
from websockets.extensions.permessage_deflate import PerMessageDeflate, ServerPerMessageDeflateFactory
from websockets.frames import Frame
from websockets.typing import ExtensionParameter

# permessage-deflate, accepted where a client offers it, as most SDKs do: what it deflates is inflated, and what we
# say goes out as it is, as the extension allows (RFC 7692, 6.1).
#
# Deflating a part of a reply (15 KB of base64) would cost 340 µs, more than everything else that is done for it, to
# make it 28 % smaller on a loopback. Inflating costs 9 µs for a chunk of 1 KB, and is the client's choice.
WINDOW_BITS = 12
"""The client's window: what a session holds in memory for it is 4 KB, of 32."""


class InflateOnly(PerMessageDeflate):
    """Leaves every frame that is sent as it is."""

    def encode(self, frame: Frame) -> Frame:
        return frame


class InflateOnlyFactory(ServerPerMessageDeflateFactory):
    """Negotiates as websockets does. The server's context is never taken over, so there is none to keep."""

    def __init__(self) -> None:
        super().__init__(server_no_context_takeover=True, client_max_window_bits=WINDOW_BITS)

    def process_request_params(
        self, params: Sequence[ExtensionParameter], accepted_extensions: Sequence[object]
    ) -> tuple[list[ExtensionParameter], PerMessageDeflate]:
        answer, agreed = super().process_request_params(params, accepted_extensions)  # type: ignore[arg-type]
        return answer, InflateOnly(
            agreed.remote_no_context_takeover,
            agreed.local_no_context_takeover,
            agreed.remote_max_window_bits,
            agreed.local_max_window_bits,
        )


# A POST before websockets sees it: that reads requests without a body only, since an upgrade has none. Pure.
#
# The request is passed on as a GET without its body, so that whoever answers upgrades answers it, too.
POST = b"POST "
MAX_HEAD_BYTES = 64 * 1024
MAX_BODY_BYTES = 64 * 1024

_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d{1,9})[ \t]*(?=\r\n|$)", re.IGNORECASE)


class RequestPeek:
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


MAX_UNTAKEN_BYTES = 4 * 1024 * 1024
"""What may wait to be read by a client that goes on sending. Answers stay far below, since each waits for the one
before; pongs do not, and a client that pings without reading them would have us keep them all."""

Transports = weakref.WeakSet[asyncio.Transport]


class EmulatorConnection(ServerConnection):
    """Known to the server from its first byte, so that it can be ended in the middle of its upgrade.

    `posted` is the body of a POST, None where the request is none.
    """

    def __init__(self, transports: Transports, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.posted: bytes | None = None
        self._transports = transports
        self._peek: RequestPeek | None = RequestPeek()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transports.add(cast(asyncio.Transport, transport))
        super().connection_made(transport)

    def data_received(self, data: bytes) -> None:
        if self._peek is not None:
            data = self._peek.feed(data)
            if not self._peek.over:
                return
            self.posted, self._peek = self._peek.body, None
        super().data_received(data)
        if self.transport.get_write_buffer_size() > MAX_UNTAKEN_BYTES:
            self.transport.abort()
