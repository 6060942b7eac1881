"""Recordings found by what a session is set up with."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from livecli.emulator.replay import ReplayLine
from livecli.errors import FileError
from livecli.proxy.library import Library, load
from livecli.recording.format import Direction, Frame, RecordedConnection, Recording, write_live


def setup(**fields: Any) -> bytes:
    return json.dumps({"setup": {"model": "projects/p/locations/l/publishers/google/models/m", **fields}}).encode()


def connection(setup: bytes, answer: bytes) -> RecordedConnection:
    return RecordedConnection(frames=[Frame(Direction.CLIENT, setup), Frame(Direction.SERVER, answer, 1.0)])


def answers(library: Library, setup: bytes) -> list[bytes] | None:
    play = library.take(setup)
    return None if play is None else [part.frame for part in play if isinstance(part, ReplayLine)]


def test_sessions_with_the_same_setup_are_taken_in_order_and_once() -> None:
    warm = setup(generationConfig={"temperature": 1})
    library = Library([connection(setup(), b'{"a":1}'), connection(setup(), b'{"a":2}'), connection(warm, b"{}")])
    assert library.unused == 3
    assert [answers(library, setup()) for _ in range(3)] == [[b'{"a":1}'], [b'{"a":2}'], None]
    assert answers(library, setup(generationConfig={"temperature": 2})) is None
    assert library.unused == 1


def test_ids_the_project_and_the_order_of_keys_make_no_difference() -> None:
    library = Library([connection(setup(tools=[], sessionResumption={"handle": "h1"}), b"{}")])
    other = {"setup": {"sessionResumption": {"handle": "h2"}, "tools": [], "model": "models/m"}}
    assert answers(library, json.dumps(other).encode()) == [b"{}"]


@pytest.mark.parametrize("data", [b"nonsense", b"[]", b'{"setup": 3}'])
def test_what_is_no_setup_is_found_nowhere(data: bytes) -> None:
    assert Library([connection(setup(), b"{}")]).take(data) is None


def test_a_folder_is_loaded_and_a_malformed_file_named(tmp_path: Path) -> None:
    assert not load(tmp_path / "missing")
    recording = Recording([connection(setup(), b"{}"), connection(setup(generationConfig={"temperature": 1}), b"{}")])
    (tmp_path / "a.live").write_bytes(b"".join(write_live(recording)))
    assert load(tmp_path).unused == 2
    (tmp_path / "b.live").write_text("{}\n")
    with pytest.raises(FileError, match=r"b\.live:1: "):
        load(tmp_path)
