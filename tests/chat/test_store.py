"""The conversation on disk, and the handle that resumes its session."""

from __future__ import annotations

import asyncio
import json
import stat
import threading
import time
from dataclasses import replace

import pytest

from livecli.chat import store as module
from livecli.chat.store import MAX_BYTES, NAME, SCHEMA, ChatStore
from livecli.chat.transcript import Transcript, TranscriptEntry
from livecli.protocol.endpoint import Endpoint
from livecli.protocol.platform import Platform
from tests.chat.conftest import ReportLog

ENDPOINT = Endpoint(Platform.VERTEX, "wss://one.example/ws/x", "gemini-live", "r", "project", "us-central1")
ENTRY = TranscriptEntry("one", "<one>")


@pytest.fixture
def path(tmp_path, monkeypatch):
    """The file of the conversation, which does not exist yet."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path / "state" / "livecli" / NAME


def store_of(*entries):
    """A store for a transcript with these entries, and what it reports."""
    transcript, reports = Transcript(), ReportLog()
    for entry in entries:
        transcript.add(entry)
    return ChatStore(transcript, reports), transcript, reports


async def write(method, *arguments):
    """Call a method of a store, and wait until it has written."""
    method(*arguments)
    await method.__self__.wait_until_written()


def saved(path):
    return json.loads(path.read_text())


async def test_a_conversation_and_its_handle_come_back(path):
    await write(store_of(ENTRY, TranscriptEntry("", "unasked"))[0].note_turn, ENDPOINT, "the handle")
    store, transcript, reports = store_of()
    store.load()
    assert [*transcript.entries] == [ENTRY, TranscriptEntry("", "unasked")]
    [remark] = reports.remarks
    assert remark.startswith("continuing the conversation of 20")
    assert remark.endswith(", which has 2 turns")
    assert store.take_handle(ENDPOINT) == "the handle"
    assert store.take_handle(ENDPOINT) is None, "a handle is used once"


async def test_only_the_user_can_read_the_file(path):
    await write(store_of(ENTRY)[0].save, ENDPOINT, None)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert saved(path)["schema"] == SCHEMA


def test_without_a_file_the_conversation_is_new(path):
    store, transcript, reports = store_of()
    store.load()
    assert (len(transcript.entries), reports.warnings) == (0, [])
    assert reports.remarks == ["there is no earlier conversation: this is a new one"]
    assert store.take_handle(ENDPOINT) is None


@pytest.mark.parametrize(
    "change",
    [
        {"platform": Platform.DEVELOPER},
        {"project": "other"},
        {"location": "europe-west4"},
        {"model": "other"},
        {"url": "wss://two.example/ws/x"},
    ],
)
async def test_a_handle_belongs_to_its_service_and_model(path, change):
    await write(store_of(ENTRY)[0].note_turn, ENDPOINT, "the handle")
    store, _, reports = store_of()
    store.load()
    assert store.take_handle(replace(ENDPOINT, **change)) is None
    assert reports.remarks[1:] == ["the service or the model has changed: it is given the text of the conversation"]


async def test_the_path_of_the_url_does_not_matter(path):
    await write(store_of(ENTRY)[0].note_turn, ENDPOINT, "the handle")
    store = store_of()[0]
    store.load()
    assert store.take_handle(replace(ENDPOINT, url="wss://one.example/ws/y")) == "the handle"


@pytest.mark.parametrize(("platform", "hours"), [(Platform.VERTEX, 24), (Platform.DEVELOPER, 2)])
@pytest.mark.parametrize(("late_seconds", "is_valid"), [(-60, True), (60, False)])
async def test_a_handle_expires(path, platform, hours, late_seconds, is_valid):
    endpoint = replace(ENDPOINT, platform=platform)
    await write(store_of(ENTRY)[0].note_turn, endpoint, "the handle")
    path.write_text(json.dumps({**saved(path), "at": time.time() - hours * 3600 - late_seconds}))
    store = store_of()[0]
    store.load()
    assert (store.take_handle(endpoint) is not None) is is_valid


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        '{"schema": "livecli/conversation@1"',
        json.dumps({"schema": "livecli/conversation@2", "at": 1.0, "handle": None, "entries": []}),
        json.dumps({"schema": SCHEMA, "at": "1", "handle": None, "entries": []}),
        json.dumps({"schema": SCHEMA, "at": 1.0, "handle": 5, "entries": []}),
        json.dumps({"schema": SCHEMA, "at": 1.0, "handle": None, "entries": [["one"]]}),
        json.dumps({"schema": SCHEMA, "at": 1.0, "handle": None, "entries": [["one", None]]}),
        "[" * 100_000,
        '"' + "x" * MAX_BYTES + '"',
    ],
    ids=range(10),
)
def test_a_damaged_file_is_a_warning(path, content):
    path.parent.mkdir(parents=True)
    path.write_text(content)
    store, transcript, reports = store_of()
    store.load()
    assert len(transcript.entries) == 0
    assert reports.warnings == [f"the saved conversation cannot be read from {path}: it is damaged"]
    assert store.take_handle(ENDPOINT) is None


def test_a_file_that_cannot_be_read_is_a_warning(path):
    path.mkdir(parents=True)
    store, _, reports = store_of()
    store.load()
    assert reports.warnings == [f"the saved conversation cannot be read from {path}: Is a directory"]


async def test_a_handle_that_comes_after_its_turn_is_saved_once(path):
    store, transcript, _ = store_of(ENTRY)
    await write(store.note_turn, ENDPOINT, None)
    assert saved(path)["handle"] is None
    await write(store.note_handle, ENDPOINT, None)
    await write(store.note_handle, ENDPOINT, "the handle")
    assert saved(path)["handle"] == "the handle"
    await write(store.note_handle, ENDPOINT, "a later one")
    assert saved(path)["handle"] == "the handle", "it includes no more than the first"
    transcript.add(TranscriptEntry("two", "<two>"))
    await write(store.note_turn, ENDPOINT, None)
    assert (saved(path)["handle"], len(saved(path)["entries"])) == (None, 2)


async def test_of_the_states_that_wait_for_the_disk_the_last_is_written(path, monkeypatch):
    """They are written one at a time and in order, and no more than one waits."""
    may_write, written, write = threading.Event(), [], module.write_atomically

    def write_slowly(path, content):
        assert may_write.wait(20)
        written.append(json.loads(content)["handle"])
        write(path, content)

    monkeypatch.setattr(module, "write_atomically", write_slowly)
    store, _, _ = store_of(ENTRY)
    for number in range(100):
        store.save(ENDPOINT, f"handle {number}")
        await asyncio.sleep(0)
    assert written == []
    may_write.set()
    await store.wait_until_written()
    assert (written, saved(path)["handle"]) == (["handle 0", "handle 99"], "handle 99")


async def test_what_waits_for_the_disk_does_not_come_back_after_it_was_deleted(path):
    store, _, _ = store_of(ENTRY)
    store.save(ENDPOINT, "the first")
    store.save(ENDPOINT, "the second")
    await store.delete()
    await store.wait_until_written()
    assert list(path.parent.iterdir()) == []


async def test_a_wait_that_begins_just_after_the_disk_was_written_ends(path, monkeypatch):
    """The future is done then, but its callbacks have not been called."""

    def write(_, function, *arguments):
        done = loop.create_future()
        done.set_result(function(*arguments))
        return done

    loop = asyncio.get_running_loop()
    store, _, _ = store_of(ENTRY)
    monkeypatch.setattr(loop, "run_in_executor", write)
    store.save(ENDPOINT, "the handle")
    await store.wait_until_written()
    assert saved(path)["handle"] == "the handle"


async def test_a_bug_in_writing_is_raised(path, monkeypatch):
    def fail(path, content):
        raise ZeroDivisionError

    monkeypatch.setattr(module, "write_atomically", fail)
    store, _, _ = store_of(ENTRY)
    store.save(ENDPOINT, None)
    with pytest.raises(ZeroDivisionError):
        await store.wait_until_written()


async def test_a_conversation_without_turns_is_not_saved(path):
    await write(store_of()[0].save, ENDPOINT, "the handle")
    assert not path.exists()


async def test_the_first_error_in_writing_is_reported_and_the_last(path):
    path.mkdir(parents=True)
    store, _, reports = store_of(ENTRY)
    for _ in range(2):
        await write(store.note_turn, ENDPOINT, "the handle")
    assert reports.remarks == [f"the conversation cannot be saved in {path}: Is a directory"]
    path.rmdir()
    await write(store.save, ENDPOINT, None)
    assert list(path.parent.iterdir()) == []


async def test_a_deleted_conversation_is_gone(path):
    await write(store_of(ENTRY)[0].note_turn, ENDPOINT, "the handle")
    store, _, reports = store_of()
    store.load()
    path.with_name(f".{path.name}-left").write_bytes(b"by a killed run")
    await store.delete()
    assert list(path.parent.iterdir()) == []
    assert store.take_handle(ENDPOINT) is None
    await store.delete()
    assert reports.warnings == []


async def test_a_conversation_that_cannot_be_deleted_is_a_warning(path):
    path.mkdir(parents=True)
    store, _, reports = store_of()
    await store.delete()
    assert reports.warnings == ["the saved conversation cannot be deleted: Is a directory"]
