"""Every fault at every stage, for a pipe and for text (for files it is `test_send_faults`): how it ends, how much of
the reply is kept, and that nothing is left behind.
"""

from __future__ import annotations

import os
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from livecli.client import retry
from tests.end_to_end.conftest import read_wav, tone, write_wav
from tests.end_to_end.test_send_faults import CAME, CONNECT, ENDS, PARTS
from tests.serving import serving

QUESTION = {"pipe": ("-",), "text": ("--text", "sixteen letters.")}
STEM = {"pipe": "stdin", "text": "text"}
BOUND_SECONDS = 20.0


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch) -> None:
    monkeypatch.setattr(retry, "FIRST_PAUSE_SECONDS", 0.02)


@contextmanager
def standard_input(data: bytes) -> Iterator[None]:
    """Standard input is a pipe that another thread writes to, as fast as it is read."""
    reading, writing = os.pipe()

    def write() -> None:
        with suppress(BrokenPipeError), open(writing, "wb") as pipe:
            pipe.write(data)

    thread = threading.Thread(target=write)
    thread.start()
    with open(reading) as pipe, pytest.MonkeyPatch.context() as patched:
        patched.setattr(sys, "stdin", pipe)
        yield
    thread.join(10)
    assert not thread.is_alive()


def sockets_and_files() -> set[str]:
    """What this process holds open: sockets, and files that have no name any more."""
    found = set()
    for descriptor in Path("/proc/self/fd").iterdir():
        with suppress(OSError):  # that of the listing itself
            found.add(str(descriptor.readlink()))
    return {name for name in found if name.startswith("socket:") or "deleted" in name}


@pytest.fixture
def ask(livecli, tmp_path, monkeypatch):
    """Ask an emulator that goes wrong. Returns how it ended, and the reply, complete or not."""
    write_wav(tmp_path / "question.wav", tone(16_000))
    spoken = (tmp_path / "question.wav").read_bytes()
    scratch = tmp_path / "home" / "scratch"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))

    def run(source: str, *faults: str, words=()):
        with serving(*faults) as served:
            threads, files = set(threading.enumerate()), sockets_and_files()
            where = ("--base-url", served.url, "--speed", 0, "--json", *words)
            started = time.monotonic()
            with standard_input(spoken if source == "pipe" else b""):
                ran = livecli("send", *QUESTION[source], *where)
            assert time.monotonic() - started < BOUND_SECONDS
            ours = [t for t in set(threading.enumerate()) - threads if not t.name.startswith("asyncio_")]
            for thread in ours:
                thread.join(2)
            assert not [t for t in ours if t.is_alive()]
            if not faults or "stall" not in faults[0]:
                _wait_until(lambda: not sockets_and_files() - files)
        assert not list(scratch.iterdir())
        assert "Traceback" not in ran.err
        done, partial = tmp_path / f"{STEM[source]}.reply.wav", tmp_path / f"{STEM[source]}.reply.partial.wav"
        assert done.exists() is (ran.status == 0)
        assert not (done.exists() and partial.exists())
        reply = next((read_wav(path)[1] for path in (done, partial) if path.exists()), b"")
        for path in (done, partial):
            path.unlink(missing_ok=True)
        return ran, reply

    return run


def _wait_until(true) -> None:
    """The emulator's end of a socket goes a little later than ours."""
    ends = time.monotonic() + BOUND_SECONDS
    while not true():
        assert time.monotonic() < ends, "a socket or a file was left open"
        time.sleep(0.01)


def came(source: str, when: str, whole: bytes) -> bytes:
    """What of the reply has come at this moment."""
    return whole if when == "turn:1" else whole[: sum(PARTS)] if when == "reply:3" else b""


WHOLE: dict[str, bytes] = {}


@pytest.fixture
def undisturbed(ask) -> dict[str, bytes]:
    """The replies where nothing goes wrong, asked for once."""
    if not WHOLE:
        WHOLE.update((source, ask(source)[1]) for source in QUESTION)
    return WHOLE


MOMENTS = [(source, when) for source in QUESTION for when in CAME if source == "pipe" or "audio" not in when]


@pytest.mark.parametrize(("source", "when"), MOMENTS)
def test_every_fault_that_ends_a_session(ask, undisturbed, source, when) -> None:
    whole = undisturbed[source]
    assert len(whole) > sum(PARTS)
    for what, (status, kind, code) in ENDS.items():
        ran, reply = ask(source, f"{what}@{when}")
        error = ran.summary["error"]
        assert (ran.status, error["kind"], error["close_code"]) == (status, kind, code), ran.err
        assert reply == came(source, when, whole), what


@pytest.mark.parametrize(("source", "when"), MOMENTS)
def test_every_fault_that_lasts(ask, undisturbed, source, when) -> None:
    whole = undisturbed[source]
    short = ("--idle-timeout", 0.3)
    ran, reply = ask(source, f"stall={1 if 'audio' in when else 600}@{when}", words=short)
    assert (ran.status, reply) == (7, came(source, when, whole))
    for harmless in ("stall=0.1", "slow=400000", "goaway=30"):
        assert ask(source, f"{harmless}@{when}")[1] == whole, harmless
    if "audio" not in when:
        ran, reply = ask(source, f"truncate@{when}", words=short)
        assert (ran.status, reply) == (7, came(source, when, whole))


@pytest.mark.parametrize("source", QUESTION)
def test_every_fault_at_the_upgrade(ask, source) -> None:
    for what, (status, kind) in CONNECT.items():
        words = ("--connect-timeout", 0.3 if "stall" in what else 10, "--retries", 0)
        ran, reply = ask(source, f"{what}@connect", words=words)
        assert (ran.status, ran.summary["error"]["kind"], reply) == (status, kind, b""), what
