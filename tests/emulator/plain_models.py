"""The models without the facts that shape their frames, for tests of what the emulator does with all models.

Tests of the models themselves use the real table: `core/test_response`, `test_recorded_models` and others.
"""

from __future__ import annotations

import functools

import msgspec

from livecli.emulator.options import EmulatorOptions
from livecli.protocol.models import MODELS, CallFacts, FrameFacts, PromptFacts, TurnFacts, UnaskedFacts

PLAIN_MODELS = {
    name: msgspec.structs.replace(
        model,
        turns=TurnFacts(interaction_status=model.turns.interaction_status),
        unasked=UnaskedFacts(),
        frames=FrameFacts(whole_input_transcript=model.frames.whole_input_transcript),
        calls=CallFacts(takes_scheduling=model.calls.takes_scheduling),
        prompt=PromptFacts(),
    )
    for name, model in MODELS.items()
}

plain_options = functools.partial(EmulatorOptions, models=PLAIN_MODELS)
