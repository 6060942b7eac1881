"""May this session be? The setups that the service refuses, with its close codes and its words. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping

from ...protocol import close_reasons
from ...protocol.close_reasons import Refusal
from ...protocol.messages import GenerationConfig, Setup
from ...protocol.models import MODELS, Model, Platform
from ...protocol.setup_rules import is_refused


def admit(setup: Setup, platform: Platform, version: str, models: Mapping[str, Model] = MODELS) -> Model:
    """The model that this setup asks for. Raises Refusal where the service would close the session."""
    model = _named(setup, platform, version, models)
    if not speaks(setup) and not model.text_out:
        raise Refusal(1007, close_reasons.NOT_NATIVE_AUDIO)
    resumption = setup.session_resumption
    if resumption is not None and resumption.transparent and not platform.facts.confirms_messages:
        at = " at 'setup.session_resumption'"
        raise Refusal(1007, close_reasons.UNKNOWN_FIELD.format(name="transparent", at=at))
    if is_refused(setup, model, platform):
        raise Refusal(1007, close_reasons.INVALID_ARGUMENT)
    return model


def speaks(setup: Setup) -> bool:
    """Whether the model is to answer in AUDIO, which is the default.

    One modality is the rule, but Google's own samples ask for `["audio", "text"]` where they mean AUDIO.
    """
    wanted = _generation(setup).response_modalities
    return "AUDIO" in wanted or "TEXT" not in wanted


def _named(setup: Setup, platform: Platform, version: str, models: Mapping[str, Model]) -> Model:
    named = re.fullmatch(platform.facts.resource_pattern, setup.model)
    if not named:
        raise Refusal(1007, close_reasons.INVALID_RESOURCE)
    model = models.get(named[1])
    if model is None or platform not in model.platforms:
        raise _unknown(setup.model, platform, version)
    if model.retired:
        if platform.facts.names_retired_models:
            raise Refusal(1007, close_reasons.MODEL_RETIRED.format(model=model.name))
        raise _unknown(setup.model, platform, version)
    return model


def _unknown(resource: str, platform: Platform, version: str) -> Refusal:
    return Refusal(1008, platform.facts.model_unknown.format(model=resource, version=version))


def _generation(setup: Setup) -> GenerationConfig:
    return setup.generation_config or GenerationConfig()
