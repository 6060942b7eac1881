"""A proxy that ends a connection after so many bytes of the server's, wherever in a response or a frame that is."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

ENDS = ("FIN", "RST", "hang")
"""How a connection ends: it is closed, it is reset, or nothing more comes and it stays open."""


class Passed:
    """What the proxy has passed on of the server's bytes."""

    def __init__(self) -> None:
        self.port = 0
        self.data = b""


@contextmanager
def cutting_proxy(port: int, most: int = 2**60, end: str = "FIN") -> Iterator[Passed]:
    """A proxy of the server at this port of the machine, for one connection, of which it passes on `most` bytes."""
    listener, passed = socket.create_server(("127.0.0.1", 0)), Passed()
    passed.port = listener.getsockname()[1]

    def serve() -> None:
        with suppress(OSError):  # no connection was made
            client, _ = listener.accept()
            # A reset discards what has not been sent yet.
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with client, socket.create_connection(("127.0.0.1", port)) as server:
                pass_on(client, server)

    def pass_on(client: socket.socket, server: socket.socket) -> None:
        upwards = threading.Thread(target=copy, args=[client, server])
        upwards.start()
        with suppress(OSError):
            while len(passed.data) < most and (data := server.recv(min(most - len(passed.data), 65_536))):
                passed.data += data
                client.sendall(data)
            if len(passed.data) < most or end == "FIN":
                client.shutdown(socket.SHUT_WR)
            elif end == "RST":
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                client.shutdown(socket.SHUT_RD)  # ends the other thread's `recv`, which would keep the socket open
        upwards.join(30)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield passed
    finally:
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(30)
        assert not thread.is_alive()


def copy(source: socket.socket, target: socket.socket) -> None:
    """Pass on what comes from `source` until it ends."""
    with suppress(OSError):
        while data := source.recv(65_536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
