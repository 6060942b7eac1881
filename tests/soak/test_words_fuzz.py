"""Thousands of hostile command lines and files, other ones each time: none is a bug of livecli (status 70)."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests import hostile_words
from tests.end_to_end.test_words_fuzz import bounded, check, check_file  # noqa: F401 - fixtures
from tests.hostile_words import COMMANDS, FILES

long = settings(bounded, derandomize=False, max_examples=1000)


@pytest.mark.parametrize("name", FILES)
@long
@given(data=st.data())
def test_files(check_file, name, data):  # noqa: F811 - a fixture
    check_file(name, data.draw(FILES[name].contents))


@pytest.mark.parametrize("command", COMMANDS)
@long
@given(data=st.data())
def test_words(check, command, data):  # noqa: F811 - a fixture
    before, after, excluded = COMMANDS[command]
    check(*before, *data.draw(hostile_words.options(command, excluded)), *after)
