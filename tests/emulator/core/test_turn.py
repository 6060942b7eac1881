"""A turn that the model answers."""

from __future__ import annotations

import io

import pytest

from livecli.emulator.core.behaviour import UserTurn
from livecli.emulator.core.turn import ModelTurn
from livecli.emulator.core.utterance import Utterance


def spoken(spool: io.BytesIO | None = None) -> ModelTurn:
    return ModelTurn(UserTurn(Utterance(spool or io.BytesIO())), at=10.0, consumed=1, audio_seconds=5.0)


@pytest.mark.parametrize(
    ("audio_seconds", "now", "outrun"),
    [
        (5.0, 10.0, False),
        # One second of audio a second is a microphone.
        (6.0, 11.0, False),
        # A network that catches up may be a little faster.
        (6.4, 11.0, False),
        (6.6, 11.0, True),
        (5.1, 10.0, True),
    ],
)
def test_an_utterance_is_outrun_by_audio_faster_than_real_time(audio_seconds: float, now: float, outrun: bool) -> None:
    assert spoken().is_outrun(audio_seconds, now) is outrun


def test_a_typed_turn_is_never_outrun() -> None:
    assert not ModelTurn(UserTurn(text="x"), 10.0, 1, 5.0).is_outrun(100.0, 10.0)


def test_closing_releases_the_utterance() -> None:
    spool = io.BytesIO()
    spoken(spool).close()
    assert spool.closed
    ModelTurn(UserTurn(text="x"), 10.0, 1, 5.0).close()
