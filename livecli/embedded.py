"""The embedded emulator behind `--local`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

from .protocol.endpoint import Target


@asynccontextmanager
async def reachable(wanted: Target) -> AsyncIterator[Target]:
    """`wanted`, with the embedded emulator running and named as its base URL where it is to be `local`."""
    if not wanted.local:
        yield wanted
        return
    from .emulator.server import running

    async with running() as emulator:
        yield replace(wanted, base_url=emulator.url)
