import asyncio
import signal
import sys
from dataclasses import replace

import pytest

from livecli.client.open import Timeouts, resolved
from livecli.errors import ProcessKilled
from livecli.protocol.endpoint import Target
from livecli.report.reporter import Reporter
from livecli.report.summary import Summary
from livecli.runs import processes
from livecli.runs.processes import worker_pool
from livecli.runs.request import Request
from tests.live_server import live_server


def exchanged(request, **options):
    """Send a request in the only process of a pool, which a function of it may kill."""

    async def main():
        async with asyncio.timeout(20), worker_pool(1) as pool:
            await pool.start()
            [worker] = pool._workers
            bound = replace(request, timeouts=replace(request.timeouts, pause=lambda _: killed(worker._process)))
            await pool.exchange(bound, Target(base_url=server.url), Summary("text"), Reporter(), resolved)

    async def killed(process):
        process.kill()
        await asyncio.Event().wait()

    with live_server(lambda connection: None, **options) as server:
        asyncio.run(main())


def test_a_process_that_is_killed_while_its_session_waits_for_its_turn():
    with pytest.raises(ProcessKilled, match="the process with this session was ended by SIGKILL"):
        exchanged(Request(text="hello"), status=503)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGSTOP")
def test_a_process_that_does_not_end_a_cancelled_session_is_killed(monkeypatch):
    """As after Ctrl-C, where one process is stopped."""
    monkeypatch.setattr(processes, "END_SECONDS", 0.2)

    async def main():
        async with asyncio.timeout(20), worker_pool(1) as pool:
            await pool.start()
            [worker] = pool._workers
            has_begun = asyncio.Event()

            async def paused(_):
                has_begun.set()
                await asyncio.Event().wait()

            request = Request(text="hello", timeouts=Timeouts(pause=paused))
            exchange = pool.exchange(request, Target(base_url=server.url), Summary("text"), Reporter(), resolved)
            task = asyncio.create_task(exchange)
            await has_begun.wait()
            worker._process.send_signal(signal.SIGSTOP)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert worker._process.returncode == -signal.SIGKILL

    with live_server(lambda connection: None, status=503) as server:
        asyncio.run(main())


def test_a_bug_in_another_process_has_its_traceback():
    with pytest.raises(RuntimeError, match="AttributeError in another process") as caught:
        exchanged(Request(text="hello", toolbox=None))
    assert "in setup\n" in "".join(caught.value.__notes__)
