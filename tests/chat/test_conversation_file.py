"""The files of conversations: what is read of them, which one is meant, and how they are listed."""

from __future__ import annotations

import os
import stat
import sys

import pytest

from livecli.chat import conversation_file
from livecli.chat.conversation_file import (
    HEADER,
    MAX_LINE_BYTES,
    Record,
    SavedConversation,
    append,
    check_name,
    create_file,
    encode_record,
    find_conversation,
    list_conversations,
    open_file,
    table,
)
from livecli.chat.transcript import Transcript, TranscriptEntry
from livecli.errors import FileError, UsageError

posix = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no flock and no permission bits")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The folder of the conversations, which does not exist yet."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path / "state" / "livecli" / "conversations"


def make(*records, at=None):
    """A new file with these records, last changed at a time in seconds."""
    path, descriptor = create_file()
    append(descriptor, b"".join(encode_record(record) + b"\n" for record in (HEADER, *records)))
    os.close(descriptor)
    if at is not None:
        os.utime(path, (at, at))
    return path


def read(path):
    transcript = Transcript()
    return SavedConversation(path, transcript), transcript.numbered


def turn(number, question="", answer=""):
    return Record(turn=number, question=question, answer=answer)


def test_the_last_line_about_a_turn_has_its_text(folder):
    saved, turns = read(make(turn(1, "one"), turn(2, "two"), turn(1, "one", "<one>"), Record(name="trip")))
    assert turns == [(1, TranscriptEntry("one", "<one>")), (2, TranscriptEntry("two", ""))]
    assert (saved.turns, saved.turn, saved.name, saved.key, saved.title) == (2, 2, "trip", "trip", "one")


@pytest.mark.parametrize(
    ("records", "is_valid"),
    [
        ([turn(1, "a"), Record(turn=1, handle="h")], True),
        ([turn(1, "a"), Record(turn=1, handle="h"), turn(1, "a", "corrected")], True),
        ([turn(1, "a"), Record(turn=1, handle="h"), turn(2, "b")], False),
        ([turn(1, "a"), Record(turn=2, handle="h")], True),
    ],
)
def test_a_handle_includes_the_turns_before_it(folder, records, is_valid):
    assert (read(make(*records))[0].handle is not None) is is_valid


def test_a_turn_after_one_without_text_is_not_in_its_handle(folder):
    path = make(turn(1, "a"), Record(turn=2, handle="h"))
    assert read(path)[0].turn == 2


@pytest.mark.parametrize(
    "line",
    [
        b"{",
        b"[]",
        b"\xff",
        b'{"turn": -1}',
        b'{"turn": 1, "question": 5}',
        b'{"turn": 1, "answer": "\\ud800"}',
        b"[" * 9000,
    ],
    ids=range(7),
)
def test_a_line_that_cannot_be_read_is_left_out(folder, line):
    path = make(turn(1, "one"))
    path.write_bytes(path.read_bytes() + line + b"\n" + encode_record(turn(2, "two")) + b"\n")
    saved, turns = read(path)
    assert (saved.damaged, [number for number, _ in turns]) == (1, [1, 2])


def test_a_line_that_was_cut_off_is_ended_by_the_next_one(folder):
    path = make(turn(1, "one"))
    path.write_bytes(path.read_bytes() + b'{"turn": 2, "ques')
    descriptor = open_file(path)
    append(descriptor, encode_record(turn(3, "three")) + b"\n")
    os.close(descriptor)
    assert [number for number, _ in read(path)[1]] == [1, 3]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "it is damaged"),
        (b"{", "it is damaged"),
        (b'{"schema":"livecli/conversation@3"}\n', "another version of livecli has written it"),
        (b"\n", "it is damaged"),
        (b"x" * (MAX_LINE_BYTES + 1), "it is damaged"),
    ],
    ids=range(5),
)
def test_a_file_of_something_else_is_an_error(folder, content, reason):
    path = make()
    path.write_bytes(content)
    with pytest.raises(FileError, match=reason):
        read(path)
    assert [error.message for error in list_conversations().errors] == [
        f"the saved conversation cannot be read from {path}: {reason}"
    ]


@posix
def test_only_the_user_can_read_it(folder):
    path = make()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_the_list_has_a_line_for_each_newest_first(folder):
    assert table(list_conversations().conversations) == ""
    make(turn(1, "What is the fare\nto \x1b[31mPotsdam?"), turn(2, "b"), at=1_000_000_000)
    make(turn(1, "", "I began it"), Record(name="trip\x1b[2J"), at=1_100_000_000)
    make(turn(1, "x" * 100), at=1_050_000_000)
    rows = [line.split(None, 5) for line in table(list_conversations().conversations).splitlines()]
    assert [(row[0], row[3]) for row in rows] == [("2", "1"), ("3", "1"), ("1", "2")]
    assert [row[5] for row in rows] == [
        "trip\\x1b[2J  I began it",
        "x" * 59 + "…",
        "What is the fare to \\x1b[31mPotsdam?",
    ]


def test_a_conversation_is_found_by_number_or_name_or_as_the_newest(folder):
    assert find_conversation("") is None
    old = make(turn(1, "a"), Record(name="trip"), at=1_000_000_000)
    new = make(turn(1, "b"), at=1_100_000_000)
    assert [find_conversation(key) for key in ("", "1", "01", "2", "trip")] == [new, old, old, new, old]
    for key in ("3", "other", "-1", "9" * 5000):
        with pytest.raises(UsageError) as raised:
            find_conversation(key)
        assert raised.value.hint.splitlines()[0] == "livecli chat --list"


@pytest.mark.parametrize("name", ["3", "-x", "a\nb", "x" * 61])
def test_some_names_are_none(name):
    with pytest.raises(UsageError):
        check_name(name)


@posix
def test_a_file_is_open_in_one_chat(folder, monkeypatch):
    path, descriptor = create_file()
    assert open_file(path) is None
    os.close(descriptor)
    again = open_file(path)
    assert again is not None
    os.close(again)


def test_two_chats_that_begin_at_once_have_a_file_each(folder, monkeypatch):
    make()
    monkeypatch.setattr(conversation_file, "_paths", list)
    assert make().name == "2.jsonl"
