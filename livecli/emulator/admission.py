"""May this session be? The setups that the service refuses, with its close codes and its words. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping

from ..protocol import closes
from ..protocol.closes import Refusal
from ..protocol.messages import GenerationConfig, Setup, Tool
from ..protocol.models import MODELS, VOICES, Model, Platform, Proactivity, Thinking

RESOURCE_NAME = {
    Platform.DEVELOPER: r"models/([^/]+)",
    Platform.VERTEX: r"(?:projects/[^/]+/locations/[^/]+/)?publishers/google/models/([^/]+)",
}
"""How each platform spells a model; Vertex without a project is what an express key sends."""


def admit(setup: Setup, platform: Platform, version: str, models: Mapping[str, Model] = MODELS) -> Model:
    """The model that this setup asks for. Raises Refusal where the service would close the session."""
    model = _named(setup, platform, version, models)
    if not speaks(setup) and not model.text_out:
        raise Refusal(1007, closes.NOT_NATIVE_AUDIO)
    resumption = setup.session_resumption
    if platform is Platform.DEVELOPER and resumption is not None and resumption.transparent:
        at = " at 'setup.session_resumption'"
        raise Refusal(1007, closes.UNKNOWN_FIELD.format(name="transparent", at=at))
    if any(refuses(setup, model, platform) for refuses in REFUSES):
        raise Refusal(1007, closes.INVALID_ARGUMENT)
    admit_tools(setup.tools, model)
    return model


def admit_tools(tools: Iterable[Tool], model: Model) -> None:
    """Raises Refusal where the model has no such tools, or does not call functions in the way that is declared."""
    for tool in tools:
        if not model.code_tools and (tool.code_execution is not None or tool.url_context is not None):
            raise Refusal(1007, closes.INVALID_ARGUMENT)
        for declaration in tool.function_declarations:
            if declaration.behavior not in (None, "UNSPECIFIED", *model.calling):
                raise Refusal(1007, closes.INVALID_ARGUMENT)


def speaks(setup: Setup) -> bool:
    """Whether the model is to answer in AUDIO, which is the default.

    One modality is the rule, but Google's own samples ask for `["audio", "text"]` where they mean AUDIO.
    """
    wanted = _generation(setup).response_modalities
    return "AUDIO" in wanted or "TEXT" not in wanted


def _named(setup: Setup, platform: Platform, version: str, models: Mapping[str, Model]) -> Model:
    named = re.fullmatch(RESOURCE_NAME[platform], setup.model)
    if not named:
        raise Refusal(1007, closes.INVALID_RESOURCE)
    model = models.get(named[1])
    if model is None or platform not in model.platforms:
        raise _unknown(setup.model, platform, version)
    if model.retired:
        if platform is Platform.VERTEX:
            raise Refusal(1007, closes.MODEL_RETIRED.format(model=model.name))
        raise _unknown(setup.model, platform, version)
    return model


def _unknown(resource: str, platform: Platform, version: str) -> Refusal:
    return Refusal(1008, closes.MODEL_UNKNOWN[platform].format(model=resource, version=version))


def _generation(setup: Setup) -> GenerationConfig:
    return setup.generation_config or GenerationConfig()


def _thinking(setup: Setup, model: Model, platform: Platform) -> bool:
    config = _generation(setup).thinking_config
    if config is None:
        return False
    if model.thinking is Thinking.BUDGET:
        return config.thinking_level is not None
    level = config.thinking_level
    unknown = level is not None and level.upper() not in {*model.thinking_levels, "THINKING_LEVEL_UNSPECIFIED"}
    return model.thinking is Thinking.NONE or config.thinking_budget is not None or unknown


def _voice(setup: Setup, model: Model, platform: Platform) -> bool:
    speech = _generation(setup).speech_config
    if speech is None or speech.voice_config is None or speech.voice_config.prebuilt_voice_config is None:
        return False
    name = speech.voice_config.prebuilt_voice_config.voice_name
    return bool(name) and name not in VOICES


def _affective_dialog(setup: Setup, model: Model, platform: Platform) -> bool:
    return bool(_generation(setup).enable_affective_dialog) and not model.affective_dialog


def _proactivity(setup: Setup, model: Model, platform: Platform) -> bool:
    config = setup.proactivity
    if config is None:
        return False
    if model.proactivity is Proactivity.ALWAYS:
        return platform is Platform.DEVELOPER and config.proactive_audio is False
    return model.proactivity is Proactivity.NONE and bool(config.proactive_audio or config.proactive_video)


def _coverage(setup: Setup, model: Model, platform: Platform) -> bool:
    config = setup.realtime_input_config
    all_video = config is not None and config.turn_coverage == "TURN_INCLUDES_AUDIO_ACTIVITY_AND_ALL_VIDEO"
    return platform is Platform.VERTEX and all_video


REFUSES: tuple[Callable[[Setup, Model, Platform], bool], ...] = (
    _thinking,
    _voice,
    _affective_dialog,
    _proactivity,
    _coverage,
)
"""Each says whether the service closes with INVALID_ARGUMENT for that part of the setup."""
