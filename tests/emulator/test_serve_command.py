"""`livecli serve` in a process of its own, ended by a signal."""

from __future__ import annotations

import asyncio
import re
import signal
import sys
import time

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

SERVE = """
import sys
from livecli.commands.serve import serve
from livecli.errors import LivecliError
try:
    serve(port=0, quiet={quiet})
except LivecliError as error:
    sys.exit(error.exit_status)
"""
PATH = "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent"


@pytest.mark.parametrize(("signum", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
@pytest.mark.parametrize("quiet", [False, True])
async def test_it_says_where_it_listens_and_ends_on_a_signal(signum: int, status: int, quiet: bool) -> None:
    pipe = asyncio.subprocess.PIPE
    script = SERVE.format(quiet=quiet)
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", script, stdout=pipe, stderr=pipe)
    assert process.stdout is not None
    async with asyncio.timeout(30):
        try:
            line = (await process.stdout.readline()).decode()
            found = re.fullmatch(r"export LIVECLI_BASE_URL=(ws://127\.0\.0\.1:\d+)\n", line)
            assert found, line
            ws = await connect(found[1] + PATH)
            await ws.send('{"setup":{"model":"models/gemini-3.8-live"}}')
            assert await ws.recv() == b'{\n  "setupComplete": {}\n}\n'
            started = time.monotonic()
            process.send_signal(signum)
            with pytest.raises(ConnectionClosed):
                await ws.recv()
            assert ws.close_code == 1001
            stdout, stderr = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
    assert time.monotonic() - started < 2
    assert process.returncode == status
    assert stdout == b""
    assert stderr.decode().splitlines() == ([] if quiet else ["[1] connected: developer v1beta", "[1] closed: 1001"])


def test_importing_the_command_loads_nothing_heavy() -> None:
    import subprocess

    heavy = "{'asyncio', 'websockets', 'numpy', 'soxr', 'msgspec'}"
    code = f"import sys, livecli.commands.serve; print({heavy} & set(sys.modules))"
    assert subprocess.check_output([sys.executable, "-c", code], text=True, timeout=30) == "set()\n"
