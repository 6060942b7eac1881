"""Appending to the file of a conversation, while the loop goes on."""

from __future__ import annotations

import asyncio
import json
import threading

import pytest

from livecli.chat import conversation_writer as module
from livecli.chat.conversation_file import Record
from livecli.chat.conversation_writer import ConversationWriter


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path / "state" / "livecli" / "conversations"


def turns(folder, number=1):
    return [json.loads(line).get("turn") for line in (folder / f"{number}.jsonl").read_text().splitlines()]


async def test_what_comes_while_it_writes_is_one_more_write(folder, monkeypatch):
    """One write is made at a time, in order; the loop does not wait for the disk."""
    may_write, sizes, append = threading.Event(), [], module.append

    def append_slowly(descriptor, data):
        assert may_write.wait(20)
        sizes.append(data.count(b"\n"))
        append(descriptor, data)

    monkeypatch.setattr(module, "append", append_slowly)
    writer = ConversationWriter(print)
    for number in range(1, 101):
        writer.write(Record(turn=number))
        await asyncio.sleep(0)
    assert sizes == []
    may_write.set()
    await writer.close()
    assert (sizes, turns(folder)) == ([2, 99], [None, *range(1, 101)])


async def test_a_wait_that_begins_just_after_the_disk_was_written_ends(folder, monkeypatch):
    """The future is done then, but its callbacks have not been called."""

    def write(_, function, *arguments):
        done = loop.create_future()
        done.set_result(function(*arguments))
        return done

    loop = asyncio.get_running_loop()
    writer = ConversationWriter(print)
    monkeypatch.setattr(loop, "run_in_executor", write)
    writer.write(Record(turn=1))
    await writer.wait_until_written()
    assert turns(folder) == [None, 1]
    await writer.close()


async def test_a_bug_in_writing_is_raised(monkeypatch):
    def fail(descriptor, data):
        raise ZeroDivisionError

    monkeypatch.setattr(module, "append", fail)
    writer = ConversationWriter(print)
    writer.write(Record(turn=1))
    with pytest.raises(ZeroDivisionError):
        await writer.close()


async def test_a_full_disk_is_reported_once(monkeypatch, folder):
    def fail(descriptor, data):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module, "append", fail)
    reports = []
    writer = ConversationWriter(reports.append)
    for number in (1, 2):
        writer.write(Record(turn=number))
    await writer.wait_until_written()
    writer.write(Record(turn=3))
    await writer.close()
    assert reports == [f"the conversation cannot be saved in {folder}/1.jsonl: No space left on device"]
    assert not writer.is_on
    assert list(folder.iterdir()) == [], "an empty file would be the newest conversation"


async def test_a_file_that_cannot_be_opened_is_reported(folder):
    reports = []
    writer = ConversationWriter(reports.append)
    assert writer.open(folder / "1.jsonl")
    assert reports == [f"the conversation cannot be saved in {folder}/1.jsonl: No such file or directory"]


async def test_after_a_new_file_was_begun_the_old_one_stays_as_it_is(folder):
    writer = ConversationWriter(print)
    writer.write(Record(turn=1))
    assert await writer.begin_new_file() == folder / "1.jsonl"
    assert writer.path is None
    writer.write_with_next(Record(turn=7))
    await writer.close()
    writer.write(Record(turn=8))
    await writer.close()
    assert (turns(folder), turns(folder, 2)) == ([None, 1], [None, 7, 8])
