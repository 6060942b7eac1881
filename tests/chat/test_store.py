"""The conversation of a chat on disk, and the handle that resumes its session."""

from __future__ import annotations

import json
import sys
from dataclasses import replace

import pytest

from livecli.chat.store import PROGRESS_SECONDS, ChatStore
from livecli.chat.transcript import Transcript, TranscriptEntry
from livecli.errors import UsageError
from livecli.protocol.endpoint import Endpoint
from livecli.protocol.platform import Platform
from tests.chat.conftest import ReportLog

ENDPOINT = Endpoint(Platform.VERTEX, "wss://one.example/ws/x", "gemini-live", "r", "project", "us-central1")
ENTRY = TranscriptEntry("one", "<one>")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The folder of the conversations, which does not exist yet."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path / "state" / "livecli" / "conversations"


def store_of(resume=None, *, is_kept=True):
    """A store, its transcript, and what it reports."""
    transcript, reports = Transcript(), ReportLog()
    store = ChatStore(transcript, reports, is_kept=is_kept)
    if resume is not None:
        store.load(resume)
    return store, transcript, reports


def say(store, *entries, handle=None):
    """Begin and end turns."""
    for entry in entries:
        store.note_turn(store.begin_turn(entry.question), entry)
        store.note_handle(ENDPOINT, handle)


async def saved(*entries, handle=None, name=""):
    """Save a conversation."""
    store = store_of()[0]
    say(store, *entries, handle=handle)
    if name:
        await store.rename(name)
    await store.close()


def lines(folder, number=1):
    return [json.loads(line) for line in (folder / f"{number}.jsonl").read_text().splitlines()]


async def test_a_conversation_and_its_handle_come_back(folder):
    await saved(ENTRY, TranscriptEntry("", "unasked"), handle="the handle")
    store, transcript, reports = store_of("")
    assert [*transcript.entries] == [ENTRY, TranscriptEntry("", "unasked")]
    [remark] = reports.remarks
    assert remark.startswith("continuing conversation 1 of 20")
    assert remark.endswith(", which has 2 turns")
    assert store.take_handle(ENDPOINT) == "the handle"
    assert store.take_handle(ENDPOINT) is None, "a handle is used once"
    await store.close()


def test_without_a_file_the_conversation_is_new(folder):
    store, transcript, reports = store_of("")
    assert (len(transcript.entries), reports.warnings, store.key) == (0, [], None)
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
async def test_a_handle_belongs_to_its_service_and_model(folder, change):
    await saved(ENTRY, handle="the handle")
    store, _, reports = store_of("")
    assert store.take_handle(replace(ENDPOINT, **change)) is None
    assert reports.remarks[1:] == ["the service or the model has changed: it is given the text of the conversation"]


async def test_the_path_of_the_url_does_not_matter(folder):
    await saved(ENTRY, handle="the handle")
    store = store_of("")[0]
    assert store.take_handle(replace(ENDPOINT, url="wss://one.example/ws/y")) == "the handle"


@pytest.mark.parametrize(("platform", "hours"), [(Platform.VERTEX, 24), (Platform.DEVELOPER, 2)])
@pytest.mark.parametrize(("late_seconds", "is_valid"), [(-60, True), (60, False)])
async def test_a_handle_expires(folder, monkeypatch, platform, hours, late_seconds, is_valid):
    endpoint, store = replace(ENDPOINT, platform=platform), store_of()[0]
    store.note_turn(store.begin_turn("one"), ENTRY)
    store.note_handle(endpoint, "the handle")
    await store.close()
    [line] = [line for line in lines(folder) if "handle" in line]
    monkeypatch.setattr("time.time", lambda: line["at"] + hours * 3600 + late_seconds)
    store = store_of("")[0]
    assert (store.take_handle(endpoint) is not None) is is_valid
    await store.close()


def test_a_damaged_file_is_a_warning(folder):
    folder.mkdir(parents=True)
    (folder / "1.jsonl").write_text("{")
    store, transcript, reports = store_of("")
    assert len(transcript.entries) == 0
    assert reports.warnings == [f"the saved conversation cannot be read from {folder}/1.jsonl: it is damaged"]
    assert store.take_handle(ENDPOINT) is None


async def test_a_damaged_line_is_a_warning(folder):
    await saved(ENTRY)
    path = folder / "1.jsonl"
    path.write_bytes(path.read_bytes() + b'{"turn": 2, "qu')
    store, transcript, reports = store_of("")
    assert [*transcript.entries] == [ENTRY]
    assert reports.warnings == [f"{path} is damaged: unreadable lines left out: 1"]
    await store.close()


async def test_the_password_of_a_url_is_not_saved(folder):
    store = store_of()[0]
    store.note_turn(1, ENTRY)
    store.note_handle(replace(ENDPOINT, url="wss://user:secret@one.example/ws"), "the handle")
    await store.close()
    assert [line["endpoint"]["host"] for line in lines(folder) if "handle" in line] == ["one.example"]


async def test_a_turn_is_saved_when_it_begins_while_it_goes_on_and_when_it_ends(folder, monkeypatch):
    now = [0.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    store = store_of()[0]
    number = store.begin_turn("one")
    assert not store.is_progress_due()
    now[0] += PROGRESS_SECONDS
    assert store.is_progress_due()
    store.note_progress(number, TranscriptEntry("one", "<o"))
    assert not store.is_progress_due()
    store.note_turn(number, ENTRY)
    store.note_correction(number, ENTRY)
    await store.close()
    assert [line.get("answer") for line in lines(folder)[1:]] == [None, "<o", "<one>"]


async def test_a_handle_that_comes_after_its_turn_is_saved_once(folder):
    store = store_of()[0]
    say(store, ENTRY)
    for handle in (None, "the handle", "a later one"):
        store.note_handle(ENDPOINT, handle)
    say(store, TranscriptEntry("two", "<two>"))
    await store.close()
    assert [line["handle"] for line in lines(folder) if "handle" in line] == ["the handle"]
    assert store_of("")[0].take_handle(ENDPOINT) is None, "it does not include the second turn"


async def test_at_the_end_the_handle_has_the_time_of_the_end(folder):
    store = store_of()[0]
    store.save_handle(ENDPOINT, "of no turn")
    say(store, ENTRY, handle="the handle")
    store.save_handle(ENDPOINT, None)
    store.save_handle(ENDPOINT, "the handle")
    await store.close()
    assert [line["handle"] for line in lines(folder) if "handle" in line] == ["the handle", "the handle"]


async def test_what_is_said_after_resuming_is_appended(folder):
    await saved(ENTRY)
    before = (folder / "1.jsonl").read_bytes()
    store = store_of("")[0]
    say(store, TranscriptEntry("two", "<two>"))
    await store.close()
    assert (folder / "1.jsonl").read_bytes().startswith(before)
    assert store_of("1")[1].numbered == [(1, ENTRY), (2, TranscriptEntry("two", "<two>"))]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no flock")
async def test_a_conversation_that_is_open_elsewhere_goes_on_as_a_copy(folder):
    await saved(ENTRY, handle="the handle", name="trip")
    first, second = store_of("trip")[0], store_of("trip")
    assert second[2].remarks[1:] == ["it is open in another chat: this one goes on with a copy of it"]
    assert second[0].key is None
    assert second[0].take_handle(ENDPOINT) is None
    for store, word in ((first, "a"), (second[0], "b")):
        say(store, TranscriptEntry(word, word))
        await store.close()
    assert (first.key, second[0].key) == ("trip", "2")
    assert [store_of(key)[1].entries for key in ("1", "2")] == [
        [ENTRY, TranscriptEntry(word, word)] for word in ("a", "b")
    ]


async def test_a_conversation_without_turns_is_not_saved(folder):
    store = store_of()[0]
    await store.rename("trip")
    await store.close()
    assert (folder.exists(), store.key) == (False, None)
    say(store, ENTRY)
    await store.close()
    assert store_of("trip")[1].entries == [ENTRY]


async def test_a_name_is_that_of_one_conversation(folder):
    await saved(ENTRY, name="trip")
    store = store_of()[0]
    say(store, ENTRY)
    with pytest.raises(UsageError, match="conversation 1 is named 'trip'"):
        await store.rename("trip")
    await store.rename("other")
    assert store.key == "other"
    await store.close()


async def test_nothing_is_kept_where_it_is_not_to_be(folder):
    store = store_of(is_kept=False)[0]
    say(store, ENTRY, handle="the handle")
    with pytest.raises(UsageError, match="it cannot be named"):
        await store.rename("trip")
    await store.close()
    assert (folder.exists(), store.key) == (False, None)


async def test_a_conversation_is_read_and_not_changed_where_nothing_is_kept(folder):
    await saved(ENTRY)
    before = (folder / "1.jsonl").read_bytes()
    store, transcript, _ = store_of("1", is_kept=False)
    say(store, ENTRY)
    await store.close()
    assert transcript.entries == [ENTRY]
    assert (folder / "1.jsonl").read_bytes() == before


async def test_the_first_error_in_writing_is_reported_and_the_last(folder):
    folder.parent.mkdir(parents=True)
    folder.write_text("")
    store, _, reports = store_of()
    for _ in range(2):
        say(store, ENTRY)
        await store.wait_until_written()
    assert reports.remarks == [f"the conversation cannot be saved in {folder}: File exists"]
    folder.unlink()
    say(store, ENTRY)
    await store.close()
    assert not folder.exists()


@pytest.mark.parametrize("name", ["", "trip"])
async def test_a_new_conversation_deletes_one_without_a_name(folder, name):
    await saved(ENTRY, name=name)
    store = store_of("")[0]
    assert await store.begin_new() is not bool(name)
    assert (folder / "1.jsonl").exists() is bool(name)
    assert store.take_handle(ENDPOINT) is None
    say(store, TranscriptEntry("two", "<two>"))
    await store.close()
    assert store_of("")[1].numbered == [(1, TranscriptEntry("two", "<two>"))]


async def test_a_conversation_that_cannot_be_deleted_is_a_warning(folder, monkeypatch):
    def refuse(*_, **__):
        raise PermissionError(1, "Operation not permitted")

    await saved(ENTRY)
    store, _, reports = store_of("")
    monkeypatch.setattr("pathlib.Path.unlink", refuse)
    await store.begin_new()
    assert reports.warnings == ["the saved conversation cannot be deleted: Operation not permitted"]
