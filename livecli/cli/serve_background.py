"""`livecli serve --background` and `--stop`: an emulator that goes on after the command, and its end."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

from ..errors import CheckError, ConnectError, FileError, UsageError
from ..process import background
from ..process.folders import state_folder
from ..process.stdio import write_stderr, write_stdout
from ..protocol.endpoint import is_loopback
from .serve_options import PORT

LOG_LINE = re.compile(r"\d\d:\d\d:\d\d\.\d{3} |warning: ")
"""The beginning of a line of the log that is not about the script."""


def start(options: Sequence[str], *, quiet: bool) -> int:
    """Start `livecli serve` with these options, and print its variables once it listens. Returns the exit status."""
    folder = _folder()
    started = background.start(["serve", *options, "--ready-fd", "1"], folder)
    if started.status is not None:
        write_stderr(started.log.read_text(errors="replace"))
        started.log.unlink()
        return started.status
    variables = dict(word.split("=", 1) for word in shlex.split(started.output) if word != "export")
    address = urlsplit(variables["LIVECLI_BASE_URL"]).netloc
    log = background.note(folder, address, started)
    write_stdout(started.output)
    if not quiet:
        write_stderr(f"listening at {address} in the background; the log is {log}; `livecli serve --stop` ends it\n")
    return 0


def stop(port: int | None) -> int:
    """End the emulator on `port`, else the one that the environment names, else the one that runs in the background.

    Lists what its script expects and did not hold. Returns the exit status. Raises UsageError where several run, and
    ConnectError where none does.
    """
    folder = _folder()
    address = f"127.0.0.1:{port}" if port else _address_in_environment() or _address_in(folder)
    pid = background.pid_at(address)
    if pid is None:
        raise ConnectError(f"no emulator is running at {address}", hint="`livecli serve --background` starts one")
    if not background.end(address, pid):
        raise FileError(f"process {pid} at {address} does not end", hint=f"kill -9 {pid}")
    *lines, last = background.complete_log(folder, address).splitlines() or [""]
    background.forget(folder, address)
    if not last.endswith("did not hold"):
        return 0
    listed = [line for line in lines if not LOG_LINE.match(line)]
    write_stderr("".join(f"{line}\n" for line in [*listed, last]))
    return CheckError.status


def _folder() -> Path:
    return state_folder() / "serve"


def _address_in_environment() -> str | None:
    url = urlsplit(os.environ.get("LIVECLI_BASE_URL", ""))
    return url.netloc if url.hostname and is_loopback(url.hostname) else None


def _address_in(folder: Path) -> str:
    addresses = background.addresses(folder)
    if len(addresses) > 1:
        ports = ", ".join(address.rpartition(":")[2] for address in addresses)
        raise UsageError(f"several emulators run in the background, on the ports {ports}", hint="name one with --port")
    return addresses[0] if addresses else f"127.0.0.1:{PORT}"
