"""The emulator's end of a WebSocket connection: websockets' own, with more methods, cheap compression, and aborts.

Two things here use parts of websockets that it does not document: `EmulatorConnection` and `ListeningServer`. Each
names the version that it was written for and what happens where the library has changed.
"""

from __future__ import annotations

import asyncio
import re
import socket
import struct
import weakref
from collections.abc import Sequence
from typing import Any, cast

from websockets.asyncio.server import Server, ServerConnection
from websockets.extensions import Extension, ServerExtensionFactory
from websockets.extensions.permessage_deflate import ServerPerMessageDeflateFactory
from websockets.frames import Frame
from websockets.typing import ExtensionParameter

WINDOW_BITS = 12
"""The size of the client's compression window: 4 KB of memory for each session, instead of 32."""

METHODS = (b"POST ", b"OPTIONS ")
"""The beginnings of requests that websockets refuses by their method."""

MAX_HEAD_BYTES = 64 * 1024
"""The longest head of such a request that is read; a longer one is left to websockets, which refuses it."""

MAX_BODY_BYTES = 64 * 1024
"""The longest body of such a request that is read; a longer one is left to websockets, which refuses it."""

MAX_UNREAD_BYTES = 4 * 1024 * 1024
"""The output that may wait for a client that sends but does not read, before the connection is aborted.

Answers stay far below that, because each waits until the one before has been sent. Pongs do not wait.
"""

RESET = struct.pack("ii", 1, 0)
"""The socket option SO_LINGER with a time of zero: closing the socket resets the connection."""

_CONTENT_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d{1,9})[ \t]*(?=\r\n|$)", re.IGNORECASE)


class InflateOnly(Extension):
    """permessage-deflate that decompresses what a client sends, and sends everything uncompressed (RFC 7692, 6.1).

    Compressing a part of a reply (15 KB of base64) would cost 340 µs, more than everything else that is done for it, to
    make it 28 % smaller on a loopback. Decompressing costs 9 µs for a chunk of 1 KB, and is the client's choice: most
    SDKs offer the extension.
    """

    def __init__(self, deflate: Extension) -> None:
        self.name = deflate.name
        self._deflate = deflate

    def decode(self, frame: Frame, *, max_size: int | None = None) -> Frame:
        return self._deflate.decode(frame, max_size=max_size)

    def encode(self, frame: Frame) -> Frame:
        return frame


class InflateOnlyFactory(ServerExtensionFactory):
    """Negotiates permessage-deflate as websockets does, for InflateOnly.

    The server promises to compress each message by itself, so websockets keeps no compressor for the session.
    """

    name = ServerPerMessageDeflateFactory.name

    def __init__(self) -> None:
        self._deflate = ServerPerMessageDeflateFactory(
            server_no_context_takeover=True, client_max_window_bits=WINDOW_BITS
        )

    def process_request_params(
        self, params: Sequence[ExtensionParameter], accepted_extensions: Sequence[Extension]
    ) -> tuple[list[ExtensionParameter], Extension]:
        answer, deflate = self._deflate.process_request_params(params, accepted_extensions)
        return answer, InflateOnly(deflate)


class RequestReader:
    """The beginning of a connection, read until its method is known, and for one of METHODS until its body is complete.

    websockets reads requests by GET and without a body only, because that is what an upgrade is. Those of METHODS are
    passed on to it as a GET without the body, so that the function that answers other requests answers these too.
    `method` and `body` are the request's own; `done` is true once everything that follows is for websockets. No I/O.
    """

    def __init__(self) -> None:
        self.method = "GET"
        self.body = b""
        self.done = False
        self._data = b""

    def feed(self, data: bytes) -> bytes:
        """Take bytes as they arrive, and return those that are for websockets: none while a request is incomplete."""
        self._data += data
        method = next((each for each in METHODS if each.startswith(self._data[: len(each)])), None)
        if method is None:
            return self._pass_on()
        head, blank_line, body = self._data.partition(b"\r\n\r\n")
        if not blank_line:
            return self._pass_on() if len(head) > MAX_HEAD_BYTES else b""
        length = _CONTENT_LENGTH.search(head)
        body_bytes = int(length[1]) if length else 0
        if body_bytes > MAX_BODY_BYTES:
            return self._pass_on()
        if len(body) < body_bytes:
            return b""
        self.method, self.body = method.decode().strip(), body[:body_bytes]
        self._data = b"GET " + _CONTENT_LENGTH.sub(b"", head.removeprefix(method)) + blank_line
        return self._pass_on()

    def _pass_on(self) -> bytes:
        self.done = True
        return self._data


class LentProtocol(asyncio.Protocol):
    """A protocol that takes the place of websockets on a connection. `lost` is set once the connection is lost."""

    def __init__(self) -> None:
        self.lost = asyncio.Event()

    def connection_lost(self, error: Exception | None) -> None:
        self.lost.set()


class EmulatorConnection(ServerConnection):
    """A connection that can be aborted at any time, even during its upgrade, and whose request may be one of METHODS.

    It is aborted where it is not open after `open_seconds`.

    `method` and `body` are those of its request. The connection adds itself to `connections`. `number` counts the
    requests for an upgrade that the emulator has had, from 1; 0 before the request.

    In websockets 15.0 to 17.4 a ServerConnection is the asyncio.Protocol of its socket, which is not documented: the
    event loop calls `connection_made` and `data_received`. Where that is no longer so, METHODS are not answered,
    clients that do not read are not aborted, and `abort` and `reset` return False.
    """

    def __init__(
        self, connections: weakref.WeakSet[EmulatorConnection], open_seconds: float, *args: Any, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self._opening = asyncio.get_running_loop().call_later(open_seconds, self.abort)
        self.method = "GET"
        self.body = b""
        self.number = 0
        self._connections = connections
        self._request_reader: RequestReader | None = RequestReader()
        self._tcp: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._tcp = cast(asyncio.Transport, transport)
        self._connections.add(self)
        super().connection_made(transport)

    def opened(self) -> None:
        """Note that the upgrade is done."""
        self._opening.cancel()

    def connection_lost(self, exc: Exception | None) -> None:
        self._opening.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._request_reader is not None:
            data = self._request_reader.feed(data)
            if not self._request_reader.done:
                return
            self.method, self.body = self._request_reader.method, self._request_reader.body
            self._request_reader = None
        super().data_received(data)
        if self._tcp is not None and self._tcp.get_write_buffer_size() > MAX_UNREAD_BYTES:
            self._tcp.abort()

    async def lend(self, protocol: LentProtocol) -> None:
        """Leave the TCP connection to another protocol, and wait until the connection is lost.

        For websockets the connection is lost then, before it has answered the request. Where a connection cannot be
        lent, it is answered by websockets.
        """
        if self._tcp is None:
            return
        self._opening.cancel()
        self._tcp.set_protocol(protocol)
        protocol.connection_made(self._tcp)
        await protocol.lost.wait()
        self.connection_lost(None)

    def abort(self) -> bool:
        """End the TCP connection without a close frame. False where that cannot be done."""
        if self._tcp is not None:
            self._tcp.abort()
        return self._tcp is not None

    def reset(self) -> bool:
        """End the TCP connection with a reset, as a crash or a middlebox does. False where that cannot be done."""
        raw = None if self._tcp is None else self._tcp.get_extra_info("socket")
        if raw is not None:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        return self.abort()


class ListeningServer:
    """The server of connections that a Listener accepts: a server of websockets that does not listen itself.

    In websockets 15.0 to 17.4 a connection asks its server whether that `is_serving`, and answers its upgrade with 503
    otherwise. This is not documented, and neither is what else it asks for; that is answered by `server`.
    """

    def __init__(self, server: Server) -> None:
        self._server = server
        self._is_serving = True

    def __getattr__(self, name: str) -> Any:
        return getattr(self._server, name)

    def is_serving(self) -> bool:
        """Whether upgrades are accepted."""
        return self._is_serving

    def close(self) -> None:
        """Accept no further upgrade, and close each connection with 1001."""
        self._is_serving = False
        self._server.close()
