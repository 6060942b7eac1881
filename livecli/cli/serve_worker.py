"""A worker process of `livecli serve --processes`: runs the emulator with the options of the first process."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from ..emulator.certificates import certificates
from ..emulator.log import no_log
from ..emulator.processes import WorkerSettings
from ..emulator.server import run_emulator_on
from ..emulator.worker import ForwardedCheck, WorkerState
from ..process.channel import Channel
from ..process.run import run
from ..process.tasks import collapse_exception_group
from .serve import recordings
from .serve_options import EmulatorFlags, ListenFlags, LogFlags

ENTRY = f"{__name__}:work"
"""This module's function, as `process.worker` takes it."""


@dataclass(frozen=True)
class WorkerCommandLine:
    """The options of the command line that a worker needs, and the folder of the certificate."""

    listen: ListenFlags
    emulator: EmulatorFlags
    logs: LogFlags
    certificates: Path


def work(end: socket.socket) -> None:
    """Run a worker with its end of the channel, until the first process tells it to stop, or has ended."""
    run(_work(end))


async def _work(end: socket.socket) -> None:
    stopped = asyncio.Event()
    handlers: dict[str, Callable[..., Any]] = {"stop": stopped.set}
    channel = await Channel.on(end, handlers)
    async with collapse_exception_group(), asyncio.TaskGroup() as tasks:
        running = tasks.create_task(channel.run())
        running.add_done_callback(lambda _: stopped.set())
        try:
            await _serve(channel, handlers, stopped)
        finally:
            # It is sent before the channel ends.
            await channel.close()
            running.cancel()


async def _serve(channel: Channel, handlers: dict[str, Callable[..., Any]], stopped: asyncio.Event) -> None:
    settings: WorkerSettings = await channel.call("settings")
    words: WorkerCommandLine = settings.command_line
    read = words.emulator.options(new_check=partial(ForwardedCheck, channel=channel))
    options = replace(read, sources=words.listen.sources())
    with ExitStack() as stack:
        observers = stack.enter_context(recordings(words.logs, options.required.secrets))
        options = replace(options, observers=[*options.observers, *observers])
        context = certificates(words.certificates, *words.listen.names).context
        shared = WorkerState(channel, options, settings.first_pid)
        log = no_log if words.logs.quiet else shared.log
        handlers |= {
            "want_lines": shared.want_lines,
            "write_lines": shared.write_lines,
            "hand_over": shared.hand_over,
        }
        if settings.wants_lines:
            shared.want_lines()
        clear, encrypted = (
            [stack.enter_context(socket.socket(fileno=each)) for each in each_of]
            for each_of in (settings.sockets, settings.encrypted)
        )
        async with run_emulator_on(clear, encrypted, context, options=options, log=log, shared=shared):
            channel.tell("ready")
            await stopped.wait()
        shared.send_lines()
