"""Where the sound of a conversation goes."""

from __future__ import annotations

import pytest

from livecli.chat.recordings import Recordings
from livecli.chat.transcript import TranscriptEntry
from livecli.errors import FileError
from tests.end_to_end.conftest import read_wav


def test_without_a_folder_and_a_speaker_it_goes_nowhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    recordings = Recordings()
    with recordings.sink() as sink:
        sink.write(bytes(100), 24_000)
        assert sink.rewind(sink.mark())
    recordings.write_text(TranscriptEntry("a", "b"))
    recordings.flush()
    recordings.finish()
    assert [path.name for path in tmp_path.iterdir()] == ["home"]


def test_each_turn_has_a_file_of_its_own_while_two_are_under_way(tmp_path):
    recordings = Recordings(str(tmp_path / "kept"))
    with recordings.sink() as first:
        first.write(bytes(480), 24_000)
        with recordings.sink() as second:
            second.write(bytes(960), 16_000)
    assert read_wav(tmp_path / "kept/turn-001.wav") == (24_000, bytes(480))
    assert read_wav(tmp_path / "kept/turn-002.wav") == (16_000, bytes(960))


def test_a_turn_without_sound_leaves_no_file_and_one_that_fails_its_part(tmp_path):
    recordings = Recordings(str(tmp_path / "kept"))
    with recordings.sink():
        pass
    with pytest.raises(ZeroDivisionError), recordings.sink() as sink:
        sink.write(bytes(480), 24_000)
        raise ZeroDivisionError
    assert sorted(path.name for path in (tmp_path / "kept").glob("*.wav")) == ["turn-002.partial.wav"]


def test_what_an_earlier_conversation_left_is_not_replaced(tmp_path):
    (tmp_path / "turn-041.wav").write_bytes(b"old")
    recordings = Recordings(str(tmp_path))
    with recordings.sink() as sink:
        sink.write(bytes(480), 24_000)
    assert (tmp_path / "turn-041.wav").read_bytes() == b"old"
    assert (tmp_path / "turn-042.wav").exists()


def test_a_folder_that_goes_away_is_an_error(tmp_path):
    recordings = Recordings(str(tmp_path / "kept"))
    (tmp_path / "kept/conversation.md").unlink()
    (tmp_path / "kept").rmdir()
    with pytest.raises(FileError, match="cannot write"):
        recordings.write_text(TranscriptEntry("a", "b"))
