"""Where the sound of a conversation goes."""

from __future__ import annotations

import os
import sys

import pytest

from livecli.chat.recordings import Recordings
from livecli.chat.transcript import TranscriptEntry
from livecli.errors import FileError, UsageError
from tests.end_to_end.conftest import read_wav

posix = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no flock and no FIFOs")


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


def test_saving_in_the_same_folder_once_more_goes_on_with_its_numbers(tmp_path):
    recordings = Recordings(str(tmp_path / "kept"))
    for _ in range(2):
        recordings.set_folder(str(tmp_path / "kept"))
        with recordings.sink() as sink:
            sink.write(bytes(480), 24_000)
    recordings.close()
    assert sorted(path.name for path in (tmp_path / "kept").glob("*.wav")) == ["turn-001.wav", "turn-002.wav"]


def test_the_name_of_a_sound_file_is_no_folder(tmp_path):
    with pytest.raises(UsageError, match=r"talk\.wav names a sound file") as refused:
        Recordings(str(tmp_path / "talk.wav"))
    assert str(refused.value.hint).endswith(str(tmp_path / "talk"))
    assert not list(tmp_path.glob("talk*"))
    (tmp_path / "talk.WAV").mkdir()
    assert Recordings(str(tmp_path / "talk.WAV")).folder == tmp_path / "talk.WAV"


@posix
def test_a_folder_is_one_chat_s_until_it_is_saved_elsewhere_or_closed(tmp_path):
    one, other = tmp_path / "one", tmp_path / "other"
    first, second = Recordings(str(one)), Recordings(str(other))
    with pytest.raises(FileError, match="is writing it"):
        second.set_folder(str(one))
    assert second.folder == other
    with pytest.raises(FileError, match="is writing it"):
        first.set_folder(str(other))
    first.set_folder(str(tmp_path / "third"))
    second.set_folder(str(one))
    second.close()
    first.set_folder(str(one))
    first.close()


@posix
@pytest.mark.parametrize("kind", ["link", "fifo"])
def test_a_text_that_is_something_else_is_left_alone(tmp_path, kind):
    text, victim = tmp_path / "conversation.md", tmp_path / "victim"
    victim.write_bytes(b"kept")
    os.mkfifo(text) if kind == "fifo" else text.symlink_to(victim)
    with pytest.raises(FileError, match="a symbolic link" if kind == "link" else "no regular file"):
        Recordings(str(tmp_path))
    assert victim.read_bytes() == b"kept"
