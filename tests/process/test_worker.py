from __future__ import annotations

import os
import signal
import socket
from pathlib import Path
from typing import Any

import pytest

from livecli.errors import CannotRun, UsageError
from livecli.process import worker

RECEIVED = 5


def echo(end: socket.socket) -> None:
    """A worker: returns what it is sent, and its signals, and then fails."""
    with end:
        end.settimeout(10)
        end.sendall(b"ready")
        end.sendall(end.recv(100))
        blocked = signal.pthread_sigmask(signal.SIG_BLOCK, ())
        end.sendall(b",".join(sorted(each.name.encode() for each in blocked)))
    raise CannotRun("no", exit_status=RECEIVED)


@pytest.mark.skipif(not hasattr(signal, "pthread_sigmask"), reason="needs POSIX")
def test_a_worker_has_a_channel_and_no_signals_of_the_terminal(capfd: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path.cwd()))
    started = worker.start(f"{__name__}:echo")
    with started.end as end:
        end.settimeout(20)
        assert end.recv(5) == b"ready"
        end.sendall(b"words")
        assert end.recv(5) == b"words"
        assert end.recv(100) == b"SIGHUP,SIGINT"
        assert end.recv(1) == b""
    assert started.process.wait(10) == RECEIVED
    assert capfd.readouterr().err == "error: no\n"
    assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == set()


@pytest.mark.parametrize(
    ("status", "words"),
    [(0, "has ended with status 0"), (-9, "was ended by SIGKILL"), (-200, "was ended by signal 200")],
)
def test_how_it_has_ended(status: int, words: str) -> None:
    assert worker.ending(status) == words


def test_the_number_of_processes() -> None:
    assert worker.process_count("3") == 3
    assert 1 <= worker.process_count("auto") <= (os.cpu_count() or 1)
    for wrong in ("0", "-1", "two", "257", ""):
        with pytest.raises(UsageError, match="is not a number of processes"):
            worker.process_count(wrong)
