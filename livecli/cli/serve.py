"""The command `livecli serve`: runs the emulator until Ctrl-C, or until the COMMAND that uses it has ended."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from ..errors import FileError, UsageError
from ..process.stdio import is_terminal, one_line, write_stderr, write_stdout
from .groups import takes_groups
from .serve_options import (
    EmulatorFlags,
    LifetimeFlags,
    ListenFlags,
    LogFlags,
    ProcessFlags,
    host_to_name,
    report_sessions,
)

if TYPE_CHECKING:
    from ..emulator.certificates import Certificates
    from ..emulator.observer import Observe
    from ..emulator.options import EmulatorOptions
    from ..emulator.processes import EmulatorProcesses
    from ..emulator.server import EmulatorAddress, SessionRelay
    from .serve_worker import WorkerCommandLine


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
    logs: LogFlags,
    lifetime: LifetimeFlags,
    processes: ProcessFlags,
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

    eval "$(livecli serve --background)"
    """
    processes.check_replay(emulator.replay)
    if command and (option := lifetime.given):
        raise UsageError(f"{option} cannot be combined with a COMMAND", hint=f"leave out {option}")
    if lifetime.stop:
        from .serve_background import stop

        return stop(listen.port)
    if lifetime.background:
        from .serve_background import start

        return start(given_options(context), quiet=logs.quiet)
    from dataclasses import replace

    from ..emulator.log import no_log
    from ..process.run import run

    # A COMMAND learns the ports from its environment, so that jobs on one machine need not agree about ports.
    address = Address(listen.host, *listen.ports(free=bool(command)))
    log = no_log if logs.quiet else log_to_stderr
    options = replace(emulator.options(), sources=listen.sources())
    check = options.check
    if logs.junit is not None and check is None:
        raise UsageError("--junit is for what a script expects", hint="add --script FILE.toml")
    # With fewer files, connections wait for others to end.
    context.obj(FILES)
    with (
        certificates_for(listen.names) as kept,
        message_sinks(logs.log) as sinks,
        recordings(logs, options.required.secrets) as observers,
    ):
        # With several processes no session is here: each makes the recordings of its own.
        options = replace(options, message_sinks=sinks, observers=[*options.observers, *observers])
        if listen.is_public:
            write_stderr(f"warning: --host {listen.host}: other machines can connect to the emulator\n")
        if command or not is_terminal(sys.stdout):
            announce = partial(_announce, lifetime, lambda _, variables: export_lines(variables))
        else:
            announce = partial(_announce, lifetime, partial(_banner, emulator.source, options))
        workers = None
        if processes.count > 1:
            from .serve_worker import WorkerCommandLine

            workers = _processes(processes.count, WorkerCommandLine(listen, emulator, logs, kept.folder), options, log)
        try:
            status = run(serve_on(address, kept, options, command or [], log, announce, processes=workers))
        finally:
            checked = report_sessions(options, logs.junit)
        return status or checked


def _processes(
    count: int, words: WorkerCommandLine, options: EmulatorOptions, log: Callable[[str], None]
) -> EmulatorProcesses:
    """The emulator in `count` processes."""
    from ..emulator.processes import EmulatorProcesses
    from .serve_worker import ENTRY

    def warn(line: str) -> None:
        write_stderr(f"warning: {line}\n")

    return EmulatorProcesses(count, ENTRY, words, options, log, warn)


def given_options(context: typer.Context) -> list[str]:
    """The options of the command line, as words, without --background."""
    words: list[str] = []
    for parameter in context.command.params:
        name = parameter.name or ""
        source = context.get_parameter_source(name)
        is_given = source is not None and source.name == "COMMANDLINE"
        if parameter.param_type_name != "option" or not is_given or name == "background":
            continue
        value = context.params[name]
        for each in value if isinstance(value, list | tuple) else [value]:
            words += [parameter.opts[0]] if each is True else [parameter.opts[0], str(each)]
    return words


def _announce(
    lifetime: LifetimeFlags,
    text: Callable[[EmulatorAddress, Mapping[str, str]], str],
    emulator: EmulatorAddress,
    variables: Mapping[str, str],
) -> None:
    """Tell where the emulator listens: to a file, and to a file descriptor or standard output."""
    import os

    if lifetime.env_file is not None:
        from ..process.line_file import LineFile

        with LineFile(lifetime.env_file) as file:
            file.write("".join(f"{name}={value}\n" for name, value in variables.items()))
    if lifetime.ready_fd is None:
        write_stdout(text(emulator, variables))
        return
    try:
        os.write(lifetime.ready_fd, export_lines(variables).encode())
        # The descriptor stays taken, so that nothing else is written to it by mistake.
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, lifetime.ready_fd)
        os.close(nowhere)
    except OSError as error:
        raise FileError(f"cannot write to the file descriptor {lifetime.ready_fd}: {error.strerror}") from error


@contextmanager
def message_sinks(path: str | None) -> Iterator[Sequence[Callable[[str], None]]]:
    """Sinks of `--log`: none without it. After an error there is one warning, and no further line."""
    if path is None:
        yield ()
        return
    from ..process.line_file import LineFile

    with LineFile(path) as file:
        write = file.write

        def sink(line: str) -> None:
            nonlocal write
            try:
                write(line)
            except FileError as error:
                write = _discard
                write_stderr(f"warning: {error.message}; the log ends here\n")

        yield [sink]


@contextmanager
def recordings(logs: LogFlags, secrets: Sequence[str] = ()) -> Iterator[Sequence[Observe]]:
    """The observer that makes the recordings of `--record`, if any. Raises FileError where there can be no folder."""
    if logs.record is None:
        yield ()
        return
    from ..emulator.session_recording import SessionRecordings
    from ..recording.writer import DiskThread

    folder = Path(logs.record)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FileError(f"cannot make the folder {folder}: {error.strerror}") from error
    with DiskThread(lambda text: write_stderr(f"warning: {text}\n")) as disk:
        moves_audio = logs.record_audio == "flac"
        kept = SessionRecordings(folder, disk, secrets, anonymous=logs.record_anonymous, moves_audio=moves_audio)
        yield [kept.observe]


def _discard(line: str) -> None:
    """Take a line of a log that cannot be written."""


@contextmanager
def certificates_for(names: Sequence[str]) -> Iterator[Certificates]:
    """The certificate for `names` in the state folder; in a temporary one where that cannot be written."""
    from ..emulator.certificates import certificates
    from ..process.folders import state_folder

    with ExitStack() as stack:
        try:
            kept = certificates(state_folder(), *names)
        except FileError as error:
            from tempfile import TemporaryDirectory

            folder = stack.enter_context(TemporaryDirectory(prefix="livecli-"))
            write_stderr(f"warning: {error.message}; until the end they are in {folder}\n")
            kept = certificates(Path(folder), *names)
        yield kept


class Address(NamedTuple):
    """The host and the ports to listen on; port 0 is chosen by the system."""

    host: str
    port: int
    tls_port: int


async def serve_on(
    address: Address,
    certificates: Certificates,
    options: EmulatorOptions,
    command: list[str],
    log: Callable[[str], None],
    announce: Callable[[EmulatorAddress, Mapping[str, str]], None],
    relay: SessionRelay | None = None,
    processes: EmulatorProcesses | None = None,
) -> int:
    """Run the emulator, in `processes` where there are some, or the `relay` in its place.

    It ends when the COMMAND does, or with a signal.

    Returns the exit status of the COMMAND.
    Without a COMMAND, `announce` is called with the address and the variables.
    """
    import asyncio
    import os

    from ..embedded import exports
    from ..emulator.server import Tls, run_emulator
    from ..process.child import run_child

    tls = Tls(certificates.context, address.tls_port)
    if processes:
        running = processes.run(*address)
    else:
        running = run_emulator(address.host, address.port, tls=tls, options=options, log=log, relay=relay)
    async with running as emulator:
        variables = exports(emulator, host_to_name(address.host), certificates, options, os.environ)
        if relay and not relay.takes_any_credential:
            variables = {name: value for name, value in variables.items() if name != "GOOGLE_API_KEY"}
        if command:
            return await run_child(command, {**os.environ, **variables})
        announce(emulator, variables)
        forever: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        # A signal cancels this task.
        return await forever


def export_lines(variables: Mapping[str, str]) -> str:
    """The variables as `export` lines, for a shell."""
    return "".join(f"export {name}={shlex.quote(value)}\n" for name, value in variables.items())


def _banner(model: str, options: EmulatorOptions, emulator: EmulatorAddress, variables: Mapping[str, str]) -> str:
    """The text at the start, for a person: the addresses, the clients that use each, and how to stop the emulator."""
    from ..protocol.platform import DEFAULT_MODEL

    others = sum(not each.retired for each in options.models.values()) - 1
    rows = [
        ("ws", emulator.url, "livecli"),
        ("https", variables["GOOGLE_GEMINI_BASE_URL"], "google-genai, @google/genai, adk, pipecat …"),
    ]
    width = max(len(url) for _, url, _ in rows)
    return (
        f"livecli serve · {one_line(model)} · {DEFAULT_MODEL} and {others} others\n"
        + "".join(f"  {scheme:<5}  {url:<{width}}  {clients}\n" for scheme, url, clients in rows)
        + "  stop   Ctrl-C\n\nIn another shell:\n"
        + "".join(f"  {line}\n" for line in export_lines(variables).splitlines())
        + "\n"
    )


def log_to_stderr(line: str) -> None:
    from datetime import datetime

    now = datetime.now().astimezone()
    write_stderr(f"{now:%H:%M:%S}.{now.microsecond // 1000:03} {line}\n")
