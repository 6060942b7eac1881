"""Sounds, and conversations whose files can be watched."""

from __future__ import annotations

import asyncio
import math
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import IO, Any

import pytest

from livecli.emulator.core.behaviour import Behaviour, Echo
from livecli.emulator.core.conversation import EmulatedSession
from livecli.emulator.server import EmulatorAddress, run_emulator
from livecli.protocol import events, messages
from livecli.protocol.events import Event
from livecli.protocol.models import Model, Platform
from tests.emulator.plain_models import PLAIN_MODELS, plain_options

SESSION_ID = "f162d11d-434a-4212-8a31-f1a4843cad11"
MODELS = {
    Platform.DEVELOPER: "models/gemini-3.8-live",
    Platform.VERTEX: "projects/p/locations/us-central1/publishers/google/models/gemini-3.8-live",
}


def _tone(seconds: float, hz: float = 440.0, rate: int = 16_000, peak: int = 10_000) -> bytes:
    samples = (round(peak * math.sin(2 * math.pi * hz * n / rate)) for n in range(round(seconds * rate)))
    return b"".join(sample.to_bytes(2, "little", signed=True) for sample in samples)


def _silence(seconds: float, rate: int = 16_000) -> bytes:
    return bytes(2 * round(seconds * rate))


@pytest.fixture
def tone() -> Callable[..., bytes]:
    """Mono PCM16 of a sine."""
    return _tone


@pytest.fixture
def silence() -> Callable[..., bytes]:
    return _silence


@pytest.fixture
def setup() -> Callable[..., messages.Setup]:
    """A setup that is fine, with manual activity or detection, and whatever else."""

    def make(platform: Platform = Platform.DEVELOPER, *, manual: bool = True, **fields: Any) -> messages.Setup:
        detection = messages.AutomaticActivityDetection(disabled=manual)
        config = messages.RealtimeInputConfig(automatic_activity_detection=detection)
        return messages.Setup(**{"model": MODELS[platform], "realtime_input_config": config, **fields})

    return make


@dataclass
class Talk:
    """A conversation, its log and its files."""

    conversation: EmulatedSession
    log: list[str]
    spools: list[IO[bytes]] = field(default_factory=list)

    @property
    def turns_done(self) -> int:
        """The turns that have ended, those of the sessions that this one resumes included."""
        assert self.conversation._dialogue is not None
        return self.conversation._dialogue.memory.turns_done

    def say(self, *said: Event, now: float = 0.0) -> None:
        for event in said:
            self.conversation.receive(event, now)

    def answers(self, now: float = 0.0) -> list[list[Event]]:
        """Everything that the model has to say now."""
        taken = []
        while (message := self.conversation.next_message(now)) is not None:
            taken.append(message)
        return taken

    def speak(self, pcm: bytes) -> None:
        self.say(events.ActivityStart(), events.AudioChunk(pcm), events.ActivityEnd())


@pytest.fixture
def talk() -> Iterator[Callable[..., Talk]]:
    """A conversation that has been set up, if a setup is given; closed after the test. Its `models` are plain ones."""
    begun: list[Talk] = []

    def begin(
        setup: messages.Setup | None = None,
        platform: Platform = Platform.DEVELOPER,
        behaviour: Behaviour | None = None,
        models: Mapping[str, Model] | None = None,
        **options: Any,
    ) -> Talk:
        spools: list[IO[bytes]] = []
        log: list[str] = []

        def open_spool() -> IO[bytes]:
            spools.append(tempfile.SpooledTemporaryFile(max_size=640_000))
            return spools[-1]

        conversation = EmulatedSession(
            platform,
            "v1beta",
            behaviour=behaviour or Echo(),
            models=models or PLAIN_MODELS,
            new_session_id=lambda: SESSION_ID,
            log=log.append,
            **{"open_spool": open_spool, **options},
        )
        made = Talk(conversation, log, spools)
        begun.append(made)
        if setup is not None:
            made.say(events.Setup(setup))
            assert made.conversation.next_message(0.0) == [events.SetupComplete(SESSION_ID)]
        return made

    yield begin
    for made in begun:
        made.conversation.close()


@pytest.fixture
async def bounded() -> AsyncIterator[None]:
    """Ends a test that takes more than a minute."""
    async with asyncio.timeout(60):
        yield


@pytest.fixture
def log() -> list[str]:
    """The log of `emulator`."""
    return []


@pytest.fixture
async def emulator(log: list[str]) -> AsyncIterator[EmulatorAddress]:
    """An emulator without options, whose tasks must end with it."""
    tasks = asyncio.all_tasks()
    async with run_emulator(options=plain_options(), log=log.append) as made:
        yield made
    assert asyncio.all_tasks() <= tasks | {asyncio.current_task()}
