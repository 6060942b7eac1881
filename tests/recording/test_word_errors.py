from __future__ import annotations

import pytest

from livecli.recording.word_errors import word_error_rate, words


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("It’s, well, it's FINE.", "its well its fine"),
        ("twenty-one\n trains", "twenty one trains"),
        ("Где поезд?", "где поезд"),
        ("— …", ""),
    ],
)
def test_words_are_lower_case_without_punctuation(text, plain):
    assert words(text) == plain.split()


@pytest.mark.parametrize(
    ("reference", "hypothesis", "rate"),
    [
        ("a b c d", "a x d e", 0.75),
        ("it is, well, fine", "It is well fine.", 0),
        ("a b", "", 1),
        ("", "a", 1),
        ("", "a b c", 3),
        ("", "", 0),
    ],
)
def test_a_rate_is_that_of_the_words_of_the_reference(reference, hypothesis, rate):
    assert word_error_rate(words(reference), words(hypothesis)) == rate
