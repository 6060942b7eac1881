"""The rows of a line: where they end, and that they are one line for a terminal."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prompt_toolkit.utils import get_cwidth

from livecli.console.terminal.rows import hanging_indent, plain, take_rows, with_spaces
from tests.cases import in_one_test


def rows(text, columns=8, **options):
    """The rows as they look, and the rest."""
    full, rest, indent = take_rows([("", text)], columns, **options)
    assert all(get_cwidth(plain(row)) == columns for row in full)
    return [*(plain(row).rstrip(" ") for row in full), " " * indent + plain(rest)]


@in_one_test(
    ("text", "broken"),
    [
        ("", [""]),
        ("one two", ["one two"]),
        ("one two three", ["one two", "three"]),
        ("one two   three", ["one two", "three"]),
        ("one four two", ["one", "four two"]),
        ("nineteens", ["nineteen", "s"]),
        ("a nineteens", ["a", "nineteen", "s"]),
        ("nineteen s", ["nineteen", " s"]),
        ("one two ", ["one two "]),
        ("日本語日本語", ["日本語日", "本語"]),
        ("日本語本。日本", ["日本語", "本。日本"]),
        ("ab 日本語", ["ab 日本", "語"]),
        ("e\u0301e\u0301e\u0301e\u0301e\u0301e\u0301e\u0301e\u0301e", ["e\u0301" * 8, "e"]),
        ("- a b c d", ["- a b c", "  d"]),
        ("10. a b c", ["10. a b c"[:8].rstrip(), "c"]),
        ("- nineteen", ["- ninete", "en"]),
    ],
)
def test_rows(text, broken):
    assert rows(text) == broken


def test_code_ends_at_any_character():
    assert rows("    if x == y:  z", in_words=False) == ["    if x", " == y:", "z"]


def test_rows_of_more_text_continue_the_indent():
    assert rows("more text", indent=2, hang=2) == ["  more", "  text"]


@in_one_test(
    ("line", "cells"),
    [
        ("text", 0),
        ("- item", 2),
        ("  * item", 4),
        ("12) item", 4),
        ("> said", 2),
        ("-x", 0),
        ("/a [B]   help", 9),
        ("/a b c  d", 0),
        ("2026. ", 0),
    ],
)
def test_the_hanging_indent_is_that_of_the_text_after_the_sign(line, cells):
    assert hanging_indent(line, 80) == cells
    assert hanging_indent(line, 2 * cells) == 0


def test_styles_go_with_their_characters():
    line = [("a", "one "), ("b", "two three")]
    assert take_rows(line, 8) == ([[("", ""), ("a", "one "), ("b", "two"), ("", " ")]], [("b", "three")], 0)


@pytest.mark.parametrize(
    ("text", "column", "spaces"),
    [("a\tb", 0, "a       b"), ("a\tb", 6, "a b"), ("\t日\t.", 0, "        日      ."), ("a", 3, "a")],
)
def test_tabs_go_to_the_next_stop(text, column, spaces):
    assert with_spaces(text, column) == spaces


WORDS = st.text(st.sampled_from("ab日 。-\u0301"), max_size=60)


@settings(max_examples=20)
@given(WORDS, WORDS, st.integers(4, 20))
def test_the_line_is_whole_and_full_rows_stay_as_they_are(text, more, columns):
    full, rest, indent = take_rows([("", text)], columns)
    line = "".join(plain(row) for row in full) + " " * indent + plain(rest)
    assert line.split() == text.split() or line.replace(" ", "") == text.replace(" ", "")
    assert get_cwidth(plain(rest).rstrip(" ")) + indent <= columns
    if full:
        hang = hanging_indent(text, columns)
        later, end, last_indent = take_rows([*rest, ("", more)], columns, indent=indent, hang=hang)
        all_rows, all_end, all_indent = take_rows([("", text + more)], columns)
        assert [*map(plain, [*full, *later])] == [*map(plain, all_rows)]
        assert (plain(end), last_indent) == (plain(all_end), all_indent)
