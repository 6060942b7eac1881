"""The process that listens on a TCP port of this machine, as far as Linux tells."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

_LISTENING = "0A"
"""The state of a listening socket in /proc/net/tcp."""


def port_holder(port: int, proc: Path = Path("/proc")) -> str | None:
    """A process that listens on `port`, such as "livecli, process 4711"; None where that cannot be known.

    It is known on Linux only, and for processes of the same user only (`root` sees all). The command line is left out,
    because it may have secrets in it.
    """
    sockets = {f"socket:[{inode}]" for inode in _listening_inodes(port, proc)}
    for process in proc.glob("[0-9]*") if sockets else ():
        # Processes end meanwhile, and those of other users cannot be looked into.
        with suppress(OSError):
            if any(_target(descriptor) in sockets for descriptor in (process / "fd").iterdir()):
                return f"{(process / 'comm').read_text(errors='replace').strip()}, process {process.name}"
    return None


def _listening_inodes(port: int, proc: Path) -> list[str]:
    """The inodes of the sockets that listen on `port`, of IPv4 and IPv6."""
    rows: list[list[str]] = []
    for table in ("tcp", "tcp6"):
        with suppress(OSError):
            rows += [line.split() for line in (proc / "net" / table).read_text().splitlines()[1:]]
    return [row[9] for row in rows if row[1].endswith(f":{port:04X}") and row[3] == _LISTENING]


def _target(descriptor: Path) -> str | None:
    """The file that a descriptor is open on; None if it was closed meanwhile."""
    with suppress(OSError):
        return str(descriptor.readlink())
    return None
