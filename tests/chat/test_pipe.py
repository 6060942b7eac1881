"""A chat through a pipe: the lines of standard input, and the turn or command that each of them is."""

from __future__ import annotations

import errno
import io
import sys
from types import SimpleNamespace

import pytest

from livecli.chat.pipe import MAX_LINE_BYTES, converse, read_lines
from livecli.chat.recent_turns import RecentTurns
from livecli.errors import FileError, QuotaError, ServerError, UsageError
from livecli.report.summary import Summary
from tests.chat.conftest import ReportLog


class Chat:
    """Answers each text. A text in `errors` is a turn that fails, one in `raised` raises."""

    def __init__(self, errors=None, raised=None):
        self.texts, self.failure = [], None
        self.turns, self.transcript = RecentTurns(), SimpleNamespace(entries=[])
        self.recordings, self.current_entry = SimpleNamespace(folder=None), None
        self.store = SimpleNamespace(key="3")
        self._errors, self._raised = errors or {}, raised or {}

    async def send_text(self, text):
        self.texts.append(text)
        if text in self._raised:
            raise self._raised[text]
        return Summary(text, error=self._errors.get(text))


async def run(chat, *lines, reports=None, **options):
    """The exit statuses, the lines shown, and the summaries reported."""

    async def given():
        for line in lines:
            yield line

    reports, shown = reports or ReportLog(), []
    statuses = await converse(chat, given(), reports, shown.extend, **options)
    return statuses, shown, reports.summaries


# --- reading ---


def stdin(monkeypatch, data):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))


@pytest.mark.parametrize(
    ("data", "lines"),
    [
        (b"", []),
        (b"one\ntwo", ["one", "two"]),
        (b"\xef\xbb\xbfone\n\xef\xbb\xbftwo", ["one", "\ufefftwo"]),
        (b"one\r\n\r\n two \n", ["one", "", " two "]),
        ("日本\n".encode() + b"\xff\n", ["日本", "\ufffd"]),
        (b"x" * MAX_LINE_BYTES + b"\nnext\n", ["x" * MAX_LINE_BYTES, "next"]),
    ],
    ids=["nothing", "no last end", "byte order mark", "line ends", "encoding", "longest"],
)
async def test_lines_are_read(monkeypatch, data, lines):
    stdin(monkeypatch, data)
    assert [line async for line in read_lines()] == lines


@pytest.mark.parametrize("more", [1, 2, MAX_LINE_BYTES, 3 * MAX_LINE_BYTES + 5])
async def test_the_rest_of_a_line_that_is_too_long_is_skipped(monkeypatch, more):
    stdin(monkeypatch, b"x" * (MAX_LINE_BYTES + more) + b"\nnext\n")
    first, second = [line async for line in read_lines()]
    assert (len(first), second) == (MAX_LINE_BYTES + 1, "next")


async def test_a_closed_standard_input_is_an_error(monkeypatch):
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(FileError, match="standard input is closed"):
        await anext(read_lines())


async def test_a_standard_input_that_cannot_be_read_is_an_error(monkeypatch):
    class Broken(io.RawIOBase):
        def readable(self):
            return True

        def readinto(self, buffer):
            raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BufferedReader(Broken())))
    with pytest.raises(FileError, match="cannot read standard input: Input/output error"):
        await anext(read_lines())


# --- conversing ---


async def test_each_line_is_a_turn_but_not_an_empty_one():
    chat = Chat()
    assert await run(chat, "one", "", "  ", "//two", "/unknown") == ([0, 0, 0], [], [])
    assert chat.texts == ["one", "//two", "/unknown"]


async def test_without_commands_each_line_is_a_turn():
    chat = Chat()
    assert await run(chat, "/quit", "/voice", has_commands=False) == ([0, 0], [], [])
    assert chat.texts == ["/quit", "/voice"]


async def test_a_command_is_no_turn_and_its_output_is_shown():
    assert await run(Chat(), "/history", "/latency") == ([], ["there are no turns yet"] * 2, [])


async def test_what_a_command_did_is_a_remark():
    reports = ReportLog()
    assert await run(Chat(), "/save", reports=reports) == ([], [], [])
    assert reports.remarks == [
        "this is conversation 3: /save NAME names it",
        "its audio is not saved: /save FOLDER/ saves the text and the audio in a folder",
    ]


async def test_a_turn_that_fails_has_its_status():
    chat = Chat(errors={"one": QuotaError("full")})
    assert await run(chat, "one", "two") == ([8, 0], [], []), "the conversation has reported it"


async def test_an_error_that_is_raised_is_reported_as_a_turn():
    error = FileError("no such file")
    statuses, _, [summary] = await run(Chat(raised={"one": error}), "one", "two")
    assert statuses == [3, 0]
    assert (summary.input, summary.error) == ("one", error)


@pytest.mark.parametrize(
    "line",
    ["/voice", "x" * (MAX_LINE_BYTES + 1), "ü" * (MAX_LINE_BYTES // 2 + 1)],
    ids=["no argument", "too long", "too long in UTF-8"],
)
async def test_a_line_that_is_no_message_and_no_command_is_a_usage_error(line):
    chat = Chat()
    statuses, _, [summary] = await run(chat, line)
    assert (statuses, chat.texts) == ([2], [])
    assert isinstance(summary.error, UsageError)


async def test_the_longest_line_is_sent():
    chat = Chat()
    await run(chat, "x" * MAX_LINE_BYTES, "ü" * (MAX_LINE_BYTES // 2))
    assert [len(text.encode()) for text in chat.texts] == [MAX_LINE_BYTES] * 2


async def test_quit_ends_the_chat():
    chat = Chat()
    assert await run(chat, "one", "/quit", "two") == ([0], [], [])
    assert chat.texts == ["one"]


async def test_the_end_of_the_session_ends_the_chat():
    chat = Chat()
    chat.failure = ServerError("gone")
    assert (await run(chat, "one", "two"))[0] == [0]
    assert chat.texts == ["one"]
