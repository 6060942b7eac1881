"""Fork server: a process that has loaded livecli, and forks for each command line, in a quarter of the time of a start.

Its client is a program that stands for `livecli`, or for `python` with a script: its arguments, variables, folder and
standard streams become those of the fork. Signals are passed on, and the exit status is that of the fork, which is
killed where the client is.

What belongs to a start or to the end of a process, such as closed streams, is tested with real ones: `spawn`.
"""

from __future__ import annotations

import gc
import importlib
import marshal
import os
import pkgutil
import runpy
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

import livecli
from livecli.__main__ import run
from livecli.cli.app import COMMANDS, command_for
from tests.environment import cleaned

LIBRARIES = (
    *("espeakng_loader", "google.auth", "numpy", "platformdirs", "prompt_toolkit", "rich.console", "rich.live"),
    *("rich.table", "soundfile", "soxr"),
)
"""What the functions of livecli import."""
SDK = "google.genai"
"""What the programs on the official Python SDK import."""
SHARED_NAME = "forked_livecli"
SHARED = pytest.StashKey[Path]()
PASSED_ON = "SIGHUP", "SIGINT", "SIGQUIT", "SIGTERM", "SIGUSR1", "SIGUSR2", "SIGWINCH"

ANSWER_BYTES = 8

# It starts without the site packages, and does with modules in C: those in Python that import them would take three
# times as long. The server answers with the number of the process that it has forked, and then with its status.
CLIENT = """\
#!{python} -IS
import _signal, _socket, marshal, posix, sys
server = _socket.socket(_socket.AF_UNIX)
server.connect({path!r})
streams = b"".join(number.to_bytes(4, sys.byteorder) for number in (0, 1, 2))
server.sendmsg([b"."], [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, streams)])
server.sendall(marshal.dumps((posix.getcwd(), sys.argv, dict(posix.environ))))
process = int(server.recv({answer_bytes}))
for name in {passed_on}:
    _signal.signal(getattr(_signal, name), lambda number, _: posix.kill(process, number))
status = int(server.recv({answer_bytes}))
if status < 0:
    _signal.signal(-status, _signal.SIG_DFL)
    posix.kill(posix.getpid(), -status)
posix._exit(status)
"""


def serve(listener: socket.socket) -> None:
    """Fork for each client, until standard input ends. Returns in each fork, which is the client's command by then."""
    for module in pkgutil.walk_packages(livecli.__path__, "livecli."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    for library in (*LIBRARIES, SDK):
        importlib.import_module(library)
    for command in COMMANDS:
        command_for([command])
    # Garbage collection writes to each object, and a fork would then need a copy of all that memory.
    gc.collect()
    gc.freeze()
    clients: dict[socket.socket, int] = {}  # with their processes
    ends: dict[int, socket.socket] = {}  # by the descriptor that is ready when the process has ended
    while True:
        ready = select.select([listener, sys.stdin, *clients, *ends], [], [])[0]
        if sys.stdin in ready:
            os._exit(0)
        for end in ends.keys() & ready:
            client = ends.pop(end)
            status = os.waitstatus_to_exitcode(os.waitpid(clients.pop(client), 0)[1])
            with suppress(BrokenPipeError):
                client.sendall(b"%*d" % (ANSWER_BYTES, status))
            client.close()
            os.close(end)
        for client in clients.keys() & ready:
            os.kill(clients[client], signal.SIGKILL)
            client.recv(1)
        if listener in ready:
            client = listener.accept()[0]
            streams = socket.recv_fds(client, 1, 3)[1]
            with client.makefile("rb") as requests:
                request = marshal.load(requests)
            command = os.fork()
            if not command:
                for each in (listener, client, *clients):
                    each.close()
                for end in ends:
                    os.close(end)
                become_command(streams, *request)
                return
            for stream in streams:
                os.close(stream)
            with suppress(BrokenPipeError):
                client.sendall(b"%*d" % (ANSWER_BYTES, command))
            clients[client] = command
            ends[os.pidfd_open(command)] = client


def become_command(streams: list[int], folder: str, words: list[str], variables: dict[bytes, bytes]) -> None:
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.chdir(folder)
    os.environb.clear()
    os.environb.update(variables)
    time.tzset()
    sys.argv = words
    sys.stdin = open(0, encoding="utf-8", closefd=False)
    sys.stdout = open(1, "w", encoding="utf-8", closefd=False)
    sys.stderr = open(2, "w", 1, encoding="utf-8", errors="backslashreplace", closefd=False)


@contextmanager
def running() -> Iterator[Path]:
    """Run a fork server. The value is a folder with its client, as a program with the name livecli.

    Beside that folder is the client as a program `python`, which runs a script. A client may be started at once: it
    waits until the server has loaded livecli.
    """
    folder = Path(tempfile.mkdtemp(prefix="fork"))
    path, programs = folder / "socket", folder / "bin"
    programs.mkdir()
    filled_in = {"python": sys.executable, "path": str(path), "passed_on": PASSED_ON, "answer_bytes": ANSWER_BYTES}
    for client in (programs / "livecli", folder / "python"):
        client.write_text(CLIENT.format(**filled_in))
        client.chmod(0o755)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen(64)
        command = [sys.executable, "-m", "tests.fork_server", str(listener.fileno())]
        server = subprocess.Popen(
            command,
            cwd=Path(__file__).parents[1],
            env=cleaned(os.environ),
            pass_fds=[listener.fileno()],
            start_new_session=True,
            stdin=subprocess.PIPE,
        )
    with server:
        yield programs
        server.stdin.close()
        assert server.wait(20) == 0
    shutil.rmtree(folder)


def shared_by_processes(node: Any) -> None:
    """The hook `pytest_configure_node` of pytest-xdist: its processes share a fork server of the process that began."""
    if sys.platform != "linux":
        return
    if SHARED not in node.config.stash:
        started = ExitStack()
        node.config.stash[SHARED] = started.enter_context(running())
        node.config.add_cleanup(started.close)
    node.workerinput[SHARED_NAME] = str(node.config.stash[SHARED])


@pytest.fixture(scope="session")
def forked_livecli(request: pytest.FixtureRequest) -> Iterator[Path]:
    """A folder for the PATH, with a program livecli that forks. It is the real one on systems other than Linux."""
    if sys.platform != "linux":
        yield Path(sys.executable).parent
    elif shared := getattr(request.config, "workerinput", {}).get(SHARED_NAME):
        yield Path(shared)
    else:
        with running() as folder:
            yield folder


@pytest.fixture(scope="session")
def forked_python(forked_livecli: Path) -> str:
    """A program that runs a Python script in a fork, which has loaded the official SDK."""
    return str(forked_livecli.parent / "python") if sys.platform == "linux" else sys.executable


def run_command() -> int:
    """Run livecli, or the script whose name follows that of the program `python`. Returns the exit status."""
    if Path(sys.argv[0]).name != "python":
        try:
            run()
        except SystemExit as leaving:
            return int(leaving.code)
    del sys.argv[0]
    runpy.run_path(sys.argv[0], run_name="__main__")
    sys.stdout.flush()
    return 0


if __name__ == "__main__":
    serve(socket.socket(fileno=int(sys.argv[1])))
    # An interpreter that shuts down writes to all of its memory, which takes as long as the command.
    os._exit(run_command())
