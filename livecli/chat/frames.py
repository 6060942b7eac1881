"""Frames of a video in a chat: pictures of the screen, or the images of a stream of MJPEG, one at a time.

The model is sent the newest frame at a steady interval, and those between are dropped.
"""

from __future__ import annotations

import asyncio
import os
import shlex
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

from ..credentials.credential import CREDENTIAL_VARIABLES
from ..errors import FileError, LivecliError, UsageError
from ..media.images import fit_image
from ..media.mjpeg import JpegSplitter
from ..media.screen import take_picture
from ..process.child import kill_session
from ..process.tasks import cancel_and_wait
from ..protocol.events import Image
from ..report.reporter import Reporter
from ..tools.command import KILL_SECONDS, MAX_STDERR_BYTES
from ..tools.toolbox import command_problem
from .chat import Chat

FRAME_SECONDS = 1.0
"""The interval of frames. The service looks at one a second (documented, 2026-09)."""

FIRST_SECONDS = 3.0
"""How long the first question waits for a frame. A camera takes a second or two to start."""

READ_BYTES = 256 * 1024
"""The length of a piece of the stream."""

TakeFrame = Callable[[], Awaitable[Image]]
"""Waits for a frame that was not returned before, and returns the newest one. Raises FileError."""


def frames_command(words: str) -> list[str]:
    """The words of the COMMAND of `--frames`; none for `-`, standard input. Raises UsageError."""
    if words == "-":
        return []
    try:
        command = shlex.split(words)
    except ValueError as error:
        raise UsageError(f"--frames {words}: {str(error).lower()}") from error
    problem = command_problem(tuple(command)) if command else "the command is missing"
    if problem:
        raise UsageError(f"--frames {words}: {problem}", hint="livecli help pictures has examples")
    return command


async def take_screen() -> Image:
    """A picture of the screen."""
    return await asyncio.to_thread(take_picture)


class FrameStream:
    """The newest image of a stream of MJPEG, which is read until `stop` or its end."""

    def __init__(self, name: str, reporter: Reporter) -> None:
        self._name, self._reporter = name, reporter
        self._newest = b""
        self._has_new = asyncio.Event()
        self._has_warned = False

    async def take(self) -> Image:
        """The newest frame, after waiting for one. A damaged one is skipped, with a warning for the first."""
        while True:
            await self._has_new.wait()
            self._has_new.clear()
            try:
                return await asyncio.to_thread(fit_image, self._newest, f"a frame of {self._name}")
            except FileError as error:
                if not self._has_warned:
                    self._has_warned = True
                    self._reporter.warning(error.message)

    async def read(self, read: Callable[[], Awaitable[bytes]]) -> None:
        """Take what `read` returns, up to the end of the stream, where it returns nothing."""
        splitter = JpegSplitter()
        while data := await read():
            for image in splitter.push(data):
                self._newest = image
                self._has_new.set()


@asynccontextmanager
async def open_frames(command: list[str], reporter: Reporter) -> AsyncIterator[TakeFrame]:
    """The frames of a command's standard output, or of standard input for no command.

    The command has a process session of its own, and is killed at the end of the block with all that it started.
    """
    name = command[0] if command else "standard input"
    frames = FrameStream(name, reporter)
    reading = asyncio.create_task(_run(command, frames, reporter) if command else _read_stdin(frames, reporter))
    try:
        yield frames.take
    finally:
        await cancel_and_wait(reading)


async def _read_stdin(frames: FrameStream, reporter: Reporter) -> None:
    if sys.stdin is None:
        reporter.warning("standard input is closed: there are no frames")
        return
    descriptor = sys.stdin.fileno()
    try:
        await frames.read(lambda: asyncio.to_thread(os.read, descriptor, READ_BYTES))
    except OSError as error:
        reporter.warning(f"cannot read frames from standard input: {error.strerror}")
        return
    reporter.remark("the frames of standard input have ended")


async def _run(command: list[str], frames: FrameStream, reporter: Reporter) -> None:
    environment = {name: value for name, value in os.environ.items() if name not in CREDENTIAL_VARIABLES}
    try:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=environment,
            start_new_session=True,
            limit=READ_BYTES,
        )
    except OSError as error:
        reporter.warning(f"cannot run {command[0]}: {error.strerror}")
        return
    stdout, stderr = process.stdout, process.stderr
    assert stdout is not None and stderr is not None
    errors = asyncio.create_task(_read_end(stderr))
    try:
        await frames.read(lambda: stdout.read(READ_BYTES))
        status = await process.wait()
        lines = (await errors).strip().splitlines()
        reason = f", status {status}" + (f": {lines[-1]}" if lines else "") if status else ""
        reporter.warning(f"the frames of {command[0]} have ended{reason}")
    finally:
        kill_session(process.pid, process.kill)
        errors.cancel()
        with suppress(TimeoutError):
            async with asyncio.timeout(KILL_SECONDS):
                await process.wait()


async def _read_end(stream: asyncio.StreamReader) -> str:
    """The end of a stream, once it has ended."""
    end = b""
    while data := await stream.read(READ_BYTES):
        end = (end + data)[-MAX_STDERR_BYTES:]
    return end.decode(errors="replace")


async def send_frames(chat: Chat, take: TakeFrame, seconds: float, reporter: Reporter, first: asyncio.Event) -> None:
    """Send the newest frame every so many seconds, until the frames fail. `first` is set after the first one."""
    clock = asyncio.get_running_loop().time
    due = clock()
    while True:
        try:
            frame = await take()
        except FileError as error:
            reporter.warning(f"no more frames are sent: {error.message}")
            first.set()
            return
        due = max(due, clock()) + seconds
        # A session that has failed reports that itself.
        with suppress(LivecliError):
            await chat.send_frame(frame)
        first.set()
        await asyncio.sleep(due - clock())
