"""The emulator on a real socket, in a thread of its own, with faults."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from livecli.emulator.faults import Faults, parse_fault
from livecli.emulator.options import EmulatorOptions
from livecli.emulator.server import run_emulator

LEFT_SECONDS = 5.0
"""The time that the emulator may take to end the session of a client that has disconnected."""


@dataclass
class Served:
    """The URL and the log of the emulator. `left` are the tasks that outlived their clients."""

    url: str = ""
    log: list[str] = field(default_factory=list)
    left: set[Any] = field(default_factory=set)


@contextmanager
def serving(*faults: str, seconds_at_most: float = 60, **options: Any) -> Iterator[Served]:
    """Serve with `--fault` for each of `faults`. At the end, fails if a task has outlived the clients."""
    served, open_, shut = Served(), threading.Event(), threading.Event()
    given = EmulatorOptions(faults=Faults(map(parse_fault, faults)), **options)

    async def serve() -> None:
        async with run_emulator(options=given, log=served.log.append) as emulator:
            served.url = emulator.url
            own = asyncio.all_tasks()
            open_.set()
            await asyncio.to_thread(shut.wait, seconds_at_most)
            others = asyncio.all_tasks() - own
            served.left = (await asyncio.wait(others, timeout=LEFT_SECONDS))[1] if others else set()

    thread = threading.Thread(target=asyncio.run, args=[serve()])
    thread.start()
    try:
        assert open_.wait(10)
        yield served
    finally:
        shut.set()
        thread.join(20)
    assert not served.left
    assert not thread.is_alive()
