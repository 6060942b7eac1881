"""Exactly once: connections that break at any moment, again and again, and no audio is lost or doubled either way.

A seed decides where the service breaks a connection and how, which messages it has taken in by then, and when it says
so. It keeps each state that it has given a handle for, and goes on from there. Some seeds are tried here, and hundreds
in `make soak`.
"""

from __future__ import annotations

import base64
import random
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy
import pytest

from livecli.client import retry
from tests.end_to_end.conftest import Ran, read_wav, tone, write_wav
from tests.live_server import Connection, live_server
from tests.serving import serving

RATE = 24_000


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "FIRST_PAUSE_SECONDS", 0.005)
    monkeypatch.setattr(retry, "LONGEST_PAUSE_SECONDS", 0.02)


def hang_up(made: Connection) -> None:
    made.socket.socket.shutdown(socket.SHUT_WR)


def reset(made: Connection) -> None:
    raw = made.socket.socket
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    raw.shutdown(socket.SHUT_RD)  # ends the thread that reads, and that closes it


def go_away(made: Connection) -> None:
    made.say({"goAway": {"timeLeft": "0.05s"}})
    made.close(1001)


BREAKS: list[Callable[[Connection], None]] = [
    hang_up,
    reset,
    go_away,
    lambda made: made.close(1000),
    lambda made: made.close(1011, "Internal error encountered."),
    lambda made: made.close(1011, "Deadline expired before operation could complete."),
]


@dataclass(frozen=True)
class State:
    """What the service has of the session: the user's audio, whether that has ended, and how much is answered."""

    heard: bytes = b""
    is_asked: bool = False
    said: int = 0


class Service:
    """The service of one session. It breaks `breaks` connections, and then answers to the end.

    With `counts`, as on Vertex AI, a handle tells which messages it includes. Without, as on the Developer API, it is
    given only where nothing is under way, and everything else is sent again.
    """

    def __init__(self, chance: random.Random, reply: bytes, breaks: int, *, counts: bool) -> None:
        self._chance, self._reply, self._breaks, self._counts = chance, reply, breaks, counts
        self._states: dict[str, State] = {}
        self.connections = 0
        self.final = State()

    def connection(self, made: Connection) -> None:
        """One connection, from its setup on."""
        self.connections += 1
        handle = made.set_up()["setup"].get("sessionResumption", {}).get("handle")
        _Connection(self, made, self._states[handle] if handle else State()).run()

    def handle(self, state: State) -> str:
        """A new handle for `state`."""
        handle = f"handle-{len(self._states)}"
        self._states[handle] = state
        return handle

    def is_broken_now(self, share: float) -> bool:
        """Whether a connection breaks at this moment, at one of which it does with this probability."""
        return self.connections <= self._breaks and self._chance.random() < share


class _Connection:
    """One connection. `state` is what the service has by now, `index` the number of messages of it in that."""

    def __init__(self, service: Service, made: Connection, state: State) -> None:
        self._service, self._made, self._state = service, made, state
        self._chance, self._reply = service._chance, service._reply
        self._index = 0

    def run(self) -> None:
        self._give_handle()
        if self._hear() and self._answer():
            self._service.final = self._state
            self._made.content(generationComplete=True)
            self._made.content(turnComplete=True)
            self._made.drain()
        else:
            self._chance.choice(BREAKS)(self._made)

    def _hear(self) -> bool:
        """Take in the question, some messages later than they come. False where the connection breaks in it."""
        waiting: list[dict] = []
        lag = self._chance.choice([0, 1, 5])
        while not self._state.is_asked:
            waiting.append(self._made.receive()["realtimeInput"])
            while len(waiting) > lag or (waiting and "activityEnd" in waiting[-1]):
                self._take_in(waiting.pop(0))
            if self._service._counts and self._chance.random() < 0.2:
                self._give_handle()
            if self._service.is_broken_now(0.06):
                return False
        return True

    def _take_in(self, message: dict) -> None:
        self._index += 1
        pcm = base64.b64decode(message["audio"]["data"]) if "audio" in message else b""
        self._state = replace(
            self._state, heard=self._state.heard + pcm, is_asked=self._state.is_asked or "activityEnd" in message
        )

    def _answer(self) -> bool:
        """Say the rest of the reply, in pieces. False where the connection breaks in it."""
        while self._state.said < len(self._reply):
            size = 2 * self._chance.randint(1, 1_500)
            piece = self._reply[self._state.said : self._state.said + size]
            self._made.audio(piece)
            self._state = replace(self._state, said=self._state.said + len(piece))
            if self._service._counts and self._chance.random() < 0.3:
                self._give_handle()
            if self._service.is_broken_now(0.2):
                return False
        return not self._service.is_broken_now(0.2)

    def _give_handle(self) -> None:
        index = {"lastConsumedClientMessageIndex": str(self._index)} if self._service._counts else {}
        update = {"newHandle": self._service.handle(self._state), "resumable": True, **index}
        self._made.say({"sessionResumptionUpdate": update})


def exactly_once(livecli: Callable[..., Ran], folder: Path, platform: str, seed: int) -> int:
    """Send a question to a service whose connections break as `seed` decides. Returns how many there were."""
    chance = random.Random(seed)
    noise = numpy.random.default_rng(seed)
    question, reply = (noise.bytes(2 * chance.randint(8_000, 40_000)) for _ in range(2))
    write_wav(folder / "q.wav", question)
    service = Service(chance, reply, chance.randint(1, 12), counts=platform == "vertex")
    words = ["--platform", platform, "--project", "p", "--retries", 50, "--json", "-v"]
    words += ["--speed", chance.choice([0, 0, 20]), "--chunk-bytes", chance.choice([512, 1024, 4096])]
    with live_server(service.connection) as server:
        ran = livecli("send", "q.wav", "--base-url", server.url, *words)
    assert ran.status == 0, ran.err
    assert service.final.heard == question
    assert read_wav(folder / "q.reply.wav") == (RATE, reply)
    assert ran.summary["received"]["bytes"] == len(reply)
    assert ran.summary["sent"]["bytes"] == len(question)
    assert ran.summary["connections"] == service.connections
    assert ran.summary["warnings"] == []
    return service.connections


FAULTS = [
    "drop",
    "close=1000",
    "close=1001",
    "close=1011:Internal error encountered.",
    "close=1011:Deadline expired before operation could complete.",
    "goaway=0.05",
    "stall=0.05",
    "slow=400000",
]
"""Faults of the emulator that lose nothing: a session goes on, on another connection or on the same.

Each connection has the fault. On the Developer API, where an interrupted answer begins again, it would never end.
"""


def undisturbed(livecli: Callable[..., Ran], folder: Path) -> tuple[int, bytes]:
    """The emulator's echo of q.wav, where nothing goes wrong."""
    with serving() as served:
        ran = livecli("send", "q.wav", "-o", "whole.wav", "--base-url", served.url, "--speed", 0)
    assert ran.status == 0, ran.err
    return read_wav(folder / "whole.wav")


def faulty(livecli: Callable[..., Ran], folder: Path, seed: int, whole: tuple[int, bytes]) -> int:
    """Send q.wav to an emulator with a fault at some time, in each of its connections: the reply is as without it.

    Returns how many connections there were.
    """
    chance = random.Random(seed)
    fault = f"{chance.choice(FAULTS)}@{chance.uniform(0.05, 0.6):.3f}s"
    with serving(fault) as served:
        where = ("--base-url", served.url, "--platform", "vertex", "--project", "p", "--retries", 200)
        ran = livecli("send", "q.wav", *where, "--speed", 2.5, "--json")
    assert ran.status == 0, f"{fault}: {ran.err}"
    assert read_wav(folder / "q.reply.wav") == whole, fault
    return ran.summary["connections"]


def test_faults_of_the_emulator_change_nothing(livecli, tmp_path) -> None:
    write_wav(tmp_path / "q.wav", tone(16_000))
    whole = undisturbed(livecli, tmp_path)
    assert sum(faulty(livecli, tmp_path, seed, whole) for seed in range(4)) > 4


@pytest.mark.parametrize("platform", ["vertex", "developer"])
def test_no_audio_is_lost_or_doubled(livecli, tmp_path, platform) -> None:
    connections = [exactly_once(livecli, tmp_path, platform, seed) for seed in range(5)]
    assert sum(connections) > 15
