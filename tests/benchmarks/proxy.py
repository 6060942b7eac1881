"""`livecli proxy --record` on one core: what it adds to a frame, what real-time sessions cost it, and its memory.

The frame goes to a server that returns it at once, with and without the proxy in between, and passes the proxy twice.
The sessions are those of `load`, to an emulator on the other core. With `full` they last three minutes.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import statistics
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from .load import PATIENCE_SECONDS, Pinned, emulator
from .load_clients import PATH, memory_bytes
from .measure import HERE, LIVECLI, PYTHON, Failed, Figure, Stage

ADDED_BOUND_MS = 1.0
SESSIONS = 100
SECONDS, FULL_SECONDS = 12.0, 180.0
FRAMES, BETWEEN_SECONDS = 300, 0.01
GROWTH_BOUND = 1.1
"""The memory in the last third of the time, as a multiple of that in the second third."""


def figures(stage: Stage, *, full: bool) -> list[Figure]:
    return [_added(stage), *_load(stage, FULL_SECONDS if full else SECONDS)]


def _added(stage: Stage) -> Figure:
    direct, through = asyncio.run(_round_trips(stage))
    measured = f"round trip {through:.2f} − {direct:.2f} ms"
    return Figure("proxy: added to a frame, median", [(through - direct) / 2], "ms", ADDED_BOUND_MS, measured=measured)


async def _round_trips(stage: Stage) -> tuple[float, float]:
    """The median of the round trips of a frame, in milliseconds: without and with the proxy."""

    async def echo(connection: ServerConnection) -> None:
        with suppress(ConnectionClosed):
            async for message in connection:
                await connection.send(message)

    async with serve(echo, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        with _proxy(stage, port) as (_, through):
            # They take turns, so that other load on the machine affects both.
            async with (
                connect(f"ws://127.0.0.1:{port}{PATH}") as one,
                connect(f"ws://127.0.0.1:{through}{PATH}") as two,
            ):
                frame = json.dumps({"realtimeInput": {"audio": {"mimeType": "audio/pcm", "data": "A" * 1368}}})
                took: Mapping[Any, list[float]] = {one: [], two: []}
                for connection in itertools.islice(itertools.cycle(took), 2 * FRAMES):
                    started = time.perf_counter()
                    await connection.send(frame)
                    await connection.recv()
                    took[connection].append(1000 * (time.perf_counter() - started))
                    await asyncio.sleep(BETWEEN_SECONDS)
    return statistics.median(took[one]), statistics.median(took[two])


def _load(stage: Stage, seconds: float) -> Iterator[Figure]:
    with emulator(stage, core=-1) as (_, service), _proxy(stage, service) as (proxy, port):
        words = [PYTHON, str(HERE / "load_clients.py"), *map(str, [port, SESSIONS, seconds, "manual", proxy.pid])]
        with Pinned(words, stage, core=-1) as clients:
            memory: list[int] = []
            limit = time.monotonic() + PATIENCE_SECONDS + seconds
            while clients.poll() is None and time.monotonic() < limit:
                memory.append(memory_bytes(proxy.pid) or 0)
                time.sleep(0.25)
            output, _ = clients.communicate(timeout=PATIENCE_SECONDS)
        if clients.returncode or proxy.poll() is not None:
            raise Failed(f"proxy: status {clients.returncode}, proxy {proxy.poll()}")
    seen = json.loads(output)
    starts = seen["answered_seconds"]
    if not starts:
        raise Failed(f"no session was answered through the proxy: {seen}")
    lost, share = seen["dropped"] + seen["missing"], seen["server_share"]
    measured = (
        f"waited {seen['waited_share']:.0%}; {len(starts)} replies, p50 {1000 * statistics.median(starts):.0f} ms"
    )
    words_of = f"proxy: {SESSIONS} real-time sessions"
    yield Figure(f"{words_of}: dropped or unanswered", [float(lost)], "", 0.0)
    if share is not None:
        yield Figure(f"{words_of}: of a core", [share], "", 1.0, measured=measured)
    third = len(memory) // 3
    second, last = max(memory[third : 2 * third]), max(memory[2 * third :])
    if second:
        measured = f"{last / 2**20:.0f} ÷ {second / 2**20:.0f} MB in {seconds:.0f} s"
        yield Figure("proxy: memory, last third to second", [last / second], at_most=GROWTH_BOUND, measured=measured)


@contextmanager
def _proxy(stage: Stage, service: int) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """A proxy to this port, which records: its process and its port."""
    folder = stage.folder / f"recorded-{service}-{os.getpid()}"
    options = ["--port", "0", "--tls-port", "0", "--quiet", "--record", str(folder)]
    with Pinned([LIVECLI, "proxy", f"ws://127.0.0.1:{service}", *options], stage, core=0) as proxy:
        assert proxy.stdout is not None
        for line in proxy.stdout:
            if line.startswith("export LIVECLI_BASE_URL="):
                yield proxy, int(line.rpartition(":")[2])
                return
        raise Failed("the proxy did not start")
