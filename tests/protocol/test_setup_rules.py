"""Rules about setups: each has a setup that it matches, one beside it that it does not, its close and its evidence."""

from collections import Counter
from typing import Any

import msgspec

from livecli.protocol.close_reasons import INVALID_ARGUMENT, UNKNOWN_FIELD
from livecli.protocol.codec.proto_json import camel_keys
from livecli.protocol.messages import Setup
from livecli.protocol.models import MODELS, Evidence, EvidenceKind, Platform
from livecli.protocol.setup_rules import RULES, SetupContext, SetupRule, matching_rules, refusal
from tests.cases import in_one_test

VERTEX, DEVELOPER = Platform.VERTEX, Platform.DEVELOPER
V3_8, EXTENDED, V3_1 = "gemini-3.8-live", "gemini-3.8-live-extended-thinking", "gemini-3.1-flash-live-preview"
NATIVE, FLASH = "gemini-2.5-flash-native-audio-latest", "gemini-live-2.5-flash"
TRANSCRIBE = "gemini-3.5-transcribe-live"


def generation(**fields: Any) -> dict[str, Any]:
    return {"generation_config": fields}


def level(name: str) -> dict[str, Any]:
    return generation(thinking_config={"thinking_level": name})


def voice(name: str) -> dict[str, Any]:
    return generation(speech_config={"voice_config": {"prebuilt_voice_config": {"voice_name": name}}})


def behavior(name: str) -> dict[str, Any]:
    return {"tools": [{"function_declarations": [{"name": "f", "behavior": name}]}]}


def coverage(name: str) -> dict[str, Any]:
    return {"realtime_input_config": {"turn_coverage": name}}


MODALITIES = (
    "The requested combination of response modalities ({}) is not supported by the model. models/m "
    "accepts the following combination of response modalities:"
)
CODE = "Code Execution tool is not supported for this model"
PROACTIVE = {"proactivity": {"proactive_audio": True}}
TRANSPARENT = {"session_resumption": {"transparent": True}}

# Platform, version, model, setup, and the close; None for a rule that is not certain.
MATCHES = [
    (DEVELOPER, "v1beta", V3_8, PROACTIVE, UNKNOWN_FIELD.format(name="proactivity", at=" at 'setup'")),
    (
        DEVELOPER,
        "v1beta",
        V3_8,
        TRANSPARENT,
        UNKNOWN_FIELD.format(name="transparent", at=" at 'setup.session_resumption'"),
    ),
    (DEVELOPER, "v1beta", V3_8, generation(response_modalities=["TEXT"]), MODALITIES.format("TEXT")),
    (DEVELOPER, "v1beta", TRANSCRIBE, generation(response_modalities=["AUDIO"]), MODALITIES.format("AUDIO")),
    (DEVELOPER, "v1beta", V3_8, generation(response_modalities=["AUDIO", "TEXT"]), MODALITIES.format("AUDIO, TEXT")),
    (DEVELOPER, "v1beta", V3_8, level("LOW"), "Thinking level is not supported for this model."),
    (VERTEX, "v1", FLASH, level("LOW"), "thinking_level is not supported by this model"),
    (DEVELOPER, "v1beta", EXTENDED, {}, "Thinking level must be specified for this model"),
    (DEVELOPER, "v1beta", EXTENDED, level("minimal"), INVALID_ARGUMENT),
    (DEVELOPER, "v1beta", NATIVE, voice("x"), "Requested voice api_name 'x' is not available for model models/m"),
    (DEVELOPER, "v1beta", V3_1, generation(enable_affective_dialog=True), INVALID_ARGUMENT),
    (DEVELOPER, "v1alpha", V3_8, {"proactivity": {"proactive_audio": False}}, INVALID_ARGUMENT),
    (DEVELOPER, "v1beta", NATIVE, {"tools": [{"code_execution": {}}]}, CODE),
    (DEVELOPER, "v1beta", V3_8, {"tools": [{"url_context": {}}]}, INVALID_ARGUMENT),
    (DEVELOPER, "v1beta", V3_1, behavior("NON_BLOCKING"), INVALID_ARGUMENT),
    (VERTEX, "v1", V3_8, coverage("TURN_INCLUDES_AUDIO_ACTIVITY_AND_ALL_VIDEO"), None),
    (VERTEX, "v1", V3_8, generation(response_modalities=["AUDIO", "TEXT"]), None),
    (VERTEX, "v1", V3_8, {"avatar_config": {}}, None),
    (DEVELOPER, "v1beta", V3_8, {"explicit_vad_signal": True}, None),
    (VERTEX, "v1", V3_8, {"session_resumption": {"handle": "h"}}, None),
    (VERTEX, "v1", V3_8, generation(speech_config={"language_code": "de"}), None),
]  # fmt: skip


def context(platform: Platform, version: str, model: str, setup: dict[str, Any]) -> SetupContext:
    parsed = msgspec.convert(camel_keys({"model": "models/m", **setup}), Setup, strict=False)
    return SetupContext(parsed, MODELS[model], platform, version)


@in_one_test(("platform", "version", "model", "setup", "close"), MATCHES)
def test_a_rule_has_its_close(
    platform: Platform, version: str, model: str, setup: dict[str, Any], close: str | None
) -> None:
    found = context(platform, version, model, setup)
    matched = [rule for rule in RULES if rule.is_refused(found)]
    assert len(matched) == 1
    assert matched[0].certain is (close is not None)
    assert str(refusal(found)) == (f"1007 {close}" if close else "None")


def test_each_rule_matches_one_of_these() -> None:
    found = [context(*case) for *case, _ in MATCHES]
    found.append(context(DEVELOPER, "v1beta", V3_8, generation(enable_affective_dialog=True)))
    matches = Counter(id(rule) for rule in RULES for each in found if rule.is_refused(each))
    assert [rule.path for rule in RULES if not matches[id(rule)]] == []


@in_one_test("rule", RULES)
def test_a_rule_has_its_evidence(rule: SetupRule) -> None:
    assert rule.evidence.date
    assert rule.evidence.source
    assert rule.evidence != Evidence()
    unconfirmed = rule.evidence.kind is EvidenceKind.REPORTED and "one user" in rule.evidence.source
    assert not (rule.certain and unconfirmed)


def test_a_late_refusal_is_none_of_the_setup() -> None:
    found = context(DEVELOPER, "v1beta", V3_8, generation(enable_affective_dialog=True))
    assert refusal(found) is None
    assert str(refusal(found, late=True)) == f"1007 {INVALID_ARGUMENT}"


def test_only_the_fields_that_are_asked_about_count() -> None:
    found = context(DEVELOPER, "v1beta", EXTENDED, {"tools": [{"url_context": {}}]})
    assert "Thinking level" in str(refusal(found))
    assert str(refusal(found, under="tools")) == f"1007 {INVALID_ARGUMENT}"


def test_problems_come_with_a_remedy_the_surest_first() -> None:
    setup = {"generationConfig": {"speechConfig": {"languageCode": "de"}, "thinkingConfig": {"thinkingLevel": "LOW"}}}
    problems = list(matching_rules(setup, MODELS[V3_8], DEVELOPER, "v1beta"))
    assert [problem.remedy for problem in problems] == [
        "leave generationConfig.thinkingConfig.thinkingLevel out",
        "leave generationConfig.speechConfig.languageCode out",
    ]
    (missing,) = matching_rules({}, MODELS[EXTENDED], DEVELOPER, "v1beta")
    assert missing.remedy == "set generationConfig.thinkingConfig.thinkingLevel"
    assert missing.reason == f"{EXTENDED} needs a thinkingLevel"
