"""Which setups are refused, with which code and which words."""

import json

import pytest

from livecli.emulator.access import asks_for_health, service_at
from livecli.emulator.core.admission import check_setup
from livecli.protocol import events
from livecli.protocol.close_reasons import Refusal
from livecli.protocol.codec import decode_client
from livecli.protocol.messages import GenerationConfig, Setup
from livecli.protocol.models import Platform, load_models

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


@pytest.mark.parametrize(
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


@pytest.mark.parametrize(
    ("model", "modalities", "admitted"),
    [
        ("gemini-3.8-live", ["TEXT"], False),
        ("gemini-3.8-live", ["AUDIO"], True),
        ("gemini-3.8-live", ["AUDIO", "TEXT"], True),  # Google's own samples mean AUDIO by it
        ("gemini-live-2.5-flash", ["TEXT"], True),
    ],
)
def test_text_is_for_the_models_that_write(model: str, modalities: list, admitted: bool) -> None:
    setup = Setup(model=IN_PROJECT + model, generation_config=GenerationConfig(response_modalities=modalities))
    if admitted:
        assert check_setup(setup, VERTEX, "v1").name == model
        return
    with pytest.raises(Refusal, match="1007 Cannot extract voices from a non-audio request"):
        check_setup(setup, VERTEX, "v1")


@pytest.mark.parametrize(
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


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/ws",
        "/ws/google.ai.generativelanguage.v1.GenerativeService/BidiGenerateContent",
        "/ws/google.cloud.aiplatform.v1.LlmBidiService.BidiGenerateContent",
        "/ws/google.cloud.aiplatform.vX.LlmBidiService/BidiGenerateContent",
        "/ws/google.cloud.aiplatform.v1.LlmBidiService/BidiGenerateContent/more",
    ],
)
def test_other_paths(path: str) -> None:
    assert service_at(path) is None


def test_health() -> None:
    assert asks_for_health("/")
    assert asks_for_health("/healthz?x=1")
    assert not asks_for_health("/health")


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


def admits(platform: Platform, model: str, setup: dict) -> bool:
    resource = {DEVELOPER: "models/", VERTEX: IN_PROJECT}[platform] + model
    (event,) = decode_client(json.dumps({"setup": {"model": resource, **setup}}))
    assert isinstance(event, events.Setup)
    try:
        check_setup(event.body, platform, "v1beta")
    except Refusal as refusal:
        assert (refusal.code, refusal.reason) == (1007, "Request contains an invalid argument.")
        return False
    return True


@pytest.mark.parametrize(
    ("platform", "model", "setup", "admitted"),
    [
        (DEVELOPER, V3_8, thinking(thinkingLevel="LOW"), False),
        (VERTEX, V3_8, thinking(), False),
        (DEVELOPER, EXTENDED, thinking(thinkingLevel="HIGH", includeThoughts=True), True),
        (DEVELOPER, EXTENDED, thinking(thinking_level="low"), True),
        (DEVELOPER, EXTENDED, thinking(thinkingLevel="MINIMAL"), False),
        (DEVELOPER, EXTENDED, thinking(thinkingBudget=100), False),
        (DEVELOPER, V3_1, thinking(thinkingLevel="MINIMAL"), True),
        (DEVELOPER, NATIVE, thinking(thinkingBudget=0), True),
        (DEVELOPER, NATIVE, thinking(thinkingLevel="LOW"), False),
        (VERTEX, V3_8, voice("Kore"), True),
        (VERTEX, V3_8, voice("kore"), False),
        (DEVELOPER, V3_8, voice("Nobody"), False),
        (DEVELOPER, NATIVE, generation(enableAffectiveDialog=True), True),
        (DEVELOPER, V3_8, generation(enableAffectiveDialog=True), False),
        (DEVELOPER, V3_1, generation(enableAffectiveDialog=False), True),
        (DEVELOPER, NATIVE, {"proactivity": {"proactiveAudio": True}}, True),
        (DEVELOPER, V3_8, {"proactivity": {"proactiveAudio": True}}, True),
        (DEVELOPER, V3_8, {"proactivity": {"proactiveAudio": False}}, False),
        (DEVELOPER, V3_1, {"proactivity": {"proactiveAudio": True}}, False),
        (DEVELOPER, V3_8, function("NON_BLOCKING"), True),
        (DEVELOPER, V3_8, function("BLOCKING"), True),
        (DEVELOPER, V3_1, function("NON_BLOCKING"), False),
        (DEVELOPER, V3_1, function("BLOCKING"), True),
        (DEVELOPER, EXTENDED, function("BLOCKING"), False),
        (DEVELOPER, EXTENDED, function("UNSPECIFIED"), True),
        (DEVELOPER, NATIVE, {"tools": [{"codeExecution": {}}, {"urlContext": {}}]}, True),
        (DEVELOPER, V3_8, {"tools": [{"codeExecution": {}}]}, False),
        (DEVELOPER, V3_8, {"tools": [{"urlContext": {}}]}, False),
        (VERTEX, V3_8, {"tools": [{"googleSearch": {}}]}, True),
        (VERTEX, V3_8, coverage("TURN_INCLUDES_ALL_INPUT"), True),
        (VERTEX, V3_8, coverage("TURN_INCLUDES_AUDIO_ACTIVITY_AND_ALL_VIDEO"), False),
        (DEVELOPER, V3_8, coverage("TURN_INCLUDES_AUDIO_ACTIVITY_AND_ALL_VIDEO"), True),
        (DEVELOPER, V3_8, generation(responseModalities=["audio"]), True),
        (VERTEX, V3_8, generation(response_modalities=["audio", "text"]), True),
        (VERTEX, V3_8, {"sessionResumption": {"transparent": True}}, True),
    ],
)
def test_what_each_model_takes(platform: Platform, model: str, setup: dict, admitted: bool) -> None:
    assert admits(platform, model, setup) is admitted


def test_a_table_of_ones_own_counts() -> None:
    models = load_models({"gemini-2.0-flash-live-001": {"retired": False}})
    assert check_setup(Setup(model="models/gemini-2.0-flash-live-001"), DEVELOPER, "v1beta", models).text_out
