"""One command: its input and output, its time limit, and its end."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from pathlib import Path

import pytest

from livecli.credentials.credential import CREDENTIAL_VARIABLES
from livecli.tools import command
from livecli.tools.command import MAX_STDERR_BYTES, Outcome, failure, inherit_problem, run
from livecli.tools.toolbox import Tool

SECONDS_AT_MOST = 10

STEPS_TO_FORK = 2
"""The command has its process after so many steps of the event loop."""


def tool(code: str, timeout: float = SECONDS_AT_MOST) -> Tool:
    return Tool("f", (sys.executable, "-c", f"import json, os, sys, time\n{code}"), timeout_seconds=timeout)


async def test_the_arguments_are_its_input_and_an_object_is_the_response():
    outcome = await run(tool("print(json.dumps({'got': json.load(sys.stdin)}))"), {"near": "é"})
    assert outcome == Outcome({"got": {"near": "é"}})


@pytest.mark.parametrize(
    ("printed", "response"),
    [
        ("'a text'", {"output": "a text"}),
        ("'[1, 2]'", {"output": [1, 2]}),
        ("'null'", {"output": "(nothing)"}),
        ("''", {"output": "(nothing)"}),
        ("'{}'", {"output": "(nothing)"}),
        ("'NaN'", {"output": "NaN"}),
        ("'[' * 5000", {"output": "[" * 5000}),
        ("'[' * 500 + ']' * 500", {"output": "[" * 500 + "]" * 500}),
    ],
    ids=str,
)
async def test_other_output_is_wrapped_and_never_empty(printed, response):
    assert await run(tool(f"print({printed})"), {}) == Outcome(response)


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("sys.exit(3)", "exit status 3"),
        ("sys.exit('no\\nsuch station')", "exit status 1: such station"),
        ("os.kill(os.getpid(), 9)", "killed by SIGKILL"),
        ("print('x' * 600_000); sys.stdout.flush(); time.sleep(60)", "killed after more than 512 KiB of output"),
    ],
)
async def test_a_failure_is_described(code, reason):
    outcome = await run(tool(code), {})
    assert (outcome.response, outcome.failed) == ({"error": reason}, True)


async def test_a_program_that_cannot_be_run():
    outcome = await run(Tool("f", ("/dev/null",)), {})
    assert outcome == failure("cannot run /dev/null: Permission denied")


async def test_the_end_of_standard_error_is_kept():
    outcome = await run(tool("sys.stderr.write('a' * 10_000 + 'end'); print('done')"), {})
    assert outcome.response == {"output": "done"}
    assert outcome.stderr == "a" * (MAX_STDERR_BYTES - 3) + "end"


BASE = {"PATH": os.environ["PATH"], "HOME": "/h", "LANG": "C.UTF-8", "LC_TIME": "C", "TMPDIR": "/t", "TERM": "dumb"}


async def test_its_environment_is_the_base_and_what_the_tool_names(monkeypatch):
    proxy = {"HTTPS_PROXY": "http://user:password@proxy"}
    secrets = {**dict.fromkeys(CREDENTIAL_VARIABLES, "secret"), **proxy}
    for name, value in {**BASE, **secrets, "DATABASE": "db", "OTHER": "1"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(os, "environ", {name: os.environ[name] for name in [*BASE, *secrets, "DATABASE", "OTHER"]})
    named = Tool("f", ("env",), env={"A": "1=2", "LANG": "de"}, inherit=("DATABASE", "MISSING"))
    outcome = await run(named, {})
    seen = dict(line.split("=", 1) for line in outcome.response["output"].splitlines())
    assert seen == {**BASE, "A": "1=2", "LANG": "de", "DATABASE": "db"}


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("GOOGLE_API_KEY", "", "GOOGLE_API_KEY is a credential of livecli, which no tool inherits"),
        ("https_proxy", "user:pw@host:1", "https_proxy has the password of a proxy, which no tool inherits"),
        ("https_proxy", "http://host:1", None),
        ("GOOGLE_APPLICATION_CREDENTIALS", "/key.json", None),
        ("MAIL", "me@example.com", None),
    ],
)
def test_a_credential_is_not_inherited(name, value, problem):
    assert inherit_problem(name, {name: value}) == problem


def child_of(started: Path) -> str:
    """Code that starts a process, writes its number to `started`, and waits for it."""
    return (
        f"import subprocess; path = {str(started)!r}; child = subprocess.Popen(['sleep', '60'])\n"
        "open(path + '~', 'w').write(str(child.pid)); os.rename(path + '~', path)\n"
        "child.wait()"
    )


async def is_gone(pid: int) -> bool:
    """Whether the process ends within the time limit."""
    async with asyncio.timeout(SECONDS_AT_MOST):
        while True:
            try:
                state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
            except OSError:
                return True
            if state == "Z":
                return True
            await asyncio.sleep(0.01)


async def test_after_its_timeout_it_is_killed_with_what_it_started(tmp_path):
    outcome = await run(tool(child_of(tmp_path / "started"), timeout=2), {})
    assert outcome == failure("killed after 2 s without a result")
    assert await is_gone(int((tmp_path / "started").read_text()))


async def test_when_cancelled_it_is_killed_with_what_it_started(tmp_path):
    started = tmp_path / "started"
    task = asyncio.create_task(run(tool(child_of(started)), {}))
    async with asyncio.timeout(SECONDS_AT_MOST):
        while not started.exists():
            await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await is_gone(int(started.read_text()))


@pytest.mark.parametrize("again", [False, True], ids=["once", "twice"])
@pytest.mark.parametrize("steps", range(10))
async def test_it_may_be_cancelled_at_every_step_of_its_creation(tmp_path, steps, again):
    """The event loop is held up until the command has started a process, as it may be on a busy machine."""
    started = tmp_path / "started"
    code = f"sleep 60 & echo $! > {started}~; mv {started}~ {started}; wait"
    task = asyncio.create_task(run(Tool("f", ("sh", "-c", code)), {}))
    for _ in range(steps):
        await asyncio.sleep(0)
    if steps >= STEPS_TO_FORK:
        deadline = time.monotonic() + SECONDS_AT_MOST
        while not started.exists() and time.monotonic() < deadline:
            time.sleep(0.001)
    task.cancel()
    if again:
        await asyncio.sleep(0)
        task.cancel()
    async with asyncio.timeout(SECONDS_AT_MOST):
        with pytest.raises(asyncio.CancelledError):
            await task
    assert task.cancelled()
    assert started.exists() or steps < STEPS_TO_FORK
    assert not started.exists() or await is_gone(int(started.read_text()))


async def test_a_process_in_the_background_does_not_delay_the_result(tmp_path):
    code = "import subprocess; child = subprocess.Popen(['sleep', '60']); print(child.pid)"
    began = time.monotonic()
    outcome = await run(tool(code), {})
    assert time.monotonic() - began < SECONDS_AT_MOST
    os.kill(outcome.response["output"], 9)


@pytest.mark.skipif(os.name == "nt", reason="signals have other names")
def test_a_signal_without_a_name_has_its_number():
    assert command._signal_name(200) == "signal 200"
