"""`bare_socket.py URL FILE.wav REPLY.wav`: a blocking socket sends frames made beforehand, and writes the reply.

It measures the least time between the last chunk and the first byte of the reply on disk.
"""

import base64
import json
import socket
import sys
import wave

from raw_asyncio import UPGRADE, frames, masked, said


def main(url, path, reply):
    *ready, end = frames(path)
    connection = socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2])))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.sendall(UPGRADE.encode())
    connection.recv(1 << 16)
    connection.sendall(said({"setup": {"model": "models/gemini-3.8-live"}}))
    connection.recv(1 << 16)
    connection.sendall(b"".join(ready))
    connection.sendall(end)
    data = connection.recv(1 << 16)
    while len(data) < 4 or len(data) < 4 + int.from_bytes(data[2:4], "big"):
        data += connection.recv(1 << 16)
    content = json.loads(data[4 : 4 + int.from_bytes(data[2:4], "big")])["serverContent"]
    pcm = base64.b64decode(content["modelTurn"]["parts"][0]["inlineData"]["data"])
    with open(reply, "wb", buffering=0) as out, wave.open(out, "wb") as file:
        file.setparams((1, 2, 24_000, 0, "NONE", ""))
        file.writeframes(pcm)
    connection.sendall(masked(8, (1000).to_bytes(2, "big")))
    connection.recv(100)


main(*sys.argv[1:])
