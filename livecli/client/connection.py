"""The socket under a session: a WebSocket connection of the library `websockets`, with one write for many messages.

The library's own `send` costs ten microseconds a message, more than encoding it. What can be sent without waiting is
therefore framed here and given to the transport in one piece. Everything else (the peer is slow, the connection is
ending) goes through `send`, which waits and raises as it should.

Four things here use parts of the library that it does not document: `writes_plain_frames`, `_library_mask`,
`Connection.disable_pong_timeout` and `_Connect`. Each names the version that it was written for and what happens where
the library has changed.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from websockets.asyncio.client import ClientConnection
from websockets.asyncio.client import connect as websocket_connect
from websockets.client import ClientProtocol
from websockets.datastructures import HeadersLike
from websockets.protocol import State
from websockets.typing import BytesLike
from websockets.version import version as websockets_version

from .. import __version__
from ..errors import ConnectError
from ..process.http_proxy import proxy_for
from ..protocol.endpoint import Endpoint

if TYPE_CHECKING:
    import ssl

# The largest message that is accepted. Messages of 1.5 MB are reported, and the library's default of 1 MiB would lose
# the session.
MAX_MESSAGE_BYTES = 16 * 2**20

# Messages that are read ahead of `recv`.
QUEUED_MESSAGES = 8

# Pongs that took 30 s are reported of the service, so a peer is given up after 60 s of silence, and not after 20.
PING_SECONDS, PONG_SECONDS = 20, 40

# Bytes read at a time from a socket that asyncio has given up.
READ_BYTES = 256 * 1024

# Masks that are made at a time.
KEYS_AT_ONCE = 64

# Looking up a member of an enum takes longer than comparing it.
OPEN = State.OPEN

# Bytes that may wait in the transport before a send waits with them.
BUFFERED_BYTES = 32 * 1024

# A peer that leaves more unread is given up. The largest message that livecli sends by itself is a picture.
MAX_UNTAKEN_BYTES = 64 * 2**20

# The environment variables that OpenSSL reads.
TRUST_VARIABLES = ("SSL_CERT_FILE", "SSL_CERT_DIR")

# How long the server may take to answer a close.
CLOSE_SECONDS = 1.0

# The logger of connections. The library logs each header at DEBUG, with the credential, so nothing below a warning is
# passed on to the logger that the library uses by default.
LOGGER = logging.Logger("websockets.client", logging.WARNING)
LOGGER.parent = logging.getLogger(LOGGER.name)

USER_AGENT = f"livecli/{__version__}"

# The error of a version of the library without the hook that refuses redirects.
UNGUARDED = f"the installed websockets {websockets_version} would follow a redirect, and take the credential along"
GUARDED_HINT = "pip install 'websockets>=15,<18'"

Mask = Callable[[BytesLike, "bytes | bytearray"], bytes]


def writes_plain_frames(protocol: ClientProtocol) -> bool:
    """Whether the library sends a text message as one frame without further state, so that it may be written past it.

    So it is in websockets 17.4 where no extension was negotiated.
    """
    return getattr(protocol, "extensions", None) == []


class Outlet:
    """The sending side of a connection, which writes without waiting.

    It has slots: the library's connection has so many attributes that each is looked up in a dictionary, which is far
    away in memory while a thousand other connections are served.
    """

    __slots__ = ("is_full", "is_plain", "protocol", "transport")

    def __init__(self, transport: Any, protocol: ClientProtocol) -> None:
        self.transport, self.protocol, self.is_full = transport, protocol, False
        self.is_plain = True

    @property
    def takes(self) -> bool:
        """Whether `write` may be called, and need not wait."""
        return not self.is_full and self.protocol.state is OPEN and not self.transport.is_closing() and self.is_plain

    def write(self, messages: Sequence[bytes]) -> None:
        """Send text messages, in order, in a single write."""
        self.transport.write(text_frames(messages))


class Connection(ClientConnection):
    """A connection of the library with an `outlet`, and `send_all`."""

    protocol: ClientProtocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.outlet = Outlet(transport, self.protocol)
        super().connection_made(transport)

    def pause_writing(self) -> None:
        self.outlet.is_full = True
        super().pause_writing()

    def resume_writing(self) -> None:
        self.outlet.is_full = False
        super().resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """Receive what is still in the socket: where a write fails, asyncio gives it up with all that has arrived.

        That may be audio, and the close that says why. (On a TLS connection it is out of reach.)
        """
        if isinstance(exc, OSError) and self.outlet.transport.get_extra_info("sslcontext") is None:
            for data in _left_in(self.outlet.transport.get_extra_info("socket")):
                self.data_received(data)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """End the TCP connection after a close or a protocol error: the library waits until the server does.

        Give up a peer that sends, pings for example, and does not read the answers.
        """
        super().data_received(data)
        transport, protocol = self.outlet.transport, self.protocol
        has_ended = protocol.close_rcvd is not None or protocol.parser_exc is not None
        if has_ended and protocol.state is not State.CONNECTING and not transport.is_closing():
            # In Python 3.11 to 3.14 `abort` fails where a transport was closed with data to write that has been written
            # since. Such data is for a server that does not listen any more, so the connection is dropped.
            if transport.get_write_buffer_size():
                transport.abort()
                return
            transport.close()
            # TLS waits for the server's part of the shutdown.
            asyncio.get_running_loop().call_later(CLOSE_SECONDS, transport.abort)
        if self.outlet.is_full and transport.get_write_buffer_size() > MAX_UNTAKEN_BYTES:
            transport.abort()

    async def send_all(self, messages: Sequence[bytes]) -> None:
        """As the outlet's `write`, and wait where that has to. Raises ConnectionClosed."""
        while messages:
            if self.outlet.takes:
                return self.outlet.write(messages)
            await self.send(messages[0], text=True)
            messages = messages[1:]
        return None

    async def until_room(self) -> None:
        """Wait while the socket is full. Returns too where the connection is lost."""
        await self.drain()

    def disable_pong_timeout(self) -> None:
        """Wait for no more pongs.

        The keepalive of websockets 17.4 reads this attribute before each ping. Where it no longer does, a pong is
        waited for as long as before.
        """
        self.ping_timeout = None

    def abort(self) -> None:
        """Drop the connection without a close."""
        self.outlet.transport.abort()


def text_frames(messages: Sequence[bytes]) -> bytes:
    """Each message as one frame, masked with a key of its own, as a client has to (RFC 6455, 5.2 and 5.3)."""
    frames: list[bytes] = []
    size, take = -1, _keys.pop
    for message in messages:
        try:
            key = take()
        except IndexError:
            key = _made_key()
        # The messages of one write nearly always have the same size.
        if len(message) != size:
            size = len(message)
            head = _head(size)
        frames += head, key, mask(message, key)
    return b"".join(frames)


_keys: list[bytes] = []
"""Masks that are not used yet, of all threads: `pop` and `extend` are atomic, so no lock is needed."""


def _made_key() -> bytes:
    """A mask from the system's random source, which makes many at a time: a call takes longer than masking."""
    made = os.urandom(4 * KEYS_AT_ONCE)
    _keys.extend([made[at : at + 4] for at in range(4, len(made), 4)])
    return made[:4]


def mask_in_python(data: BytesLike, mask: bytes | bytearray) -> bytes:
    """As the library's function in C, about fifty times slower."""
    repeated = mask * (len(data) // 4) + mask[: len(data) % 4]
    both = int.from_bytes(data, "little") ^ int.from_bytes(repeated, "little")
    return both.to_bytes(len(data), "little")


def _library_mask() -> Mask:
    """The library's function in C (websockets 17.4), else `mask_in_python`: it may be built without, or be moved."""
    try:
        from websockets.speedups import apply_mask
    except ImportError:
        return mask_in_python
    return apply_mask


mask = _library_mask()


def _head(size: int) -> bytes:
    if size < 126:
        return bytes((0x81, 0x80 | size))
    return b"\x81\xfe" + size.to_bytes(2, "big") if size < 65536 else b"\x81\xff" + size.to_bytes(8, "big")


def _left_in(given_up: Any) -> Iterator[bytes]:
    with suppress(OSError), given_up.dup() as socket:
        while data := socket.recv(READ_BYTES):
            yield data


@lru_cache(1)
def _trust(*named: str | None) -> ssl.SSLContext:
    """The authorities that the environment names. Kept, since reading them takes as long as a dozen handshakes."""
    import ssl

    return ssl.create_default_context()


class _Connect(websocket_connect):
    """Follows no redirect: the headers hold a credential, which is for one host.

    `process_redirect` is the hook of websockets 15 to 17.4. `dial` makes no connection with a version that has none.
    """

    def process_redirect(self, exc: Exception) -> Exception:
        return exc


async def dial(endpoint: Endpoint, headers: HeadersLike, *, user_agent: str | None = USER_AGENT) -> Connection:
    """Connect to `endpoint`. Raises the errors that `connect_errors` maps.

    Raises ConnectError where the library could follow a redirect with the credential.
    """
    if not hasattr(websocket_connect, "process_redirect"):
        raise ConnectError(UNGUARDED, hint=GUARDED_HINT)
    connection = await _Connect(
        endpoint.url,
        additional_headers=headers,
        user_agent_header=user_agent,
        # Deflate makes 32 KB audio frames fifty times slower, and audio hardly smaller.
        compression=None,
        proxy=None if endpoint.is_loopback else proxy_for(endpoint.url),
        # The caller's own timeout covers the name lookup and the proxy too.
        open_timeout=None,
        ping_interval=PING_SECONDS,
        ping_timeout=PONG_SECONDS,
        close_timeout=CLOSE_SECONDS,
        max_size=MAX_MESSAGE_BYTES,
        max_queue=QUEUED_MESSAGES,
        write_limit=BUFFERED_BYTES,
        logger=LOGGER,
        create_connection=Connection,
        ssl=None if endpoint.is_cleartext else _trust(*map(os.environ.get, TRUST_VARIABLES)),
    )
    assert isinstance(connection, Connection)
    connection.outlet.is_plain = writes_plain_frames(connection.protocol)
    return connection
