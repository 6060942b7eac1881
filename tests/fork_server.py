"""Fork server: a process that has loaded livecli, and forks for each command line, in a quarter of the time of a start.

Its client is a program that stands for `livecli`: its arguments, variables, folder and standard streams become those of
the fork. Signals are passed on, and the exit status is that of the fork, which is killed where the client is.

What belongs to a start or to the end of a process, such as closed streams, is tested with real ones: `spawn`.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import pkgutil
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

import livecli
from livecli.__main__ import run

LIBRARIES = ["google.auth", "numpy", "prompt_toolkit", "rich.console", "rich.live", "rich.table", "soundfile", "soxr"]
"""What the functions of livecli import."""
PASSED_ON = "SIGHUP", "SIGINT", "SIGQUIT", "SIGTERM", "SIGUSR1", "SIGUSR2", "SIGWINCH"

# It starts without the site packages, in 20 ms. The server says which process it has forked, and then its status.
CLIENT = """\
#!{python} -IS
import json, os, signal, socket, sys
server = socket.socket(socket.AF_UNIX)
server.connect({path!r})
socket.send_fds(server, [b"."], [0, 1, 2])
server.sendall(json.dumps([os.getcwd(), sys.argv, dict(os.environ)]).encode() + b"\\n")
answers = server.makefile()
process = int(answers.readline())
for name in {passed_on}:
    signal.signal(getattr(signal, name), lambda number, _: os.kill(process, number))
status = int(answers.readline())
if status < 0:
    signal.signal(-status, signal.SIG_DFL)
    os.kill(os.getpid(), -status)
os._exit(status)
"""


def serve(path: str) -> None:
    """Fork for each client, until standard input ends. Returns in each fork, which is the client's command by then."""
    for module in pkgutil.walk_packages(livecli.__path__, "livecli."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    for library in LIBRARIES:
        importlib.import_module(library)
    # Garbage collection writes to each object, and a fork would then need a copy of all that memory.
    gc.collect()
    gc.freeze()
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen(64)
    print("ready", flush=True)
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
                client.sendall(b"%d\n" % status)
            client.close()
            os.close(end)
        for client in clients.keys() & ready:
            os.kill(clients[client], signal.SIGKILL)
            client.recv(1)
        if listener in ready:
            client = listener.accept()[0]
            streams = socket.recv_fds(client, 1, 3)[1]
            with client.makefile() as requests:
                request = requests.readline()
            command = os.fork()
            if not command:
                for each in (listener, client, *clients):
                    each.close()
                for end in ends:
                    os.close(end)
                become_command(streams, *json.loads(request))
                return
            for stream in streams:
                os.close(stream)
            with suppress(BrokenPipeError):
                client.sendall(b"%d\n" % command)
            clients[client] = command
            ends[os.pidfd_open(command)] = client


def become_command(streams: list[int], folder: str, words: list[str], variables: dict[str, str]) -> None:
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(variables)
    time.tzset()
    sys.argv = words
    sys.stdin = open(0, encoding="utf-8", closefd=False)
    sys.stdout = open(1, "w", encoding="utf-8", closefd=False)
    sys.stderr = open(2, "w", 1, encoding="utf-8", errors="backslashreplace", closefd=False)


@contextmanager
def running() -> Iterator[Path]:
    """Run a fork server. The value is a folder with its client, as a program with the name livecli."""
    folder = Path(tempfile.mkdtemp(prefix="fork"))
    path, client = folder / "socket", folder / "bin" / "livecli"
    client.parent.mkdir()
    client.write_text(CLIENT.format(python=sys.executable, path=str(path), passed_on=PASSED_ON))
    client.chmod(0o755)
    command = [sys.executable, "-m", "tests.fork_server", str(path)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, cwd=Path(__file__).parents[1], start_new_session=True, **pipes) as server:
        assert server.stdout.readline() == b"ready\n"
        yield client.parent
        server.stdin.close()
        assert server.wait(20) == 0
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def forked_livecli() -> Iterator[Path]:
    """A folder for the PATH, with a program livecli that forks. It is the real one on systems other than Linux."""
    if sys.platform != "linux":
        yield Path(sys.executable).parent
        return
    with running() as folder:
        yield folder


if __name__ == "__main__":
    serve(sys.argv[1])
    try:
        run()
    except SystemExit as leaving:
        # An interpreter that shuts down writes to all of its memory, which takes as long as the command.
        os._exit(leaving.code)
