"""`send` against servers that say anything, in any order, and end anyhow: it ends as the contract says, and what audio
came before the end is in the reply.
"""

from __future__ import annotations

import json
import os
import socket
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from websockets.frames import Opcode

from livecli.client import turn as exchange
from livecli.errors import ProtocolError
from livecli.process.stdio import JOINERS, one_line
from livecli.protocol import events, messages
from livecli.protocol.codec import decode_server
from tests.end_to_end.conftest import Ran, read_wav
from tests.hostile import audio, frame, frames_of
from tests.live_server import Connection, live_server

KEYS = (
    "schema ok exit_code error input output input_file output_bytes platform model url session_id connections"
    " sent received latency_ms turn transcript"
)
SETUP_COMPLETE, TURN_COMPLETE = b'{"setupComplete":{}}', b'{"serverContent":{"turnComplete":true}}'
BOUND_SECONDS = 20.0
"""For a run with an idle timeout of 0.15 s and a close that is not answered."""


@dataclass(frozen=True)
class Said:
    """One thing that the server says: bytes on the wire, and the message in them where there is one."""

    wire: bytes
    message: bytes | None = None

    def __repr__(self) -> str:
        return f"Said({(self.message or self.wire)[:300]!r})"


def message(data: bytes, opcode: Opcode = Opcode.BINARY, cuts: tuple[int, ...] = ()) -> Said:
    """`data` in fragments, with a ping after each."""
    ends = [*sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    wire = b""
    for number, (start, end) in enumerate(pairwise([0, *ends])):
        wire += frame(Opcode.CONT if number else opcode, data[start:end], fin=number == len(cuts))
        wire += frame(Opcode.PING, b"?") if cuts else b""
    return Said(wire, data)


cuts = st.lists(st.integers(1, 10_000), max_size=3).map(tuple)
pcm = st.binary(min_size=1, max_size=2_000)
near = frames_of(messages.ServerMessage)
good = st.one_of(pcm.map(audio), near["true"], st.just(TURN_COMPLETE))
other_rates = st.builds(audio, pcm, st.sampled_from([1_000, 24_000, 383_999]).map("audio/pcm;rate={}".format))
opcodes = st.sampled_from([Opcode.BINARY, Opcode.TEXT])
controls = st.sampled_from([Said(frame(Opcode.PING, b"p")), Said(frame(Opcode.PONG, b""))])
BROKEN = {
    "continues nothing": frame(Opcode.CONT, b"x"),
    "an unknown opcode": b"\x83\0",
    "a long ping": b"\x89\x7e\0\x7e" + bytes(126),
    "a reserved bit": b"\xc1\x02{}",
    "masked": b"\x82\x81\0\0\0\0{",
    "of 16 EiB": b"\x82\x7f" + b"\xff" * 8,
    "an early end": b"\x82\x7e\xff\xff{",
}
said = st.one_of(
    st.builds(message, good, opcodes, cuts),
    st.builds(message, good, opcodes, cuts),
    st.builds(message, st.one_of(other_rates, *near.values()), opcodes, cuts),
    controls,
    st.sampled_from(list(BROKEN.values())).map(Said),
)
reasons = st.binary(max_size=123) | st.sampled_from(
    [b"", b"[/red]\x1b[31m\r\n\x9b2J", "\u202eAPI key not valid\u2028".encode(), b"Quota [bold]", b"\xff\xfe"]
)
codes = st.sampled_from([1000, 1001, 1006, 1007, 1008, 1011, 1013, 4321]) | st.integers(0, 65_535)
closes = st.builds(lambda code, reason: frame(Opcode.CLOSE, struct.pack(">H", code) + reason), codes, reasons)


@dataclass(frozen=True)
class Script:
    """What the server says: at once; after the setup, if it completes that; after the question; and how it ends."""

    first: list[Said]
    sets_up: bool
    early: list[Said]
    late: list[Said]
    end: str | bytes  # bytes: a close frame

    def play(self, connection: Connection) -> None:
        with suppress(OSError):  # the client has left
            self._play(connection)
        connection.drain()

    def _play(self, connection: Connection) -> None:
        raw = connection.socket.socket
        raw.sendall(b"".join(one.wire for one in self.first))
        connection.receive()
        if self.sets_up:
            raw.sendall(b"".join(one.wire for one in [message(SETUP_COMPLETE), *self.early]))
            connection.hear()
            raw.sendall(b"".join(one.wire for one in self.late))
        if isinstance(self.end, bytes):
            raw.sendall(self.end)
        elif self.end == "reset":
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            raw.shutdown(socket.SHUT_RD)  # wakes the thread that reads, and that closes it
        elif self.end == "hang up":
            raw.shutdown(socket.SHUT_WR)

    def said(self) -> Iterator[events.Event]:
        """What a client understands of it, up to what it cannot."""
        with suppress(ProtocolError):
            for one in [*self.first, *([message(SETUP_COMPLETE), *self.early, *self.late] if self.sets_up else [])]:
                if one.wire in BROKEN.values():
                    return
                yield from decode_server(one.message or b"")


ANSWER = [message(audio(bytes(range(256)))), message(TURN_COMPLETE)]
scripts = st.builds(
    Script,
    first=st.lists(said, max_size=1),
    sets_up=st.sampled_from([True, True, True, False]),
    early=st.lists(said, max_size=2),
    late=st.lists(said, max_size=3) | st.lists(said, max_size=2).map(lambda late: [*ANSWER, *late]),
    end=st.sampled_from(["silence", "hang up", "reset"]) | closes,
)


class Stage:
    """A server, and the script that its next connection hears."""

    url: str
    script: Script

    def play(self, connection: Connection) -> None:
        self.script.play(connection)


@pytest.fixture
def stage() -> Iterator[Stage]:
    stage = Stage()
    with live_server(stage.play) as server:
        stage.url = server.url
        yield stage


OPTIONS = [[], ["-v"], ["-q"], ["--debug"], ["--events", "events.jsonl"], ["-o", os.devnull]]


@settings(
    deadline=None,
    derandomize=True,
    max_examples=20,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(script=scripts, options=st.sampled_from(OPTIONS))
def test_whatever_a_server_says(
    livecli: Callable[..., Ran], stage: Stage, speech: Path, monkeypatch, script: Script, options: list[str]
) -> None:
    monkeypatch.setattr(exchange, "LINGER_SECONDS", 0.02)
    stage.script = script
    for path in speech.parent.glob("speech.reply*"):
        path.unlink()
    started = time.monotonic()
    ran = livecli("send", speech, "--base-url", stage.url, "--speed", 0, "--json", "--idle-timeout", 0.15, *options)
    assert time.monotonic() - started < BOUND_SECONDS
    ended_well(ran, debug="--debug" in options)
    if "--events" in options:
        assert all(json.loads(line)["type"] for line in Path("events.jsonl").read_text().splitlines())
    if "-o" not in options:
        has_kept(kept_audio(ran, speech.parent), script)


# --- what decides how a run ends, among what does not ---

harmless = st.one_of(
    st.builds(
        message,
        st.sampled_from(
            [
                b'{"serverContent":{"outputTranscription":{"text":"x"}}}',
                b'{"serverContent":{"inputTranscription":{"text":"y"}}}',
                b'{"usageMetadata":{"totalTokenCount":1}}',
                b'{"serverContent":{"somethingNew":{}}}',
            ]
        ),
        opcodes,
        cuts,
    ),
    controls,
)
audible = st.builds(message, st.binary(min_size=2, max_size=2_000).map(audio), opcodes, cuts)


def closing(code: int, reason: bytes = b"") -> bytes:
    return frame(Opcode.CLOSE, struct.pack(">H", code) + reason)


ENDS: dict[str, tuple[str | bytes, int]] = {
    "silence": ("silence", 7),
    "hang up": ("hang up", 6),
    "reset": ("reset", 6),
    "1000": (closing(1000), 6),
    "1007": (closing(1007, b"Request contains an invalid argument."), 6),
    "1007, the key": (closing(1007, b"API key not valid. Please pass a valid API key."), 4),
    "1008, permission": (closing(1008, b"Your project has been denied access."), 4),
    "1011": (closing(1011, b"Internal error encountered."), 6),
    "1011, quota": (closing(1011, b"You exceeded your current quota."), 8),
}
"""How a connection ends before the answer is whole, and the exit status then."""
few = settings(
    deadline=None, derandomize=True, max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture
def ends(livecli: Callable[..., Ran], stage: Stage, speech: Path, monkeypatch) -> Callable[[Script, int], None]:
    """Check the exit status of a `send` to a server that plays a script. Nothing is tried again."""
    monkeypatch.setattr(exchange, "LINGER_SECONDS", 0.02)

    def check(script: Script, status: int) -> None:
        stage.script = script
        idle_seconds = 0.15 if status == 7 else 10
        words = ("--speed", 0, "--json", "--idle-timeout", idle_seconds, "--retries", 0)
        ran = livecli("send", speech, "--base-url", stage.url, *words)
        ended_well(ran, debug=False)
        assert ran.status == status, ran.err

    return check


@pytest.mark.parametrize("end", ENDS)
@few
@given(early=st.lists(harmless, max_size=2), late=st.lists(harmless | audible, max_size=3))
def test_an_answer_that_is_not_whole(ends, end: str, early: list[Said], late: list[Said]) -> None:
    ends(Script([], True, early, late, ENDS[end][0]), ENDS[end][1])


@pytest.mark.parametrize("end", ENDS)
@few
@given(first=st.lists(controls, max_size=1))
def test_a_session_that_is_not_set_up(ends, end: str, first: list[Said]) -> None:
    ends(Script(first, False, [], [], ENDS[end][0]), ENDS[end][1])


@pytest.mark.parametrize("end", [name for name in ENDS if name != "reset"])
@few
@given(early=st.lists(harmless, max_size=2), late=st.lists(harmless, max_size=2), speech=audible)
def test_an_answer_that_is_whole_however_it_ends(
    ends, end: str, early: list[Said], late: list[Said], speech: Said
) -> None:
    ends(Script([], True, early, [*late, speech, message(TURN_COMPLETE)], ENDS[end][0]), 0)


@few
@given(early=st.lists(harmless, max_size=2), late=st.lists(harmless, max_size=2))
def test_an_answer_without_sound(ends, early: list[Said], late: list[Said]) -> None:
    ends(Script([], True, early, [*late, message(TURN_COMPLETE)], "silence"), 1)


@pytest.mark.parametrize("broken", BROKEN)
@few
@given(late=st.lists(harmless | audible, max_size=3))
def test_an_answer_that_breaks_the_protocol(ends, broken: str, late: list[Said]) -> None:
    ends(Script([], True, [], [*late, Said(BROKEN[broken])], "hang up"), 6)


STATUS_OF_KIND = {None: 0, "check": 1, "auth": 4, "connect": 5, "server": 6, "timeout": 7, "quota": 8}


def ended_well(ran: Ran, *, debug: bool) -> None:
    """With the status of the error that is told, and with nothing on stderr that a terminal would obey."""
    error = ran.summary["error"]
    assert ran.status == STATUS_OF_KIND[error and error["kind"]], ran.err
    assert debug or "Traceback" not in ran.err
    assert all(one_line(line, keep=JOINERS) == line for line in ran.err.split("\n")), ran.err
    assert list(ran.summary) == [*KEYS.split(), "usage", "cost_usd", "expectations", "citations", "warnings"]
    assert (ran.summary["exit_code"], ran.summary["ok"]) == (ran.status, ran.status == 0)
    assert (ran.summary["error"] is None) == (ran.status == 0)


def kept_audio(ran: Ran, folder: Path) -> bytes:
    """What is in the file that the summary names; there is no other."""
    kept = [path.name for path in folder.glob("speech.reply*")]
    assert kept == ([ran.summary["output"]] if ran.summary["output"] else [])
    assert kept in ([], ["speech.reply.wav" if ran.status == 0 else "speech.reply.partial.wav"])
    return read_wav(folder / kept[0])[1] if kept else b""


def has_kept(kept: bytes, script: Script) -> None:
    """All that came before the first end of a turn, and perhaps what came after it, but nothing else."""
    said = list(script.said())
    chunks = [event for event in said if isinstance(event, events.AudioChunk)]
    if len({chunk.rate for chunk in chunks}) > 1:
        return  # resampled
    assert b"".join(chunk.pcm for chunk in chunks).startswith(kept)
    kinds = [type(event) for event in said]
    if events.SetupComplete not in kinds or script.end == "reset":
        return  # there never was a session; what is on its way is lost
    turn = kinds.index(events.TurnComplete) if events.TurnComplete in kinds else len(said)
    due = b"".join(event.pcm for event in said[:turn] if isinstance(event, events.AudioChunk))
    assert kept.startswith(due[: len(due) & ~1])
