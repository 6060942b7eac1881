"""`livecli serve`: the emulator, until Ctrl-C or until the COMMAND that is run against it has ended."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from textwrap import indent
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from ..emulator.faults import EXAMPLES, WHATS, WHENS
from ..errors import UsageError
from ..process.stdio import say, write_out
from .checks import check_numbers
from .options import QuietOption

if TYPE_CHECKING:
    from ..emulator.certificates import Certificates
    from ..emulator.options import EmulatorOptions
    from ..emulator.server import RunningServer

PORT, TLS_PORT = 8765, 8766
FAULTS = f"""\b
--fault WHAT@WHEN, where WHAT is one of
{indent(WHATS, "  ")}

\b
and WHEN one of
{indent(WHENS, "  ")}

\b
Every connection counts for itself. For instance:
{indent(EXAMPLES, "  ")}"""
ADMISSION = "Whom it lets in"


def serve(
    command: Annotated[
        list[str] | None,
        typer.Argument(metavar="[-- COMMAND...]", help="Run this against it, and exit with its status."),
    ] = None,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[
        int | None,
        typer.Option(
            min=0, max=65_535, help=f"Port in the clear; 0 is a free one [default: {PORT}; 0 with a COMMAND]."
        ),
    ] = None,
    tls_port: Annotated[
        int | None, typer.Option(min=0, max=65_535, help=f"Port for TLS [default: {TLS_PORT}; 0 with a COMMAND].")
    ] = None,
    require_key: Annotated[
        str | None, typer.Option(metavar="KEY", help="Refuse whoever shows another API key, or none.")
    ] = None,
    require_token: Annotated[
        str | None,
        typer.Option(metavar="TOKEN", help="Refuse whoever shows another bearer or ephemeral token, or none."),
    ] = None,
    script: Annotated[
        str | None, typer.Option(metavar="FILE.toml", help="What the model says, turn by turn, instead of an echo.")
    ] = None,
    replay: Annotated[
        str | None, typer.Option(metavar="FILE", help="Say a recorded session again, byte for byte.")
    ] = None,
    speed: Annotated[float, typer.Option(min=0, help="Times a recording's own pace; 0: at once.")] = 1.0,
    realtime: Annotated[bool, typer.Option("--realtime", help="Let a reply take as long as its sound.")] = False,
    connection_seconds: Annotated[
        float, typer.Option(min=0, help="End each connection after so long, as Google does; 0: never.")
    ] = 600.0,
    goaway_seconds: Annotated[float, typer.Option(min=0, help="Say goAway so long before that.")] = 60.0,
    session_seconds: Annotated[
        float | None, typer.Option(min=0, help="End each session without compression after so long [never].")
    ] = None,
    model_table: Annotated[
        str | None, typer.Option(metavar="FILE.toml", help="Models beside the known ones, or in their place.")
    ] = None,
    fault: Annotated[
        list[str] | None, typer.Option(metavar="WHAT@WHEN", help="Go wrong on purpose; repeatable, see below.")
    ] = None,
    quiet: QuietOption = False,
) -> int:
    """Run a local Live API that any client can talk to, until Ctrl-C.

    It serves both platforms' paths, in the clear and on TLS, and echoes what it hears. Standard output has the exports
    that point other programs at it, as soon as connections are accepted. With a COMMAND these are set for that alone,
    and nothing is printed there. A line for each connection and turn goes to standard error.
    """
    from ..emulator.access import Required
    from ..emulator.certificates import certificates
    from ..emulator.core.lifetime import Limits
    from ..emulator.options import EmulatorOptions
    from ..process.folders import state_folder
    from ..process.run import run
    from . import serve_files

    check_numbers(
        {
            "--speed": speed,
            "--connection-seconds": connection_seconds,
            "--goaway-seconds": goaway_seconds,
            "--session-seconds": session_seconds,
        }
    )
    if script is not None and replay is not None:
        raise UsageError("--script and --replay both say what the model says", hint="give one of them")
    # A COMMAND is told the ports, so nobody has to know them beforehand: any number of CI jobs can run on one machine.
    usual, usual_tls = (0, 0) if command else (PORT, TLS_PORT)
    address = Address(host, usual if port is None else port, usual_tls if tls_port is None else tls_port)
    options = EmulatorOptions(
        behaviour=serve_files.behaviour(script),
        required=Required(require_key, require_token),
        models=serve_files.models(model_table),
        limits=Limits(connection_seconds or None, goaway_seconds, session_seconds),
        realtime=realtime,
        faults=serve_files.faults(fault or []),
        play=serve_files.play(replay),
        play_speed=speed,
    )
    log = _nothing if quiet else _to_stderr
    return run(_serve(address, certificates(state_folder(), _host_to_name(host)), options, command or [], log))


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
