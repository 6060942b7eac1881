"""`livecli serve --processes`: sessions in several processes, which share what clients see of the emulator."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from livecli.emulator import processes
from livecli.emulator.access import INVALID_CREDENTIAL
from livecli.process.background import PID_HEADER, WORKER_PID_HEADER

PATH = "/ws/google.ai.generativelanguage.v1alpha.GenerativeService.BidiGenerateContentConstrained"
SETUP = {"model": "models/gemini-2.5-flash-native-audio-preview-12-2025", "outputAudioTranscription": {}}
BOUND_SECONDS = 30.0

SCRIPT = """
[[turn]]
say = "One."
[[turn]]
say = "Two."
expect_text = "second"
[expect]
connections = "2.."
"""

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs sockets that processes share")


class Emulator:
    """An emulator of two workers in a process of its own."""

    def __init__(self, process: subprocess.Popen[bytes], url: str, folder: Path) -> None:
        self.process, self.url, self.folder = process, url, folder

    @property
    def http(self) -> str:
        return self.url.replace("ws:", "http:")

    def worker(self) -> int:
        """One of the workers, as the system chooses it."""
        with urllib.request.urlopen(f"{self.http}/healthz", timeout=10) as response:
            assert response.headers[PID_HEADER] == str(self.process.pid)
            return int(response.headers[WORKER_PID_HEADER])

    def workers(self) -> set[int]:
        """Both workers."""
        found: set[int] = set()
        deadline = time.monotonic() + BOUND_SECONDS
        while len(found) < 2:
            assert time.monotonic() < deadline
            found.add(self.worker())
        return found

    def token(self, **terms: Any) -> str:
        request = urllib.request.Request(f"{self.http}/v1alpha/auth_tokens", json.dumps(terms).encode())
        with urllib.request.urlopen(request, timeout=10) as response:
            return str(json.load(response)["name"])

    def log(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.folder / "log.jsonl").read_text().splitlines()]

    def stderr(self) -> str:
        return (self.folder / "stderr").read_text()


@contextmanager
def emulator(folder: Path, *words: str) -> Iterator[Emulator]:
    argv = ["serve", "--processes", "2", "--port", "0", "--tls-port", "0", "--pace", "instant", *words]
    with (folder / "stderr").open("wb") as stderr:
        process = subprocess.Popen(
            [sys.executable, "-m", "livecli", *argv], cwd=folder, stdout=subprocess.PIPE, stderr=stderr
        )
    try:
        assert process.stdout is not None
        _, _, url = shlex.split(process.stdout.readline().decode())[1].partition("=")
        yield Emulator(process, url, folder)
    finally:
        process.kill()
        process.communicate()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    folder = tmp_path_factory.mktemp("serve")
    with emulator(folder, "--log", "log.jsonl", "--record", "sessions", "--fault", "http=503@connect#1") as made:
        # The first upgrade of all processes is the one with the fault.
        with pytest.raises(InvalidStatus) as refused:
            asyncio.run(_open_and_close(made))
        assert refused.value.response.status_code == 503
        yield made
        workers = made.workers()
        made.process.kill()
        made.process.wait(BOUND_SECONDS)
        deadline = time.monotonic() + BOUND_SECONDS
        while any(map(is_running, workers)):
            assert time.monotonic() < deadline, "a worker outlives the first process"
            time.sleep(0.01)


async def _open_and_close(made: Emulator) -> None:
    async with connect(made.url + PATH):
        pass


async def on_worker(made: Emulator, wanted: Callable[[int], bool], query: str = "") -> tuple[ClientConnection, int]:
    """A connection to a worker that is `wanted`, and that worker."""
    async with asyncio.timeout(BOUND_SECONDS):
        while True:
            socket = await connect(made.url + PATH + query)
            assert socket.response is not None
            pid = int(socket.response.headers[WORKER_PID_HEADER])
            if wanted(pid):
                return socket, pid
            await socket.close()


async def say(socket: ClientConnection, **message: Any) -> None:
    await socket.send(json.dumps(message))


async def until(socket: ClientConnection, key: str) -> str:
    """The messages up to one with this key, as text."""
    heard = ""
    async with asyncio.timeout(BOUND_SECONDS):
        while f'"{key}"' not in heard:
            heard += (await socket.recv(decode=True)) + "\n"
    return heard


async def close_of(socket: ClientConnection) -> tuple[int, str]:
    async with asyncio.timeout(BOUND_SECONDS):
        with pytest.raises(ConnectionClosed) as closed:
            while True:
                await socket.recv()
    assert closed.value.rcvd is not None
    return closed.value.rcvd.code, closed.value.rcvd.reason


async def converse(socket: ClientConnection, text: str, handle: str | None = None) -> tuple[str, str]:
    """Ask one question. Returns the answer's transcript and the handle after it."""
    await say(socket, setup={**SETUP, "sessionResumption": {"handle": handle} if handle else {}})
    await say(socket, realtimeInput={"text": text})
    heard = await until(socket, "turnComplete")
    heard += await until(socket, "newHandle")
    words = "".join(re.findall(r'"outputTranscription": \{\s*"text": "([^"]*)"', heard))
    return words, re.findall(r'"newHandle": "([^"]+)"', heard)[-1]


async def test_a_session_is_resumed_by_another_process_and_only_once_at_a_time(running: Emulator) -> None:
    first, pid = await on_worker(running, lambda _: True)
    words, handle = await converse(first, "first")
    assert words == "first"
    second, _ = await on_worker(running, lambda other: other != pid)
    await say(second, setup={**SETUP, "sessionResumption": {"handle": handle}})
    assert await close_of(second) == (1011, "Internal error encountered.")
    await first.close()
    third, there = await on_worker(running, lambda other: other != pid)
    assert (await converse(third, "second", handle))[0] == "second"
    await third.close()
    # The session moved, and may move back.
    fourth, _ = await on_worker(running, lambda other: other != there)
    assert (await converse(fourth, "third", handle))[0] == "third"
    await fourth.close()
    unknown, _ = await on_worker(running, lambda _: True)
    await say(unknown, setup={**SETUP, "sessionResumption": {"handle": "x" * 64}})
    assert (await close_of(unknown))[0] == 1008


async def test_a_token_of_one_process_opens_one_session_of_another(running: Emulator) -> None:
    query = f"?access_token={running.token(uses=1)}"
    first, pid = await on_worker(running, lambda _: True, query)
    _, handle = await converse(first, "first")
    await first.close()
    second, _ = await on_worker(running, lambda other: other != pid, query)
    await say(second, setup=SETUP)
    assert await close_of(second) == (1007, INVALID_CREDENTIAL.encode()[:123].decode())
    # To go on with a session is no further use.
    third, _ = await on_worker(running, lambda other: other != pid, query)
    assert (await converse(third, "second", handle))[0] == "second"
    await third.close()


def test_sessions_are_spread_and_every_line_is_whole(running: Emulator) -> None:
    async def many() -> set[int]:
        async def one(number: int) -> int:
            socket, pid = await on_worker(running, lambda _: True)
            await converse(socket, f"session {number}")
            await socket.close()
            return pid

        return set(await asyncio.gather(*(one(number) for number in range(24))))

    assert asyncio.run(many()) == running.workers()
    deadline = time.monotonic() + BOUND_SECONDS
    while not [line for line in running.log() if line["type"] == "text"][23:]:
        assert time.monotonic() < deadline
    asked = [line["text"] for line in running.log() if line["type"] == "text" and line["text"].startswith("session")]
    assert sorted(asked) == sorted(f"session {number}" for number in range(24))
    numbers = [line["connection"] for line in running.log() if line["type"] == "setup"]
    assert len(set(numbers)) == len(numbers)
    assert 1 not in numbers, "that one was refused"
    recorded = {path.stem.rpartition("-")[2] for path in (running.folder / "sessions").glob("*.live")}
    assert {str(number) for number in numbers} <= recorded


async def test_the_log_of_one_process_has_the_sessions_of_all(running: Emulator) -> None:
    host, port = running.http.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(f"GET /log HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
    async with asyncio.timeout(BOUND_SECONDS):
        await reader.readuntil(b"\r\n\r\n")
        for worker in running.workers():
            socket, _ = await on_worker(running, lambda pid, worker=worker: pid == worker)
            await converse(socket, f"to {worker}")
            await socket.close()
            while (line := json.loads(await reader.readline())).get("text") != f"to {worker}" or line["type"] != "text":
                pass
    writer.close()
    await writer.wait_closed()


async def test_a_worker_that_is_killed_is_replaced_and_the_others_go_on(tmp_path: Path) -> None:
    (tmp_path / "s.toml").write_text(SCRIPT)
    with emulator(tmp_path, "--script", "s.toml", "--junit", "r.xml") as made:
        going_on, pid = await on_worker(made, lambda _: True)
        words, handle = await converse(going_on, "first")
        assert words == "One."
        lost, other = await on_worker(made, lambda other: other != pid)
        os.kill(other, signal.SIGKILL)
        with pytest.raises(ConnectionClosed):
            await asyncio.wait_for(lost.recv(), BOUND_SECONDS)
        third, third_pid = await on_worker(made, lambda any_: any_ not in (pid, other))
        assert (
            f"warning: worker {other} was ended by SIGKILL: its sessions are lost, and another worker takes its place\n"
            in made.stderr()
        )
        await going_on.close()
        # The behaviour of the script is part of the session.
        assert (await converse(third, "second", handle))[0] == "Two."
        await third.close()
        made.process.send_signal(signal.SIGTERM)
        assert made.process.wait(BOUND_SECONDS) == 143
        assert "expectation" not in made.stderr()
    assert b'tests="2" failures="0"' in (tmp_path / "r.xml").read_bytes()
    assert not any(is_running(each) for each in (pid, third_pid))


def is_running(pid: int) -> bool:
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False


def test_a_command_has_the_emulator_for_itself(
    livecli_and_children: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As where the system has no sockets over which it spreads connections: all processes have the same one.
    monkeypatch.setattr(processes, "BALANCES", False)
    (tmp_path / "s.toml").write_text(SCRIPT)
    program = [sys.executable, "-m", "livecli", "send", "--text", "hi", "-q"]
    ran = livecli_and_children("serve", "-q", "--processes", "2", "--script", "s.toml", "--", *program)
    assert (ran.status, ran.out) == (1, "One.\n")
    assert ran.err == ("s.toml:8: connections: expected 2.., actual 1\nerror: 1 expectation of s.toml did not hold\n")


def test_a_script_that_the_workers_cannot_read(livecli_and_children: Callable[..., Any], tmp_path: Path) -> None:
    here, there = os.pipe()
    os.write(there, SCRIPT.encode())
    os.close(there)
    ran = livecli_and_children("serve", "--processes", "2", "--port", 0, "--tls-port", 0, "--script", f"/dev/fd/{here}")
    os.close(here)
    assert (ran.status, ran.out) == (5, "")
    lines = ran.err.splitlines()
    assert f"error: cannot read /dev/fd/{here}: No such file or directory" in lines
    assert re.fullmatch(r"error: worker \d+ has ended with status 3 while it started", lines[-2])
    assert lines[-1] == "hint: each process reads the files that the options name, which cannot be pipes"


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["--processes", "0"], "--processes 0 is not a number of processes"),
        (
            ["--processes", "2", "--replay", "a.live"],
            "--replay cannot be combined with --processes: one process gives out the recorded sessions in turn",
        ),
    ],
)
def test_what_it_refuses(livecli: Callable[..., Any], words: list[str], error: str) -> None:
    ran = livecli("serve", *words)
    assert (ran.status, ran.err.splitlines()[0]) == (2, f"error: {error}")
