"""The process that listens on a port."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path

import pytest

from livecli.process.port_holder import port_holder

ROW = "   0: {address}:{port:04X} 00000000:0000 {state} 00000000:00000000 00:00000000 00000000  1000        0 {inode} 1"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux has /proc/net/tcp")
@pytest.mark.parametrize(("family", "host"), [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")])
def test_a_socket_of_this_process(family: socket.AddressFamily, host: str) -> None:
    with socket.socket(family) as listening:
        try:
            listening.bind((host, 0))
        except OSError:
            pytest.skip(f"this machine has no {host}")
        port = listening.getsockname()[1]
        assert port_holder(port) is None, "it is bound, and does not listen"
        listening.listen()
        name = Path("/proc/self/comm").read_text().strip()
        assert port_holder(port) == f"{name}, process {os.getpid()}"
    assert port_holder(port) is None


def _proc(folder: Path, inode: int, state: str = "0A") -> Path:
    """A /proc with one socket on port 8765, of the process 42, beside two processes that cannot be looked into."""
    (folder / "net").mkdir(parents=True)
    row = ROW.format(address="0100007F", port=8765, state=state, inode=9001)
    (folder / "net/tcp").write_text(f"  sl  local_address ...\n{row}\n")
    (folder / "41").mkdir()
    (folder / "42/fd").mkdir(parents=True)
    (folder / "42/comm").write_text("a server\n")
    (folder / "42/fd/0").symlink_to("/dev/null")
    (folder / "42/fd/3").symlink_to(f"socket:[{inode}]")
    (folder / "43").touch()
    return folder


def test_what_linux_tells(tmp_path: Path) -> None:
    assert port_holder(8765, _proc(tmp_path / "held", 9001)) == "a server, process 42"
    assert port_holder(8766, tmp_path / "held") is None, "another port"
    assert port_holder(8765, _proc(tmp_path / "other", 9002)) is None, "of a process of another user"
    assert port_holder(8765, _proc(tmp_path / "connected", 9001, state="01")) is None, "a connection"
    assert port_holder(8765, tmp_path / "nothing") is None, "no /proc, as on macOS"
