"""The options of an emulator: the default ones, and what each changes in a session."""

from __future__ import annotations

import dataclasses
import time
from typing import Any

import msgspec
import pytest
from websockets.asyncio.client import connect

from livecli.emulator.core.behaviour import Say, UserTurn, tones
from livecli.emulator.core.lifetime import Limits
from livecli.emulator.options import DEFAULT_OPTIONS, EmulatorOptions
from livecli.emulator.pace import Pace
from livecli.emulator.server import run_emulator
from livecli.protocol.models import MODELS
from tests.emulator.frames import DEVELOPER, SETUP, closed, hear, say, set_up, sound, turn
from tests.emulator.plain_models import plain_options

pytestmark = pytest.mark.usefixtures("bounded")


def test_an_emulator_has_the_known_models_and_no_limits_by_default() -> None:
    assert DEFAULT_OPTIONS.models is MODELS
    assert DEFAULT_OPTIONS.limits == Limits()
    assert not DEFAULT_OPTIONS.faults
    assert DEFAULT_OPTIONS.replay is None


def test_options_cannot_change_under_the_sessions_that_share_them() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        DEFAULT_OPTIONS.realtime = True  # type: ignore[misc]


async def test_a_model_that_is_not_in_the_table_is_refused() -> None:
    models = {"my-model": msgspec.structs.replace(MODELS["gemini-3.8-live"], name="my-model")}
    async with run_emulator(options=EmulatorOptions(models=models)) as emulator:
        async with connect(emulator.url + DEVELOPER) as ws:
            assert await set_up(ws, DEVELOPER, model="models/my-model") == {"setupComplete": {}}
        async with connect(emulator.url + DEVELOPER) as ws:
            await say(ws, {"setup": SETUP[DEVELOPER]})
            code, reason = await closed(ws)
    assert code == 1008
    assert str(reason).startswith("models/gemini-3.8-live is not found for API version v1beta")


@pytest.mark.parametrize(("pace", "least", "most"), [("instant", 0, 1.5), ("burst", 1.5, 10), ("realtime", 1.7, 10)])
async def test_the_pace_decides_how_long_a_reply_takes(pace: Pace, least: float, most: float) -> None:
    options = plain_options(pace=Pace(pace))
    async with run_emulator(options=options) as emulator, connect(emulator.url + DEVELOPER) as ws:
        await set_up(ws, DEVELOPER)
        await say(ws, {"realtimeInput": {"text": "a" * 30}})
        began_at = time.monotonic()
        seconds = len(sound(await turn(ws))) / 48_000
        assert seconds == pytest.approx(1.8)
        assert least <= time.monotonic() - began_at <= most


async def test_every_session_has_a_behaviour_of_its_own() -> None:
    class Counts:
        made = 0

        def __init__(self) -> None:
            Counts.made += 1
            self.words = f"session {Counts.made}"

        def answer(self, heard: UserTurn) -> Any:
            yield Say(self.words, tones("x"))

    async with run_emulator(options=plain_options(behaviour=Counts)) as emulator:
        for number in (1, 2):
            async with connect(emulator.url + DEVELOPER) as ws:
                await set_up(ws, DEVELOPER, outputAudioTranscription={})
                await say(ws, {"realtimeInput": {"text": "hello"}})
                said = await turn(ws)
            pieces = (m["serverContent"].get("outputTranscription", {}).get("text", "") for m in said)
            assert "".join(pieces) == f"session {number}"


async def test_the_limits_act_without_another_message() -> None:
    limits = Limits(connection_seconds=0.2, goaway_seconds=0.1)
    async with (
        run_emulator(options=plain_options(limits=limits)) as emulator,
        connect(emulator.url + DEVELOPER) as ws,
    ):
        await set_up(ws, DEVELOPER)
        assert "goAway" in await hear(ws)
        assert (await closed(ws))[0] == 1008
