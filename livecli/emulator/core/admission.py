"""Checks of a setup: which ones the service refuses, with which close code and reason. No I/O."""

from __future__ import annotations

import re
from collections.abc import Mapping

from ...protocol import close_reasons
from ...protocol.close_reasons import Refusal
from ...protocol.messages import GenerationConfig, Setup
from ...protocol.models import MODELS, Model, Platform
from ...protocol.setup_rules import is_refused


def check_setup(setup: Setup, platform: Platform, version: str, models: Mapping[str, Model] = MODELS) -> Model:
    """The model of a valid setup. Raises Refusal for a setup that the service refuses."""
    model = _model_of(setup, platform, version, models)
    if not answers_in_audio(setup) and not model.text_out:
        raise Refusal(1007, close_reasons.NOT_NATIVE_AUDIO)
    resumption = setup.session_resumption
    if resumption is not None and resumption.transparent and not platform.facts.confirms_messages:
        at = " at 'setup.session_resumption'"
        raise Refusal(1007, close_reasons.UNKNOWN_FIELD.format(name="transparent", at=at))
    if is_refused(setup, model, platform):
        raise Refusal(1007, close_reasons.INVALID_ARGUMENT)
    return model


def answers_in_audio(setup: Setup) -> bool:
    """Whether the answer is spoken, which is the default.

    A setup should name one modality, but Google's own samples ask for `["audio", "text"]` and mean AUDIO.
    """
    modalities = (setup.generation_config or GenerationConfig()).response_modalities
    return "AUDIO" in modalities or "TEXT" not in modalities


def _model_of(setup: Setup, platform: Platform, version: str, models: Mapping[str, Model]) -> Model:
    resource = re.fullmatch(platform.facts.resource_pattern, setup.model)
    if not resource:
        raise Refusal(1007, close_reasons.INVALID_RESOURCE)
    model = models.get(resource[1])
    if model is None or platform not in model.platforms:
        raise _unknown_model(setup.model, platform, version)
    if model.retired:
        if platform.facts.names_retired_models:
            raise Refusal(1007, close_reasons.MODEL_RETIRED.format(model=model.name))
        raise _unknown_model(setup.model, platform, version)
    return model


def _unknown_model(resource: str, platform: Platform, version: str) -> Refusal:
    return Refusal(1008, platform.facts.model_unknown.format(model=resource, version=version))
