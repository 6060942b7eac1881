"""The frames of a video in a chat: where they come from, and when they are sent."""

from __future__ import annotations

import asyncio
import os
import shlex
import sys

import pytest

from livecli.chat.frames import FrameStream, frames_command, open_frames, send_frames
from livecli.errors import FileError, ServerError, UsageError
from livecli.protocol.events import Image
from tests.chat.conftest import ReportLog, settled
from tests.media.test_mjpeg import jpeg
from tests.virtual_time import in_virtual_time

FIRST, SECOND = jpeg(1), jpeg(2)


class Chat:
    """Keeps the frames that it is sent, with their times. `error` is raised."""

    def __init__(self):
        self.frames, self.error = [], None

    async def send_frame(self, frame):
        self.frames.append((asyncio.get_running_loop().time() - 1000, frame))
        if self.error is not None:
            raise self.error


def writes(path, *frames, then=""):
    """A command that writes frames to standard output, and then runs a statement."""
    path.write_bytes(b"".join(frames))
    copy = f"sys.stdout.buffer.write(open({str(path)!r}, 'rb').read()); sys.stdout.flush()"
    return [sys.executable, "-c", f"import os, sys, time; {copy}; {then}"]


# --- when ---


@in_virtual_time
async def test_the_newest_frame_is_sent_at_each_interval_and_none_twice():
    frames = FrameStream("test", ReportLog())
    pieces = asyncio.Queue()
    reading = asyncio.create_task(frames.read(pieces.get))
    chat = Chat()
    first = asyncio.Event()
    sending = asyncio.create_task(send_frames(chat, frames.take, 1.0, ReportLog(), first))
    await asyncio.sleep(0.5)
    assert not first.is_set()
    pieces.put_nowait(FIRST + SECOND)
    await asyncio.wait_for(first.wait(), 0.1)
    for frame in (SECOND, FIRST):
        await asyncio.sleep(0.4)
        pieces.put_nowait(frame)
    await asyncio.sleep(3)
    pieces.put_nowait(SECOND)
    await asyncio.sleep(3)
    sending.cancel()
    pieces.put_nowait(b"")
    await reading
    sent = [(round(at, 1), frame.data) for at, frame in chat.frames]
    assert sent == [(0.5, SECOND), (1.5, FIRST), (4.3, SECOND)]


@in_virtual_time
async def test_a_session_that_has_ended_is_not_reported_again():
    chat, reports = Chat(), ReportLog()
    chat.error = ServerError("gone")

    async def take():
        return Image(FIRST)

    sending = asyncio.create_task(send_frames(chat, take, 1.0, reports, asyncio.Event()))
    await asyncio.sleep(2.5)
    sending.cancel()
    assert (len(chat.frames), reports.warnings) == (3, [])


@in_virtual_time
async def test_a_screen_that_is_lost_is_one_warning():
    reports = ReportLog()

    async def take():
        raise FileError("cannot take a picture of the screen: gone")

    first = asyncio.Event()
    await send_frames(Chat(), take, 1.0, reports, first)
    assert first.is_set(), "the first question waits no longer"
    assert reports.warnings == ["no more frames are sent: cannot take a picture of the screen: gone"]


@in_virtual_time
async def test_a_damaged_frame_is_skipped_with_one_warning():
    reports = ReportLog()
    frames = FrameStream("camera", reports)
    pieces = asyncio.Queue()
    reading = asyncio.create_task(frames.read(pieces.get))
    taking = asyncio.create_task(frames.take())
    for piece in (b"\xff\xd8\xff\xd9", b"\xff\xd8\xff\xd9", FIRST):
        pieces.put_nowait(piece)
        await asyncio.sleep(0.1)
    assert (await taking).data == FIRST
    reading.cancel()
    assert reports.warnings == ["a frame of camera is damaged or incomplete"]


# --- from where ---


@pytest.mark.parametrize(
    ("words", "problem"),
    [("", "the command is missing"), ("'", "no closing quotation"), ("no-such-program -i 0", "no-such-program")],
)
def test_a_command_that_cannot_run_is_refused(words, problem):
    with pytest.raises(UsageError, match=problem):
        frames_command(words)


def test_a_dash_is_standard_input():
    assert frames_command("-") == []
    assert frames_command(shlex.join([sys.executable, "-c", "pass"])) == [sys.executable, "-c", "pass"]


async def test_a_command_is_killed_with_all_that_it_started(tmp_path):
    children = tmp_path / "children"
    then = (
        "import subprocess; child = subprocess.Popen(['sleep', '60']);"
        f"open({str(children)!r}, 'w').write(f'{{os.getpid()}} {{child.pid}}'); time.sleep(60)"
    )
    async with open_frames(writes(tmp_path / "frames", FIRST, SECOND, then=then), ReportLog()) as take:
        await settled(lambda: children.exists() and len(children.read_text().split()) == 2)
        assert (await take()).data == SECOND
    pids = [int(pid) for pid in children.read_text().split()]
    await settled(lambda: not any(_runs(pid) for pid in pids))


def _runs(pid):
    """Whether a process runs; one that has ended may wait for the process that reaps it."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


async def test_a_command_sees_no_credential(tmp_path, monkeypatch):
    monkeypatch.setenv("GEMINI_API_KEY", "secret")
    reports = ReportLog()
    then = "sys.exit(7 if 'GEMINI_API_KEY' in os.environ else 5)"
    async with open_frames(writes(tmp_path / "frames", FIRST, then=then), reports):
        await settled(lambda: reports.warnings)
    assert reports.warnings == [f"the frames of {sys.executable} have ended, status 5"]


async def test_a_command_that_fails_is_a_warning_with_its_last_line(tmp_path):
    reports = ReportLog()
    command = writes(tmp_path / "frames", then="sys.exit('one\\ntwo: no such device')")
    async with open_frames(command, reports):
        await settled(lambda: reports.warnings)
    assert reports.warnings == [f"the frames of {sys.executable} have ended, status 1: two: no such device"]


async def test_standard_input_is_read_to_its_end(monkeypatch):
    read_end, write_end = os.pipe()
    reports = ReportLog()
    with os.fdopen(read_end) as pipe, os.fdopen(write_end, "wb") as writing:
        monkeypatch.setattr(sys, "stdin", pipe)
        async with open_frames([], reports) as take:
            await asyncio.to_thread(writing.write, FIRST)
            await asyncio.to_thread(writing.close)
            await settled(lambda: reports.remarks)
            assert (await take()).data == FIRST
    assert reports.remarks == ["the frames of standard input have ended"]
