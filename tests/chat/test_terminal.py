"""`livecli chat` in a terminal, with keys that are pressed while the model answers."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import socket
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from livecli.emulator.core.script import ScriptedBehaviour
from livecli.emulator.core.script_file import read_script
from livecli.emulator.server import run_emulator
from tests.breaking import breaking
from tests.serving import Served, serving
from tests.terminal import STARTED, Terminal, Terminals

MODEL = "gemini-live-2.5-flash-native-audio"
SCRIPT = """
[[turn]]
match = "^tell"
steps = ["Once upon a time ", {delay_ms = 60000}, "nothing more."]

[[turn]]
match = "^count"
steps = ["one two three four five six seven eight nine ten ", {delay_ms = 700}, "eleven twelve thirteen fourteen ",
         {delay_ms = 700}, "fifteen sixteen seventeen, all told."]

[[turn]]
match = "^slowly"
steps = ["one two three four five six seven eight nine ten ", {delay_ms = 500}, "eleven twelve thirteen fourteen ",
         {delay_ms = 4000}, "fifteen sixteen seventeen, all told."]

[[turn]]
match = "^ponder"
steps = [{delay_ms = 60000}, "nothing."]

[[turn]]
match = "^think"
think = "That is a hard one."
say = "It is forty-two."

[[turn]]
match = "^attack"
say = "a\\u001b[31mred\\u001b[2J b\\u009b2J \\u001b]0;title\\u0007 [bold]c[/bold] <b>d</b> \\u0001e\\u202ef\\bg"

[[turn]]
match = "^wide"
say = "日本語の文章がここにあります。👩‍🚀と🎈もいます。"

[[turn]]
match = "^list"
say = '''- first do this thing which is rather long and wraps over the margin
- then see https://example.com/an/address/that/is/longer/than/the/window/is?x=1 for more
x\ttab the end'''

[[turn]]
match = "^go"
call = {name = "find", args = {near = "me"}}
then = ["found: over there."]
"""


def options(script: str = SCRIPT) -> dict[str, object]:
    turns = read_script(script, lambda path: [])
    return {"behaviour": lambda: ScriptedBehaviour(turns)}


@pytest.fixture
def emulator():
    with serving(**options()) as served:
        yield served


@pytest.fixture
def chat(emulator: Served, terminal: Terminals):
    """A terminal with a chat in it, whose prompt is there."""

    def start(*words: object, served: Served = emulator, **how: Any):
        where = ["--base-url", served.url, "--model", MODEL]
        opened = terminal("chat", *where, *words, **how)
        opened.wait("ready  ")
        return opened

    return start


def rows(screen: str) -> list[str]:
    return [row.rstrip() for row in screen.splitlines()]


def leave(opened: Terminal) -> None:
    opened.press("C-d")
    assert opened.left() == 0


def test_a_question_and_its_answer(chat):
    opened = chat()
    opened.enter("hello there")
    opened.wait_for_line("hello there")
    screen = opened.wait("ready  " + MODEL, " ms")
    assert rows(screen)[-4:-1] == ["> hello there", "hello there", ">"]
    leave(opened)
    assert rows(opened.screen())[-1] == "[the end]"
    assert rows(opened.screen())[-4:-1] == ["> hello there", "hello there", "go on with: livecli chat --resume 1"]


def test_what_is_typed_during_an_answer_stays_below_it(chat):
    opened = chat(columns=50)
    opened.enter("count")
    opened.wait("one two")
    opened.type("my next que")
    opened.wait("eleven", "> my next que")
    opened.type("stion")
    screen = opened.wait("all told.", "> my next question", "ready")
    story = rows(screen)[rows(screen).index("> count") + 1 :]
    assert story[:4] == [
        "one two three four five six seven eight nine ten",
        "eleven twelve thirteen fourteen fifteen sixteen",
        "seventeen, all told.",
        "> my next question",
    ]
    opened.press("Enter")
    opened.wait_for_line("my next question")
    leave(opened)


def test_enter_interrupts_and_asks_again(chat):
    opened = chat()
    opened.enter("tell me a story")
    opened.wait("Once upon", "speaking")
    opened.enter("hello instead")
    screen = opened.wait_for_line("hello instead")
    at = rows(screen).index("> tell me a story")
    said = [row for row in rows(screen)[at:] if row]
    assert said[:5] == [
        "> tell me a story",
        "Once upon a time",
        "— interrupted",
        "> hello instead",
        "hello instead",
    ]
    assert screen.count("interrupted") == 1
    leave(opened)


def test_a_question_that_another_follows_at_once_is_said_to_have_no_answer(chat):
    opened = chat()
    opened.press("o", "n", "e", "Enter", "t", "w", "o", "Enter", "t", "h", "r", "e", "e", "Enter")
    screen = opened.wait_for_line("three")
    assert [row for row in rows(screen) if "interrupted" in row] == [
        "— interrupted, without an answer: one",
        "— interrupted, without an answer: two",
    ]
    leave(opened)


@pytest.mark.parametrize(("asked", "shown"), [("tell me", "speaking"), ("ponder this", "thinking")])
def test_ctrl_c_interrupts_the_answer(chat, asked, shown):
    opened = chat()
    opened.enter(asked)
    opened.wait(shown)
    opened.type("kept")
    opened.wait("> kept")
    opened.press("C-c")
    opened.wait("— interrupted", "> kept", "ready")
    opened.press("Enter")
    opened.wait_for_line("kept")
    leave(opened)


def test_ctrl_c_twice_quits_in_the_middle_of_an_answer(chat):
    opened = chat()
    opened.enter("tell me a story")
    opened.wait("Once upon")
    opened.press("C-c", "C-c")
    assert opened.left() == 0
    assert "error" not in opened.screen()


def test_ctrl_c_clears_what_is_typed(chat):
    opened = chat()
    opened.type("never mind")
    opened.wait("> never mind")
    opened.press("C-c")
    opened.wait(without="never mind")
    leave(opened)


def test_ctrl_c_with_nothing_under_way_says_how_to_leave(chat):
    opened = chat()
    opened.press("C-c")
    opened.wait("press Ctrl-C again, or Ctrl-D, to leave")
    opened.press("C-c")
    assert opened.left() == 0


def test_ctrl_d_deletes_where_there_is_something_and_leaves_where_there_is_not(chat):
    opened = chat()
    opened.type("axb")
    opened.wait("> axb")
    opened.press("Left", "Left", "C-d")
    opened.wait("> ab")
    opened.press("C-d")
    opened.wait(until=lambda screen: "> a" in rows(screen))
    opened.press("BSpace")
    opened.wait(until=lambda screen: ">" in rows(screen))
    leave(opened)


@pytest.mark.parametrize(("signum", "status"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGINT, 130)])
def test_a_signal_ends_it_and_the_terminal_is_as_it_was(chat, signum, status):
    opened = chat()
    opened.enter("tell me a story")
    opened.wait("Once upon")
    opened.type("half a line")
    opened.wait("> half a line")
    os.kill(opened.pid, signum)
    assert opened.left() == status


def test_the_window_becomes_narrow_and_wide_in_the_middle_of_an_answer(chat):
    opened = chat(program=STARTED)
    opened.enter("count")
    opened.wait("nine ten")
    opened.resize(30, 12)
    opened.wait("eleven")
    opened.resize(100, 30)
    opened.wait("all told.", "ready")
    opened.enter("still here")
    screen = opened.wait_for_line("still here")
    assert " ".join(screen.split()).count("all told.") == 1
    leave(opened)


def test_a_line_is_whole_for_the_terminal_and_a_window_that_changes_leaves_nothing_behind(chat):
    opened = chat(program=STARTED, columns=60)
    # What is drawn in the moment of the change may stand in both widths: nothing comes meanwhile.
    opened.enter("slowly")
    opened.wait("fourteen")
    opened.type("a line that is typed meanwhile ")
    for columns, letter in zip((40, 70, 25, 60), "wxyz", strict=True):
        opened.resize(columns, 24)
        # The window has been drawn once the key appears.
        opened.type(letter)
        opened.wait(f"{letter}\n")
    opened.wait("told.", "ready")
    for row in ("> slowly", "> a line that is typed meanwhile wxyz"):
        assert rows(opened.screen()).count(row) == 1
    assert opened.screen().count("one two") == opened.screen().count("twelve") == 1
    opened.press("C-u")
    opened.enter("count")
    opened.wait("ready", until=lambda screen: screen.count("told.") == 2)
    opened.resize(200, 24)
    *_, answer = (row for row in rows(opened.screen()) if row.startswith("one two"))
    numbers = (
        "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen"
    )
    assert " ".join(answer.split()) == f"{numbers}, all told."
    leave(opened)


def test_items_have_a_hanging_indent_an_address_is_whole_and_tabs_are_spaces(chat):
    opened = chat(program=STARTED, columns=50)
    opened.enter("list")
    opened.wait("the end", "ready")
    assert rows(opened.screen())[-8:-2] == [
        "- first do this thing which is rather long and",
        "  wraps over the margin",
        "- then see",
        "  https://example.com/an/address/that/is/longer/th",
        "an/the/window/is?x=1 for more",
        "x       tab the end",
    ]
    opened.resize(120, 24)
    opened.wait("https://example.com/an/address/that/is/longer/than/the/window/is?x=1")
    leave(opened)


def test_wide_characters(chat):
    opened = chat(columns=30)
    opened.type("wide 日本語🎈")
    opened.wait("> wide 日本語🎈")
    opened.press("Left", "BSpace")
    opened.type("字")
    opened.wait("> wide 日本字🎈")
    opened.press("Enter")
    screen = opened.wait("います。", "ready")
    said = "".join(rows(screen)[rows(screen).index("> wide 日本字🎈") + 1 :])
    assert said.startswith("日本語の文章がここにあります。👩‍🚀と🎈もいます。>")
    leave(opened)


def test_a_paste_of_many_lines_is_one_turn(chat):
    opened = chat()
    opened.paste("first\nsecond line\n\nfourth")
    opened.wait("> first", "  second line", "  fourth")
    opened.press("M-Enter")
    opened.type("fifth")
    opened.wait("  fifth")
    opened.press("Enter")
    opened.wait_for_line("fifth")
    opened.enter("/history")
    entered = "> first\n  second line\n\n  fourth\n  fifth\nfirst\nsecond line\n\nfourth\nfifth\n"
    opened.wait(until=lambda screen: screen.count(entered) == 2)
    leave(opened)


def test_commands_are_completed(chat):
    opened = chat()
    (opened.folder / "speech.wav").touch()
    # prompt_toolkit ignores Tab while it looks for completions, so each Tab is pressed once the menu is there.
    opened.type("/vo")
    opened.wait("> /vo", "/voice NAME", "change the voice")
    opened.press("Tab")
    opened.wait("> /voice")
    opened.type("kor")
    opened.wait("> /voice kor", "Kore")
    opened.press("Tab")
    opened.wait("> /voice Kore")
    opened.press("Enter")
    opened.wait("the voice is Kore")
    opened.type("/send ~/sp")
    opened.wait("> /send ~/sp", "speech.wav")
    opened.press("Tab")
    opened.wait("> /send ~/speech.wav")
    opened.press("Enter")
    opened.wait(f"error: {opened.folder}"[:60], "is empty")
    opened.enter("/viice")
    opened.wait("error: there is no command /viice", "did you mean /voice?")
    opened.enter("/quit")
    assert opened.left() == 0


def test_a_paste_that_looks_like_a_command_is_text_and_so_is_a_path(chat):
    opened = chat()
    opened.paste("/quit")
    opened.wait("> /quit")
    opened.press("Enter")
    opened.wait_for_line("/quit")
    opened.enter("/var/log/syslog says what?")
    opened.wait_for_line("/var/log/syslog says what?")
    opened.enter("exit")
    opened.wait('error: "exit" alone is not sent to the model', "hint: /quit ends the chat")
    opened.enter("/bye")
    assert opened.left() == 0


@pytest.mark.parametrize("lines", [3, 5, 8])
def test_a_low_terminal_shows_the_prompt_beside_completions(chat, lines):
    opened = chat(lines=lines)
    opened.type("/")
    opened.wait("> /")
    screen = opened.wait("ready", until=lambda screen: ("/send FILE" in screen) is (lines > 4))
    assert "Window too small" not in screen
    opened.press("C-u")
    leave(opened)


def test_the_history_has_the_turn_under_way_and_a_search_that_is_left_leaves_no_row(chat):
    opened = chat()
    opened.enter("tell me a story")
    opened.wait("Once upon")
    opened.enter("/history")
    opened.wait_for_line("> tell me a story", times=2)
    screen = opened.wait_for_line("Once upon a time", times=2)
    assert "Once upon a time\n\n> /history\n" in screen
    opened.press("C-r")
    opened.type("tel")
    opened.wait("I-search backward: tel")
    opened.press("Escape")
    opened.wait(without="I-search", until=lambda screen: rows(screen)[-2] == "> tell me a story")
    opened.press("C-e", "C-u")
    leave(opened)


def test_escape_stops_the_answer_at_once_and_alt_enter_does_not(chat):
    opened = chat()
    opened.enter("tell me a story")
    opened.wait("Once upon")
    opened.type("one")
    opened.press("M-Enter")
    opened.type("two")
    screen = opened.wait("> one", "  two", "speaking")
    assert "interrupted" not in screen
    opened.press("Escape")
    opened.wait("— interrupted", "> one", "  two", "ready")
    opened.press("C-c")
    opened.wait(without="two")
    leave(opened)


def test_up_goes_through_the_messages_that_begin_like_the_text(chat):
    opened = chat()
    for line in ("alpha one", "gamma", "alpha two", "beta"):
        opened.enter(line)
        opened.wait_for_line(line)
    opened.type("al")
    for expected in ("> alpha two", "> alpha one", "> alpha one"):
        opened.press("Up")
        opened.wait(until=lambda screen, expected=expected: rows(screen)[-2] == expected)
    opened.press("C-u")
    opened.type("/u")
    opened.wait("> /u", "/usage")
    opened.press("C-u")
    leave(opened)


EDITOR = """\
#!/bin/sh
printf 'before: ' >&2; cat "$1" >&2
[ -t 1 ] || exit 9
until grep -q 'all told' answers; do sleep 0.1; done
printf '/from the editor\\nand more\\n' >"$1"
"""


def test_the_message_is_written_in_an_editor_while_an_answer_comes(chat, tmp_path):
    editor = tmp_path / "an editor"
    editor.write_text(EDITOR)
    editor.chmod(0o700)
    opened = chat(VISUAL=f"'{editor}'", stdout="answers")
    opened.enter("count")
    opened.wait("nine ten")
    opened.type("draft")
    opened.press("C-x", "C-e")
    opened.wait("before: draft")
    opened.wait("> /from the editor", "  and more", "all told.")
    opened.press("Enter")
    opened.wait_for_line("and more")
    opened.enter("/edit")
    opened.wait("> /edit\n> /from the editor\n  and more\n")
    opened.press("C-c")
    opened.wait(until=lambda screen: rows(screen)[-2] == ">")
    leave(opened)


def test_an_editor_that_fails_leaves_the_message_as_it_was(chat):
    opened = chat(EDITOR="false")
    opened.type("kept")
    opened.press("C-x", "C-e")
    opened.wait("error: the editor false ended with status 1: the message is as it was", "> kept")
    opened.press("Enter")
    opened.wait_for_line("kept")
    leave(opened)


def test_the_last_answer_is_copied_and_the_last_question_asked_again(chat):
    opened = chat()
    opened._tmux("set-option", "-s", "set-clipboard", "on")
    opened.enter("/copy")
    opened.wait("error: there is no answer to copy")
    opened.enter("wide")
    opened.wait("います。", "ready")
    opened.enter("/copy")
    opened.wait("characters for the terminal's clipboard")
    copied = "日本語の文章がここにあります。👩‍🚀と🎈もいます。"
    opened.wait(until=lambda _: opened._tmux("show-buffer", check=False) == copied)
    opened.enter("/again")
    opened.wait(until=lambda screen: screen.count("日本語の文章") == 2)
    leave(opened)


def test_the_first_question_is_an_argument_and_another_model_goes_on(chat):
    opened = chat("/first question?")
    screen = opened.wait_for_line("/first question?")
    assert "> /first question?" in rows(screen)
    opened.enter("/model gemini-3.8-live")
    opened.wait("the model is gemini-3.8-live", "ready  gemini-3.8-live")
    opened.enter("and you?")
    opened.wait_for_line("and you?")
    opened.enter("/history")
    opened.wait_for_line("> /first question?", times=2)
    leave(opened)


def test_ctrl_r_searches_the_history(chat):
    opened = chat()
    for line in ("alpha question", "gamma question"):
        opened.enter(line)
        opened.wait_for_line(line)
    opened.press("C-r")
    opened.type("alp")
    opened.wait("> alpha question", "I-search backward: alp", "alpha question")
    opened.press("Enter")
    opened.wait(until=lambda screen: rows(screen)[-2] == "> alpha question", without="I-search")
    opened.press("Enter")
    opened.wait_for_line("alpha question", times=2)
    opened.press("C-r")
    opened.type("gam")
    opened.wait("> gamma question", "I-search backward: gam")
    opened.press("C-c")
    opened.wait(until=lambda screen: rows(screen)[-2] == ">", without="I-search")
    leave(opened)


def test_a_line_that_is_not_utf_8_is_sent_with_a_replacement(chat):
    opened = chat()
    opened.press("-H", *(f"{byte:x}" for byte in b"caf\xe9"))
    opened.press("Enter")
    opened.wait_for_line("caf\ufffd")
    leave(opened)


def test_thoughts_are_dimmed(chat, tmp_path):
    setup = tmp_path / "setup.json"
    setup.write_text(json.dumps({"generationConfig": {"thinkingConfig": {"includeThoughts": True}}}))
    opened = chat("--setup", setup)
    opened.enter("think")
    opened.wait("It is forty-two.")
    [line] = [line for line in opened.screen(colours=True).splitlines() if "hard one" in line]
    assert re.match(r"\x1b\[(0;)?2;3m", line)
    leave(opened)


def test_a_tool_is_shown_and_confirmed_without_disturbing_what_is_typed(chat):
    opened = chat("--tool", "find=echo there", "--confirm")
    opened.enter("go and see")
    opened.wait('run find {"near": "me"}? [y/n]')
    opened.type("you may")
    opened.wait("> you may")
    opened.wait("[y/n]")
    opened.type("y")
    screen = opened.wait("over there.", 'tool find {"near": "me"}', "find: there", "> you may")
    assert "> you mayy" not in screen
    opened.press("C-u")
    opened.wait_for_line(">")
    opened.enter("go and see")
    opened.wait('run find {"near": "me"}? [y/n]')
    opened.type("n")
    opened.wait("warning: find: ")
    leave(opened)


def test_keys_before_a_question_do_not_answer_it_and_a_long_call_is_shown_whole(chat):
    opened = chat("--tool", "find=echo there", "--confirm")
    near = f"{'a' * 100} {'b' * 1200} evil"
    opened.paste(f"call find {json.dumps({'near': near})}")
    opened.press("Enter")
    opened.type("y")
    opened.wait("run find as shown above? [y/n]")
    assert f'run find {{"near": "{near}"}}?' in "".join(opened.screen().splitlines())
    assert "tool find" not in opened.screen()
    opened.press("C-u")
    opened.wait("run find", without="[y/n]")
    opened.wait("[y/n]")
    opened.type("n")
    opened.wait("warning: find: the user did not allow this call")
    leave(opened)


def test_sources_are_numbered_and_listed(chat):
    opened = chat("--search")
    opened.enter("search for trains")
    opened.wait_for_line("search for trains")
    screen = opened.wait("[1] example.com https://example.com/", "ready  ")
    assert screen.index("\nsearch for trains") < screen.index("[1]")
    leave(opened)


def test_nothing_that_the_model_says_is_obeyed(chat):
    opened = chat()
    opened.enter("attack")
    screen = opened.wait("<b>d</b>")
    assert "a\\x1b[31mred\\x1b[2J b\\x9b2J \\x1b]0;title\\x07 [bold]c[/bold] <b>d</b>" in "".join(rows(screen))
    assert "> attack" in screen
    leave(opened)


def test_the_answer_has_its_own_style_from_its_first_character(chat):
    """prompt_toolkit draws the row that is not full yet as a part of the prompt, whose sign is bold and green."""
    opened = chat()
    opened.enter("tell me")
    opened.wait("Once upon a time")
    [row] = [row for row in opened.screen(colours=True).splitlines() if "Once upon a time" in row]
    assert "\x1b[1m" not in row
    assert "32m" not in row
    assert "/help lists the commands" in opened.screen()
    leave(opened)


def test_a_resumed_conversation_shows_its_last_turns(chat, terminal, emulator):
    first = terminal("chat", "--base-url", emulator.url)
    first.wait("ready")
    first.enter("hello there")
    first.wait_for_line("hello there")
    leave(first)
    again = terminal("chat", "--base-url", emulator.url, "--resume", HOME=first.folder)
    again.wait("ready")
    assert "> hello there" in rows(again.screen())
    assert rows(again.screen()).count("hello there") == 1
    leave(again)


def test_without_colour(chat):
    opened = chat(NO_COLOR="1")
    opened.enter("hello")
    opened.wait_for_line("hello")
    assert not [word for word in ("[31", "[32", "[33", "[36", "[38") if f"\x1b{word}" in opened.screen(colours=True)]
    leave(opened)


def test_a_dumb_terminal_gets_plain_lines(terminal, emulator):
    opened = terminal("chat", "--base-url", emulator.url, TERM="dumb")
    opened.wait("connected in")
    opened.type("hello")
    opened.press("Enter")
    opened.wait_for_line("hello", times=2)
    leave(opened)


# --- when the line breaks ---


@contextmanager
def emulating(port: int = 0) -> Iterator[Served]:
    """An emulator that is stopped at the end of the block, with its connections."""
    served, up, down = Served(), threading.Event(), threading.Event()

    async def emulate() -> None:
        async with run_emulator(port=port) as emulator:
            served.url = emulator.url
            up.set()
            await asyncio.to_thread(down.wait, 60)

    thread = threading.Thread(target=asyncio.run, args=[emulate()])
    thread.start()
    try:
        assert up.wait(10)
        yield served
    finally:
        down.set()
        thread.join(20)
    assert not thread.is_alive()


def test_a_lost_connection_keeps_what_is_typed_and_what_was_said(chat):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with emulating(port) as served:
        opened = chat(served=served)
        opened.enter("remember this")
        opened.wait_for_line("remember this")
        opened.type("half a")
        opened.wait("> half a")
    opened.wait("trying again", "no connection", "> half a")
    opened.type(" line")
    opened.wait("> half a line")
    with emulating(port) as served:
        opened.wait("connected again", "> half a line", "ready")
        opened.press("Enter")
        opened.wait_for_line("half a line")
        opened.enter("/history")
        opened.wait_for_line("> remember this", times=2)
        leave(opened)
    assert opened.screen().count("connected again") == 1


def test_a_session_that_ended_for_good_is_followed_by_another(chat):
    with serving("close=1008:go away@turn:2") as served:
        opened = chat(served=served)
        opened.enter("one")
        opened.wait_for_line("one")
        opened.enter("two")
        opened.wait("go away", "the next message opens a new one")
        opened.enter("three")
        opened.wait_for_line("three")
        leave(opened)
        assert opened.screen().count("go away") == 1


def test_waiting_for_a_connection_is_given_up_with_ctrl_c(chat):
    with emulating() as served:
        opened = chat(served=served)
    opened.wait("no connection")
    opened.enter("anybody?")
    opened.wait("> anybody?")
    opened.press("C-c")
    opened.press("C-c")
    assert opened.left() == 0


def test_a_start_without_a_server_ends_with_the_status_for_that(terminal):
    opened = terminal("chat", "--base-url", "ws://127.0.0.1:1", "--retries", "0")
    assert opened.left() == 5
    assert "connection refused" in opened.screen()


# --- what is kept ---


def test_the_history_is_kept_from_others_and_comes_back(chat):
    opened = chat()
    opened.enter("a secret")
    opened.wait_for_line("a secret")
    leave(opened)
    [kept] = opened.folder.rglob("chat-history")
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    again = chat(XDG_STATE_HOME=str(kept.parent.parent))
    again.press("Up")
    again.wait("> a secret")
    again.press("Enter")
    again.wait_for_line("a secret")
    leave(again)


def test_a_history_that_cannot_be_kept_is_none(chat):
    opened = chat(XDG_STATE_HOME="/dev/null")
    opened.enter("hello")
    opened.wait_for_line("hello")
    opened.press("Up")
    opened.wait_for_line("> hello", times=2)
    opened.press("C-u")
    opened.wait_for_line(">")
    leave(opened)


def test_json_and_events_at_a_terminal(chat):
    opened = chat("--json", "--events", "events.jsonl")
    opened.enter("hello")
    opened.wait_for_line("hello")
    screen = opened.wait('{"schema": "livecli/summary@1", "ok": true', "ready")
    assert rows(screen)[-2] == ">"
    leave(opened)
    assert "output_transcript" in (opened.folder / "events.jsonl").read_text()


def test_answers_go_to_a_standard_output_that_is_no_terminal(chat):
    opened = chat(stdout="answers")
    opened.enter("hello")
    opened.wait_for_line("hello")
    opened.enter("attack")
    opened.wait("<b>d</b>")
    leave(opened)
    assert (opened.folder / "answers").read_text().startswith("hello\na\x1b[31mred")


def test_a_bug_in_a_turn_ends_the_chat_with_a_traceback(chat, tmp_path):
    opened = chat(program=STARTED, **breaking(tmp_path / "broken", "livecli.chat.chat", "Chat.send_text"))
    opened.enter("hello")
    screen = opened.wait("[the end]")
    assert "Traceback" in screen
    assert "ZeroDivisionError: a bug" in screen
    assert "error: this is a bug in livecli" in screen
    assert opened.failed() == 70


def test_an_answer_that_has_no_end_is_followed_by_the_next_under_its_own_question(terminal):
    with serving("truncate@reply:3", **options()) as served:
        opened = terminal("chat", "--base-url", served.url, "--model", MODEL)
        opened.wait("ready  ")
        opened.enter("count")
        opened.wait("eight nine ten")
        for line in ("hello after", "third question"):
            opened.enter(line)
            opened.wait_for_line(line)
        story = [row for row in rows(opened.screen()) if row]
        assert story[story.index("> count") : -2] == [
            "> count",
            "one two three four five six seven eight nine ten",
            "— interrupted",
            "> hello after",
            "hello after",
            "> third question",
            "third question",
        ]
        leave(opened)


def test_a_setting_during_an_answer_keeps_it_and_one_that_is_refused_is_taken_back(chat):
    opened = chat()
    opened.enter("tell me a story")
    opened.wait("Once upon")
    opened.enter("/voice Puck")
    opened.wait("the voice is Puck", "— interrupted")
    opened.enter("/voice Kor")
    opened.wait("did you mean Kore?")
    opened.enter("/model nonsense-live")
    opened.wait("error: the server closed the session", "ready  " + MODEL)
    opened.enter("/history")
    opened.wait_for_line("Once upon a time", times=2)
    opened.enter("hello")
    opened.wait_for_line("hello")
    leave(opened)


def test_ctrl_c_at_the_question_of_a_tool_says_that_it_interrupts(chat):
    opened = chat("--tool", "find=echo over there", "--confirm")
    opened.enter("go")
    opened.wait("run find", "[y/n]", "waiting for y or n")
    opened.press("C-c")
    screen = opened.wait("— interrupted", without="run find")
    assert rows(screen)[rows(screen).index("> go") + 1] == "— interrupted"
    opened.enter("ponder")
    opened.wait("thinking")
    opened.enter("hello")
    screen = opened.wait_for_line("hello")
    story = [row for row in rows(screen) if row]
    assert story[story.index("> ponder") :][:4] == ["> ponder", "— interrupted", "> hello", "hello"]
    leave(opened)
