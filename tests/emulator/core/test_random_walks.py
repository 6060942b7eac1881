"""Whatever a client does, and whatever the model does: the order of what is said holds, and every file is let go."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from livecli.emulator.core import behaviour
from livecli.emulator.core.behaviour import Step
from livecli.emulator.core.lifetime import Limits
from livecli.emulator.pace import Pace
from livecli.protocol import codec, events, messages
from livecli.protocol.close_reasons import Refusal
from livecli.protocol.models import Platform

MODELS = {
    Platform.VERTEX: ["publishers/google/models/gemini-3.8-live"],
    Platform.DEVELOPER: ["models/gemini-3.8-live", "models/gemini-2.5-flash-native-audio-latest"],
}
SPEECH = (b"\x00\x20" * 20 + b"\x00\xe0" * 20) * 80  # 0.2 s
AT_ANY_TIME = (events.VoiceActivity, events.GoAway, events.ResumptionUpdate)


class Whimsical:
    """A model that does anything."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance

    def answer(self, turn: behaviour.UserTurn) -> Iterator[Step]:
        for _ in range(self._chance.randrange(5)):
            yield self._chance.choice(
                [
                    behaviour.Say("a b c", [bytes(100_000)]),
                    behaviour.Say("x", [bytes(2)]),
                    behaviour.Think("hm"),
                    behaviour.Call("f"),
                    behaviour.Call("undeclared"),
                    behaviour.Wait(0.3),
                    behaviour.Ground({}),
                    behaviour.Interrupt(),
                    behaviour.EndTurn(complete=self._chance.random() < 0.5),
                ]
            )


def said_by_client(chance: random.Random, manual: bool, ids: list[str]) -> events.Event:
    written = messages.Content(role="user", parts=[messages.Part(text="x")])
    scheduling = chance.choice([None, "SILENT", "INTERRUPT"])
    response = messages.FunctionResponse(id=chance.choice([*ids, "?"]), name="f", response={}, scheduling=scheduling)
    activity = chance.choice([events.ActivityStart(), events.ActivityEnd()])
    return chance.choice(
        [
            events.AudioChunk(SPEECH),
            events.AudioChunk(bytes(20_000)),
            activity if manual else events.AudioStreamEnd(),
            events.Text("hi"),
            events.ClientTurns((written,), chance.random() < 0.5),
            events.ToolResponse((response,)),
            events.Image(b"x"),
        ]
    )


@pytest.mark.parametrize("seed", range(60))
def test_the_order_holds(talk, setup, seed: int) -> None:
    chance = random.Random(seed)
    platform, manual = chance.choice(list(Platform)), chance.random() < 0.5
    declared = messages.FunctionDeclaration(name="f", behavior=chance.choice([None, "BLOCKING", "NON_BLOCKING"]))
    session = talk(
        setup(
            platform,
            manual=manual,
            model=chance.choice(MODELS[platform]),
            tools=[messages.Tool(function_declarations=[declared])],
            session_resumption=messages.SessionResumptionConfig(),
            explicit_vad_signal=True,
        ),
        platform,
        Whimsical(chance),
        pace=chance.choice(list(Pace)),
        limits=chance.choice([Limits(), Limits(connection_seconds=20.0, goaway_seconds=5.0)]),
    )
    ids: list[str] = []
    now, before = 0.0, events.TurnComplete
    try:
        for _ in range(120):
            now += chance.random() * 0.2
            if session.conversation.accepts_input:
                session.say(said_by_client(chance, manual, ids), now=now)
            for _ in range(chance.randrange(12)):
                if (message := session.conversation.next_message(now)) is None:
                    break
                codec.encode_server(message, platform)
                first = message[0]
                if isinstance(first, events.ToolCall):
                    ids += [call.id for call in first.calls if call.id]
                if isinstance(first, AT_ANY_TIME):
                    continue
                assert (before is events.Interrupted) <= isinstance(first, events.TurnComplete)
                before = type(first)
    except Refusal as refusal:
        assert refusal.code == 1011, "the connection was over"
    session.conversation.close(now)
    assert all(spool.closed for spool in session.spools)
