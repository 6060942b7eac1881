"""The command `livecli serve`: runs the emulator until Ctrl-C, or until the COMMAND that uses it has ended."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from ..process.stdio import write_stderr, write_stdout
from .groups import Only, takes_groups
from .options import OutputFlags
from .serve_options import EmulatorFlags, ListenFlags

if TYPE_CHECKING:
    from ..emulator.certificates import Certificates
    from ..emulator.options import EmulatorOptions


FILES = 10_240
"""The open files that `serve` asks the system for: one for each connection. macOS allows no more."""


@takes_groups
def serve(
    context: typer.Context,
    command: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[-- COMMAND...]", help="Run this command against the server, and exit with its status."
        ),
    ] = None,
    *,
    listen: ListenFlags,
    emulator: EmulatorFlags,
    output: Annotated[OutputFlags, Only("quiet")],
) -> int:
    """Run a local Live API for any client, until Ctrl-C.

    The server has the paths of both platforms, without and with TLS, and echoes the audio that it receives. As soon as
    it accepts connections, it prints the variables that point other programs at it on standard output; with a COMMAND
    it sets them for the COMMAND instead. It logs each connection and turn on standard error.

    Examples:

    livecli serve

    livecli serve -- pytest

    livecli serve --script station.toml -- python agent.py

    livecli serve --fault drop@reply:5 -- livecli send question.wav
    """
    from dataclasses import replace

    from ..emulator.certificates import certificates
    from ..emulator.log import no_log
    from ..process.folders import state_folder
    from ..process.run import run

    # A COMMAND learns the ports from its environment, so that jobs on one machine need not agree about ports.
    address = Address(listen.host, *listen.ports(free=bool(command)))
    log = no_log if output.quiet else _log_to_stderr
    options = replace(emulator.options(), sources=listen.sources())
    names = [_host_to_name(listen.host), *(listen.tls_name or [])]
    kept = certificates(state_folder(), *names)
    # With fewer files, connections wait for others to end.
    context.obj(FILES)
    if listen.is_public:
        write_stderr(f"warning: --host {listen.host}: other machines can connect to the emulator\n")
    return run(_serve(address, kept, options, command or [], log))


class Address(NamedTuple):
    """The host and the ports to listen on; port 0 is chosen by the system."""

    host: str
    port: int
    tls_port: int


async def _serve(
    address: Address,
    certificates: Certificates,
    options: EmulatorOptions,
    command: list[str],
    log: Callable[[str], None],
) -> int:
    """Run the emulator until the COMMAND ends, whose exit status is returned, or until a signal."""
    import asyncio
    import os

    from ..embedded import exports
    from ..emulator.server import Tls, run_emulator
    from ..process.child import run_child

    tls = Tls(certificates.context, address.tls_port)
    async with run_emulator(address.host, address.port, tls=tls, options=options, log=log) as emulator:
        variables = exports(emulator, _host_to_name(address.host), certificates, options, os.environ)
        if command:
            return await run_child(command, {**os.environ, **variables})
        write_stdout("".join(f"export {name}={shlex.quote(value)}\n" for name, value in variables.items()))
        forever: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        # A signal cancels this task.
        return await forever


def _host_to_name(host: str) -> str:
    """The name by which clients reach the address `host`; the certificate is for this name."""
    return {"": "localhost", "127.0.0.1": "localhost", "0.0.0.0": "localhost", "::": "::1"}.get(host, host)


def _log_to_stderr(line: str) -> None:
    from datetime import datetime

    now = datetime.now().astimezone()
    write_stderr(f"{now:%H:%M:%S}.{now.microsecond // 1000:03} {line}\n")
