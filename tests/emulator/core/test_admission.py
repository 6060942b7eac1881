"""Which setups are refused, with which code and which words."""

import json

import pytest

from livecli.emulator.access import service_at
from livecli.emulator.core.admission import check_setup, late_refusal
from livecli.protocol import events
from livecli.protocol.close_reasons import Refusal
from livecli.protocol.codec import decode_client
from livecli.protocol.messages import GenerationConfig, Setup
from livecli.protocol.models import MODELS, Platform, load_models
from tests.cases import in_one_test

VERTEX, DEVELOPER = Platform.VERTEX, Platform.DEVELOPER
IN_PROJECT = "projects/p/locations/us-central1/publishers/google/models/"


@pytest.mark.parametrize(
    ("platform", "model"),
    [
        (DEVELOPER, "models/gemini-3.8-live"),
        (DEVELOPER, "models/gemini-3.1-flash-live-preview"),
        (VERTEX, IN_PROJECT + "gemini-3.8-live"),
        (VERTEX, IN_PROJECT + "gemini-live-2.5-flash-native-audio"),
        (VERTEX, "publishers/google/models/gemini-3.8-live"),
    ],
)
def test_admitted(platform: Platform, model: str) -> None:
    assert model.endswith(check_setup(Setup(model=model), platform, "v1").name)


@in_one_test(
    ("platform", "model", "code", "reason"),
    [
        (VERTEX, "gemini-3.8-live", 1007, "Invalid resource field value"),
        (VERTEX, "models/gemini-3.8-live", 1007, "Invalid resource field value"),
        (
            VERTEX,
            "projects//locations/l/publishers/google/models/gemini-3.8-live",
            1007,
            "Invalid resource field value",
        ),
        (VERTEX, "", 1007, "Invalid resource field value"),
        (DEVELOPER, "gemini-3.8-live", 1007, "Invalid resource field value"),
        (DEVELOPER, IN_PROJECT + "gemini-3.8-live", 1007, "Invalid resource field value"),
        (
            VERTEX,
            IN_PROJECT + "gemini-live-2.5-flash-preview-native-audio-09-2025",
            1007,
            "gemini-live-2.5-flash-preview-native-audio-09-2025 is not supported in the live api.",
        ),
        (
            DEVELOPER,
            "models/gemini-2.0-flash-live-001",
            1008,
            "models/gemini-2.0-flash-live-001 is not found for API version v1beta, or is not supported",
        ),
        (
            DEVELOPER,
            "models/nonsense",
            1008,
            "models/nonsense is not found for API version v1beta, or is not supported",
        ),
        (
            DEVELOPER,
            "models/gemini-live-2.5-flash-native-audio",
            1008,
            "models/gemini-live-2.5-flash-native-audio is not f",
        ),
        (
            VERTEX,
            IN_PROJECT + "nonsense",
            1008,
            f"Publisher Model `{IN_PROJECT}nonsense` was not found or your project",
        ),
        (VERTEX, IN_PROJECT + "gemini-3.1-flash-live-preview", 1008, "Publisher Model `projects/p/locations/"),
    ],
)
def test_refused(platform: Platform, model: str, code: int, reason: str) -> None:
    with pytest.raises(Refusal) as refused:
        check_setup(Setup(model=model), platform, "v1beta")
    assert refused.value.code == code
    assert refused.value.reason.startswith(reason)
    assert len(refused.value.reason.encode()) <= 123


@in_one_test(
    ("path", "platform", "version"),
    [
        ("/ws/google.cloud.aiplatform.v1.LlmBidiService/BidiGenerateContent", VERTEX, "v1"),
        ("//ws/google.cloud.aiplatform.v1beta1.LlmBidiService/BidiGenerateContent", VERTEX, "v1beta1"),
        ("/ws//google.cloud.aiplatform.v1.LlmBidiService//BidiGenerateContent?x=/y", VERTEX, "v1"),
        ("/ws/google.ai.generativelanguage.v1.GenerativeService.BidiGenerateContent", DEVELOPER, "v1"),
        ("/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent?key=K", DEVELOPER, "v1beta"),
        (
            "//ws/google.ai.generativelanguage.v1alpha.GenerativeService.BidiGenerateContentConstrained?access_token=t",
            DEVELOPER,
            "v1alpha",
        ),
        ("/", VERTEX, "v1beta1"),
    ],
)
def test_paths(path: str, platform: Platform, version: str) -> None:
    service = service_at(path)
    assert service is not None
    assert (service.platform, service.version) == (platform, version)


@in_one_test(
    "path",
    [
        "",
        "/ws",
        "/ws/google.ai.generativelanguage.v1.GenerativeService/BidiGenerateContent",
        "/ws/google.cloud.aiplatform.v1.LlmBidiService.BidiGenerateContent",
        "/ws/google.cloud.aiplatform.vX.LlmBidiService/BidiGenerateContent",
        "/ws/google.cloud.aiplatform.v1alpha.LlmBidiService/BidiGenerateContent",
        "/ws/google.cloud.aiplatform.v9.LlmBidiService/BidiGenerateContent",
        "/ws/google.ai.generativelanguage.v9.GenerativeService.BidiGenerateContent",
        "/ws/google.cloud.aiplatform.v1.LlmBidiService/BidiGenerateContent/more",
    ],
)
def test_other_paths(path: str) -> None:
    assert service_at(path) is None


NATIVE = "gemini-2.5-flash-native-audio-preview-12-2025"
V3_1, V3_8, EXTENDED = "gemini-3.1-flash-live-preview", "gemini-3.8-live", "gemini-3.8-live-extended-thinking"


def generation(**fields: object) -> dict:
    return {"generationConfig": fields}


def thinking(**fields: object) -> dict:
    return generation(thinkingConfig=fields)


def voice(name: str) -> dict:
    return generation(speechConfig={"voiceConfig": {"prebuiltVoiceConfig": {"voiceName": name}}})


def function(behavior: str) -> dict:
    return {"tools": [{"functionDeclarations": [{"name": "f", "behavior": behavior}]}]}


def coverage(value: str) -> dict:
    return {"realtimeInputConfig": {"turnCoverage": value}}


def function_with(parameters: dict) -> dict:
    return {"tools": [{"functionDeclarations": [{"name": "f", "parameters": parameters}]}]}


def modalities(*names: str) -> dict:
    return generation(responseModalities=[*names])


def close_of(platform: Platform, model: str, setup: dict, version: str = "v1beta") -> str:
    """The code and the reason with which the setup is refused; empty if it is accepted."""
    resource = {DEVELOPER: "models/", VERTEX: IN_PROJECT}[platform] + model
    try:
        (event,) = decode_client(json.dumps({"setup": {"model": resource, **setup}}))
        assert isinstance(event, events.Setup)
        check_setup(event.body, platform, version)
    except Refusal as refusal:
        return str(refusal)
    return ""


NATIVE_V = "gemini-live-2.5-flash-native-audio"
FLASH = "gemini-live-2.5-flash"
TRANSCRIBE = "gemini-3.5-transcribe-live"
ROBOTICS = "gemini-robotics-er-2-streaming-preview"
LOW = thinking(thinkingLevel="LOW")
PROACTIVE = {"proactivity": {"proactiveAudio": True}}
TRANSPARENT = {"sessionResumption": {"transparent": True}}


@in_one_test(
    ("platform", "model", "setup"),
    [
        (DEVELOPER, V3_8, thinking(thinkingBudget=100, includeThoughts=True)),
        (VERTEX, V3_8, thinking()),
        (DEVELOPER, EXTENDED, thinking(thinkingLevel="HIGH", includeThoughts=True)),
        (DEVELOPER, EXTENDED, thinking(thinking_level="low")),
        (DEVELOPER, V3_1, thinking(thinkingLevel="MINIMAL")),
        (DEVELOPER, V3_1, thinking(thinkingBudget=0)),
        (DEVELOPER, NATIVE, thinking(thinkingBudget=0)),
        (DEVELOPER, NATIVE, thinking(thinkingLevel="LOW")),
        (VERTEX, V3_8, voice("Kore")),
        (DEVELOPER, V3_8, voice("Nova")),
        (DEVELOPER, V3_1, voice("Nova")),
        (DEVELOPER, NATIVE, generation(enableAffectiveDialog=True)),
        (DEVELOPER, V3_8, generation(enableAffectiveDialog=True)),
        (DEVELOPER, V3_1, generation(enableAffectiveDialog=False)),
        (VERTEX, NATIVE_V, PROACTIVE),
        (DEVELOPER, V3_8, function("NON_BLOCKING")),
        (DEVELOPER, V3_8, function("BLOCKING")),
        (DEVELOPER, V3_1, function("BLOCKING")),
        (DEVELOPER, EXTENDED, function("UNSPECIFIED") | LOW),
        (DEVELOPER, NATIVE, {"tools": [{"urlContext": {}}]}),
        (VERTEX, V3_8, {"tools": [{"googleSearch": {}}]}),
        (VERTEX, V3_8, coverage("TURN_INCLUDES_ALL_INPUT")),
        (VERTEX, V3_8, coverage("TURN_INCLUDES_AUDIO_ACTIVITY_AND_ALL_VIDEO")),
        (DEVELOPER, V3_8, coverage("TURN_INCLUDES_AUDIO_ACTIVITY_AND_ALL_VIDEO")),
        (DEVELOPER, V3_8, modalities("audio")),
        (VERTEX, V3_8, generation(response_modalities=["audio", "text"])),
        (VERTEX, FLASH, modalities("TEXT")),
        (DEVELOPER, TRANSCRIBE, modalities("TEXT")),
        (DEVELOPER, TRANSCRIBE, {}),
        (DEVELOPER, ROBOTICS, modalities("TEXT")),
        (VERTEX, V3_8, TRANSPARENT),
        (DEVELOPER, V3_8, {"system_instruction": {"parts": {"text": "Be brief."}}}),
        (DEVELOPER, V3_8, {"tools": {"function_declarations": {"name": "f"}}}),
        (DEVELOPER, V3_8, {"tools": [{"googleSearch": {}}, {"functionDeclarations": {"name": "f"}}]}),
        (DEVELOPER, V3_8, function_with({"type": "object", "properties": {"a": {"type": "STRING", "any_of": []}}})),
        (VERTEX, V3_8, function_with({"type": "OBJECT", "additionalProperties": False})),
    ],
)
def test_setups_that_are_accepted(platform: Platform, model: str, setup: dict) -> None:
    assert close_of(platform, model, setup) == ""


INVALID = "Request contains an invalid argument."
VOICE = "Requested voice api_name '{}' is not available for model "
COMBINATION = "The requested combination of response modalities ({}) is not supported by the model. "
UNKNOWN = "Invalid JSON payload received. Unknown name "
PARAMETERS = "'setup.tools[0].function_declarations[0].parameters"


@in_one_test(
    ("platform", "model", "setup", "reason"),
    [
        (DEVELOPER, V3_8, LOW, "Thinking level is not supported for this model."),
        (VERTEX, FLASH, LOW, "thinking_level is not supported by this model"),
        (DEVELOPER, EXTENDED, {}, "Thinking level must be specified for this model"),
        (DEVELOPER, EXTENDED, thinking(thinkingBudget=100), "Thinking level must be specified for this model"),
        (DEVELOPER, EXTENDED, thinking(thinkingLevel="MINIMAL"), INVALID),
        (DEVELOPER, NATIVE, voice("alloy"), VOICE.format("alloy") + f"models/{NATIVE}"),
        (VERTEX, V3_8, voice("kore"), VOICE.format("kore") + "projects/p/"),
        (DEVELOPER, V3_1, generation(enableAffectiveDialog=True), INVALID),
        (DEVELOPER, V3_8, PROACTIVE, UNKNOWN + "\"proactivity\" at 'setup': Cannot find field."),
        (DEVELOPER, NATIVE, PROACTIVE, UNKNOWN + "\"proactivity\" at 'setup': Cannot find field."),
        (DEVELOPER, V3_8, TRANSPARENT, UNKNOWN + "\"transparent\" at 'setup.session_resumption': Cannot find field."),
        (DEVELOPER, V3_1, function("NON_BLOCKING"), INVALID),
        (DEVELOPER, EXTENDED, function("BLOCKING") | LOW, INVALID),
        (DEVELOPER, NATIVE, {"tools": [{"codeExecution": {}}]}, "Code Execution tool is not supported for this model"),
        (DEVELOPER, V3_8, {"tools": [{"codeExecution": {}}]}, "Code Execution tool is not supported for this model"),
        (DEVELOPER, V3_8, {"tools": [{"urlContext": {}}]}, INVALID),
        (DEVELOPER, V3_8, modalities("TEXT"), COMBINATION.format("TEXT") + "models/gemini-3.8-live"),
        (VERTEX, V3_8, modalities("TEXT"), COMBINATION.format("TEXT")),
        (DEVELOPER, V3_8, modalities("AUDIO", "TEXT"), COMBINATION.format("AUDIO, TEXT")),
        (DEVELOPER, TRANSCRIBE, modalities("AUDIO"), COMBINATION.format("AUDIO")),
    ],
)  # fmt: skip
def test_setups_that_are_refused(platform: Platform, model: str, setup: dict, reason: str) -> None:
    cut = reason.encode()[:123].decode()
    assert close_of(platform, model, setup).startswith(f"1007 {cut}")


SECOND_TOOL = {"tools": [{"googleSearch": {}}, *function_with({"items": {"exclusiveMinimum": 0}})["tools"]]}
NESTED = {"properties": {"a": {"type": "STRING"}, "b": {"anyOf": [{"type": "STRING"}, {"const": 1}]}}}


@in_one_test(
    ("platform", "setup", "reason"),
    [
        (DEVELOPER, function_with({"additionalProperties": True}), f'{UNKNOWN}"additionalProperties" at {PARAMETERS}'),
        (DEVELOPER, function_with({"$schema": "x"}), f'{UNKNOWN}"$schema" at {PARAMETERS}\': Cannot find field.'),
        (DEVELOPER, function_with(NESTED), f'{UNKNOWN}"const" at {PARAMETERS}.properties[1].value.any_of[1]\''),
        (
            DEVELOPER,
            SECOND_TOOL,
            f'{UNKNOWN}"exclusiveMinimum" at {PARAMETERS.replace("tools[0]", "tools[1]")}.items\'',
        ),
        (DEVELOPER, function_with({"type": "dict"}), f"Invalid value at {PARAMETERS}.type' (type.googleapis.com/"),
        (
            DEVELOPER,
            function_with({"type": ["STRING", "NULL"]}),
            f'{UNKNOWN}"type" at {PARAMETERS}\': Proto field is not repeating, cannot start list.',
        ),
        (VERTEX, function_with({"const": 1}), f'{UNKNOWN}"const" at {PARAMETERS}\': Cannot find field.'),
    ],
)
def test_parameters_that_are_no_schema_of_the_api(platform: Platform, setup: dict, reason: str) -> None:
    cut = reason.encode()[:123].decode()
    assert close_of(platform, V3_8, setup).startswith(f"1007 {cut}")


@pytest.mark.parametrize(
    ("model", "setup", "reason"),
    [
        (NATIVE, PROACTIVE, ""),
        (V3_8, PROACTIVE, ""),
        (V3_8, {"proactivity": {"proactiveAudio": False}}, f"1007 {INVALID}"),
        (V3_1, PROACTIVE, f"1007 {INVALID}"),
        (V3_8, TRANSPARENT, ""),
    ],
)
def test_v1alpha_has_more_fields(model: str, setup: dict, reason: str) -> None:
    assert close_of(DEVELOPER, model, setup, "v1alpha") == reason


@pytest.mark.parametrize(("model", "late"), [(V3_8, True), (V3_1, False), (NATIVE, False)])
def test_affective_dialog_is_refused_late(model: str, late: bool) -> None:
    setup = Setup(model=f"models/{model}", generation_config=GenerationConfig(enable_affective_dialog=True))
    found = late_refusal(setup, MODELS[model], DEVELOPER, "v1beta")
    assert str(found) == (f"1007 {INVALID}" if late else "None")


def test_a_table_of_ones_own_counts() -> None:
    models = load_models({"gemini-2.0-flash-live-001": {"retired": False}})
    assert check_setup(Setup(model="models/gemini-2.0-flash-live-001"), DEVELOPER, "v1beta", models).text_out
