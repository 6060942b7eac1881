"""What blocks runs in threads: few, used again, and none that holds up the end. And signals, however busy the loop."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import threading
import time

import pytest

from livecli.process import run as running
from livecli.process.run import MAX_THREADS, run

SECONDS_AT_MOST = 20


def test_many_calls_at_once_share_a_bounded_number_of_threads():
    opened, before = threading.Event(), threading.active_count()
    counts = []

    def block(number):
        counts.append(threading.active_count() - before)
        opened.wait(SECONDS_AT_MOST)
        return number

    async def main():
        calls = [asyncio.create_task(asyncio.to_thread(block, number)) for number in range(5 * MAX_THREADS)]
        async with asyncio.timeout(SECONDS_AT_MOST):
            while len(counts) < MAX_THREADS:
                await asyncio.sleep(0.005)
            assert threading.active_count() - before == MAX_THREADS
            opened.set()
            return await asyncio.gather(*calls)

    assert run(main()) == list(range(5 * MAX_THREADS))
    assert max(counts) == MAX_THREADS


def test_one_call_after_another_takes_one_thread():
    async def main():
        return {await asyncio.to_thread(threading.get_ident) for _ in range(1000)}

    assert len(run(main())) == 1


def test_the_threads_end_with_the_loop():
    before = threading.active_count()

    async def main():
        await asyncio.gather(*(asyncio.to_thread(time.sleep, 0.01) for _ in range(20)))

    run(main())
    limit = time.monotonic() + SECONDS_AT_MOST
    while threading.active_count() > before:
        assert time.monotonic() < limit
        time.sleep(0.005)


def test_a_call_that_nobody_waits_for_any_more_does_no_harm_to_the_next(monkeypatch):
    monkeypatch.setattr(running, "MAX_THREADS", 1)

    async def main():
        begun, opened = threading.Event(), threading.Event()

        def block():
            begun.set()
            opened.wait(SECONDS_AT_MOST)

        blocked, waits = asyncio.create_task(asyncio.to_thread(block)), asyncio.create_task(asyncio.to_thread(int))
        while not begun.is_set():
            await asyncio.sleep(0.005)
        blocked.cancel()
        waits.cancel()
        opened.set()
        with pytest.raises(ZeroDivisionError):
            await asyncio.to_thread(divmod, 1, 0)
        return await asyncio.to_thread(lambda: "still there")

    assert run(main()) == "still there"


ENDS = """
import asyncio, threading
from livecli.process.run import MAX_THREADS, run

async def main():
    for _ in range(2 * MAX_THREADS):
        asyncio.create_task(asyncio.to_thread(threading.Event().wait))
    await asyncio.sleep(0)

run(main())
"""


def test_calls_that_never_return_do_not_hold_up_the_exit():
    assert subprocess.run([sys.executable, "-c", ENDS], timeout=SECONDS_AT_MOST).returncode == 0


BLOCKED = """
import asyncio, re
from livecli.process.run import run

async def main():
    print("ready", flush=True)
    re.search(r"(a|aa)+$", 60 * "a" + "!")  # which takes years

run(main())
"""


@pytest.mark.parametrize(
    ("number", "status"),
    [(signal.SIGINT, -signal.SIGINT), (signal.SIGTERM, -signal.SIGTERM), (signal.SIGHUP, -signal.SIGHUP)],
)
def test_a_second_signal_ends_it_even_while_the_loop_is_blocked(number, status):
    with subprocess.Popen(
        [sys.executable, "-c", BLOCKED], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        try:
            assert process.stdout.readline() == "ready\n"
            limit = time.monotonic() + SECONDS_AT_MOST
            # Two signals that arrive together are one, so this goes on until one has ended it.
            while process.poll() is None:
                assert time.monotonic() < limit
                process.send_signal(number)
                time.sleep(0.05)
        finally:
            process.kill()
    assert process.returncode == status
