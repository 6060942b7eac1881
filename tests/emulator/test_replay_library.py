"""Recordings found by what a session is set up with, and the report of what was not used."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from livecli.emulator.replay import Play, Replay, ReplayLine, arrange
from livecli.emulator.replay_library import ReplayLibrary, load
from livecli.errors import FileError
from livecli.protocol.close_reasons import Refusal
from livecli.protocol.codec import decode_client
from livecli.recording.format import Direction, Frame, RecordedConnection, Recording, write_live
from livecli.recording.match import Match

TEXT = b'{"realtimeInput": {"text": "hello"}}'


def setup(**fields: Any) -> bytes:
    return json.dumps({"setup": {"model": "projects/p/locations/l/publishers/google/models/m", **fields}}).encode()


def resuming(handle: str) -> bytes:
    return setup(sessionResumption={"handle": handle})


def handle(name: str) -> bytes:
    return json.dumps({"sessionResumptionUpdate": {"newHandle": name, "resumable": True}}).encode()


def connection(setup: bytes, *frames: bytes) -> RecordedConnection:
    """The server sends each frame that is not TEXT."""
    sides = [Direction.CLIENT if frame == TEXT else Direction.SERVER for frame in frames]
    return RecordedConnection(
        frames=[
            Frame(Direction.CLIENT, setup, line=2),
            *map(Frame, sides, frames, [1.0] * 9, [False] * 9, range(3, 12)),
        ]
    )


def play(setup: bytes, *frames: bytes) -> Play:
    return arrange(connection(setup, *frames).frames)


WARM = setup(generationConfig={"temperature": 1})


def library(*plays: Play, **options: Any) -> ReplayLibrary:
    """Of recordings `1`, `2` and so on, with a connection each."""
    return ReplayLibrary({str(number): [each] for number, each in enumerate(plays, 1)}, speed=0, **options)


class Client:
    def __init__(self, library: ReplayLibrary) -> None:
        self.log: list[str] = []
        self.replay: Replay = library.session(self.log.append)

    def to(self, frame: bytes) -> list[bytes]:
        """The frames that are sent for this one."""
        self.replay.receive_message(decode_client(frame), 0.0)
        return [*iter(lambda: self.replay.next_frame(0.0), None)]


def answers(library: ReplayLibrary, setup: bytes) -> list[bytes]:
    """The answer to a client that only opens a session; none where it is refused."""
    client = Client(library)
    try:
        return client.to(setup)
    except Refusal:
        return []
    finally:
        client.replay.close()


def test_sessions_with_the_same_setup_are_taken_in_order_and_once() -> None:
    found = library(play(setup(), b'{"a":1}'), play(setup(), b'{"a":2}'), play(WARM, b"{}"))
    assert found.unused == ["1", "2", "3"]
    assert [answers(found, setup()) for _ in range(3)] == [[b'{"a":1}'], [b'{"a":2}'], []]
    assert answers(found, setup(generationConfig={"temperature": 2})) == []
    assert (found.unused, found.has(setup()), found.has(WARM)) == (["3"], False, True)


def test_a_server_that_repeats_begins_again_and_takes_what_is_next_for_another_setup() -> None:
    found = library(play(setup(), b'{"a":1}'), play(setup(), b'{"a":2}'), play(WARM, b"{}"), repeats=True)
    assert [answers(found, setup()) for _ in range(3)] == [[b'{"a":1}'], [b'{"a":2}'], [b'{"a":1}']]
    assert answers(found, setup(generationConfig={"temperature": 2})) == [b"{}"]


def test_ids_the_project_the_order_and_the_spelling_of_keys_make_no_difference() -> None:
    found = library(play(setup(sessionResumption={"handle": "h1"}, generationConfig={"temperature": 1}), b"{}"))
    other = {
        "setup": {
            "generation_config": {"temperature": 1},
            "sessionResumption": {"handle": "h2"},
            "model": "models/m",
        }
    }
    assert answers(found, json.dumps(other).encode()) == [b"{}"]


@pytest.mark.parametrize("data", [b"nonsense", b"[]", b'{"setup": 3}'])
def test_what_is_no_setup_is_found_nowhere(data: bytes) -> None:
    assert not library(play(setup(), b"{}")).has(data)


def test_a_client_that_resumes_has_the_connection_after_its_own() -> None:
    def files() -> dict[str, list[Play]]:
        return {
            name: [play(setup(sessionResumption={}), handle("h")), play(resuming("h"), name.encode())]
            for name in ("{1}", "{2}")
        }

    found = ReplayLibrary(files(), speed=0, match=Match.STRICT)
    first, second = Client(found), Client(found)
    assert first.to(setup(sessionResumption={})) == [handle("h")]
    # Both recordings have this handle, so the second client gets another one.
    assert second.to(setup(sessionResumption={})) == [handle("h-2")]
    assert answers(found, resuming("h-2")) == [b"{2}"]
    assert answers(found, resuming("h")) == [b"{1}"]
    for client in (first, second):
        client.replay.close()
    assert (found.report(), found.is_followed) == ([], True)


def test_a_report_names_what_was_not_used_and_the_first_difference() -> None:
    found = library(play(setup(), b"{}", TEXT, b"{}"), play(WARM, b"{}"), repeats=True)
    client = Client(found)
    client.to(setup(systemInstruction={"parts": [{"text": "Be brief."}]}))
    client.replay.close()
    assert found.report() == [
        '1: line 2: setup: systemInstruction: recorded nothing, now {"parts": [{"text": "Be brief."}]}; '
        "the client did not send realtimeInput.text (line 4)",
        "2 was never used",
    ]


def test_many_reports_are_counted() -> None:
    found = library(play(setup(), b"{}", TEXT), repeats=True)
    for _ in range(12):
        answers(found, setup())
    assert len(found.report()) == 11
    assert found.report()[-1] == "2 more sessions did not follow their recording"


def test_a_strict_replay_refuses_a_setup_and_names_the_difference() -> None:
    found = library(play(setup(), b"{}"), match=Match.STRICT)
    with pytest.raises(Refusal, match=r"now {.temperature.: 1.0}"):
        Client(found).to(WARM)
    assert not found.is_followed


def test_a_folder_is_loaded_in_order_and_a_malformed_file_named(tmp_path: Path) -> None:
    recording = Recording([connection(setup(), b"{}"), connection(WARM, b"{}")])
    for name in ("a-10.live", "a-2.live"):
        (tmp_path / name).write_bytes(b"".join(write_live(recording)))
    (tmp_path / "notes.txt").write_text("not a recording")
    found = ReplayLibrary(load(str(tmp_path)))
    assert [Path(name).name for name in found.unused] == [
        *("a-2.live, connection 1", "a-2.live, connection 2", "a-10.live, connection 1", "a-10.live, connection 2")
    ]
    assert [part for [each, _] in load(str(tmp_path)).values() for part in each if isinstance(part, ReplayLine)] == [
        *[ReplayLine(b"{}", 1.0)] * 2
    ]
    (tmp_path / "b.live").write_text("{}\n")
    with pytest.raises(FileError, match=r"b\.live:1: "):
        load(str(tmp_path))
