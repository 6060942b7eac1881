"""`python -m tests.benchmarks.sessions`: the number of real-time sessions of one `livecli send --jobs` on one core.

All sessions send 1 KB every 32 ms to a server on another core (`sessions_server.py`), which notes when each chunk
arrives and sends the same reply to all. `waited` is the share of the time in which other processes kept livecli from
its core, which adds to lateness.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.benchmarks import sessions_chart, sounds, table

from .environment import BENCHMARKS, python_with
from .load_clients import cpu_seconds, memory_bytes, waited_seconds
from .measure import LIVECLI, MEGABYTE, PYTHON, TOKEN, Failed, Figure
from .sessions_server import REPLY_BYTES

LIVECLI_NAME, TWO_NAME = "livecli", "livecli --processes 2"
SIZES = (250, 500, 750, 1000, 1250, 1500, 2000)
TWO_SIZES = (500, 1000, 1500, 2000)
"""The sizes of two processes, which have all cores, as the server has."""
PEERS = {
    "google_genai": (50, 100, 150, 200, 250, 300),
    "tutorial": (50, 100, 150, 200, 250, 300),
    "asyncio": (1000, 2000),
}
"""The sizes of the peers of `peers/many.py`."""
PROMISED = 1000
"""The default quota of concurrent sessions of a Vertex AI project."""
LATE_BOUND_MS, MEMORY_BOUND_MB, CPU_BOUND_PERCENT = 50.0, 400.0, 75.0
STARTS_A_SECOND = 40
TOGETHER_SECONDS = 12
"""The time in which all sessions send, after the start of the last one."""
SETTLING_SECONDS, LOOK_SECONDS, PATIENCE_SECONDS = 2.0, 0.25, 300.0
WAV_HEADER_BYTES = 44
ROOT = Path(__file__).parents[2]
PUBLISHED = ROOT / ".github" / "images"


@dataclass
class Seen:
    """The result of a run of a client. Shares are of one core, over the time in which all sessions sent."""

    client: str
    sessions: int
    late_ms: dict[str, float]
    lost: int
    cpu_share: float
    waited_share: float
    peak_megabytes: float
    server_share: float

    @property
    def measured(self) -> str:
        late = ", ".join(f"{name} {value:.1f}" for name, value in self.late_ms.items())
        return (
            f"{late} ms; client {self.cpu_share:.0%} of a core (waited {self.waited_share:.0%}),"
            f" server {self.server_share:.0%}; {self.peak_megabytes:.0f} MB"
        )

    @property
    def is_kept_up(self) -> bool:
        return not self.lost and self.late_ms["p99"] <= LATE_BOUND_MS


@contextmanager
def pinned(command: Sequence[str], core: int | None, **streams: object) -> Iterator[subprocess.Popen[str]]:
    """A process on one core, given by its index, or on all. It is killed at the end of the block."""
    environment = {**os.environ, "LIVECLI_ACCESS_TOKEN": TOKEN}
    process = subprocess.Popen(command, cwd=ROOT, env=environment, text=True, **streams)  # type: ignore[call-overload]
    try:
        if core is not None and hasattr(os, "sched_setaffinity"):
            with suppress(OSError):
                os.sched_setaffinity(process.pid, {sorted(os.sched_getaffinity(0))[core]})
        yield process
    finally:
        process.kill()
        process.communicate()


def run(client: str, sessions: int, folder: Path) -> Seen:
    """Run this many sessions from start to end. Raises Failed if the client does not end."""
    seconds = sessions // STARTS_A_SECOND + TOGETHER_SECONDS
    sound = sounds.wav(folder, seconds)
    server_command = [PYTHON, "-m", "tests.benchmarks.sessions_server"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with pinned(server_command, -1, **pipes) as server, (folder / "lines.jsonl").open("w") as lines:
        assert server.stdin is not None
        assert server.stdout is not None
        url = f"ws://127.0.0.1:{int(server.stdout.readline())}"
        is_ours, processes = client.startswith(LIVECLI_NAME), 2 if client == TWO_NAME else 1
        command = livecli(url, sound, sessions, processes, folder) if is_ours else many(client, url, sound, sessions)
        with pinned(command, 0 if processes == 1 else None, stdin=subprocess.DEVNULL, stdout=lines) as process:
            shares, peak = watch(process, server.pid, sessions / STARTS_A_SECOND + SETTLING_SECONDS, seconds)
        arrivals = json.loads(server.communicate("")[0])
    lost = sessions - arrivals["sessions"]
    if is_ours:
        missing = sessions - sum(is_whole(folder, number) for number in range(sessions))
        failed = sum(not json.loads(line)["ok"] for line in (folder / "lines.jsonl").read_text().splitlines())
        lost = max(missing, failed, lost)
    return Seen(client, sessions, arrivals["late_ms"], lost, *shares[:2], peak, shares[2])


def livecli(url: str, sound: Path, sessions: int, processes: int, folder: Path) -> list[str]:
    """The command of livecli for this many sessions."""
    words = [
        "--jobs",
        sessions,
        "--processes",
        processes,
        "--connect-rate",
        STARTS_A_SECOND,
        "--speed",
        1,
        "--json",
        "--quiet",
    ]
    listed = inputs(sessions, sound, folder)
    command = [LIVECLI, "send", "--from", listed, "--base-url", url, "-o", folder / "replies", *words]
    return [str(word) for word in command]


def many(peer: str, url: str, sound: Path, sessions: int) -> list[str]:
    """The command of a peer for this many sessions."""
    script = Path(__file__).parent / "peers" / "many.py"
    return [str(word) for word in (python_with("google-genai"), script, peer, url, sound, sessions, STARTS_A_SECOND)]


def inputs(sessions: int, sound: Path, folder: Path) -> Path:
    """A list of inputs that are links to one file."""
    names = [folder / f"{number}.wav" for number in range(sessions)]
    for name in names:
        name.symlink_to(sound)
    listed = folder / "list"
    listed.write_text("".join(f"{name}\n" for name in names))
    return listed


def is_whole(folder: Path, number: int) -> bool:
    reply = folder / "replies" / f"{number}.reply.wav"
    return reply.exists() and reply.stat().st_size == WAV_HEADER_BYTES + REPLY_BYTES


def watch(
    client: subprocess.Popen[str], server: int, from_seconds: float, to_seconds: float
) -> tuple[tuple[float, float, float], float]:
    """Watch a client until it ends.

    Returns the shares of a core that it used, that it waited for and that the server used, and its peak in MB.
    """
    started, peak = time.monotonic(), 0
    taken: list[tuple[float, float, float, float]] = []
    while client.poll() is None:
        now = time.monotonic() - started
        if now > PATIENCE_SECONDS:
            raise Failed("the client did not end")
        pids = [client.pid, *children(client.pid)]
        peak = max(peak, sum(memory_bytes(pid, peak=True) or 0 for pid in pids))
        if from_seconds <= now <= to_seconds:
            used, waited = sum(cpu_seconds(pid) or 0.0 for pid in pids), waited_seconds(client.pid)
            taken.append((now, used, waited, cpu_seconds(server) or 0.0))
        time.sleep(LOOK_SECONDS)
    if len(taken) < 2:
        raise Failed(f"the client ended after {time.monotonic() - started:.1f} s, with status {client.returncode}")
    (then, *before), (now, *after) = taken[0], taken[-1]
    used, waited, server_used = ((b - a) / (now - then) for a, b in zip(before, after, strict=True))
    return (used, waited, server_used), peak / MEGABYTE


def children(pid: int) -> list[int]:
    """The processes that a process has started, where the system tells."""
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def figures(seen: Sequence[Seen]) -> Iterator[Figure]:
    """The figures of livecli, and of its peers as far as they were measured."""
    ours = [each for each in seen if each.client == LIVECLI_NAME]
    for each in ours:
        words, promised = f"{each.sessions} sessions", each.sessions <= PROMISED
        late, bound = [each.late_ms["p99"]], LATE_BOUND_MS if promised else None
        yield Figure(f"{words}: chunks late, p99", late, "ms", bound, measured=each.measured)
        if each.sessions == PROMISED:
            yield Figure(f"{words}: dropped or unanswered", [float(each.lost)], "", 0.0)
            yield Figure(f"{words}: memory", [each.peak_megabytes], "MB", MEMORY_BOUND_MB)
            yield Figure(f"{words}: CPU", [100 * each.cpu_share], "%", CPU_BOUND_PERCENT)
    for client in dict.fromkeys(each.client for each in seen):
        of_client = [each for each in seen if each.client == client]
        most = max((each.sessions for each in of_client if each.is_kept_up), default=0)
        cpu = min(100 * each.cpu_share / each.sessions for each in of_client)
        yield Figure(f"{client}: most sessions with p99 within 50 ms", [float(most)], "")
        yield Figure(f"{client}: CPU of a session, of a core", [cpu], "%")


def main() -> int:
    parser = argparse.ArgumentParser("python -m tests.benchmarks.sessions", description="Sessions on one core.")
    parser.add_argument("--sessions", type=int, action="append", metavar="N", help="number of sessions (repeatable)")
    parser.add_argument("--no-peers", action="store_true", help="measure livecli alone")
    parser.add_argument("--publish", action="store_true", help="write the chart to .github/images, for the README")
    options = parser.parse_args()
    runs = [(LIVECLI_NAME, sessions) for sessions in options.sessions or SIZES]
    runs += [(TWO_NAME, sessions) for sessions in TWO_SIZES if not options.sessions]
    runs += [(peer, sessions) for peer, sizes in PEERS.items() for sessions in sizes if not options.no_peers]
    seen = []
    for client, sessions in runs:
        with tempfile.TemporaryDirectory(prefix="livecli-bench-") as folder:
            seen.append(run(client, sessions, Path(folder)))
        print(f"{client}, {sessions}: {seen[-1].measured}", file=sys.stderr)
    table.show(made := list(figures(seen)))
    folder = PUBLISHED if options.publish else BENCHMARKS
    folder.mkdir(parents=True, exist_ok=True)
    BENCHMARKS.mkdir(exist_ok=True)
    (BENCHMARKS / "sessions.json").write_text(json.dumps([asdict(each) for each in seen], indent=2) + "\n")
    sessions_chart.save(seen, LATE_BOUND_MS, folder / "sessions.svg")
    return 0 if all(figure.is_kept for figure in made) else 1


if __name__ == "__main__":
    sys.exit(main())
