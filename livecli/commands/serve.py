"""`livecli serve`: the emulator in the clear, until Ctrl-C."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Annotated

import typer

from .options import QuietOption


def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65_535, help="Port to listen on; 0 is a free one.")] = 8765,
    quiet: QuietOption = False,
) -> None:
    """Run a local Live API that any client can talk to, until Ctrl-C.

    It serves both platforms' paths and echoes what it hears. Standard output has one line, as soon as connections are
    accepted: the export that points livecli at it. A line for each connection and turn goes to standard error.
    """
    from ..running import run

    run(_serve(host, port, _nothing if quiet else _to_stderr))


async def _serve(host: str, port: int, log: Callable[[str], None]) -> None:
    import asyncio

    from ..emulator.server import running

    async with running(host, port, log=log) as emulator:
        sys.stdout.write(f"export LIVECLI_BASE_URL={emulator.url}\n")
        sys.stdout.flush()
        await asyncio.get_running_loop().create_future()  # until the signal cancels this


def _to_stderr(line: str) -> None:
    with suppress(OSError):  # whoever read the log has gone; the sessions go on
        sys.stderr.write(line + "\n")
        sys.stderr.flush()


def _nothing(line: str) -> None:
    pass
