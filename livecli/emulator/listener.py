"""The listening sockets of one port: accepts connections, with bounds on TLS handshakes and on what is logged.

asyncio's own servers are not used for this. They begin every TLS handshake at once, each of which takes 300 KB, and
where file descriptors run out they log a traceback for each of BACKLOG attempts, every second.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Callable, Sequence

from .log import Log, safe_line

BACKLOG = 1024
"""The number of connections that may wait to be accepted.

With asyncio's default of 100, the others of a crowd of clients try again after a second.
"""

MAX_HANDSHAKES = 128
"""TLS handshakes at once. Further connections wait, without one."""

HANDSHAKE_SECONDS = 1.0
"""The time after which a handshake is dropped where another connection waits. One on a busy machine takes 0.1 s."""

OPEN_SECONDS = 10.0
"""The time limit of a TLS handshake, and of an upgrade."""

RETRY_SECONDS = 0.1
"""The pause before connections are accepted again, where the system had no room for one."""

SILENT_SECONDS = 60.0
"""The time in which the log is not told again that connections cannot be accepted."""


class Listener:
    """Accepts the connections of `sockets`, from `start` to `close`. Each gets a protocol from `protocol`.

    With a `certificate` they are encrypted; a client whose handshake fails is not told why. Encrypted connections have
    `shutdown_seconds` for the end of TLS.
    """

    def __init__(
        self,
        sockets: Sequence[socket.socket],
        protocol: Callable[[], asyncio.BaseProtocol],
        certificate: ssl.SSLContext | None,
        shutdown_seconds: float,
        log: Log,
    ) -> None:
        self._sockets = sockets
        self._protocol = protocol
        self._log = log
        self._certificate = certificate
        self._open_seconds = OPEN_SECONDS if certificate else None
        self._shutdown_seconds = shutdown_seconds if certificate else None
        self._accepting: list[asyncio.Task[None]] = []
        self._is_closing = False
        # The handshakes and when each began, the oldest first.
        self._handshakes: dict[asyncio.Task[None], float] = {}
        self._reported_at = float("-inf")

    def start(self) -> None:
        """Listen, and accept connections in the background. Raises OSError where the port is taken."""
        for listening in self._sockets:
            listening.setblocking(False)
            listening.listen(BACKLOG)
        self._accepting = [asyncio.create_task(self._accept(listening)) for listening in self._sockets]

    async def close(self) -> None:
        """Stop listening, and drop the connections whose handshake is not complete."""
        self._is_closing = True
        # A task that is cancelled once it has accepted a connection, and before it goes on, would lose it.
        for listening in self._sockets:
            # Windows' loop has no readers.
            with contextlib.suppress(NotImplementedError):
                asyncio.get_running_loop().remove_reader(listening)
        await asyncio.sleep(0)
        await _cancel(self._accepting)
        await _cancel([*self._handshakes])
        for listening in self._sockets:
            listening.close()

    async def _accept(self, listening: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while not self._is_closing:
            try:
                client, _ = await loop.sock_accept(listening)
            except ConnectionAbortedError:
                continue
            except OSError as error:
                self._report(error)
                await asyncio.sleep(RETRY_SECONDS)
                continue
            try:
                await self._wait_for_room()
            except asyncio.CancelledError:
                client.close()
                raise
            handshake = asyncio.create_task(self._open(client))
            self._handshakes[handshake] = loop.time()
            handshake.add_done_callback(self._handshakes.pop)
            # A crowd that connects at once must not keep the loop from its other tasks.
            await asyncio.sleep(0)

    async def _open(self, client: socket.socket) -> None:
        try:
            await asyncio.get_running_loop().connect_accepted_socket(
                self._protocol,
                client,
                ssl=self._certificate,
                ssl_handshake_timeout=self._open_seconds,
                ssl_shutdown_timeout=self._shutdown_seconds,
            )
        except OSError:
            # The client has gone, is slow, or has not begun a handshake of TLS.
            return
        except Exception as error:  # noqa: BLE001 - it is a line of the log
            client.close()
            self._log(safe_line(f"a connection failed: {error!r}"))

    async def _wait_for_room(self) -> None:
        """Wait until another handshake may begin; the oldest is dropped for it after HANDSHAKE_SECONDS."""
        while len(self._handshakes) >= MAX_HANDSHAKES:
            oldest, began = next(iter(self._handshakes.items()))
            left = began + HANDSHAKE_SECONDS - asyncio.get_running_loop().time()
            if left <= 0:
                oldest.cancel()
            await asyncio.wait(self._handshakes, timeout=max(0.0, left), return_when=asyncio.FIRST_COMPLETED)

    def _report(self, error: OSError) -> None:
        now = asyncio.get_running_loop().time()
        if now < self._reported_at + SILENT_SECONDS:
            return
        self._reported_at = now
        self._log(f"connections wait, because none can be accepted now: {error.strerror or error}")


async def _cancel(tasks: Sequence[asyncio.Task[None]]) -> None:
    """Cancel the tasks and wait for their end."""
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks)
