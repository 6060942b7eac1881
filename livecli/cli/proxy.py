"""The command `livecli proxy`: forwards any client's sessions to the service, and records or replays them."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import CheckError, UsageError
from ..process.stdio import is_terminal, one_line, write_stdout
from ..recording.record_mode import RecordMode
from .groups import HelpEntry, Only, takes_groups
from .options import Where
from .serve import FILES, Address, certificates_for, export_lines, log_to_stderr, message_sinks, recordings, serve_on
from .serve_options import ListenFlags, LogFlags

if TYPE_CHECKING:
    from ..emulator.server import EmulatorAddress


@takes_groups
def proxy(
    context: typer.Context,
    words: Annotated[
        list[str] | None,
        typer.Argument(metavar="[URL] [-- COMMAND...]", help="Where sessions go, instead of Google; what to run."),
    ] = None,
    *,
    listen: ListenFlags,
    logs: Annotated[LogFlags, Only("quiet", "log", "record", "record_anonymous", "record_audio")],
    own_credential: Annotated[
        bool,
        typer.Option("--own-credential", help="Use livecli's own credential instead of the client's."),
        HelpEntry("Network", common=True),
    ] = False,
    record_mode: Annotated[
        RecordMode,
        typer.Option(help="all: record each session; new: those that no recording has; once: where there are none."),
        HelpEntry("Output", common=True),
    ] = RecordMode.ALL,
    where: Annotated[Where, Only("project", "location", "insecure", "profile")],
) -> int:
    """Forward any client's sessions to the service, and record them.

    It listens as `livecli serve` does, so any SDK can be recorded without a change. Frames pass through unchanged, with
    the client's own credential. With a COMMAND it sets the variables that point programs at it for the COMMAND alone.

    Examples:

    livecli proxy --record sessions/

    livecli proxy --record sessions/ -- python agent.py

    livecli proxy --record sessions/ --record-mode none -- pytest

    livecli proxy ws://127.0.0.1:8765 --record sessions/
    """
    from ..emulator.log import no_log
    from ..emulator.options import EmulatorOptions
    from ..emulator.replay_library import ReplayLibrary, load
    from ..process.run import run
    from ..proxy.relay import Relay, RelayOptions

    url, command = _url_and_command(words or [])
    if record_mode is not RecordMode.ALL and logs.record is None:
        raise UsageError(f"--record-mode {record_mode} needs a folder of recordings", hint="add --record sessions/")
    if url is not None:
        _check_url(url, insecure=where.insecure)
    folder = None if record_mode is RecordMode.ALL else logs.record
    # A name that is too long is that of no folder.
    library = ReplayLibrary(load(folder) if folder and os.path.exists(folder) else {})  # noqa: PTH110
    if record_mode is RecordMode.ONCE:
        record_mode = RecordMode.NONE if library else RecordMode.NEW
    log = no_log if logs.quiet else log_to_stderr
    relay = Relay(RelayOptions(where.target(), url, own_credential, record_mode), library, log)
    address = Address(listen.host, *listen.ports(free=bool(command)))
    # Each client has a connection to the service too.
    context.obj(2 * FILES)
    with ExitStack() as stack:
        certificates = stack.enter_context(certificates_for(listen.names))
        sinks = stack.enter_context(message_sinks(logs.log))
        observers = () if record_mode is RecordMode.NONE else stack.enter_context(recordings(logs))
        options = EmulatorOptions(sources=listen.sources(), message_sinks=sinks, observers=observers)
        destination = url or "Google"
        if command or not is_terminal(sys.stdout):
            announce = partial(_announce, None)
        else:
            announce = partial(_announce, f"livecli proxy · {one_line(destination)}")
        status = run(serve_on(address, certificates, options, command, log, announce, relay))
    if relay.refused and not status:
        count = relay.refused
        raise CheckError(f"{count} session{'s' if count > 1 else ''} had no recording", hint="--record-mode new")
    return status


def _announce(title: str | None, _: EmulatorAddress, variables: Mapping[str, str]) -> None:
    """Print the variables; at a terminal under a `title`, with how to stop it."""
    lines = export_lines(variables)
    indented = "".join(f"  {line}\n" for line in lines.splitlines())
    write_stdout(lines if title is None else f"{title}\n  stop   Ctrl-C\n\nIn another shell:\n{indented}\n")


def _url_and_command(words: Sequence[str]) -> tuple[str | None, list[str]]:
    """The URL, if the first word is one, and the COMMAND."""
    return (words[0], [*words[1:]]) if words and "://" in words[0] else (None, [*words])


def _check_url(url: str, *, insecure: bool) -> None:
    """Raise UsageError for what is no URL, and for one to which a credential would go in the clear."""
    from ..protocol.endpoint import is_loopback, parse_base_url

    parts = parse_base_url(url, "the first argument")
    if parts.scheme == "ws" and not is_loopback(parts.hostname or "") and not insecure:
        raise UsageError(f"credentials would go to {parts.hostname} unencrypted", hint="wss://, or --insecure")
