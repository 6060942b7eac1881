"""`flood.py URL FILE.wav`: writes the first frame of a file 400,000 times to a socket, sixteen at a time.

It measures how fast the server reads, which has to be faster than any client.
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
