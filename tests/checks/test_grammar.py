"""The lines of `--expect`: what they mean, and what is wrong with others."""

from __future__ import annotations

from typing import Any

import pytest

from livecli.checks.grammar import SUBJECTS, contains, parse
from livecli.errors import UsageError
from livecli.protocol.messages import FunctionCall
from tests.cases import in_one_test

CALLS = [FunctionCall("find", {"near": "me", "km": 2}, "1"), FunctionCall("book", None, "2")]
HOLDS = [
    ('transcript ~ "TRAIN|bus"', "the train", True),
    ('transcript ~ "^bus"', "the train\nbus", False),
    ('transcript contains "Train"', "the train", True),
    (r'transcript ~ "\d+ \"min\""', '5 "min"', True),
    ('transcript contains "bus"', None, False),
    ('heard = "a b"', " a b\n", True),
    ('heard != "a b"', "a b", False),
    ("first_sound < 1500ms", 1499.0, True),
    ("first_sound < 1.5s", 1500.0, False),
    ("first_sound<=1.5s", 1500.0, True),
    ("first_sound > 0", None, False),
    ("reply 1..3s", 3.0, True),
    ("reply 1..3s", 3.1, False),
    ("reply >= 500ms", 0.5, True),
    ("loudness -30..-12 LUFS", -30.0, True),
    ("loudness > -12", -13.0, False),
    ("clipping = 0", 0, True),
    ("turns = 2", 1, False),
    ("close != 1000", 1006, True),
    ("cost < $0.01", 0.02, False),
    ("cost < 0.03", 0.02, True),
    ("tools = 0", 2, False),
    ("tool find", CALLS, True),
    ('tool find {"near": "me"}', CALLS, True),
    ('tool find {"near": "you"}', CALLS, False),
    ('tool book {"near": "me"}', CALLS, False),
    ("interrupted within 500ms", 499.0, True),
    ("interrupted within 500ms", None, False),
]


@in_one_test(("text", "value", "holds"), HOLDS)
def test_a_line_holds_or_not(text: str, value: object, holds: bool) -> None:
    assert parse(text).holds(value) is holds


def test_a_word_error_rate_is_compared() -> None:
    expectation = parse('heard wer <= 0.25 "Where is the station?"')
    assert expectation.derived is not None
    assert expectation.derived("where is a station") == 0.25
    assert expectation.holds(0.25)
    assert not expectation.holds(0.26)
    assert expectation.derived("where is, the station!") == 0


AGGREGATES = {"p50": 20, "p95": 100, "p1": 0, "mean": 30.25, "min": 0, "max": 100}


@in_one_test("name", AGGREGATES)
def test_an_aggregate_is_of_all_values(name: str) -> None:
    aggregate = parse(f"{name}(first_sound) < 2s").aggregate
    assert aggregate is not None
    values = [100, 20, 1, 0]
    assert aggregate(values) == (1 if name == "p50" else AGGREGATES[name])


def test_a_percentile_is_that_of_the_nearest_rank() -> None:
    values = list(range(100, 0, -1))
    for percent in (1, 7, 55, 99):
        aggregate = parse(f"p{percent}(first_sound) < 2s").aggregate
        assert aggregate is not None
        assert aggregate(values) == percent


@in_one_test(
    ("actual", "expected", "held"),
    [
        ({"a": {"b": 1, "c": 2}}, {"a": {"b": 1}}, True),
        ({"a": {"c": 2}}, {"a": {"b": 1}}, False),
        ({"a": [1, {"b": 2, "c": 3}]}, {"a": [1, {"b": 2}]}, True),
        ({"a": [1, 2]}, {"a": [1]}, False),
        ({"a": 1.0}, {"a": 1}, True),
        ({"a": 1}, {"a": True}, False),
        ({"a": [0]}, {"a": [False]}, False),
        ({"a": "1"}, {"a": 1}, False),
        ({"a": None}, {"a": {}}, False),
        ({"a": {}}, {"a": []}, False),
    ],
)
def test_a_value_contains_another(actual: Any, expected: Any, held: bool) -> None:
    assert contains(actual, expected) is held


def test_true_is_not_1_in_the_arguments_of_a_call() -> None:
    holds = parse('tool f {"loud": true}').holds
    assert holds([FunctionCall(name="f", args={"loud": True, "n": 1})])
    assert not holds([FunctionCall(name="f", args={"loud": 1})])


WRONG = {
    "": "⟨here⟩: an expectation begins",
    "first_sond < 3ms": "⟨here⟩first_sond < 3ms: there is no subject",
    "first_sound": "first_sound⟨here⟩: a figure is compared",
    "first_sound ~ 3ms": "first_sound ⟨here⟩~ 3ms: a figure is compared",
    "first_sound < soon": "first_sound < ⟨here⟩soon: a number is expected, such as 1500ms or 1.5s",
    "first_sound < 3": "first_sound < 3⟨here⟩: a time has a unit",
    "first_sound < 3 LUFS": "a time has a unit",
    "turns < $3": "a number is expected, such as 2",
    'transcript < "a"': 'transcript ⟨here⟩< "a": transcript takes ~',
    "transcript contains train": "transcript contains ⟨here⟩train: a text in double quotes",
    'transcript ~ "("': "is not a regular expression",
    "transcript wer 0.1": "wer is compared",
    "p95 < 2s": "p95 is of a subject: p95(first_sound)",
    "p95(first_sound < 2s": "a bracket is missing",
    'p95(transcript) = "a"': "transcript is a text",
    "tool": "the name of a function",
    "tool find {": "the arguments are not JSON",
    "interrupted in 3s": "'within' is expected",
    "turns = 1 or 2": "turns = 1 ⟨here⟩or 2: nothing more is expected",
    "__import__('os')": "⟨here⟩__import__('os'): there is no subject",
}


@in_one_test("text", WRONG)
def test_the_place_of_a_mistake_is_marked(text: str) -> None:
    with pytest.raises(UsageError) as error:
        parse(text)
    assert WRONG[text] in error.value.message
    assert error.value.hint


def test_the_nearest_subject_is_named() -> None:
    with pytest.raises(UsageError) as error:
        parse("first_sond < 3ms")
    assert error.value.hint == "did you mean first_sound?"


@in_one_test("subject", SUBJECTS)
def test_each_subject_can_be_expected(subject: str) -> None:
    unit = SUBJECTS[subject][0]
    line = f'{subject} = "x"' if unit == "text" else f"{subject} < 3{unit.replace('$', '')}"
    assert parse(line).subject == subject
