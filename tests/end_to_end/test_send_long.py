"""Inputs that outlast their connections many times over: every sample is accounted for once."""

from __future__ import annotations

import json
import subprocess
import wave
from collections.abc import Iterator
from pathlib import Path

import numpy

from livecli.emulator.core.behaviour import Say, UserTurn
from livecli.emulator.core.lifetime import Limits
from tests.end_to_end.conftest import noting_peak, read_wav, write_wav
from tests.serving import serving

SECOND = 32_000
"""Bytes of input."""
BLOCK = 1 << 22
CHUNK_BYTES = 4096


def write_noise(path: Path, length: int) -> None:
    """So many bytes of samples that differ: none can be lost, doubled or moved unseen."""
    noise = numpy.random.default_rng(7)
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
        for at in range(0, length, BLOCK):
            file.writeframesraw(noise.bytes(min(BLOCK, length - at)))


class Comparing:
    """Hears what should be the file at `path`, sample for sample, and says so. It notes in `heard` how much that was.

    What was compared once is not again, as a question that is asked again would take as long again.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.heard: list[int] = []

    def answer(self, heard: UserTurn) -> Iterator[Say]:
        assert heard.utterance is not None
        if self.heard[-1:] != [heard.utterance.length_bytes]:
            with wave.open(str(self.path)) as file:
                for block in heard.utterance.blocks():
                    assert block == file.readframes(len(block) // 2)
            self.heard.append(heard.utterance.length_bytes)
        yield Say("every sample", [bytes(range(240)) * 100])


def send(folder: Path, name: str, *words: object) -> tuple[int, list[str], dict, int]:
    """In a process of its own: status, what it told, its summary, and its peak of memory in kilobytes."""
    command = noting_peak(folder / "peak", "send", name, "--speed", 0, "--json", "-v", *words)
    with (folder / "out").open("wb") as out, (folder / "err").open("wb") as err:
        status = subprocess.run(command, cwd=folder, stdout=out, stderr=err).returncode
    told = [line for line in (folder / "err").read_text().splitlines() if " s  " not in line]
    return status, told, json.loads((folder / "out").read_text()), int((folder / "peak").read_text())


def compare_over_connections(folder: Path, length: int, connections: int) -> None:
    """Fails unless so many bytes arrive over so many connections, in the memory that ten seconds take.

    Each connection ends after so much audio rather than a time, in which a busy machine might get nowhere.
    """
    goaway = f"goaway=0.02@audio:{length // connections // CHUNK_BYTES}"
    peaks = []
    for name, size in {"short": 10 * SECOND, "long": length}.items():
        write_noise(folder / f"{name}.wav", size)
        model = Comparing(folder / f"{name}.wav")
        with serving(goaway, behaviour=lambda model=model: model) as served:
            words = ("--base-url", served.url, "--chunk-bytes", CHUNK_BYTES)
            status, told, summary, peak = send(folder, f"{name}.wav", *words)
        assert status == 0, told
        assert model.heard == [size]
        assert (summary["sent"]["bytes"], summary["received"]["bytes"]) == (size, 24_000)
        assert read_wav(folder / f"{name}.reply.wav") == (24_000, bytes(range(240)) * 100)
        peaks.append(peak)
    assert sum("the session goes on" in line for line in told) >= connections / 2
    assert peaks[1] < 1.2 * peaks[0]


def test_25_minutes_over_ten_connections(tmp_path) -> None:
    """48 MB pass. `tests/soak` sends three hours."""
    compare_over_connections(tmp_path, 25 * 60 * SECOND, 10)


class Parrot:
    """Says the very samples that it heard."""

    def answer(self, heard: UserTurn) -> Iterator[Say]:
        assert heard.utterance is not None
        yield Say(heard.utterance.description, heard.utterance.blocks())


def write_speech(path: Path, seconds: int) -> bytes:
    """Sentences of some seconds, no two alike, and pauses between them."""
    noise = numpy.random.default_rng(11)
    pcm = bytearray()
    while len(pcm) < seconds * SECOND:
        pcm += noise.bytes(SECOND * noise.integers(2, 8)) + bytes(SECOND // 2)
    write_wav(path, bytes(pcm[: seconds * SECOND]))
    return bytes(pcm[: seconds * SECOND])


def test_two_minutes_in_utterances_where_nothing_says_what_a_handle_includes(livecli, tmp_path) -> None:
    said = write_speech(tmp_path / "talk.wav", 120)
    where = ("--platform", "developer", "--speed", 20, "--json", "-v")
    with serving(behaviour=Parrot, limits=Limits(connection_seconds=1.0, goaway_seconds=0.5)) as served:
        ran = livecli("send", "talk.wav", "--base-url", served.url, *where)
    told = [line for line in ran.err.splitlines() if " s  " not in line]
    assert ran.status == 0, told
    assert read_wav(tmp_path / "talk.reply.wav") == (24_000, said)
    assert sum("the session goes on" in line for line in told) >= 3, told
    assert any("sent in several utterances" in line for line in told)
