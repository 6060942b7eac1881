"""`livecli serve --background`, and how it is ended; `--env-file` and `--ready-fd`."""

from __future__ import annotations

import os
import shlex
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from livecli.process import background
from livecli.process.folders import state_folder

Livecli = Callable[..., Any]
FREE = ("--port", "0", "--tls-port", "0")


def variables(exports: str) -> dict[str, str]:
    return dict(word.split("=", 1) for word in shlex.split(exports) if word != "export")


@pytest.fixture(autouse=True)
def _ended(livecli: Livecli) -> Iterator[None]:
    """Nothing is left running."""
    yield
    for address in background.addresses(state_folder() / "serve"):
        pid = background.pid_at(address)
        assert pid is not None
        os.kill(pid, signal.SIGKILL)


def test_it_listens_when_the_command_returns_until_it_is_stopped(
    livecli: Livecli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "s.toml").write_text('[[turn]]\nsay = "Here."\n')
    key = "a-key-that-no-process-list-has"
    ran = livecli("serve", "--background", *FREE, "--script", "s.toml", "--require-key", key, "--env-file", "e")
    assert (ran.status, ran.err.count("`livecli serve --stop` ends it")) == (0, 1)
    assert (tmp_path / "e").read_text() == "".join(f"{name}={value}\n" for name, value in variables(ran.out).items())
    url = variables(ran.out)["LIVECLI_BASE_URL"]
    pid = background.pid_at(url.removeprefix("ws://"))
    assert pid is not None
    assert key not in subprocess.check_output(["ps", "-o", "args=", "-p", str(pid)], text=True)
    monkeypatch.setenv("GOOGLE_API_KEY", key)
    assert livecli("send", "--platform", "developer", "--text", "?", "-q", "--base-url", url).out == "Here.\n"
    stopped = livecli("serve", "--stop")
    assert (stopped.status, stopped.out, stopped.err) == (0, "", "")
    assert list((state_folder() / "serve").iterdir()) == []
    again = livecli("serve", "--stop")
    assert (again.status, again.err.splitlines()[0]) == (5, "error: no emulator is running at 127.0.0.1:8765")


def test_what_a_script_expects_is_told_by_the_command_that_stops_it(livecli: Livecli, tmp_path: Path) -> None:
    (tmp_path / "s.toml").write_text('[[turn]]\nsay = "Here."\nexpect_text = "hi"\nunused = "error"\n')
    ran = livecli("serve", "--background", *FREE, "--script", "s.toml", "--junit", "r.xml")
    url = variables(ran.out)["LIVECLI_BASE_URL"]
    livecli("send", "--platform", "developer", "--text", "bye", "-q", "--base-url", url)
    stopped = livecli("serve", "--stop")
    assert (stopped.status, stopped.out, stopped.err) == (
        1,
        "",
        's.toml:3: expect_text: expected "hi", actual "bye"\nerror: 1 expectation of s.toml did not hold\n',
    )
    assert b'failures="1"' in (tmp_path / "r.xml").read_bytes()


def test_what_keeps_it_from_listening_is_the_error_of_the_command(livecli: Livecli) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ran = livecli("serve", "--background", "--port", port, "--tls-port", 0)
    assert (ran.status, ran.out) == (5, "")
    assert ran.err.startswith(f"error: port {port} (")
    assert ran.err.endswith(" is taken\nhint: --port 0 takes a free one\n")
    assert list((state_folder() / "serve").iterdir()) == []


def test_of_several_one_is_named(livecli: Livecli, monkeypatch: pytest.MonkeyPatch) -> None:
    urls = [variables(livecli("serve", "--background", *FREE, "-q").out)["LIVECLI_BASE_URL"] for _ in range(2)]
    ports = sorted(url.rpartition(":")[2] for url in urls)
    ran = livecli("serve", "--stop")
    assert ran.status == 2
    assert all(port in ran.err for port in ports)
    assert livecli("serve", "--stop", "--port", ports[0]).status == 0
    monkeypatch.setenv("LIVECLI_BASE_URL", f"ws://127.0.0.1:{ports[1]}")
    assert livecli("serve", "--stop").status == 0


def test_a_launcher_learns_of_it_by_a_file_descriptor(spawn: Callable[..., Any]) -> None:
    read_end, write_end = os.pipe()
    process = spawn("serve", *FREE, "-q", "--ready-fd", write_end, pass_fds=[write_end])
    os.close(write_end)
    with os.fdopen(read_end) as told:
        # The end of the file is read although the emulator is running.
        assert "LIVECLI_BASE_URL" in variables(told.read())
    process.terminate()
    assert process.communicate(timeout=20)[0] == b""


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (("--background", "--stop"), "--background cannot be combined with --stop"),
        (("--background", "--ready-fd", "1"), "--background cannot be combined with --ready-fd"),
        (("--background", "--", "true"), "--background cannot be combined with a COMMAND"),
        (("--env-file", "e", "--", "true"), "--env-file cannot be combined with a COMMAND"),
    ],
)
def test_what_excludes_one_another(livecli: Livecli, words: tuple[str, ...], problem: str) -> None:
    ran = livecli("serve", *words)
    assert (ran.status, ran.err.splitlines()[0]) == (2, f"error: {problem}")
