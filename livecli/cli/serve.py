"""`livecli serve`: the emulator, until Ctrl-C or until the COMMAND that is run against it has ended."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from textwrap import indent
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from ..emulator.faults import EXAMPLES, WHATS, WHENS
from ..process.stdio import say, write_out
from .groups import Only, takes_groups
from .options import OutputFlags
from .serve_options import EmulatorFlags, ListenFlags

if TYPE_CHECKING:
    from ..emulator.certificates import Certificates
    from ..emulator.options import EmulatorOptions
    from ..emulator.server import RunningServer

FAULTS = f"""\b
--fault WHAT@WHEN, where WHAT is one of
{indent(WHATS, "  ")}

\b
and WHEN one of
{indent(WHENS, "  ")}

\b
Every connection counts for itself. For instance:
{indent(EXAMPLES, "  ")}"""


@takes_groups
def serve(
    command: Annotated[
        list[str] | None,
        typer.Argument(metavar="[-- COMMAND...]", help="Run this against it, and exit with its status."),
    ] = None,
    *,
    listen: ListenFlags,
    emulator: EmulatorFlags,
    output: Annotated[OutputFlags, Only("quiet")],
) -> int:
    """Run a local Live API that any client can talk to, until Ctrl-C.

    It serves both platforms' paths, in the clear and on TLS, and echoes what it hears. Standard output has the exports
    that point other programs at it, as soon as connections are accepted. With a COMMAND these are set for that alone,
    and nothing is printed there. A line for each connection and turn goes to standard error.
    """
    from ..emulator.certificates import certificates
    from ..process.folders import state_folder
    from ..process.run import run

    # A COMMAND learns the ports from its environment, so that jobs on one machine need not agree about ports.
    address = Address(listen.host, *listen.ports(free=bool(command)))
    log = _nothing if output.quiet else _to_stderr
    options = emulator.options()
    return run(_serve(address, certificates(state_folder(), _host_to_name(listen.host)), options, command or [], log))


class Address(NamedTuple):
    """Where it is to listen."""

    host: str
    port: int
    tls_port: int


async def _serve(
    address: Address, shown: Certificates, options: EmulatorOptions, command: list[str], log: Callable[[str], None]
) -> int:
    """The emulator from its first connection to its last; the COMMAND's status, if there is one."""
    import asyncio
    import os

    from ..emulator.server import Tls, running
    from ..process.child import run_child

    tls = Tls(shown.context, address.tls_port)
    async with running(address.host, address.port, tls=tls, options=options, log=log) as emulator:
        exports = _exports(emulator, _host_to_name(address.host), shown)
        if command:
            return await run_child(command, {**os.environ, **exports})
        write_out("".join(f"export {name}={shlex.quote(value)}\n" for name, value in exports.items()))
        forever: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        return await forever  # until the signal cancels this


def _host_to_name(host: str) -> str:
    """The host that clients connect to, and that the certificate names, where this one is listened on."""
    return {"": "localhost", "127.0.0.1": "localhost", "0.0.0.0": "localhost", "::": "::1"}.get(host, host)


def _exports(emulator: RunningServer, host: str, shown: Certificates) -> dict[str, str]:
    """What points other programs at the emulator: livecli in the clear, the SDKs, which insist on it, on TLS."""
    encrypted = f"https://{f'[{host}]' if ':' in host else host}:{emulator.tls_port}"
    return {
        "LIVECLI_BASE_URL": emulator.url,
        "GOOGLE_GEMINI_BASE_URL": encrypted,
        "GOOGLE_VERTEX_BASE_URL": encrypted,
        "SSL_CERT_FILE": str(shown.bundle),
        "NODE_EXTRA_CA_CERTS": str(shown.authority),
    }


def _to_stderr(line: str) -> None:
    say(line + "\n")


def _nothing(line: str) -> None:
    pass
