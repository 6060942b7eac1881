"""What the tests of the audio modules share: sound to read, the bytes that come of it, and standard input as a pipe."""

from __future__ import annotations

import asyncio
import math
import os
import subprocess
import sys
from array import array
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from tests.needs import needs

SECONDS_AT_MOST = 20.0


@pytest.fixture
def tone() -> Callable[..., bytes]:
    """PCM16 mono of a tone at half of full scale."""

    def make(seconds: float, rate: int, hertz: float = 440.0) -> bytes:
        step = 2 * math.pi * hertz / rate
        return array("h", (round(16_000 * math.sin(step * n)) for n in range(round(seconds * rate)))).tobytes()

    return make


@pytest.fixture
def pcm_of() -> Callable[[AsyncIterator[bytes]], object]:
    """All that a source gives; a source that never ends fails the test."""

    async def collect(source: AsyncIterator[bytes]) -> bytes:
        async with asyncio.timeout(SECONDS_AT_MOST):
            return b"".join([block async for block in source])

    return collect


@pytest.fixture
def tool() -> Callable[..., bytes]:
    """Run a program that may not be installed: the test is then skipped, naming it."""

    def run(name: str, *arguments: str | Path, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        needs(name)
        return subprocess.run([name, *arguments], input=stdin, capture_output=True, check=True, timeout=60)

    return run


@pytest.fixture
def python() -> Callable[..., subprocess.CompletedProcess[bytes]]:
    """Run Python code in a process of its own, with warnings as errors."""

    def run(code: str, *arguments: str | Path, **options: object) -> subprocess.CompletedProcess[bytes]:
        command = [sys.executable, "-W", "error", "-c", code, *map(str, arguments)]
        return subprocess.run(command, check=False, capture_output=True, timeout=60, **options)

    return run


@pytest.fixture
async def stdin_pipe(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Callable[[bytes | None], None]]:
    """Standard input is a pipe: call it with bytes to write them, with None to close it.

    It is asynchronous so that it ends before the loop does, which waits for the thread that reads the pipe.
    """
    read_end, write_end = os.pipe()
    reader, writer = os.fdopen(read_end), os.fdopen(write_end, "wb", buffering=0)
    monkeypatch.setattr(sys, "stdin", reader)

    def feed(data: bytes | None) -> None:
        if data is None:
            writer.close()
        else:
            writer.write(data)

    yield feed
    writer.close()
    reader.close()
