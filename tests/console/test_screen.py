"""Text in a terminal's rows, by the cells it takes; and nothing in it that a terminal would obey."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prompt_toolkit.utils import get_cwidth

from livecli.console.screen import JOINERS, escaped, wrap


@pytest.mark.parametrize(
    ("text", "broken"),
    [
        ("", [""]),
        ("one two", ["one two"]),
        ("one two three", ["one two", "three"]),
        ("one two   three", ["one two", "three"]),
        ("seventeen", ["sevente", "en"]),
        ("a seventeen", ["a", "sevente", "en"]),
        ("one two ", ["one two "]),
        ("日本語日本語", ["日本語", "日本語"]),
        ("日本語。日本", ["日本", "語。日", "本"]),
        ("ab 日本語", ["ab 日本", "語"]),
        ("e\u0301e\u0301e\u0301e\u0301e\u0301e\u0301e\u0301e", ["e\u0301" * 7, "e"]),
    ],
)
def test_rows(text, broken):
    assert wrap(text, 7) == broken


@given(st.text(), st.integers(2, 40))
def test_every_row_fits_and_nothing_is_lost(text, columns):
    text = escaped(text)
    broken = wrap(text, columns)
    assert all(sum(map(get_cwidth, row.rstrip(" "))) <= columns for row in broken)
    assert "".join(broken).replace(" ", "") == text.replace(" ", "")


@given(st.text(), st.text(), st.integers(2, 40))
def test_rows_that_are_full_stay_as_they_are(text, more, columns):
    *full, rest = wrap(escaped(text), columns)
    assert [*full, *wrap(rest + escaped(more), columns)] == wrap(escaped(text) + escaped(more), columns)


@given(st.text())
def test_nothing_is_obeyed(text):
    assert all(character.isprintable() or character in JOINERS for character in escaped(text))
