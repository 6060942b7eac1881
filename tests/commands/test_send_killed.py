"""Killed at whatever moment, a run leaves a reply that opens, and an older one as it was."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.commands.conftest import read_wav, tone, write_wav
from tests.serving import serving

RUNS = 50
OLDER = bytes(range(200))


def kill_one(folder: Path, url: str, after: float) -> None:
    folder.mkdir()
    write_wav(folder / "q.wav", tone(16_000))
    write_wav(folder / "q.reply.wav", OLDER)
    command = [sys.executable, "-m", "livecli", "send", "q.wav", "--base-url", url, "--speed", "0", "-q"]
    process = subprocess.Popen(command, cwd=folder)
    ends = time.monotonic() + 20
    while not (folder / "q.reply.partial.wav").exists() and process.poll() is None and time.monotonic() < ends:
        time.sleep(0.002)
    time.sleep(after)
    process.kill()
    process.wait(10)


@pytest.mark.timeout(120)
def test_fifty_times(livecli, tmp_path) -> None:
    write_wav(tmp_path / "q.wav", tone(16_000))
    moments = random.Random(5)
    with serving("slow=150000@setup") as served:
        assert livecli("send", "q.wav", "--base-url", served.url, "--speed", 0).status == 0
        rate, whole = read_wav(tmp_path / "q.reply.wav")
        with ThreadPoolExecutor(5) as several:
            for number in range(RUNS):
                several.submit(kill_one, tmp_path / f"run{number}", served.url, moments.random() * 0.6)
    lengths = []
    for number in range(RUNS):
        folder = tmp_path / f"run{number}"
        partial = folder / "q.reply.partial.wav"
        found = read_wav(folder / "q.reply.wav")
        if partial.exists():
            assert found == (16_000, OLDER)
            part_rate, part = read_wav(partial)
            assert part_rate == rate
            assert part == whole[: len(part)]
            lengths.append(len(part))
        else:
            assert found in ((16_000, OLDER), (rate, whole))
    assert len({length for length in lengths if 0 < length < len(whole)}) > 3, "kills landed during the reply"
