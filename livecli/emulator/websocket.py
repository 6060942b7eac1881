"""One connection of the emulator's, from its first byte on: what websockets itself does not do."""

from __future__ import annotations

import asyncio
import weakref
from typing import Any, cast

from websockets.asyncio.server import ServerConnection

from .posts import Peek

MAX_UNTAKEN_BYTES = 4 * 1024 * 1024
"""What may wait to be read by a client that goes on sending. Answers stay far below, since each waits for the one
before; pongs do not, and a client that pings without reading them would have us keep them all."""

Transports = weakref.WeakSet[asyncio.Transport]


class Connection(ServerConnection):
    """Known to the server from its first byte, so that it can be ended in the middle of its upgrade.

    `posted` is the body of a POST, None where the request is none.
    """

    def __init__(self, transports: Transports, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.posted: bytes | None = None
        self._transports = transports
        self._peek: Peek | None = Peek()

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
