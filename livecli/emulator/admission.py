"""May this session be? The setups that the service refuses, with its close codes and its words. Pure."""

from __future__ import annotations

import re

from ..protocol import closes
from ..protocol.closes import Refusal
from ..protocol.messages import Setup
from ..protocol.models import MODELS, Model, Platform

RESOURCE_NAME = {
    Platform.DEVELOPER: r"models/([^/]+)",
    Platform.VERTEX: r"(?:projects/[^/]+/locations/[^/]+/)?publishers/google/models/([^/]+)",
}
"""How each platform spells a model; Vertex without a project is what an express key sends."""


def admit(setup: Setup, platform: Platform, version: str) -> Model:
    """The model that this setup asks for. Raises Refusal where the service would close the session."""
    named = re.fullmatch(RESOURCE_NAME[platform], setup.model)
    if not named:
        raise Refusal(1007, closes.INVALID_RESOURCE)
    model = MODELS.get(named[1])
    if model is None or platform not in model.platforms:
        raise _unknown(setup.model, platform, version)
    if model.retired:
        if platform is Platform.VERTEX:
            raise Refusal(1007, closes.MODEL_RETIRED.format(model=model.name))
        raise _unknown(setup.model, platform, version)
    if not speaks(setup) and not model.text_out:
        raise Refusal(1007, closes.NOT_NATIVE_AUDIO)
    return model


def speaks(setup: Setup) -> bool:
    """Whether the model is to answer in AUDIO, which is the default.

    One modality is the rule, but Google's own samples ask for `["audio", "text"]` where they mean AUDIO.
    """
    wanted = setup.generation_config.response_modalities if setup.generation_config else []
    return "AUDIO" in wanted or "TEXT" not in wanted


def _unknown(resource: str, platform: Platform, version: str) -> Refusal:
    return Refusal(1008, closes.MODEL_UNKNOWN[platform].format(model=resource, version=version))
