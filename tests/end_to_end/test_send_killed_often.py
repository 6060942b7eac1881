"""Runs that are killed again and again while others use the same names: no reply is lost, mixed or taken for whole."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from tests.end_to_end.conftest import finished, read_wav, tone, write_wav
from tests.live_server import Connection, live_server
from tests.sound_server import until

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL and no flock")

RATE = 24_000
PIECES = 20
INPUTS = 12
HALF = b'{"schema": '


def reply_to(sound: bytes) -> bytes:
    """A reply that tells to which input it belongs: it consists of the length of that input."""
    return len(sound).to_bytes(2, "little") * 1_000 * PIECES


def answer(connection: Connection) -> None:
    connection.set_up()
    reply = reply_to(connection.hear())
    for start in range(0, len(reply), 2_000):
        connection.audio(reply[start : start + 2_000])
    connection.content(turnComplete=True)
    connection.drain()


def compete(spawn, folder: Path, url: str, chance: random.Random, rounds: int) -> None:
    """Start three runs with one output name, so many times, and kill one of them at some moment of its reply."""
    inputs = {f"{name}/q.wav": tone(800 * number) for number, name in enumerate("abc", 1)}
    for path, sound in inputs.items():
        (folder / path).parent.mkdir()
        write_wav(folder / path, sound)
    final, unfinished = folder / "q.reply.wav", folder / "q.reply.partial.wav"
    words = ["--base-url", url, "--speed", 0, "--json", "-q", "--no-transcripts"]
    for _ in range(rounds):
        final.unlink(missing_ok=True)
        runs = {path: spawn("send", path, *words, cwd=folder) for path in inputs}
        victim, at = chance.choice([*inputs]), chance.randrange(2_000 * PIECES)
        until(partial(has_come, final, unfinished, at, [*runs.values()]), "no reply came so far")
        runs[victim].kill()
        ended = {path: finished(run) for path, run in runs.items()}
        done = [path for path, ran in ended.items() if ran.status == 0]
        for path in inputs.keys() - {victim, *done}:
            summary = ended[path].summary
            assert summary["exit_code"] == ended[path].status == 3
            # The process is not known where it has ended since.
            assert summary["error"]["message"].startswith(f"cannot write {unfinished.name}: ")
            assert summary["error"]["message"].endswith(" is writing it")
        possible = [reply_to(inputs[path]) for path in {victim, *done}] + ([] if done else [b""])
        assert (read_wav(final)[1] if final.exists() else b"") in possible, "a whole reply of one run"
        assert {path.name for path in folder.glob("*.wav")} <= {final.name, unfinished.name}
    ran = finished(spawn("send", "a/q.wav", *words, cwd=folder))
    assert ran.status == 0, ran.err
    assert read_wav(final) == (RATE, reply_to(inputs["a/q.wav"]))
    assert not unfinished.exists()


def has_come(final: Path, unfinished: Path, length: int, runs: list[subprocess.Popen[bytes]]) -> bool:
    """Whether a reply is so long, or whole, or all runs are over."""
    return final.exists() or size(unfinished) > length or all(run.poll() is not None for run in runs)


def size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def resume(spawn, folder: Path, url: str, chance: random.Random, kills: int) -> None:
    """Send many inputs with --resume-from, and kill the run so often. Each is reported once, with its own reply."""
    names = [f"q{number}.wav" for number in range(INPUTS)]
    for number, name in enumerate(names):
        write_wav(folder / name, tone(800 * (number + 1)))
    done = folder / "done.jsonl"
    done.touch()
    words = ["--base-url", url, "--speed", 0, "--connect-rate", 500, "--jobs", 3, "--json", "-q", "-o", "out"]
    for number in range(kills + 1):
        with done.open("ab") as log:
            run = spawn("send", *names, *words, "--resume-from", done, stdout=log, stderr=subprocess.PIPE, cwd=folder)
        if number == kills:
            assert run.wait(50) == 0
            break
        until(
            partial(has_come, folder / "none", done, size(done) + chance.randrange(1_500), [run]), "no input was done"
        )
        run.kill()
        run.wait(20)
        for summary in reported(done):
            assert (folder / summary["output"]).stat().st_size == summary["output_bytes"]
        if not done.read_bytes().endswith(HALF):
            # As a disk that was full leaves it.
            with done.open("ab") as log:
                log.write(HALF)
    assert sorted(summary["input"] for summary in reported(done)) == sorted(names), "each once"
    for number, name in enumerate(names):
        assert read_wav(folder / "out" / f"{Path(name).stem}.reply.wav")[1] == reply_to(bytes(1_600 * (number + 1)))
    assert len(list((folder / "out").iterdir())) == INPUTS


def reported(path: Path) -> list[dict[str, object]]:
    """The lines that report success. Every other line is half of one."""
    return [json.loads(line) for line in path.read_bytes().splitlines() if line != HALF]


@pytest.fixture
def server():
    with live_server(answer) as server:
        yield server


def test_runs_with_one_output_name(spawn, server, tmp_path):
    compete(spawn, tmp_path, server.url, random.Random(7), rounds=2)


def test_a_batch_that_goes_on_after_each_kill(spawn, server, tmp_path):
    resume(spawn, tmp_path, server.url, random.Random(7), kills=3)
