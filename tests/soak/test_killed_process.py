"""A process of `send --processes` that is killed at a random moment: each input is accounted for exactly once."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
from collections import Counter
from contextlib import suppress
from pathlib import Path

from tests.end_to_end.conftest import tone, wait_until, write_wav
from tests.end_to_end.test_send_processes import children, needs_proc

INPUTS, JOBS = 2_000, 100
WORDS = (
    "--local",
    "--speed",
    0,
    "--connect-rate",
    1_000,
    "--jobs",
    JOBS,
    "--processes",
    2,
    "--json",
    "-q",
    "-o",
    "out",
)


def reported(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def lines(path: Path) -> int:
    return path.read_bytes().count(b"\n")


def kill_one(spawn, folder: Path, chance: random.Random) -> None:
    """Send all inputs, kill one of the processes at some moment, and send the rest."""
    write_wav(folder / "sound", tone(800))
    names = [f"q{number}.wav" for number in range(INPUTS)]
    for name in names:
        (folder / name).symlink_to("sound")
    (folder / "list").write_text("\n".join(names))
    done = folder / "done.jsonl"
    with done.open("wb") as log:
        process = spawn("send", "--from", "list", *WORDS, stdout=log, stderr=subprocess.DEVNULL, cwd=folder)
    at = chance.randrange(INPUTS - JOBS)
    wait_until(lambda: lines(done) >= at and len(children(process)) == 2, 300)
    with suppress(ProcessLookupError):
        os.kill(chance.choice(children(process)), signal.SIGKILL)
    status = process.wait(300)
    first = reported(done)
    assert sorted(str(summary["input"]) for summary in first) == sorted(names), "each once"
    statuses = Counter(summary["exit_code"] for summary in first)
    assert set(statuses) <= {0, 137}
    assert statuses[137] <= JOBS
    assert status == (137 if statuses[137] else 0)
    with done.open("ab") as log:
        words = ("send", "--from", "list", *WORDS, "--resume-from", done)
        rest = spawn(*words, stdout=log, stderr=subprocess.DEVNULL, cwd=folder)
    assert rest.wait(300) == 0
    succeeded = Counter(str(summary["input"]) for summary in reported(done) if summary["ok"])
    assert succeeded == Counter(names), "each once"
    assert len(list((folder / "out").iterdir())) == INPUTS, "one reply each, and nothing else"


@needs_proc
def test_a_process_that_is_killed_at_a_random_moment(attack, spawn, tmp_path):
    for seed in range(attack.times(10)):
        with attack.attempt(seed):
            folder = tmp_path / str(seed)
            folder.mkdir()
            kill_one(spawn, folder, random.Random(seed))
