"""Thousands of hostile command lines and files, other ones each time: none is a bug of livecli (status 70)."""

from __future__ import annotations

import pytest
from hypothesis import given, settings

from tests import hostile_words
from tests.end_to_end.test_words_fuzz import bounded, check, check_file  # noqa: F401 - fixtures
from tests.hostile_words import COMMANDS, FILES


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


@pytest.mark.parametrize("command", COMMANDS)
def test_hostile_words(attack, check, command):  # noqa: F811 - a fixture
    before, after, excluded = COMMANDS[command]

    @long(attack)
    @given(hostile_words.options(command, excluded))
    def try_all(words):
        with attack.attempt(words):
            check(*before, *words, *after)

    try_all()
