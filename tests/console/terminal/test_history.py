"""The prompt history: a private file, or memory where there can be none."""

from __future__ import annotations

import stat

import pytest
from prompt_toolkit.history import FileHistory, InMemoryHistory

from livecli.console.terminal.history import MAX_BYTES, NAME, open_history


@pytest.fixture
def path(tmp_path, monkeypatch):
    """The file of the history, which does not exist yet."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path / "state" / "livecli" / NAME


def entries(history):
    """The entries, the newest first."""
    return list(history.load_history_strings())


def test_entries_come_back(path):
    history = open_history()
    history.append_string("one")
    history.append_string("two\n\n# lines")
    assert entries(open_history()) == ["two\n\n# lines", "one"]


def test_the_file_and_its_folder_are_private(path):
    open_history()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_a_file_that_others_can_read_becomes_private(path):
    path.parent.mkdir(parents=True)
    path.touch(0o644)
    path.chmod(0o644)
    open_history()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_long_history_loses_its_older_half_in_whole_entries(path):
    open_history()
    history = FileHistory(path)
    texts = [f"{number:06} " + "ü" * 5_000 for number in range(120)]
    for text in texts:
        history.append_string(text)
    assert path.stat().st_size > MAX_BYTES
    kept = entries(open_history())
    assert kept == texts[::-1][: len(kept)]
    assert MAX_BYTES // 2 - 11_000 < path.stat().st_size <= MAX_BYTES // 2


def test_a_history_of_the_greatest_length_stays(path):
    path.parent.mkdir(parents=True)
    path.write_bytes(b"\n# 2026\n+" + b"x" * (MAX_BYTES - 10) + b"\n")
    open_history()
    assert path.stat().st_size == MAX_BYTES


@pytest.mark.parametrize("obstacle", ["a folder", "a file in place of the folder"])
def test_without_a_file_the_history_is_in_memory(path, obstacle):
    if obstacle == "a folder":
        path.mkdir(parents=True)
    else:
        path.parent.parent.mkdir()
        path.parent.touch()
    assert isinstance(open_history(), InMemoryHistory)


def test_a_full_disk_loses_the_entry_only(path, monkeypatch):
    history = open_history()
    history.append_string("one")
    path.unlink()
    path.symlink_to("/dev/full")
    history.append_string("two")
    path.unlink()
    history.append_string("three")
    assert entries(open_history()) == ["three"]
    assert history.get_strings() == ["one", "two", "three"]
