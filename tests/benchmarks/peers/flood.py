"""`flood.py URL FILE.wav`: no client, but the file's first frame 400,000 times, sixteen at a time, from a socket.

How much the sink takes: it must be so much that it is never the slower end.
"""

import socket
import sys

from raw_asyncio import UPGRADE, frames, masked, said

FRAMES, AT_ONCE = 400_000, 16


def main(url, path):
    ready = frames(path)
    start, frame = next(ready), next(ready)
    connection = socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2])))
    connection.sendall(UPGRADE.encode())
    connection.recv(1 << 16)
    connection.sendall(said({"setup": {"model": "models/gemini-3.8-live"}}))
    connection.recv(1 << 16)
    connection.sendall(start)
    for _ in range(FRAMES // AT_ONCE):
        connection.sendall(frame * AT_ONCE)
    connection.sendall(said({"realtimeInput": {"activityEnd": {}}}))
    connection.recv(1 << 16)
    connection.sendall(masked(8, (1000).to_bytes(2, "big")))
    connection.recv(100)


main(*sys.argv[1:])
