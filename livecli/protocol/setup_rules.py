"""Rules about setups: the fields that a model refuses, where Google's reason is only "invalid argument".

The emulator refuses what a certain rule matches.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import msgspec

from .codec.proto_json import camel_keys
from .messages import GenerationConfig, Setup, SpeechConfig
from .models import VOICES, Model, Platform, Proactivity, Thinking


@dataclass(frozen=True)
class SetupRule:
    """`path` is the field in JSON, `reason` says what is wrong with it (with `{model}` and `{platform}`).

    `certain` is whether the service is known to refuse it, rather than suspected to.
    """

    path: str
    reason: str
    is_refused: Callable[[Setup, Model, Platform], bool]
    certain: bool = True


def matching_rules(setup: dict[str, Any], model: Model, platform: Platform) -> Iterator[tuple[str, str]]:
    """(path, reason) of the fields that may be refused, the surest first."""
    try:
        parsed = msgspec.convert(camel_keys(setup), Setup, strict=False)
    except msgspec.ValidationError as error:
        if path := re.search(r"at `\$\.(.*)`$", str(error)):
            yield path[1], f"{path[1]} has a value that the API does not document"
        elif field := re.search(r"unknown field `(.*?)`", str(error)):
            yield field[1], f"the setup has no field {field[1]}"
        return
    for rule in sorted(RULES, key=lambda rule: not rule.certain):
        if rule.is_refused(parsed, model, platform):
            yield rule.path, rule.reason.format(model=model.name, platform=platform.facts.name)


def is_refused(setup: Setup, model: Model, platform: Platform) -> bool:
    """Whether the service closes with INVALID_ARGUMENT for a field of the setup."""
    return any(rule.certain and rule.is_refused(setup, model, platform) for rule in RULES)


def _generation(setup: Setup) -> GenerationConfig:
    return setup.generation_config or GenerationConfig()


def _speech(setup: Setup) -> SpeechConfig:
    return _generation(setup).speech_config or SpeechConfig()


def _any_thinking(setup: Setup, model: Model, platform: Platform) -> bool:
    return model.thinking is Thinking.NONE and _generation(setup).thinking_config is not None


def _thinking_budget(setup: Setup, model: Model, platform: Platform) -> bool:
    config = _generation(setup).thinking_config
    return model.thinking is Thinking.LEVEL and config is not None and config.thinking_budget is not None


def _thinking_level(setup: Setup, model: Model, platform: Platform) -> bool:
    config = _generation(setup).thinking_config
    level = config.thinking_level if config else None
    if level is None or model.thinking is Thinking.NONE:
        return False
    return model.thinking is Thinking.BUDGET or level.upper() not in {
        *model.thinking_levels,
        "THINKING_LEVEL_UNSPECIFIED",
    }


def _voice(setup: Setup, model: Model, platform: Platform) -> bool:
    voice = _speech(setup).voice_config
    name = voice.prebuilt_voice_config.voice_name if voice and voice.prebuilt_voice_config else ""
    return bool(name) and name not in VOICES


def _affective_dialog(setup: Setup, model: Model, platform: Platform) -> bool:
    return bool(_generation(setup).enable_affective_dialog) and not model.affective_dialog


def _proactivity(setup: Setup, model: Model, platform: Platform) -> bool:
    config = setup.proactivity
    if config is None:
        return False
    if model.proactivity is Proactivity.ALWAYS:
        return platform.facts.must_stay_proactive and config.proactive_audio is False
    return model.proactivity is Proactivity.NONE and bool(config.proactive_audio or config.proactive_video)


def _coverage(setup: Setup, model: Model, platform: Platform) -> bool:
    config = setup.realtime_input_config
    all_video = config is not None and config.turn_coverage == "TURN_INCLUDES_AUDIO_ACTIVITY_AND_ALL_VIDEO"
    return all_video and not platform.facts.covers_all_video


def _code_tools(setup: Setup, model: Model, platform: Platform) -> bool:
    used = any(tool.code_execution is not None or tool.url_context is not None for tool in setup.tools)
    return used and not model.code_tools


def _behavior(setup: Setup, model: Model, platform: Platform) -> bool:
    behaviors = [declared.behavior for tool in setup.tools for declared in tool.function_declarations]
    return any(behavior not in (None, "UNSPECIFIED", *model.calling) for behavior in behaviors)


RULES: tuple[SetupRule, ...] = (
    SetupRule("generationConfig.thinkingConfig", "{model} takes no thinkingConfig", _any_thinking),
    SetupRule(
        "generationConfig.thinkingConfig.thinkingBudget", "{model} thinks by level, not by budget", _thinking_budget
    ),
    SetupRule(
        "generationConfig.thinkingConfig.thinkingLevel", "{model} does not have this thinkingLevel", _thinking_level
    ),
    SetupRule(
        "generationConfig.speechConfig.voiceConfig.prebuiltVoiceConfig.voiceName",
        "there is no voice of this name (upper and lower case matter)",
        _voice,
    ),
    SetupRule("generationConfig.enableAffectiveDialog", "{model} has no affective dialog", _affective_dialog),
    SetupRule("proactivity", "{model} does not take this proactivity", _proactivity),
    SetupRule("realtimeInputConfig.turnCoverage", "{platform} refuses this turnCoverage", _coverage),
    SetupRule("tools", "{model} does not run code or read URLs", _code_tools),
    SetupRule("tools", "{model} does not call functions with this behavior", _behavior),
    SetupRule(
        "generationConfig.responseModalities",
        "models normally take one modality",
        lambda setup, model, platform: len(_generation(setup).response_modalities) > 1,
        certain=False,
    ),
    SetupRule(
        "avatarConfig",
        "avatars are for gemini-3.8-live on Vertex AI",
        lambda setup, model, platform: setup.avatar_config is not None,
        certain=False,
    ),
    SetupRule(
        "explicitVadSignal",
        "{platform} is not known to take explicitVadSignal",
        lambda setup, model, platform: setup.explicit_vad_signal is not None and not platform.facts.takes_vad_signal,
        certain=False,
    ),
    SetupRule(
        "sessionResumption.handle",
        "a handle expires, after two hours on the Developer API",
        lambda setup, model, platform: bool(setup.session_resumption and setup.session_resumption.handle),
        certain=False,
    ),
    SetupRule(
        "generationConfig.speechConfig.languageCode",
        "native audio models choose the language themselves and may refuse the code",
        lambda setup, model, platform: bool(_speech(setup).language_code),
        certain=False,
    ),
)
