"""The table of models, and how a user's own changes it."""

import tomllib

import pytest

from livecli.protocol.models import (
    BOTH,
    DEFAULT_MODEL,
    MODELS,
    VERTEX,
    AnswerEnd,
    CallBehaviour,
    CallTurn,
    Evidence,
    EvidenceKind,
    HandleTime,
    Model,
    Platform,
    Proactivity,
    ThinkingControl,
    current_models,
    load_models,
)
from tests.cases import in_one_test

CURRENT = [model for model in MODELS.values() if not model.retired]
GROUPS = ["setup", "turns", "unasked", "frames", "calls", "images", "prompt", "locations", "limits", "prices"]


def test_the_default_is_served_everywhere() -> None:
    for platform in Platform:
        assert current_models(platform)[0] == DEFAULT_MODEL


def test_nothing_changes_nothing() -> None:
    assert load_models({}) == MODELS


def test_a_retired_model_comes_back() -> None:
    models = load_models({"gemini-2.0-flash-exp": {"retired": False}})
    assert not models["gemini-2.0-flash-exp"].retired
    assert models["gemini-2.0-flash-exp"].text_out
    assert MODELS["gemini-2.0-flash-exp"].retired


def test_a_new_model_is_like_the_default_on_both_platforms() -> None:
    model = load_models({"mine": {}})["mine"]
    assert (model.name, model.platforms, model.thinking) == ("mine", BOTH, ThinkingControl.NONE)


ENTRY = """
like = "gemini-3.1-flash-live-preview"
platforms = ["vertex"]
retired = false
audio_out = false
text_out = true
text_in = false
thinking = "level"
thinking_levels = ["low"]
level_required = true
default_level = "low"
checks_voices = true
affective_dialog = true
affective_refused_late = true
content_audio = "any"
proactivity = "optional"
media_chunks = true
calling = ["NON_BLOCKING", "BLOCKING"]
seeds = false
code_tools = true
url_context = true
context_tokens = 32_000
evidence = {kind = "probed", date = "2026-11-28", source = "mine"}
images = {seen_before_typed_text = true, tokens = 100}
prompt = {text_tokens = 1, audio_tokens = 2, details_add_up = false, unlisted_tokens = 3, counts_spoken_text = true}
locations = {names = ["here"], disputed = ["here"], contradicted_by = {source = "others"}}
limits = {connection_seconds = 5, go_away_seconds = 1, reported_seconds = 6}

[turns]
ends_at = "activity"
stops_on_empty_content = true
splits_at_pauses = true
ignores_explicit_activity = true
interaction_status = true

[unasked]
handle = "after-setup"
input_transcript = true
output_transcript = true
voice_activity = true
empty_frames = true
thoughts = "shown"

[frames]
transcript = "beside-audio"
whole_input_transcript = true
role = "after-parts"
shortest_ms = 10
longest_ms = 20
opens_with_sample = true
opens_with_empty_content = true
activity_with_content = true
marks_transcripts = true
closes_with_grounding = true
announces_search = true

[calls]
blocking = "closed-at-call"
non_blocking = "held-open"
id_form = "uuid"
takes_scheduling = false
answers_after_part = false
answers_together = true
unknown_response = "answered"

[prices]
text_in = 1
audio_in = 2.5
image_in = 3
text_out = 4
audio_out = 5
evidence = {kind = "documented", date = "2026-11-28", source = "a page"}
"""


def test_every_field_can_be_set() -> None:
    entry = tomllib.loads(ENTRY)
    model = load_models({"mine": entry})["mine"]
    assert set(entry) - {"like"} == set(Model.__struct_fields__) - {"name"}
    for group in ("turns", "unasked", "frames", "calls", "images", "prompt", "locations", "limits", "prices"):
        assert set(entry[group]) | {"evidence"} == set(getattr(model, group).__struct_fields__)
    assert model.platforms == VERTEX
    assert model.thinking_levels == {"LOW"}
    assert model.default_level == "LOW"
    assert model.proactivity is Proactivity.OPTIONAL
    assert model.calling == (CallBehaviour.NON_BLOCKING, CallBehaviour.BLOCKING)
    assert model.context_tokens == 32_000
    assert str(model.evidence) == "probed 2026-11-28: mine"
    assert (model.turns.ends_at, model.interaction_status) == (AnswerEnd.ACTIVITY, True)
    assert model.unasked.handle is HandleTime.AFTER_SETUP
    assert model.whole_input_transcript
    assert model.calls.blocking is CallTurn.CLOSED_AT_CALL
    assert model.locations.contradicted_by == Evidence(source="others")
    assert model.limits.connection_seconds == 5
    assert (model.prices.text_in, model.prices.date, model.prices.source) == (1, "2026-11-28", "a page")


def test_the_rest_of_a_group_stays() -> None:
    default = MODELS[DEFAULT_MODEL]
    model = load_models({DEFAULT_MODEL: {"prices": {"audio_in": 2}, "calls": {"evidence": {"date": "2027"}}}})[
        DEFAULT_MODEL
    ]
    assert (model.prices.audio_in, model.prices.audio_out) == (2, default.prices.audio_out)
    assert model.calls.evidence.source == default.calls.evidence.source


@in_one_test("group", GROUPS)
@in_one_test("model", CURRENT)
def test_every_fact_of_a_current_model_has_its_evidence(model: Model, group: str) -> None:
    evidence = model.evidence if group == "setup" else getattr(model, group).evidence
    unknown = {"locations": not model.locations.names, "prices": not any(prices(model))}
    if unknown.get(group):
        assert evidence == Evidence()
    else:
        assert evidence.source
        assert bool(evidence.date) is (evidence.kind is not EvidenceKind.ASSUMED)


def prices(model: Model) -> list[float | None]:
    return [
        model.prices.text_in,
        model.prices.audio_in,
        model.prices.image_in,
        model.prices.text_out,
        model.prices.audio_out,
    ]


FACTS = [
    # Ends, the form of ids, a blocking and a non-blocking call.
    ("gemini-3.8-live", "turn", "fc_n", "one-turn", "closed-after-response"),
    ("gemini-3.8-live-extended-thinking", "turn", "call_n_fc_i_j", "one-turn", "closed-before-call"),
    ("gemini-3.1-flash-live-preview", "turn", "fc_n", "one-turn", "one-turn"),
    ("gemini-2.5-flash-native-audio-latest", "turn", "function-call-n", "one-turn", "held-open"),
    ("gemini-live-2.5-flash", "turn", "uuid", "closed-at-call", "closed-at-call"),
    ("gemini-3.5-transcribe-live", "activity", "function-call-n", "one-turn", "one-turn"),
    ("gemini-3.5-live-translate-preview", "never", "function-call-n", "one-turn", "one-turn"),
]


@in_one_test(("name", "ends_at", "id_form", "blocking", "non_blocking"), FACTS)
def test_how_turns_and_calls_end(name: str, ends_at: str, id_form: str, blocking: str, non_blocking: str) -> None:
    model = MODELS[name]
    assert model.turns.ends_at == ends_at
    assert (model.calls.id_form, model.calls.blocking, model.calls.non_blocking) == (id_form, blocking, non_blocking)


UNASKED = [
    # The handle, the transcripts of input and output, voice activity, `{}`, thoughts.
    ("gemini-3.8-live", "after-setup", True, True, True, True, "counted"),
    ("gemini-3.1-flash-live-preview", "after-tool-response", True, False, True, False, "none"),
    ("gemini-2.5-flash-native-audio-latest", "asked", False, False, False, False, "shown"),
    ("gemini-live-2.5-flash", "asked", False, False, False, False, "none"),
    ("gemini-3.5-transcribe-live-preview", "never", False, False, True, False, "none"),
]


@pytest.mark.parametrize(("name", "expected"), [(name, tuple(expected)) for name, *expected in UNASKED])
def test_messages_sent_unasked(name: str, expected: tuple[object, ...]) -> None:
    sent = MODELS[name].unasked
    transcripts = (sent.input_transcript, sent.output_transcript)
    assert (sent.handle, *transcripts, sent.voice_activity, sent.empty_frames, sent.thoughts) == expected


def test_where_vertex_serves_models() -> None:
    assert MODELS["gemini-3.5-transcribe-live-preview"].locations.names == ("global",)
    flash = MODELS["gemini-live-2.5-flash"].locations
    assert flash.names == ("us-central1", "global")
    assert flash.disputed == ("global",)
    assert flash.contradicted_by is not None
    for model in MODELS.values():
        assert Platform.VERTEX in model.platforms or not model.locations.names
        assert set(model.locations.disputed) <= set(model.locations.names)


def test_what_a_million_tokens_cost() -> None:
    default = prices(MODELS["gemini-3.8-live"])
    assert default == [0.75, 3.00, 1.00, 4.50, 12.00]
    assert prices(MODELS["gemini-3.8-live-extended-thinking"]) == default
    assert prices(MODELS["gemini-3.1-flash-live-preview"]) == [0.75, None, None, 4.50, None]
    assert prices(MODELS["gemini-3.5-live-translate-preview"]) == [None, 3.50, None, None, 21.00]
    assert prices(MODELS["gemini-3.5-transcribe-live"]) == 5 * [None]


def test_prices_of_2_5_native_audio_agree_with_a_bill() -> None:
    """genai-prices of pydantic gives this sum for these tokens of one recorded turn."""
    native = MODELS["gemini-2.5-flash-native-audio-latest"].prices
    assert native.text_in is not None
    assert native.text_out is not None
    assert native.audio_out is not None
    assert (1267 * native.text_in + 22 * native.text_out + 81 * native.audio_out) / 1e6 == pytest.approx(0.0016495)


def test_each_model_answers_somehow() -> None:
    for model in MODELS.values():
        assert model.audio_out or model.text_out
        assert model.frames.shortest_ms <= model.frames.longest_ms
        assert set(model.thinking_levels) >= ({model.default_level} if model.default_level else set())
        assert bool(model.default_level) or not model.level_required


def test_an_entry_may_be_like_one_before_it() -> None:
    models = load_models({"a": {"text_out": True}, "b": {"like": "a"}})
    assert models["b"].text_out


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"mine": 3}, "model 'mine': a table of fields is expected"),
        ({"mine": {"colour": 1}}, "model 'mine': there is no field 'colour'"),
        ({"gemini-2": {"0-flash": {}}}, "needs quotes"),
        ({"mine": {"name": "other"}}, "there is no field 'name'"),
        ({"mine": {"like": "nothing"}}, "like = 'nothing' is not a known model"),
        ({"mine": {"like": 3}}, "like = 3"),
        ({"mine": {"retired": "no"}}, "retired = 'no': expected bool, got str"),
        ({"mine": {"context_tokens": True}}, "context_tokens = True: expected int, got bool"),
        ({"mine": {"platforms": ["mars"]}}, "platforms.*: invalid enum value 'mars'"),
        ({"mine": {"platforms": "vertex"}}, "platforms = 'vertex': expected array, got str"),
        ({"mine": {"platforms": []}}, "platforms = ..: expected array of length >= 1"),
        ({"mine": {"calling": []}}, "calling = ..: expected array of length >= 1"),
        ({"mine": {"thinking": "deeply"}}, "thinking = 'deeply': invalid enum value 'deeply'"),
        ({"mine": {"proactivity": [1]}}, "proactivity = .1.: expected str, got array"),
        ({"mine": {"prices": 3}}, "prices = 3: expected object, got int"),
        ({"mine": {"prices": {"audio_in": "much"}}}, "prices.audio_in: expected float . null, got str"),
        ({"mine": {"prices": {"gold": 1}}}, "prices.*: object contains unknown field gold"),
        ({"mine": {"calls": {"id_form": "x"}}}, "calls.id_form: invalid enum value 'x'"),
    ],
)
def test_mistakes_name_the_entry(table: dict, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        load_models(table)
