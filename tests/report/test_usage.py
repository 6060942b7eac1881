"""What tokens add up to, with the figures of recorded sessions."""

from __future__ import annotations

from functools import reduce

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from livecli.report.usage import added, billed_tokens
from tests.cases import in_one_test


def details(**counts):
    return [{"modality": modality, "tokenCount": count} for modality, count in counts.items()]


# Recorded from the Developer API in September 2026: a spoken turn of gemini-3.8-live, a typed one with a picture, and
# a function call of gemini-3.1-flash-live-preview.
SPOKEN = {
    "promptTokenCount": 626,
    "responseTokenCount": 63,
    "totalTokenCount": 689,
    "promptTokensDetails": details(TEXT=312, AUDIO=287),
    "responseTokensDetails": details(AUDIO=63),
    "thoughtsTokenCount": 40,
}
PICTURE = {
    "promptTokenCount": 834,
    "responseTokenCount": 64,
    "totalTokenCount": 898,
    "promptTokensDetails": details(TEXT=313, AUDIO=222, IMAGE=272),
    "responseTokensDetails": details(AUDIO=64),
    "thoughtsTokenCount": 46,
}
CALL = {
    "promptTokenCount": 688,
    "responseTokenCount": 123,
    "totalTokenCount": 811,
    "promptTokensDetails": details(TEXT=366, AUDIO=206),
    "responseTokensDetails": details(AUDIO=111),
}
# Recorded from the Developer API: nothing of the turn was said, since the user went on speaking.
EMPTY = {
    "promptTokenCount": 511,
    "totalTokenCount": 511,
    "promptTokensDetails": details(TEXT=510, AUDIO=1),
}
# Recorded from Vertex AI: the turn of a function call, and the turn of its answer.
VERTEX_CALL = {
    "promptTokenCount": 24,
    "candidatesTokenCount": 5,
    "totalTokenCount": 29,
    "promptTokensDetails": details(TEXT=24),
    "candidatesTokensDetails": [{"modality": "TEXT", "tokenCount": 5}, {"modality": "AUDIO"}],
}
VERTEX_ANSWER = {
    "promptTokenCount": 44,
    "candidatesTokenCount": 61,
    "totalTokenCount": 105,
    "promptTokensDetails": details(TEXT=44),
    "candidatesTokensDetails": details(TEXT=11, AUDIO=50),
}


@in_one_test("turn", [SPOKEN, PICTURE, CALL, EMPTY, VERTEX_ANSWER, {}])
def test_one_turn_is_what_the_service_reported(turn):
    assert added({}, turn) == turn


def test_turns_are_added_up_in_the_services_own_names():
    assert added(VERTEX_CALL, VERTEX_ANSWER) == {
        "promptTokenCount": 68,
        "candidatesTokenCount": 66,
        "totalTokenCount": 134,
        "promptTokensDetails": details(TEXT=68),
        "candidatesTokensDetails": details(TEXT=16, AUDIO=50),
    }


def test_a_turn_without_an_answer_adds_its_prompt():
    assert added(EMPTY, SPOKEN) == {
        "promptTokenCount": 1137,
        "responseTokenCount": 63,
        "totalTokenCount": 1200,
        "promptTokensDetails": details(TEXT=822, AUDIO=288),
        "responseTokensDetails": details(AUDIO=63),
        "thoughtsTokenCount": 40,
    }


def test_other_fields_are_those_of_the_last_turn():
    assert added({"serviceTier": "A", "x": 1}, {"serviceTier": "B", "promptTokenCount": 2}) == {
        "serviceTier": "B",
        "x": 1,
        "promptTokenCount": 2,
    }


@in_one_test(
    ("usage", "tokens"),
    [
        (SPOKEN, {"text in": 312 + 27, "audio in": 287, "audio out": 63, "thoughts": 40}),
        (PICTURE, {"text in": 313 + 27, "audio in": 222, "image in": 272, "audio out": 64, "thoughts": 46}),
        (CALL, {"text in": 366 + 116, "audio in": 206, "audio out": 111, "text out": 12}),
        (EMPTY, {"text in": 510, "audio in": 1}),
        (VERTEX_CALL, {"text in": 24, "text out": 5}),
        (VERTEX_ANSWER, {"text in": 44, "text out": 11, "audio out": 50}),
        ({"promptTokenCount": 10}, {"text in": 10}),
        ({"toolUsePromptTokenCount": 7, "toolUsePromptTokensDetails": details(TEXT=7)}, {"text in": 7}),
        ({"totalTokenCount": 100}, {}),
        ({}, {}),
    ],
)
def test_tokens_that_are_billed(usage, tokens):
    assert billed_tokens(usage) == tokens


@in_one_test("wrong", ["10", -1, True, 1.5, None, [], {}])
def test_values_that_are_no_counts_are_not_added(wrong):
    turn = {"promptTokenCount": wrong, "promptTokensDetails": [{"modality": "AUDIO", "tokenCount": wrong}, wrong]}
    assert billed_tokens(turn) == billed_tokens(added(turn, turn)) == {}
    assert billed_tokens(added(SPOKEN, {"responseTokensDetails": wrong})) == billed_tokens(SPOKEN)


on_a_busy_machine = settings(
    deadline=None, derandomize=True, max_examples=20, suppress_health_check=[HealthCheck.too_slow]
)


@st.composite
def usages(draw):
    """A usage whose details do not exceed their count, as in all recordings."""
    usage = {}
    for count, detail in (
        ("promptTokenCount", "promptTokensDetails"),
        ("responseTokenCount", "responseTokensDetails"),
        ("candidatesTokenCount", "candidatesTokensDetails"),
    ):
        counts = draw(st.dictionaries(st.sampled_from(["TEXT", "AUDIO", "IMAGE"]), st.integers(0, 10**6)))
        usage[detail] = details(**counts)
        usage[count] = sum(counts.values()) + draw(st.integers(0, 200))
    return usage | draw(st.fixed_dictionaries({}, optional={"thoughtsTokenCount": st.integers(0, 10**6)}))


@on_a_busy_machine
@given(st.lists(usages(), max_size=3))
def test_the_tokens_of_a_sum_are_the_sum_of_the_tokens(turns):
    total = reduce(added, turns, {})
    parts = [billed_tokens(turn) for turn in turns]
    names = {name for part in parts for name in part}
    assert billed_tokens(total) == {name: sum(part.get(name, 0) for part in parts) for name in names}
    counts = ("promptTokenCount", "responseTokenCount", "candidatesTokenCount", "thoughtsTokenCount")
    assert sum(billed_tokens(total).values()) == sum(turn.get(name, 0) for turn in turns for name in counts)


@on_a_busy_machine
@given(usages(), usages(), usages())
def test_the_order_of_the_sums_is_free(a, b, c):
    assert added(added(a, b), c) == added(a, added(b, c))
