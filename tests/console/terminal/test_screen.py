"""The terminal of a chat: text in rows, and control characters that are escaped."""

from __future__ import annotations

import asyncio
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prompt_toolkit.data_structures import Size

from livecli.console.terminal.screen import AbovePrompt, DrawnPrompt, Screen, escaped
from livecli.process.stdio import JOINERS


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
    stream = AbovePrompt(screen.print_ansi, screen_output)
    screen.append("said", "half")
    stream.write("\x1b[31merr")
    assert screen_output.take() == []
    stream.write("or\x1b[0m\nrest")
    assert (screen_output.take(), unfinished(screen)) == (["half", "error"], "")
    stream.finish()
    assert screen_output.take() == ["rest"]


async def test_another_thread_may_write(screen_output):
    stream = AbovePrompt(Screen().print_ansi, screen_output)
    await asyncio.to_thread(stream.write, "from a thread\n")
    await asyncio.sleep(0)
    assert screen_output.take() == ["from a thread"]


# --- rows of one line, and the window ---


def test_a_row_that_is_printed_later_continues_the_line(screen_output):
    screen = Screen()
    screen.append("said", "one " * 30)
    assert screen_output.getvalue().endswith(f"one{' ' * 1}\r\n\x1b[0m")
    screen_output.take()
    screen.append("said", "one " * 30)
    # Up, to the last column, its space once more, and the row.
    assert re.match(r"\x1b\[A\x1b\[99C.* (one ){5}", screen_output.getvalue(), re.DOTALL)


def test_a_window_of_another_width_begins_a_line(screen_output, monkeypatch):
    screen = Screen()
    screen.append("said", "one " * 30)
    monkeypatch.setattr(screen.output, "get_size", lambda: Size(30, 60))
    screen_output.take()
    screen.append("said", "one " * 30)
    assert "\x1b[A" not in screen_output.getvalue()


def test_what_is_printed_while_another_program_has_the_terminal_appears_afterwards(screen_output):
    screen = Screen()
    screen.append("said", "one " * 30)
    screen_output.take()
    with screen.held():
        screen.append("said", "two " * 30)
        screen.print("", "three")
        assert screen_output.take() == []
    assert "\x1b[A" not in screen_output.getvalue()
    assert screen_output.take() == ["one " * 5 + ("two " * 20).rstrip(), ("two " * 10).rstrip(), "three"]


@pytest.mark.parametrize(
    ("columns", "env", "rows"),
    [
        (40, {}, 3),
        (100, {}, 0),
        (120, {}, 0),
        (40, {"XTERM_VERSION": "1"}, 0),
        (40, {"XTERM_VERSION": "1", "TMUX": "x"}, 3),
    ],
)
def test_the_rows_that_a_prompt_becomes_in_a_narrower_window(monkeypatch, columns, env, rows):
    for name in ("XTERM_VERSION", "TMUX", "STY"):
        monkeypatch.delenv(name, raising=False)
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    drawn = DrawnPrompt(100, widths=(0, 40, 100), cursor_column=41)
    assert drawn.more_rows(columns) == rows


def test_text_is_copied_by_the_terminal(screen_output):
    Screen().copy("日本")
    assert screen_output.getvalue() == "\x1b]52;c;5pel5pys\x07"
