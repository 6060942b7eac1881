"""`livecli serve` where the system allows few open files, in a process of its own."""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from websockets.sync.client import ClientConnection, connect

from tests.end_to_end.conftest import Ran, wait_until

pytest.importorskip("resource", reason="the system has no limit of open files")

Serve = Callable[[int, int], tuple[str, Path]]
PATH = "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent?key=k"
SETUP = json.dumps({"setup": {"model": "models/gemini-3.8-live"}})

LIMITED = """
import resource, sys
resource.setrlimit(resource.RLIMIT_NOFILE, (int(sys.argv[1]), int(sys.argv[2])))
from livecli.__main__ import main
sys.exit(main(["serve", "--port", "0", "--tls-port", "0", "--pace", "instant"]))
"""
"""A server whose limit of open files has this soft and this hard value."""


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """Start LIMITED with these two limits: its URL, and the file with its standard error."""
    with contextlib.ExitStack() as stack:

        def start(soft: int, hard: int) -> tuple[str, Path]:
            errors = tmp_path / "errors"
            command = [sys.executable, "-c", LIMITED, str(soft), str(hard)]
            stderr = stack.enter_context(errors.open("wb"))
            process = stack.enter_context(subprocess.Popen(command, stdout=subprocess.PIPE, stderr=stderr))
            stack.callback(process.kill)
            assert process.stdout is not None
            line = process.stdout.readline().decode()
            return line.strip().partition("=")[2], errors

        yield start


def crowd(stack: contextlib.ExitStack, url: str) -> None:
    """Two hundred connections that say nothing."""
    for _ in range(200):
        stack.enter_context(socket.create_connection(("127.0.0.1", urlsplit(url).port or 0), timeout=10))


def turn(ws: ClientConnection) -> None:
    """A text is answered."""
    ws.send(json.dumps({"realtimeInput": {"text": "hello"}}))
    while b"turnComplete" not in ws.recv(timeout=10, decode=False):
        pass


def test_out_of_files_is_one_line_and_passes(livecli: Callable[..., Ran], serve: Serve) -> None:
    url, errors = serve(64, 64)
    with connect(url + PATH) as ws:
        ws.send(SETUP)
        assert b"setupComplete" in ws.recv(timeout=10, decode=False)
        # Its libraries are loaded then.
        turn(ws)
        with contextlib.ExitStack() as stack:
            crowd(stack, url)
            wait_until(lambda: b"connections wait" in errors.read_bytes())
            turn(ws)
        ran = livecli("send", "--base-url", url, "--text", "hello", "--json")
        assert ran.status == 0, ran.err
    said = errors.read_text()
    assert "Traceback" not in said
    [line] = [line for line in said.splitlines() if "connections wait" in line]
    assert line.endswith("connections wait, because none can be accepted now: Too many open files")


def test_a_low_limit_is_raised_as_far_as_the_system_allows(livecli: Callable[..., Ran], serve: Serve) -> None:
    url, errors = serve(64, 1_000)
    with contextlib.ExitStack() as stack:
        crowd(stack, url)
        ran = livecli("send", "--base-url", url, "--text", "hello", "--json", "--retries", 0)
        assert ran.status == 0, ran.err
    assert "connections wait" not in errors.read_text()
