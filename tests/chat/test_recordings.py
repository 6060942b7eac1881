"""Where the sound of a conversation goes."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
import time
import wave

import pytest

from livecli.chat.recordings import Recordings
from livecli.chat.transcript import TranscriptEntry
from livecli.errors import FileError, UsageError
from tests.end_to_end.conftest import read_wav, tone

posix = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no flock and no FIFOs")


async def turn(recordings, number, pcm=bytes(480), rate=24_000):
    """One turn, whose answer is that sound."""
    async with recordings.begin_turn(number, has_speech=False) as made:
        made.sink.write(pcm, rate)
    return made


def names(folder):
    return sorted(path.name for path in folder.glob("*.wav"))


async def test_without_a_folder_and_a_speaker_it_goes_nowhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    recordings = Recordings()
    async with recordings.begin_turn(1, has_speech=True) as made:
        made.sink.write(bytes(100), 24_000)
        assert made.sink.rewind(made.sink.mark())
        recordings.write_speech(bytes(100), 16_000, is_live=True)
    recordings.write_text(1, TranscriptEntry("a", "b"), made)
    recordings.flush()
    recordings.finish()
    assert [path.name for path in tmp_path.iterdir()] == ["home"]


async def test_each_turn_has_a_file_of_its_own_while_two_are_under_way(tmp_path):
    recordings = Recordings(str(tmp_path / "kept"))
    async with recordings.begin_turn(7, has_speech=False) as first:
        first.sink.write(bytes(480), 24_000)
        async with recordings.begin_turn(8, has_speech=False) as second:
            second.sink.write(bytes(960), 16_000)
    assert read_wav(tmp_path / "kept/turn-007.wav") == (24_000, bytes(480))
    assert read_wav(tmp_path / "kept/turn-008.wav") == (16_000, bytes(960))


async def test_a_turn_without_sound_leaves_no_file_and_one_that_fails_its_part(tmp_path):
    recordings = Recordings(str(tmp_path / "kept"))
    async with recordings.begin_turn(1, has_speech=False) as silent:
        pass
    assert silent.files == []
    with pytest.raises(ZeroDivisionError):
        async with recordings.begin_turn(2, has_speech=True) as failed:
            failed.sink.write(bytes(480), 24_000)
            recordings.write_speech(bytes(320), 16_000, is_live=True)
            raise ZeroDivisionError
    assert names(tmp_path / "kept") == ["turn-002-you.wav", "turn-002.partial.wav"]
    assert failed.files == ["turn-002-you.wav"]


async def test_the_loop_does_not_wait_for_the_disk(tmp_path, monkeypatch):
    may_sync, sync = threading.Event(), os.fsync

    def sync_slowly(descriptor):
        assert may_sync.wait(20)
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", sync_slowly)
    ending = asyncio.ensure_future(turn(Recordings(str(tmp_path)), 1))
    for _ in range(100):
        await asyncio.sleep(0)
    assert not ending.done()
    may_sync.set()
    assert (await ending).files == ["turn-001.wav"]


async def test_the_user_s_sound_begins_before_the_turn_that_it_causes(tmp_path):
    recordings, chunk = Recordings(str(tmp_path)), tone(16_000)
    for _ in range(8):
        recordings.write_speech(chunk, 16_000, is_live=True)
    async with recordings.begin_turn(1, has_speech=True, is_live=True):
        recordings.write_speech(chunk, 16_000, is_live=True)
    recordings.write_speech(chunk, 16_000, is_live=True)
    async with recordings.begin_turn(2, has_speech=False):
        recordings.write_speech(chunk, 16_000, is_live=True)
    async with recordings.begin_turn(3, has_speech=True):
        recordings.write_speech(chunk, 16_000, is_live=False)
    assert names(tmp_path) == ["turn-001-you.wav", "turn-003-you.wav"]
    assert read_wav(tmp_path / "turn-001-you.wav") == (16_000, chunk * 6), "five seconds before, and one of its own"
    assert read_wav(tmp_path / "turn-003-you.wav") == (16_000, chunk)


async def test_the_text_names_the_files_and_the_time(tmp_path, monkeypatch):
    monkeypatch.setattr("time.time", lambda: 1_800_000_000.0)
    recordings = Recordings(str(tmp_path))
    recordings.write_text(1, TranscriptEntry("earlier", "<earlier>"))
    async with recordings.begin_turn(2, has_speech=True) as spoken:
        recordings.write_speech(bytes(320), 16_000, is_live=True)
        spoken.sink.write(bytes(480), 24_000)
    recordings.write_text(2, TranscriptEntry("", "hello"), spoken)
    when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(1_800_000_000))
    assert (tmp_path / "conversation.md").read_text() == (
        "## Turn 1\n\n**You:** earlier\n\n**Model:** <earlier>\n\n"
        f"## Turn 2, {when}\n\n**Model:** hello\n\n"
        "[turn-002-you.wav](turn-002-you.wav) [turn-002.wav](turn-002.wav)\n\n"
    )


async def test_what_an_earlier_conversation_left_is_not_replaced(tmp_path):
    (tmp_path / "turn-041-you.wav").write_bytes(b"old")
    recordings = Recordings(str(tmp_path))
    for number in (3, 4):
        await turn(recordings, number)
    assert names(tmp_path) == ["turn-041-you.wav", "turn-042.wav", "turn-043.wav"]


async def test_a_resumed_conversation_goes_on_with_its_numbers(tmp_path):
    (tmp_path / "turn-002.wav").write_bytes(b"old")
    await turn(Recordings(str(tmp_path)), 4)
    assert names(tmp_path) == ["turn-002.wav", "turn-004.wav"]


async def test_both_sides_are_in_the_stereo_file(tmp_path):
    recordings = Recordings(stereo=str(tmp_path / "call.wav"))
    async with recordings.begin_turn(1, has_speech=True) as made:
        recordings.write_speech(tone(8000), 16_000, is_live=False)
        made.sink.write(tone(2400, 24_000), 24_000)
    recordings.close()
    with wave.open(str(tmp_path / "call.wav")) as file:
        assert (file.getnchannels(), file.getframerate()) == (2, 24_000)
        assert 14_000 < file.getnframes() < 20_000


def test_a_stereo_file_that_cannot_be_written_any_more_is_one_warning(tmp_path, monkeypatch):
    warnings = []
    recordings = Recordings(stereo=str(tmp_path / "call.wav"), warn=warnings.append)

    def fail(*_, **__):
        raise FileError("cannot write call.wav: No space left on device")

    monkeypatch.setattr("livecli.media.stereo_file.StereoFile.write", fail)
    for _ in range(2):
        recordings.write_speech(bytes(320), 16_000, is_live=True)
    recordings.close()
    assert warnings == ["cannot write call.wav: No space left on device"]


async def test_the_user_s_sound_that_cannot_be_written_is_one_warning(tmp_path):
    warnings = []
    recordings = Recordings(str(tmp_path / "kept"), warn=warnings.append)
    async with recordings.begin_turn(1, has_speech=True):
        (tmp_path / "kept/turn-001-you.partial.wav").mkdir()
        for _ in range(2):
            recordings.write_speech(bytes(320), 16_000, is_live=True)
    assert len(warnings) == 1 and "turn-001-you" in warnings[0]


def test_the_name_of_a_sound_file_is_no_folder(tmp_path):
    with pytest.raises(UsageError, match=r"talk\.wav names a sound file") as refused:
        Recordings(str(tmp_path / "talk.wav"))
    assert str(refused.value.hint).endswith(str(tmp_path / "talk"))
    assert not list(tmp_path.glob("talk*"))
    (tmp_path / "talk.WAV").mkdir()
    assert Recordings(str(tmp_path / "talk.WAV")).folder == tmp_path / "talk.WAV"


def test_an_empty_name_is_not_the_current_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FileError, match="the name of the folder for the conversation is empty"):
        Recordings("")
    assert not (tmp_path / "conversation.md").exists()


def test_a_folder_that_goes_away_is_an_error(tmp_path):
    recordings = Recordings(str(tmp_path / "kept"))
    (tmp_path / "kept/conversation.md").unlink()
    (tmp_path / "kept").rmdir()
    with pytest.raises(FileError, match="cannot write"):
        recordings.write_text(1, TranscriptEntry("a", "b"))


async def test_saving_in_the_same_folder_once_more_goes_on_with_its_numbers(tmp_path):
    recordings = Recordings(str(tmp_path / "kept"))
    for number in (1, 2):
        assert not recordings.set_folder(str(tmp_path / "kept"))
        await turn(recordings, number)
    recordings.close()
    assert names(tmp_path / "kept") == ["turn-001.wav", "turn-002.wav"]


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
