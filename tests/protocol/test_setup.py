"""Each option of a session, and what it makes of the setup message, in the wire's spelling."""

from __future__ import annotations

import pytest

from livecli.errors import UsageError
from livecli.protocol.codec import decode_client, encode_client, setup_json
from livecli.protocol.endpoint import Target, build
from livecli.protocol.messages import FunctionDeclaration
from livecli.protocol.models import MODELS, Platform
from livecli.protocol.setup import Activity, SetupOptions, ThinkingLevel, setup
from tests.cases import in_one_test

VERTEX = build(Target(project="p", location="us-central1"), {}, Platform.VERTEX)
DEVELOPER = build(Target(), {}, Platform.DEVELOPER)
PLATFORMS = pytest.mark.parametrize("endpoint", [VERTEX, DEVELOPER], ids=["vertex", "developer"])


def made(endpoint=DEVELOPER, **options):
    return setup_json(setup(endpoint, SetupOptions(**options)))


def difference(**options):
    """The keys that an option adds to a setup, or changes in it."""
    before, after = made(), made(**options)
    assert before.keys() <= after.keys(), "something was left out"
    return {key: value for key, value in after.items() if before.get(key) != value}


def test_without_options_on_the_developer_api():
    assert made(DEVELOPER) == {
        "model": "models/gemini-3.8-live",
        "generationConfig": {"responseModalities": ["AUDIO"]},
        "realtimeInputConfig": {
            "automaticActivityDetection": {"disabled": True},
            "turnCoverage": "TURN_INCLUDES_ONLY_ACTIVITY",
        },
        "inputAudioTranscription": {},
        "outputAudioTranscription": {},
        "sessionResumption": {},
    }


def test_without_options_on_vertex():
    assert made(VERTEX) == {
        **made(DEVELOPER),
        "model": "projects/p/locations/us-central1/publishers/google/models/gemini-3.8-live",
        "sessionResumption": {"transparent": True},
    }


def test_vertex_with_a_key_instead_of_a_project():
    express = build(Target(), {}, Platform.VERTEX, express=True)
    assert made(express)["model"] == "publishers/google/models/gemini-3.8-live"
    assert made(express)["sessionResumption"] == {"transparent": True}


@in_one_test(
    "model",
    [
        *(name for name, model in MODELS.items() if model.audio_out and not model.level_required),
        "gemini-9-unheard-of",
        "models/named-in-full",
    ],
)
def test_most_models_change_its_name_only(model):
    named = made(build(Target(model=model), {}, Platform.DEVELOPER))
    assert named == {**made(DEVELOPER), "model": f"models/{model.removeprefix('models/')}"}


@pytest.mark.parametrize("model", [name for name, model in MODELS.items() if not model.audio_out])
def test_a_model_that_does_not_speak_is_asked_for_text(model):
    asked = made(build(Target(model=model), {}, Platform.DEVELOPER))
    assert asked["generationConfig"] == {"responseModalities": ["TEXT"]}
    assert "outputAudioTranscription" not in asked


@PLATFORMS
@pytest.mark.parametrize(
    ("option", "value", "path", "wire"),
    [
        (
            "voice",
            "Kore",
            "generationConfig.speechConfig",
            {"voiceConfig": {"prebuiltVoiceConfig": {"voiceName": "Kore"}}},
        ),
        ("language", "de-DE", "generationConfig.speechConfig", {"languageCode": "de-DE"}),
        ("temperature", 0.7, "generationConfig.temperature", 0.7),
        ("temperature", 0.0, "generationConfig.temperature", 0.0),
        ("system", "Be kind.", "systemInstruction", {"role": "user", "parts": [{"text": "Be kind."}]}),
        ("search", True, "tools", [{"googleSearch": {}}]),
        ("endless", True, "contextWindowCompression", {"slidingWindow": {}}),
    ],
)
def test_an_option_says_one_thing(endpoint, option, value, path, wire):
    before, after = made(endpoint), made(endpoint, **{option: value})
    *outer, last = path.split(".")
    place = after
    for key in outer:
        place = place[key]
    assert place.pop(last) == wire
    assert after == before, "and nothing else"


@PLATFORMS
def test_voice_and_language_together(endpoint):
    assert made(endpoint, voice="Puck", language="en-US")["generationConfig"] == {
        "responseModalities": ["AUDIO"],
        "speechConfig": {
            "voiceConfig": {"prebuiltVoiceConfig": {"voiceName": "Puck"}},
            "languageCode": "en-US",
        },
    }


def test_an_empty_instruction_is_none():
    assert made(system="") == made()


@PLATFORMS
def test_without_transcripts(endpoint):
    after = made(endpoint, transcripts=False)
    assert after == {
        key: value
        for key, value in made(endpoint).items()
        if key not in ("inputAudioTranscription", "outputAudioTranscription")
    }


@PLATFORMS
def test_a_session_that_is_not_resumed_does_not_ask_for_handles(endpoint):
    assert "sessionResumption" in made(endpoint)
    assert made(endpoint, resumes=False) == {
        key: value for key, value in made(endpoint).items() if key != "sessionResumption"
    }


MANUAL = {"automaticActivityDetection": {"disabled": True}, "turnCoverage": "TURN_INCLUDES_ONLY_ACTIVITY"}


@PLATFORMS
@pytest.mark.parametrize(
    ("activity", "pictures", "wire"),
    [
        (Activity.MANUAL, False, MANUAL),
        (Activity.MANUAL, True, MANUAL),
        (Activity.AUTO, False, None),
        (Activity.AUTO, True, {"turnCoverage": "TURN_INCLUDES_ALL_INPUT"}),
        (None, False, None),
        (None, True, None),
    ],
)
def test_who_says_when_the_user_speaks(endpoint, activity, pictures, wire):
    assert made(endpoint, activity=activity, pictures=pictures).get("realtimeInputConfig") == wire


class TestTools:
    FUNCTIONS = (
        FunctionDeclaration(name="a", description="first"),
        FunctionDeclaration(name="b", parameters_json_schema={"type": "object"}, behavior="NON_BLOCKING"),
    )
    DECLARED = (
        {"name": "a", "description": "first"},
        {"name": "b", "parametersJsonSchema": {"type": "object"}, "behavior": "NON_BLOCKING"},
    )

    def test_functions_are_one_tool(self):
        assert difference(functions=self.FUNCTIONS) == {"tools": [{"functionDeclarations": [*self.DECLARED]}]}

    def test_search_is_another(self):
        assert difference(functions=self.FUNCTIONS, search=True) == {
            "tools": [{"googleSearch": {}}, {"functionDeclarations": [*self.DECLARED]}]
        }

    def test_none_are_left_out(self):
        assert "tools" not in made()


class TestExtra:
    """JSON of the user's own is merged over everything else."""

    def test_a_new_key(self):
        assert difference(extra={"labels": {"team": "a"}}) == {"labels": {"team": "a"}}

    def test_a_key_that_nobody_knows(self):
        assert difference(extra={"soonToCome": {"x": [1]}}) == {"soonToCome": {"x": [1]}}

    def test_it_is_merged_key_by_key(self):
        after = made(temperature=0.5, voice="Kore", extra={"generationConfig": {"temperature": 1.5, "topP": 0.9}})
        assert after["generationConfig"] == {
            "responseModalities": ["AUDIO"],
            "temperature": 1.5,
            "topP": 0.9,
            "speechConfig": {"voiceConfig": {"prebuiltVoiceConfig": {"voiceName": "Kore"}}},
        }

    def test_a_list_is_replaced_whole(self):
        assert difference(extra={"generationConfig": {"responseModalities": ["TEXT"]}}) == {
            "generationConfig": {"responseModalities": ["TEXT"]}
        }
        assert made(search=True, extra={"tools": [{"codeExecution": {}}]})["tools"] == [{"codeExecution": {}}]

    def test_null_leaves_a_key_out(self):
        after = made(extra={"sessionResumption": None, "realtimeInputConfig": {"turnCoverage": None}})
        assert "sessionResumption" not in after
        assert after["realtimeInputConfig"] == {"automaticActivityDetection": {"disabled": True}}

    def test_null_of_a_key_that_is_not_there_changes_nothing(self):
        assert made(extra={"labels": None, "generationConfig": {"seed": None}}) == made()

    @pytest.mark.parametrize(
        "extra",
        [
            {"generation_config": {"top_p": 0.9}, "session_resumption": None},
            {"generationConfig": {"topP": 0.9}, "sessionResumption": None},
        ],
    )
    def test_it_may_be_spelled_in_either_way(self, extra):
        after = made(extra=extra)
        assert after["generationConfig"] == {"responseModalities": ["AUDIO"], "topP": 0.9}
        assert "sessionResumption" not in after
        assert not any("_" in key for key in after)

    def test_it_may_name_another_model(self):
        assert difference(extra={"model": "models/mine"}) == {"model": "models/mine"}

    def test_a_value_of_another_kind_is_for_the_server_to_judge(self):
        assert difference(extra={"realtimeInputConfig": 5}) == {"realtimeInputConfig": 5}

    def test_the_users_own_is_not_changed(self):
        extra = {"generationConfig": {"temperature": None, "topP": 0.9}}
        made(temperature=0.5, extra=extra)
        assert extra == {"generationConfig": {"temperature": None, "topP": 0.9}}


@PLATFORMS
def test_the_emulator_takes_every_option_together(endpoint):
    """What Google refuses, the decoder of the other side refuses."""
    wanted = SetupOptions(
        voice="Kore",
        language="de-DE",
        system="Be kind.",
        temperature=0.5,
        activity=Activity.AUTO,
        search=True,
        functions=TestTools.FUNCTIONS,
        pictures=True,
        endless=True,
    )
    event = setup(endpoint, wanted)
    [decoded] = decode_client(encode_client(event))
    assert setup_json(decoded) == setup_json(event)


@in_one_test(
    ("name", "thinking", "config"),
    [
        ("gemini-3.8-live", None, None),
        ("gemini-3.8-live-extended-thinking", None, {"thinkingLevel": "LOW"}),
        ("gemini-3.8-live-extended-thinking", ThinkingLevel.HIGH, {"thinkingLevel": "HIGH"}),
        # It has a default of its own.
        ("gemini-3.1-flash-live-preview", None, None),
        ("gemini-3.1-flash-live-preview", ThinkingLevel.MEDIUM, {"thinkingLevel": "MEDIUM"}),
        ("gemini-2.5-flash-native-audio-latest", ThinkingLevel.LOW, {"thinkingLevel": "LOW"}),
        ("a-model-of-tomorrow", ThinkingLevel.LOW, {"thinkingLevel": "LOW"}),
    ],
)
def test_the_level_of_thinking(name, thinking, config):
    endpoint = build(Target(model=name), {}, Platform.DEVELOPER)
    assert made(endpoint, thinking=thinking)["generationConfig"].get("thinkingConfig") == config


def test_a_level_that_the_model_does_not_take():
    name = "gemini-3.8-live"
    endpoint = build(Target(model=name), {}, Platform.DEVELOPER)
    with pytest.raises(UsageError, match="takes no level of thinking") as caught:
        made(endpoint, thinking=ThinkingLevel.LOW)
    assert caught.value.hint == "leave out --thinking, or use --model gemini-3.8-live-extended-thinking"
