"""The terminal of a chat: text in rows, and control characters that are escaped."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prompt_toolkit.data_structures import Size
from prompt_toolkit.utils import get_cwidth

from livecli.console.screen import JOINERS, AbovePrompt, Screen, escaped, wrap


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


# --- what grows above the prompt ---


def unfinished(screen):
    return "".join(text for _, text in screen.unfinished_rows)


def test_full_rows_are_printed_and_the_last_one_grows(screen_output):
    screen = Screen()
    screen.append("said", "one " * 30)
    assert screen_output.take() == [("one " * 25).rstrip()]
    assert unfinished(screen) == "one " * 5 + "\n"
    screen.append("said", "two")
    assert (screen_output.take(), unfinished(screen)) == ([], "one " * 5 + "two\n")
    screen.finish_row()
    assert (screen_output.take(), unfinished(screen)) == (["one " * 5 + "two"], "")


def test_another_kind_of_text_begins_a_row(screen_output):
    screen = Screen()
    screen.append("heard", "where is ")
    screen.append("heard", "it")
    screen.append("said", "there")
    assert (screen_output.take(), unfinished(screen)) == (["> where is it"], "there\n")


def test_rows_after_the_first_are_indented_under_a_prefix(screen_output):
    screen = Screen()
    screen.append("heard", "one " * 30 + "\nlast")
    screen.finish_row()
    assert screen_output.take() == ["> " + ("one " * 24).rstrip(), "  " + ("one " * 6).rstrip(), "  last"]


def test_a_printed_line_ends_the_row_that_grows(screen_output):
    screen = Screen()
    screen.append("said", "half")
    screen.print("class:note", "note")
    assert (screen_output.take(), unfinished(screen)) == (["half", "note"], "")


def test_a_text_of_any_length_is_cut_with_a_remark(screen_output):
    screen = Screen()
    screen.append("said", "a " * 8_000_000)
    screen.finish_row()
    printed = "".join(screen_output.take())
    assert printed.count("a") == 50_000 + "(15,900,000 more characters)".count("a")
    assert printed.endswith("… (15,900,000 more characters)")


def test_a_row_of_characters_without_width_ends(screen_output):
    screen = Screen()
    for _ in range(10):
        screen.append("said", 1_000 * "\u0301")
    assert [len(row) for row in screen_output.take()] == [5_000, 5_000]


def test_an_empty_line_separates_once(screen_output):
    screen = Screen()
    screen.separate()
    screen.print("", "one")
    screen.separate()
    screen.separate()
    screen.print("", "two")
    assert screen_output.take() == ["one", "", "two"]


def test_a_row_that_has_become_too_long_for_the_window_is_several(screen_output, monkeypatch):
    screen = Screen()
    screen.append("said", "one two three four")
    monkeypatch.setattr(screen.output, "get_size", lambda: Size(30, 12))
    assert unfinished(screen) == "one two\nthree four\n"


async def test_lines_written_to_standard_error_are_printed_as_they_are_completed(screen_output):
    screen = Screen()
    stream = AbovePrompt(screen, screen_output)
    screen.append("said", "half")
    stream.write("\x1b[31merr")
    assert screen_output.take() == []
    stream.write("or\x1b[0m\nrest")
    assert (screen_output.take(), unfinished(screen)) == (["half", "error"], "")
    stream.finish()
    assert screen_output.take() == ["rest"]


async def test_another_thread_may_write(screen_output):
    stream = AbovePrompt(Screen(), screen_output)
    await asyncio.to_thread(stream.write, "from a thread\n")
    await asyncio.sleep(0)
    assert screen_output.take() == ["from a thread"]
