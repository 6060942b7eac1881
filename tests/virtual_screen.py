"""A virtual screen for a test, by Xvfb: 1600 × 900 pixels, all of them black."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator

import pytest

from tests.needs import needs


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A screen that this process and its children see."""
    # Xvfb chooses a number that is free, and writes it when it is ready.
    reading, writing = os.pipe()
    words = [needs("Xvfb"), "-displayfd", str(writing), "-screen", "0", "1600x900x24", "-nolisten", "tcp"]
    process = subprocess.Popen(words, pass_fds=[writing], stderr=subprocess.DEVNULL)
    os.close(writing)
    try:
        with os.fdopen(reading) as file:
            number = file.readline().strip()
        assert number, "Xvfb did not start"
        monkeypatch.setenv("DISPLAY", f":{number}")
        yield
    finally:
        process.terminate()
        process.wait(20)
