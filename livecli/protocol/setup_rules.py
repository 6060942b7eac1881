"""Rules about setups: what a model refuses, with the close of the service and the evidence for it.

The emulator refuses what a certain rule matches. The client names the rules that match where a close names no field.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from . import close_reasons
from .close_reasons import INVALID_ARGUMENT, Refusal
from .codec.proto_json import camel_keys
from .messages import GenerationConfig, Setup, SpeechConfig, ThinkingConfig
from .models import Evidence, EvidenceKind, Model, Platform, Proactivity, ThinkingControl
from .names import VOICES


class SetupContext(msgspec.Struct, frozen=True):
    """A setup, its model, and where it is sent: the platform and the API's version, such as `v1beta`."""

    setup: Setup
    model: Model
    platform: Platform
    version: str

    @property
    def generation(self) -> GenerationConfig:
        return self.setup.generation_config or GenerationConfig()

    @property
    def speech(self) -> SpeechConfig:
        return self.generation.speech_config or SpeechConfig()

    @property
    def voice(self) -> str:
        """The name of the prebuilt voice, empty if there is none."""
        voice = self.speech.voice_config
        return voice.prebuilt_voice_config.voice_name if voice and voice.prebuilt_voice_config else ""

    @property
    def thinking_level(self) -> str:
        """The level of thinking in upper case, empty if there is none."""
        level = (self.generation.thinking_config or ThinkingConfig()).thinking_level or ""
        return "" if level.upper() == "THINKING_LEVEL_UNSPECIFIED" else level.upper()

    def lacks(self, path: str) -> bool:
        """Whether this version of the API does not know the field at `path`, which is in snake_case."""
        return path in self.platform.facts.alpha_only and self.version != "v1alpha"

    def placeholders(self) -> dict[str, str]:
        """The values for the `{placeholders}` of a rule's texts."""
        return {
            "model": self.model.name,
            "platform": self.platform.facts.name,
            "resource": self.setup.model,
            "voice": self.voice,
            "modalities": ", ".join(self.generation.response_modalities),
        }


class SetupRule(msgspec.Struct, frozen=True):
    """A field that is refused, and how.

    `path` is the field in JSON, `reason` says what is wrong with it, `remedy` what to do, and the service closes with
    1007 and `closes_with`. `certain` is whether the service is known to refuse it, rather than suspected to. The
    refusal comes instead of `setupComplete`, or `late`: after it, at the client's next message.
    """

    path: str
    reason: str
    is_refused: Callable[[SetupContext], bool]
    evidence: Evidence
    closes_with: str = INVALID_ARGUMENT
    certain: bool = True
    late: bool = False
    remedy: str = "leave {path} out"


class SetupProblem(msgspec.Struct, frozen=True):
    """A field of a setup that may be refused."""

    path: str
    reason: str
    remedy: str


def matching_rules(setup: dict[str, Any], model: Model, platform: Platform, version: str) -> Iterator[SetupProblem]:
    """The fields that may be refused, the surest first."""
    try:
        parsed = msgspec.convert(camel_keys(setup), Setup, strict=False)
    except msgspec.ValidationError as error:
        if path := re.search(r"at `\$\.(.*)`$", str(error)):
            yield _left_out(path[1], f"{path[1]} has a value that the API does not document")
        elif field := re.search(r"unknown field `(.*?)`", str(error)):
            yield _left_out(field[1], f"the setup has no field {field[1]}")
        return
    context = SetupContext(parsed, model, platform, version)
    values = context.placeholders()
    for rule in sorted(RULES, key=lambda rule: not rule.certain):
        if rule.is_refused(context):
            yield SetupProblem(rule.path, rule.reason.format_map(values), rule.remedy.format(path=rule.path))


def _left_out(path: str, reason: str) -> SetupProblem:
    return SetupProblem(path, reason, f"leave {path} out")


def refusal(context: SetupContext, *, late: bool = False, under: str = "") -> Refusal | None:
    """The close with which the service refuses the setup, `late` or not; None if it does not.

    Only rules about fields whose path begins with `under` are looked at.
    """
    rules = (rule for rule in RULES if rule.certain and rule.late is late and rule.path.startswith(under))
    rule = next((rule for rule in rules if rule.is_refused(context)), None)
    return Refusal(1007, rule.closes_with.format_map(context.placeholders())) if rule else None


# --- modalities ---


def _text(context: SetupContext) -> bool:
    return context.generation.response_modalities == ["TEXT"] and not context.model.text_out


def _audio(context: SetupContext) -> bool:
    return "AUDIO" in context.generation.response_modalities and not context.model.audio_out


def _audio_and_text(context: SetupContext) -> bool:
    both = {"AUDIO", "TEXT"} <= set(context.generation.response_modalities)
    return both and not context.platform.facts.takes_audio_and_text


# --- thinking ---


def _no_level(context: SetupContext) -> bool:
    return bool(context.thinking_level) and context.model.thinking is ThinkingControl.NONE


def _budget_alone(context: SetupContext) -> bool:
    by_budget = context.model.thinking is ThinkingControl.BUDGET and not context.model.thinking_levels
    return bool(context.thinking_level) and by_budget


def _other_level(context: SetupContext) -> bool:
    levels = context.model.thinking_levels
    return bool(context.thinking_level and levels) and context.thinking_level not in levels


def _level_missing(context: SetupContext) -> bool:
    return context.model.level_required and not context.thinking_level


# --- the rest ---


def _voice(context: SetupContext) -> bool:
    checked = context.platform.facts.checks_voices or context.model.checks_voices
    return bool(context.voice) and context.voice not in VOICES and checked


def _affective_dialog(context: SetupContext) -> bool:
    return bool(context.generation.enable_affective_dialog) and not context.model.affective_dialog


def _unknown_proactivity(context: SetupContext) -> bool:
    return context.setup.proactivity is not None and context.lacks("setup.proactivity")


def _proactivity(context: SetupContext) -> bool:
    config, model = context.setup.proactivity, context.model
    if config is None:
        return False
    if model.proactivity is Proactivity.ALWAYS:
        return context.platform.facts.must_stay_proactive and config.proactive_audio is False
    return model.proactivity is Proactivity.NONE and bool(config.proactive_audio or config.proactive_video)


def _transparent(context: SetupContext) -> bool:
    resumption = context.setup.session_resumption
    asked = resumption is not None and bool(resumption.transparent)
    return asked and context.lacks("setup.session_resumption.transparent")


def _coverage(context: SetupContext) -> bool:
    config = context.setup.realtime_input_config
    all_video = config is not None and config.turn_coverage == "TURN_INCLUDES_AUDIO_ACTIVITY_AND_ALL_VIDEO"
    return all_video and not context.platform.facts.covers_all_video


def _code(context: SetupContext) -> bool:
    return any(tool.code_execution is not None for tool in context.setup.tools) and not context.model.code_tools


def _url_context(context: SetupContext) -> bool:
    return any(tool.url_context is not None for tool in context.setup.tools) and not context.model.url_context


def _behavior(context: SetupContext) -> bool:
    behaviors = [declared.behavior for tool in context.setup.tools for declared in tool.function_declarations]
    return any(behavior not in (None, "UNSPECIFIED", *context.model.calling) for behavior in behaviors)


def _vad_signal(context: SetupContext) -> bool:
    return context.setup.explicit_vad_signal is not None and not context.platform.facts.takes_vad_signal


def _handle(context: SetupContext) -> bool:
    return bool(context.setup.session_resumption and context.setup.session_resumption.handle)


def _evidence(kind: EvidenceKind, date: str, source: str) -> Evidence:
    return Evidence(kind=kind, date=date, source=source)


_PROBED = _evidence(EvidenceKind.PROBED, "2026-10", "pydantic-ai's notes on its live tests")
_PROBED_EARLIER = _evidence(EvidenceKind.PROBED, "2026-08-07", "pydantic-ai's notes on its live tests")
_GUIDE = _evidence(EvidenceKind.DOCUMENTED, "2026-11", "Google's pages of the models")
_UNCONFIRMED = _evidence(EvidenceKind.REPORTED, "2026", "one user's report, not confirmed")

_LEVEL = "generationConfig.thinkingConfig.thinkingLevel"
_MODALITIES = "generationConfig.responseModalities"

RULES: tuple[SetupRule, ...] = (
    SetupRule(
        "proactivity",
        "only v1alpha of {platform} knows proactivity",
        _unknown_proactivity,
        _evidence(EvidenceKind.PROBED, "2026-09-16", "pydantic-ai's notes on its live tests"),
        close_reasons.UNKNOWN_FIELD.format(name="proactivity", at=" at 'setup'"),
    ),
    SetupRule(
        "sessionResumption.transparent",
        "only v1alpha of {platform} knows transparent resumption",
        _transparent,
        _evidence(EvidenceKind.PROBED, "2026-09-10", "probes of transcribe-live; v1alpha: TanStack's client"),
        close_reasons.UNKNOWN_FIELD.format(name="transparent", at=" at 'setup.session_resumption'"),
    ),
    SetupRule(
        _MODALITIES,
        "{model} answers in AUDIO only",
        _text,
        _PROBED_EARLIER,
        close_reasons.MODALITIES_UNSUPPORTED,
    ),
    SetupRule(
        _MODALITIES,
        "{model} answers in TEXT only",
        _audio,
        _evidence(EvidenceKind.PROBED, "2026-09-10", "probes of transcribe-live"),
        close_reasons.MODALITIES_UNSUPPORTED,
    ),
    SetupRule(
        _MODALITIES,
        "a session has one modality",
        _audio_and_text,
        _evidence(EvidenceKind.REPORTED, "2025", "several users of the Developer API; the text is the one for TEXT"),
        close_reasons.MODALITIES_UNSUPPORTED,
    ),
    SetupRule(
        _LEVEL,
        "{model} takes no thinkingLevel",
        _no_level,
        _evidence(EvidenceKind.PROBED, "2026-09-19", "a probe with google-genai 2.23"),
        close_reasons.LEVEL_UNSUPPORTED,
    ),
    SetupRule(
        _LEVEL, "{model} takes no thinkingLevel", _budget_alone, _PROBED, close_reasons.THINKING_LEVEL_UNSUPPORTED
    ),
    SetupRule(
        _LEVEL,
        "{model} needs a thinkingLevel",
        _level_missing,
        _PROBED,
        close_reasons.LEVEL_MISSING,
        remedy="set {path}",
    ),
    SetupRule(_LEVEL, "{model} does not have this thinkingLevel", _other_level, _GUIDE),
    SetupRule(
        "generationConfig.speechConfig.voiceConfig.prebuiltVoiceConfig.voiceName",
        "there is no voice of this name (upper and lower case matter)",
        _voice,
        _evidence(EvidenceKind.RECORDED, "2026-09", "a snapshot in pydantic-ai's tests, of 2.5; Vertex AI: reported"),
        close_reasons.VOICE_UNKNOWN,
    ),
    SetupRule(
        "generationConfig.enableAffectiveDialog",
        "{model} has no affective dialog",
        lambda context: _affective_dialog(context) and not context.model.affective_refused_late,
        _PROBED,
    ),
    SetupRule(
        "generationConfig.enableAffectiveDialog",
        "{model} has no affective dialog",
        lambda context: _affective_dialog(context) and context.model.affective_refused_late,
        _PROBED,
        late=True,
    ),
    SetupRule("proactivity", "{model} does not take this proactivity", _proactivity, _GUIDE),
    SetupRule("tools", "{model} does not run code", _code, _PROBED, close_reasons.CODE_UNSUPPORTED),
    SetupRule("tools", "{model} does not read URLs", _url_context, _GUIDE),
    SetupRule("tools", "{model} does not call functions with this behavior", _behavior, _GUIDE),
    SetupRule(
        "realtimeInputConfig.turnCoverage",
        "{platform} may refuse this turnCoverage",
        _coverage,
        _UNCONFIRMED,
        certain=False,
    ),
    SetupRule(
        _MODALITIES,
        "models normally take one modality",
        lambda context: len(context.generation.response_modalities) > 1 and not _audio_and_text(context),
        _GUIDE,
        certain=False,
    ),
    SetupRule(
        "avatarConfig",
        "avatars are for gemini-3.8-live on Vertex AI",
        lambda context: context.setup.avatar_config is not None,
        _UNCONFIRMED,
        certain=False,
    ),
    SetupRule(
        "explicitVadSignal",
        "{platform} is not known to take explicitVadSignal",
        _vad_signal,
        _evidence(EvidenceKind.DOCUMENTED, "2026-11", "google-genai refuses to send it"),
        certain=False,
    ),
    SetupRule(
        "sessionResumption.handle",
        "a handle expires, after two hours on the Developer API",
        _handle,
        _evidence(EvidenceKind.DOCUMENTED, "2026-11", "Google's guide to Live sessions"),
        certain=False,
    ),
    SetupRule(
        "generationConfig.speechConfig.languageCode",
        "native audio models choose the language themselves and may refuse the code",
        lambda context: bool(context.speech.language_code),
        _evidence(EvidenceKind.PROBED, "2026-09-23", "3.8 accepts and ignores it; others are not known"),
        certain=False,
    ),
)
