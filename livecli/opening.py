"""From what is wanted to an open session: the emulator started if it is to be local, the credential fresh."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

from .client import Session, open_session
from .credentials import Credential
from .endpoint import Endpoint, Wanted
from .errors import LivecliError
from .protocol import events
from .report import Reporter


@dataclass(frozen=True)
class Timeouts:
    """Seconds. `connect`: DNS to the finished upgrade; `idle`: silence while an answer is due; `total`: the run."""

    connect: float = 10.0
    idle: float = 30.0
    total: float | None = None


@asynccontextmanager
async def reachable(wanted: Wanted) -> AsyncIterator[Wanted]:
    """`wanted`, with the embedded emulator running and named as its base URL where it is to be `local`."""
    if not wanted.local:
        yield wanted
        return
    from .emulator.server import running

    async with running() as emulator:
        yield replace(wanted, base_url=emulator.url)


@asynccontextmanager
async def open_authorised(
    endpoint: Endpoint, credential: Credential, setup: events.Setup, timeouts: Timeouts, reporter: Reporter
) -> AsyncIterator[Session]:
    """A session opened with a fresh credential. What the server says of it in an error is left out of that."""
    headers = await asyncio.to_thread(credential.headers)
    try:
        async with open_session(
            endpoint,
            headers,
            setup,
            connect_timeout=timeouts.connect,
            idle_timeout=timeouts.idle,
            reporter=reporter,
        ) as session:
            yield session
    except LivecliError as error:
        shown = credential.elided_headers()
        for secret in (text.rpartition(" ")[2] for name, text in headers.items() if text != shown[name]):
            error.elide(secret)
        raise
