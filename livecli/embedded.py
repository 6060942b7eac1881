"""The embedded emulator: what `--local` starts and connects to."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

from .emulator.pace import Pace
from .protocol.endpoint import Target


@asynccontextmanager
async def reachable(target: Target, pace: Pace = Pace.INSTANT) -> AsyncIterator[Target]:
    """The target to connect to: `target` itself or, if it is `local`, one whose base URL is a running emulator's.

    `pace` is the emulator's.
    """
    if not target.local:
        yield target
        return
    from .emulator.options import EmulatorOptions
    from .emulator.server import run_emulator

    async with run_emulator(options=EmulatorOptions(pace=pace)) as emulator:
        yield replace(target, base_url=emulator.url)
