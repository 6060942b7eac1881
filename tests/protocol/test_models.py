"""The table of models, and how a user's own changes it."""

import pytest

from livecli.protocol.models import (
    BOTH,
    DEFAULT_MODEL,
    MODELS,
    VERTEX,
    VOICES,
    Calling,
    Platform,
    Proactivity,
    Thinking,
    current_models,
    load_models,
)


def test_the_default_is_served_everywhere() -> None:
    for platform in Platform:
        assert current_models(platform)[0] == DEFAULT_MODEL


def test_there_are_30_voices() -> None:
    assert len(VOICES) == 30


def test_nothing_changes_nothing() -> None:
    assert load_models({}) == MODELS


def test_a_retired_model_comes_back() -> None:
    models = load_models({"gemini-2.0-flash-exp": {"retired": False}})
    assert not models["gemini-2.0-flash-exp"].retired
    assert models["gemini-2.0-flash-exp"].text_out
    assert MODELS["gemini-2.0-flash-exp"].retired


def test_a_new_model_is_like_the_default_on_both_platforms() -> None:
    model = load_models({"mine": {}})["mine"]
    assert (model.name, model.platforms, model.thinking) == ("mine", BOTH, Thinking.NONE)


def test_every_field_can_be_said() -> None:
    entry = {
        "like": "gemini-3.1-flash-live-preview",
        "platforms": ["vertex"],
        "text_out": True,
        "text_in": False,
        "retired": False,
        "thinking": "level",
        "thinking_levels": ["low"],
        "affective_dialog": True,
        "proactivity": "optional",
        "media_chunks": True,
        "calling": ["NON_BLOCKING", "BLOCKING"],
        "code_tools": True,
        "interaction_status": True,
        "context_tokens": 32_000,
    }
    model = load_models({"mine": entry})["mine"]
    assert model.platforms == VERTEX
    assert model.thinking_levels == {"LOW"}
    assert model.proactivity is Proactivity.OPTIONAL
    assert model.calling == (Calling.NON_BLOCKING, Calling.BLOCKING)
    assert model.context_tokens == 32_000


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
        ({"mine": {"retired": "no"}}, "retired = 'no': bool is expected"),
        ({"mine": {"context_tokens": True}}, "context_tokens = True: int is expected"),
        ({"mine": {"platforms": ["mars"]}}, "platforms = .'mars'.: 'mars' is not a valid Platform"),
        ({"mine": {"platforms": "vertex"}}, "a list of words is expected"),
        ({"mine": {"calling": []}}, "a list of words is expected"),
        ({"mine": {"thinking": "deeply"}}, "'deeply' is not a valid Thinking"),
        ({"mine": {"proactivity": [1]}}, "model 'mine': proactivity"),
    ],
)
def test_mistakes_name_the_entry(table: dict, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        load_models(table)
