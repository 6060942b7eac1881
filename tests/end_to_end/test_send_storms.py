"""Reconnections are paced: for one session that is lost again and again, and for many that are lost at once."""

from __future__ import annotations

import itertools
import threading
import time
from pathlib import Path

from tests.end_to_end.conftest import write_wav
from tests.live_server import Connection, live_server


def resumption(handle: str, index: int) -> dict:
    told = {"newHandle": handle, "resumable": True, "lastConsumedClientMessageIndex": str(index)}
    return {"sessionResumptionUpdate": told}


def test_a_session_that_is_lost_after_each_message_pauses_before_each_connection(livecli, speech) -> None:
    opened: list[float] = []

    def handle(connection: Connection) -> None:
        opened.append(time.monotonic())
        connection.set_up()
        connection.receive()
        if len(opened) <= 6:
            connection.say(resumption(f"h{len(opened)}", 1))
            connection.close(1001)
        else:
            connection.hear()
            connection.answer()
            connection.drain()

    with live_server(handle) as server:
        words = ("--base-url", server.url, "--platform", "vertex", "--project", "p", "--speed", 0)
        ran = livecli("send", speech, *words, "--json")
    assert ran.status == 0, ran.err
    gaps = [after - before for before, after in itertools.pairwise(opened)]
    assert len(gaps) == 6
    assert min(gaps) >= 0.14
    assert len({round(gap, 4) for gap in gaps}) > 1, "the pauses differ"


def come_back(livecli, folder: Path, *, jobs: int, rate: int) -> None:
    """Close so many sessions at once, and check that they come back one after another, `rate` a second at most."""
    opened: list[float] = []
    closed: list[float] = []
    all_set_up = threading.Barrier(jobs, lambda: closed.append(time.monotonic()), timeout=10 + 2 * jobs / rate)

    def handle(connection: Connection) -> None:
        if "handle" not in connection.set_up()["setup"].get("sessionResumption", {}):
            connection.say(resumption("h", 0))
            all_set_up.wait()
            connection.close(1001)
            return
        opened.append(time.monotonic())
        connection.hear()
        connection.answer()
        connection.drain()

    for number in range(jobs):
        write_wav(folder / f"{number}.wav", bytes(3200))
    inputs = [f"{number}.wav" for number in range(jobs)]
    with live_server(handle) as server:
        words = ("--base-url", server.url, "--platform", "vertex", "--project", "p", "--speed", 0)
        ran = livecli("send", *inputs, *words, "--json", "--jobs", jobs, "--connect-rate", rate)
    assert ran.status == 0, ran.err
    assert len(opened) == jobs
    opened.sort()
    # In each second too: a burst would pass as well if only the whole time counted. A busy machine notes a connection
    # late, but none early.
    for number, at in enumerate(opened):
        assert at - closed[0] >= 0.8 * (number // rate)


def test_sessions_that_are_lost_at_once_come_back_at_the_rate_of_starts(livecli, tmp_path) -> None:
    come_back(livecli, tmp_path, jobs=30, rate=15)
