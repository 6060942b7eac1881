"""The socket under a session: websockets' connection, dialled for this service, with a write for many messages at once.

What is said over it is none of this module's business. A message costs the library's own `send` ten microseconds, more
than making it does; what can be sent without waiting is therefore framed here and given to the transport in one piece,
and whatever cannot (the peer is slow, the connection is ending) goes through `send`, which knows what to do then.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from websockets.asyncio.client import ClientConnection
from websockets.asyncio.client import connect as websocket_connect
from websockets.client import ClientProtocol
from websockets.protocol import State
from websockets.typing import BytesLike

from .. import __version__
from ..protocol.endpoint import Endpoint

if TYPE_CHECKING:
    import ssl

MAX_MESSAGE_BYTES = 16 * 2**20
"""The largest message taken. Real ones of 1.5 MB are reported; the library's default of 1 MiB loses the session."""
QUEUED_MESSAGES = 8
PING_SECONDS, PONG_SECONDS = 20, 40
"""Pongs that took 30 s are reported of the service: a peer is given up after 60 s of silence, not after 20."""
READ_BYTES = 256 * 1024
KEYS_AT_ONCE = 64
OPEN = State.OPEN  # to look a member up takes longer than to compare it
BUFFERED_BYTES = 32 * 1024
"""What may wait in the transport before a send waits with it."""
TRUST_VARIABLES = ("SSL_CERT_FILE", "SSL_CERT_DIR")
"""What OpenSSL reads."""
CLOSE_SECONDS = 1.0
"""How long the server may take to answer our close."""


class Outlet:
    """What is sent through without waiting. With slots: the library's connection has so many attributes that each is
    looked up in a dictionary, which is far away while a thousand others are served.
    """

    __slots__ = ("is_full", "protocol", "transport")

    def __init__(self, transport: Any, protocol: ClientProtocol) -> None:
        self.transport, self.protocol, self.is_full = transport, protocol, False

    @property
    def takes(self) -> bool:
        """Whether `write` may be called: it would send, and not have to wait."""
        return not self.is_full and self.protocol.state is OPEN and not self.transport.is_closing()

    def write(self, messages: Sequence[bytes]) -> None:
        """Send text messages, in order, in a single write."""
        self.transport.write(text_frames(messages))


class Connection(ClientConnection):
    """A connection of the library's with an `outlet`, and `send_all`."""

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
        """Where a write fails, asyncio gives up the socket with all that has arrived and is still to be read.

        That may be audio, and the close that says why. (Of a TLS connection it is out of reach.)
        """
        if isinstance(exc, OSError) and self.outlet.transport.get_extra_info("sslcontext") is None:
            for data in _left_in(self.outlet.transport.get_extra_info("socket")):
                self.data_received(data)
        super().connection_lost(exc)

    async def send_all(self, messages: Sequence[bytes]) -> None:
        """As the outlet's `write`, and wait where that has to. Raises ConnectionClosed."""
        while messages:
            if self.outlet.takes:
                return self.outlet.write(messages)
            await self.send(messages[0], text=True)
            messages = messages[1:]
        return None

    def abort(self) -> None:
        """Drop the connection without a word."""
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
        if len(message) != size:  # those of one write are nearly always alike
            size = len(message)
            head = _head(size)
        frames += head, key, mask(message, key)
    return b"".join(frames)


_keys: list[bytes] = []
"""Masks that are not used yet, of all threads: `pop` and `extend` are atomic, so no lock is needed."""


def _made_key() -> bytes:
    """A mask from the system's own source, which is asked for many at a time: asking is dearer than masking."""
    made = os.urandom(4 * KEYS_AT_ONCE)
    _keys.extend([made[at : at + 4] for at in range(4, len(made), 4)])
    return made[:4]


def mask_in_python(data: BytesLike, mask: bytes | bytearray) -> bytes:
    """What the library's C does."""
    repeated = mask * (len(data) // 4) + mask[: len(data) % 4]
    both = int.from_bytes(data, "little") ^ int.from_bytes(repeated, "little")
    return both.to_bytes(len(data), "little")


try:
    from websockets.speedups import apply_mask as mask
except ImportError:  # it was built without its C, or has moved it
    mask = mask_in_python


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
    """Whom to trust, as the environment names them: reading them takes as long as a dozen handshakes."""
    import ssl

    return ssl.create_default_context()


class _Connect(websocket_connect):
    """Follows no redirect: the headers hold a credential, and it is for one host."""

    def process_redirect(self, exc: Exception) -> Exception:
        return exc


async def dial(endpoint: Endpoint, headers: Mapping[str, str]) -> Connection:
    """A connection to `endpoint`. Raises what `upgrade.failures_as_errors` knows."""
    connection = await _Connect(
        endpoint.url,
        additional_headers=headers,
        user_agent_header=f"livecli/{__version__}",
        compression=None,  # deflate makes 32 KB audio frames fifty times slower, and audio hardly smaller
        proxy=None if endpoint.is_loopback else True,
        open_timeout=None,  # ours covers the name lookup and the proxy too
        ping_interval=PING_SECONDS,
        ping_timeout=PONG_SECONDS,
        close_timeout=CLOSE_SECONDS,
        max_size=MAX_MESSAGE_BYTES,
        max_queue=QUEUED_MESSAGES,
        write_limit=BUFFERED_BYTES,
        create_connection=Connection,
        ssl=None if endpoint.is_cleartext else _trust(*map(os.environ.get, TRUST_VARIABLES)),
    )
    assert isinstance(connection, Connection)
    return connection
