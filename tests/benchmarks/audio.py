"""`python -m tests.benchmarks.audio`: what a chat hears while the speaker stands beside the microphone.

PulseAudio plays the speaker into the microphone, in four rooms: an echo of -6 and 0 dB, after 50 and 200 ms. In each
the emulator answers questions at length, and a person is silent, or speaks over the answer. Ends with 1 where a bound
is missed. A machine that is busy leaves gaps in what PulseAudio plays, which no canceller expects.

* ERLE: the echo's power before the canceller divided by that after it, 5 s after the speaker has begun.
* self-interruptions: answers that their own echo has interrupted, or that another answer follows.
* barge-ins: answers that are interrupted within 300 ms of a person's speech, at the default detection of speech.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import os
import shutil
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy

from livecli.emulator.core.behaviour import Say
from livecli.emulator.pace import Pace
from livecli.media.file_source import SAMPLE, read_sound
from livecli.media.sound_devices.echo import EchoCanceller
from livecli.media.sound_devices.microphone import Microphone
from livecli.media.sound_devices.speaker import Speaker
from tests.serving import serving
from tests.sound_server import RATE, Recording, SoundServer, running, until

ROOMS = [(-6, 50), (-6, 200), (0, 50), (0, 200)]
"""Gain of the echo in dB and its delay in ms."""
ANSWERS = 20
SELF_INTERRUPTIONS_AT_MOST, BARGE_INS_AT_LEAST = 1, 19
"""Of ANSWERS."""
BARGE_IN_SECONDS = 0.3
SPEECH_PEAK = 300
"""The sample from which a person speaks, of 32,767."""
BEGUN_SECONDS = 1.5
"""How long an answer has played when a person speaks over it."""
PAUSE_SECONDS = 1.0
ROOM_SECONDS_AT_MOST = 3600.0
SETTLING_SECONDS, ERLE_SECONDS = 5.0, 10.0
QUESTION = b"".join(read_sound(SAMPLE, RATE))
ANSWER = b"".join(read_sound(SAMPLE, 24_000)) * 3
ANSWER_SECONDS = len(ANSWER) / 2 / 24_000


class Reader:
    """Answers everything with 6.7 s of speech."""

    def answer(self, heard: Any) -> Iterator[Say]:
        yield Say("read aloud", [ANSWER])


@dataclass
class Room:
    """A room, and what was measured in it."""

    gain_db: int
    delay_ms: int
    erle_db: float = math.nan
    self_interruptions: int = 0
    barge_ins: list[float] = field(default_factory=list)
    """Seconds from a person's speech to the interruption; infinite where there was none."""
    answers: int = 0

    def __str__(self) -> str:
        heard = sorted(1000 * each for each in self.barge_ins)
        times = f"{heard[0]:.0f}–{heard[-1]:.0f} ms, median {statistics.median(heard):.0f}" if heard else "none"
        return (
            f"{self.gain_db:+3d} dB {self.delay_ms:4d} ms   ERLE {self.erle_db:5.1f} dB"
            f"   self-interruptions {self.self_interruptions} of {self.answers}   barge-ins {times}"
        )


class Chat:
    """A chat that runs, and the times at which it reported each type of event."""

    def __init__(self, server: SoundServer, url: str) -> None:
        words = ["chat", "--mic", "--play", "--base-url", url, "--events", "-"]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "livecli", *words],
            env=server.env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        self.times: dict[str, list[float]] = {}
        self._threads = [threading.Thread(target=self._read), threading.Thread(target=self._read_errors)]
        self.errors = b""
        for thread in self._threads:
            thread.start()
        until(lambda: self.count("setup_complete"), lambda: f"no chat: {self.errors.decode()}")
        assert b"echo cancelled" in self.errors, self.errors.decode()

    def _read(self) -> None:
        assert self._process.stdout
        for line in self._process.stdout:
            self.times.setdefault(json.loads(line)["type"], []).append(time.monotonic())

    def _read_errors(self) -> None:
        assert self._process.stderr
        for line in self._process.stderr:
            self.errors += line

    def count(self, kind: str) -> int:
        return len(self.times.get(kind, []))

    def end(self) -> None:
        self._process.terminate()
        for thread in self._threads:
            thread.join(20)
        self._process.communicate(timeout=20)


def measure(rooms: Sequence[Room], answers: int) -> None:
    """Measure `answers` of each kind, spread over the rooms."""
    program = shutil.which("pulseaudio")
    if program is None:
        sys.exit("error: PulseAudio is missing")
    for number, room in enumerate(rooms):
        room.answers = answers // len(rooms) + (number < answers % len(rooms))
        with running(program) as server, _echo(server, room):
            os.environ.update({name: server.env[name] for name in ("XDG_RUNTIME_DIR", "PULSE_SERVER")})
            room.erle_db = asyncio.run(_erle(server))
            with (
                serving(seconds_at_most=ROOM_SECONDS_AT_MOST, behaviour=Reader, pace=Pace.BURST) as emulator,
                server.recorded("person.monitor") as person,
            ):
                chat = Chat(server, emulator.url)
                try:
                    _converse(chat, server, person, room)
                finally:
                    chat.end()
        print(f"{room}   load {os.getloadavg()[0]:.1f}", flush=True)


@contextmanager
def _echo(server: SoundServer, room: Room) -> Iterator[None]:
    """Play the speaker, and a device for a person, into the microphone."""

    def pactl(*words: str) -> str:
        return subprocess.run(
            ["pactl", *words], env=server.env, check=True, capture_output=True, text=True, timeout=20
        ).stdout

    # With an adjust_time PulseAudio would change the delay every ten seconds, as no room does.
    into = ["sink=mouth", "adjust_time=0"]
    pactl("load-module", "module-loopback", "source=speaker.monitor", f"latency_msec={room.delay_ms}", *into)
    loopback = pactl("list", "short", "sink-inputs").split()[0]
    pactl("set-sink-input-volume", loopback, f"{room.gain_db}dB")
    pactl("load-module", "module-null-sink", "sink_name=person", "rate=48000", "norewinds=1")
    pactl("load-module", "module-loopback", "source=person.monitor", "latency_msec=20", *into)
    yield


async def _erle(server: SoundServer) -> float:
    """The echo return loss enhancement in dB, while nobody speaks."""
    echo, cleaned = EchoCanceller(), bytearray()
    with server.recorded("mouth.monitor") as raw:
        async with Microphone(echo=echo) as microphone, Speaker(echo=echo) as speaker:
            speaker.write(ANSWER * 3, 24_000)
            async with asyncio.timeout(SETTLING_SECONDS + ERLE_SECONDS + 20):
                async for pcm in microphone:
                    cleaned += pcm
                    if len(cleaned) > 2 * RATE * (SETTLING_SECONDS + ERLE_SECONDS):
                        break
    last = round(RATE * ERLE_SECONDS)
    powers = [
        (samples[-last:] ** 2).mean() + 1e-3
        for samples in (raw.samples, numpy.frombuffer(bytes(cleaned), "<i2").astype(float))
    ]
    return float(10 * math.log10(powers[0] / powers[1]))


def _converse(chat: Chat, server: SoundServer, person: Recording, room: Room) -> None:
    for _ in range(room.answers):
        _ask(chat, server)
        began, interrupted = chat.count("generation_complete"), chat.count("interrupted")
        time.sleep(ANSWER_SECONDS + PAUSE_SECONDS)
        # An echo that is taken for a question begins another answer.
        more = chat.count("generation_complete") > began or chat.count("interrupted") > interrupted
        room.self_interruptions += more
    for _ in range(room.answers):
        _ask(chat, server)
        time.sleep(BEGUN_SECONDS)
        room.barge_ins.append(_barge_in(chat, server, person))
        time.sleep(ANSWER_SECONDS + PAUSE_SECONDS)


def _ask(chat: Chat, server: SoundServer) -> None:
    """Ask a question, and wait until its answer begins."""
    before = chat.count("generation_complete")
    server.say(QUESTION, "person")
    until(lambda: chat.count("generation_complete") > before, lambda: f"no answer: {chat.errors.decode()}")


def _barge_in(chat: Chat, server: SoundServer, person: Recording) -> float:
    """Speak over an answer: seconds from the speech to the interruption."""
    before, at = chat.count("interrupted"), len(person.pcm) & ~1
    saying = threading.Thread(target=server.say, args=[QUESTION, "person"])
    saying.start()
    while not (abs(numpy.frombuffer(bytes(person.pcm[at : len(person.pcm) & ~1]), "<i2")) > SPEECH_PEAK).any():
        time.sleep(0.001)
    spoke_at = time.monotonic()
    saying.join()
    time.sleep(PAUSE_SECONDS)
    times = chat.times.get("interrupted", [])[before:]
    return times[0] - spoke_at if times else math.inf


def main() -> int:
    parser = argparse.ArgumentParser(description="Measure what a chat hears beside its own speaker.")
    parser.add_argument("--answers", type=int, default=ANSWERS, help="answers of each kind, over all rooms")
    answers = parser.parse_args().answers
    rooms = [Room(*each) for each in ROOMS]
    measure(rooms, answers)
    own = sum(room.self_interruptions for room in rooms)
    barge_ins = [each for room in rooms for each in room.barge_ins]
    in_time = sum(each <= BARGE_IN_SECONDS for each in barge_ins)
    share = answers / ANSWERS
    print(f"self-interruptions: {own} of {answers}, at most {SELF_INTERRUPTIONS_AT_MOST * share:g}")
    print(f"barge-ins within {BARGE_IN_SECONDS:g} s: {in_time} of {answers}, at least {BARGE_INS_AT_LEAST * share:g}")
    return int(own > SELF_INTERRUPTIONS_AT_MOST * share or in_time < BARGE_INS_AT_LEAST * share)


if __name__ == "__main__":
    sys.exit(main())
