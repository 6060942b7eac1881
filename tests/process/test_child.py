"""A child process: its status, its environment, and the signals that are forwarded to it."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys

import pytest

from livecli.errors import CannotRun
from livecli.process.child import run_child
from livecli.process.run import run

SECONDS_AT_MOST = 20


def python(code: str) -> list[str]:
    return [sys.executable, "-S", "-c", code]


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("raise SystemExit(0)", 0),
        ("raise SystemExit(3)", 3),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", 128 + signal.SIGKILL),
    ],
)
def test_the_status_is_the_childs(code: str, status: int) -> None:
    assert run(run_child(python(code), os.environ)) == status


def test_the_environment_is_the_given_one() -> None:
    code = "import os; raise SystemExit(os.environ.get('ONLY') != 'this' or 'HOME' in os.environ)"
    assert run(run_child(python(code), {"ONLY": "this"})) == 0


def test_a_command_that_cannot_be_run(tmp_path) -> None:
    file = tmp_path / "no-program"
    file.write_text("no program")
    for command, status, reason in [
        (str(tmp_path / "missing"), 127, "No such file or directory"),
        (str(file), 126, "Permission denied"),
    ]:
        with pytest.raises(CannotRun) as caught:
            run(run_child([command], os.environ))
        assert caught.value.message == f"cannot run {command}: {reason}"
        assert caught.value.exit_status == status


PARENT = """
import os, sys
from livecli.process.child import run_child
from livecli.process.run import run

sys.exit(run(run_child([sys.executable, "-S", "-u", "-c", sys.argv[1]], os.environ)))
"""
CHILD = """
import signal, sys, time

def handle(number, frame):
    print("got", number)
    sys.exit(7)

for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
    signal.signal(number, handle)
print("ready")
time.sleep(60)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_is_the_childs_and_so_is_the_end(number: signal.Signals) -> None:
    # A session of its own has no terminal, from which the child would get Ctrl-C directly.
    with subprocess.Popen(
        [sys.executable, "-c", PARENT, CHILD], stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as parent:
        assert parent.stdout
        assert parent.stdout.readline() == "ready\n"
        parent.send_signal(number)
        assert parent.stdout.read() == f"got {number:d}\n"
        assert parent.wait(SECONDS_AT_MOST) == 7


def test_a_cancelled_run_ends_the_child(tmp_path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    code = "import sys, time; file = open(sys.argv[1], 'w'); file.write('ready'); file.flush(); time.sleep(60)"

    async def main() -> tuple[str, str]:
        running = asyncio.create_task(run_child([*python(code), str(fifo)], os.environ))
        async with asyncio.timeout(SECONDS_AT_MOST):
            with await asyncio.to_thread(fifo.open) as file:
                first = await asyncio.to_thread(file.read, 5)
                running.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await running
                # The end of the file shows that the child, its only writer, has ended.
                return first, await asyncio.to_thread(file.read)

    assert run(main()) == ("ready", "")
