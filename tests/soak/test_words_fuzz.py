"""Thousands of hostile command lines, variables and files, other ones each time: none is a bug (status 70)."""

from __future__ import annotations

import pytest
from hypothesis import given, settings

from tests import hostile_words
from tests.end_to_end.test_words_fuzz import COMMANDS, bounded, check, check_file  # noqa: F401 - fixtures
from tests.hostile_words import FILES, IN_ENVIRONMENTS


def long(attack):
    """The settings of an attack."""
    return settings(bounded, derandomize=False, max_examples=attack.times(700))


@pytest.mark.parametrize("name", FILES)
def test_hostile_files(attack, check_file, name):  # noqa: F811 - a fixture
    @long(attack)
    @given(FILES[name].contents)
    def try_all(content):
        with attack.attempt(content):
            check_file(name, content)

    try_all()


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_hostile_words(attack, check, path):  # noqa: F811 - a fixture
    @long(attack)
    @given(hostile_words.command_lines(path))
    def try_all(words):
        with attack.attempt(words):
            check(*words)

    try_all()


@pytest.mark.parametrize("words", IN_ENVIRONMENTS, ids=" ".join)
def test_hostile_variables(attack, check, words):  # noqa: F811 - a fixture
    @long(attack)
    @given(hostile_words.environments)
    def try_all(variables):
        with attack.attempt(variables):
            check(*words, variables=variables)

    try_all()
