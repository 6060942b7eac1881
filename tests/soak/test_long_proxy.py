"""`livecli proxy --record` with a session of three hours, both ways, as fast as it passes: its memory stays flat.

The service answers each chunk with the same length of sound. The memory in the last third of the session is compared
with that in the second one. The recording takes 1.2 GB of disk.
"""

from __future__ import annotations

import asyncio
import base64
import json
import subprocess
import sys
from contextlib import suppress

from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from tests.benchmarks.load_clients import PATH, memory_bytes
from tests.end_to_end.test_send_processes import needs_proc

CHUNK_SECONDS = 0.032
CHUNKS = round(3 * 3600 / CHUNK_SECONDS)
ON_THE_WAY = 30
"""The chunks whose answers the client has not received: a second of sound."""

SAMPLES = 90
"""How often the memory is read."""

GROWTH_BOUND = 1.05


def sound(rate: int, kind: str) -> dict[str, str]:
    """The audio of a chunk, silent, as it stands in a message."""
    pcm = bytes(2 * round(rate * CHUNK_SECONDS))
    return {"mimeType": kind, "data": base64.b64encode(pcm).decode()}


SETUP = json.dumps({"setup": {"model": "models/gemini-3.8-live"}})
ASKED = json.dumps({"realtimeInput": {"audio": sound(16_000, "audio/pcm;rate=16000")}})
SAID = json.dumps({"serverContent": {"modelTurn": {"parts": [{"inlineData": sound(24_000, "audio/pcm;rate=24000")}]}}})


async def answer(connection: ServerConnection) -> None:
    with suppress(ConnectionClosed):
        await connection.recv()
        await connection.send('{"setupComplete": {}}')
        async for _ in connection:
            await connection.send(SAID)


async def converse(port: int, chunks: int, pid: int) -> list[int]:
    """Send so many chunks through the proxy. Returns its memory in bytes, read at equal distances."""
    memory: list[int] = []
    async with connect(f"ws://127.0.0.1:{port}{PATH}?key=local") as socket:
        await socket.send(SETUP)
        await socket.recv()
        for number in range(chunks + ON_THE_WAY):
            if number < chunks:
                await socket.send(ASKED)
            if number >= ON_THE_WAY:
                await socket.recv()
            if number % (chunks // SAMPLES) == 0:
                memory.append(memory_bytes(pid) or 0)
    return memory


@needs_proc
def test_a_long_session_through_the_proxy(attack, tmp_path):
    chunks = round(CHUNKS * attack.share)

    async def run() -> list[int]:
        async with serve(answer, "127.0.0.1", 0) as server:
            service = server.sockets[0].getsockname()[1]
            words = [f"ws://127.0.0.1:{service}", "--port", "0", "--tls-port", "0", "--quiet", "--record", "recorded"]
            with subprocess.Popen(
                [sys.executable, "-m", "livecli", "proxy", *words], stdout=subprocess.PIPE, text=True, cwd=tmp_path
            ) as process:
                assert process.stdout
                try:
                    port = int(process.stdout.readline().rpartition(":")[2])
                    return await converse(port, chunks, process.pid)
                finally:
                    process.terminate()

    memory = asyncio.run(run())
    third = len(memory) // 3
    second, last = max(memory[third : 2 * third]), max(memory[2 * third :])
    print(f"{chunks:,} chunks each way; MB: {[round(size / 2**20, 1) for size in memory[:: SAMPLES // 15]]}")
    with attack.attempt("memory"):
        assert last <= GROWTH_BOUND * second
    [recording] = (tmp_path / "recorded").glob("*.live")
    with attack.attempt("recording"), recording.open("rb") as lines:
        assert sum(1 for _ in lines) == 2 * chunks + 4, "the header, the setup, its answer, the chunks, the close"
