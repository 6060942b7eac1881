"""Checks of a setup: which ones the service refuses, with which close code and reason. No I/O."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from ...protocol import close_reasons
from ...protocol.audio_rates import INPUT_RATE
from ...protocol.close_reasons import Refusal
from ...protocol.codec.proto_json import audio_rate
from ...protocol.function_schema import schema_errors
from ...protocol.messages import Content, GenerationConfig, Setup, Tool
from ...protocol.models import MODELS, ContentAudio, Model, Platform
from ...protocol.setup_rules import SetupContext, refusal


def check_setup(setup: Setup, platform: Platform, version: str, models: Mapping[str, Model] = MODELS) -> Model:
    """The model of a valid setup. Raises Refusal for a setup that the service refuses."""
    _check_schemas(setup.tools, platform, "setup.")
    model = _model_of(setup, platform, version, models)
    if found := refusal(SetupContext(setup, model, platform, version)):
        raise found
    return model


def late_refusal(setup: Setup, model: Model, platform: Platform, version: str) -> Refusal | None:
    """The close with which the service refuses an accepted setup at the client's next message; None if it does not."""
    return refusal(SetupContext(setup, model, platform, version), late=True)


def check_tools(tools: list[Tool], model: Model, platform: Platform) -> None:
    """Check the tools of a contextUpdate. Raises Refusal for those that the service refuses."""
    _check_schemas(tools, platform, "context_update.tools.")
    if found := refusal(SetupContext(Setup(tools=tools), model, platform, ""), under="tools"):
        raise found


def check_content(turns: Iterable[Content], model: Model) -> None:
    """Check the audio of a clientContent. Raises Refusal for audio that the model does not take there."""
    for part in (part for content in turns for part in content.parts):
        if part.inline_data is None or not part.inline_data.mime_type.lower().startswith("audio/pcm"):
            continue
        rate = audio_rate(part.inline_data.mime_type, INPUT_RATE)
        if rate is None or model.content_audio is ContentAudio.REFUSED:
            raise Refusal(1007, close_reasons.INVALID_ARGUMENT)
        if rate != INPUT_RATE and model.content_audio is ContentAudio.AT_16_KHZ:
            raise Refusal(1008, close_reasons.OPERATION_UNSUPPORTED)


def _check_schemas(tools: list[Tool], platform: Platform, at: str) -> None:
    for reason in schema_errors(tools, platform.facts.schema_extras, at=at):
        raise Refusal(1007, reason)


def answers_in_audio(setup: Setup, model: Model) -> bool:
    """Whether the answer is spoken, which is the default of a model that can.

    A setup should name one modality, but Google's samples for Vertex AI ask for `["audio", "text"]` and mean AUDIO.
    """
    modalities = (setup.generation_config or GenerationConfig()).response_modalities
    return model.audio_out and ("AUDIO" in modalities or "TEXT" not in modalities)


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
