"""Writers of recordings: lines go to the file in a thread, so that a slow disk does not delay a session.

`DiskThread` is the thread, `LiveFile` a file, and a `Recorder` writes the connections of one session into it.
"""

from __future__ import annotations

import errno
import os
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING, Self

from ..errors import FileError
from ..process.file_lock import lock
from .format import REDACTED, By, Direction, Header, LineWriter, RecordedClose
from .redaction import Redactor

if TYPE_CHECKING:
    from .audio_files import AudioFiles

MAX_WAITING_BYTES = 64 * 2**20
"""The bytes of frames that may wait for a slow disk. Further frames are recorded as REDACTED."""

ENTRY_BYTES = 500
"""The memory that a waiting frame takes besides its data, in bytes."""

BINARY = getattr(os, "O_BINARY", 0)
"""The flag with which Windows leaves line ends as they are."""

CLOSE_SECONDS = 10.0
"""The time that a slow disk has for the next line when what is waiting is written at the end."""


IN_USE = "another session is recorded there"
"""The reason why a recording cannot be written that is being written."""


class DiskThread:
    """The thread that writes recordings, all those of a command in turn.

    `warn` takes a sentence where the disk is too slow or takes no more; it is called in any thread. At the end of the
    block, what is waiting is written.
    """

    def __init__(self, warn: Callable[[str], None]) -> None:
        self.warn = warn
        self._queue: SimpleQueue[tuple[Callable[[], None], int] | None] = SimpleQueue()
        self._taken = self._done = self._steps = 0
        self._is_slow = False
        self._thread = threading.Thread(target=self._work, name="recording", daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._queue.put(None)
        steps = -1
        while self._thread.is_alive():
            if steps == self._steps:
                self.warn("the disk is too slow: the end of the recording is missing")
                return
            steps = self._steps
            self._thread.join(CLOSE_SECONDS)

    def step(self) -> None:
        """Note that the thread gets on. In the thread only."""
        self._steps += 1

    @property
    def waiting(self) -> int:
        """The bytes that wait for the disk."""
        return self._taken - self._done

    def has_room(self, size: int) -> bool:
        """Whether a frame of this size may wait for the disk. There is a warning for the first that may not."""
        if self.waiting + size + ENTRY_BYTES <= MAX_WAITING_BYTES:
            return True
        if not self._is_slow:
            self._is_slow = True
            self.warn("the disk is too slow: frames are left out of the recording")
        return False

    def put(self, call: Callable[[], None], size: int = 0) -> None:
        """Make this call after all those before it. `size` is the size of the frame that it writes."""
        size += ENTRY_BYTES
        self._taken += size
        self._queue.put((call, size))

    def _work(self) -> None:
        while (each := self._queue.get()) is not None:
            call, size = each
            call()
            self._done += size
            self.step()


class LiveFile:
    """An open recording. Each line is in the file, not in a buffer of the process, soon after it was recorded.

    The file is made, or emptied, with the first line: a recording that exists is kept until there is another one. With
    `append` it is continued. With `moves_audio`, the audio is in FLAC files beside it. Raises FileError where the file
    cannot be written.
    """

    def __init__(self, path: Path, disk: DiskThread, *, append: bool = False, moves_audio: bool = False) -> None:
        self._path, self._disk, self._append = path, disk, append
        self._audio: AudioFiles | None = None
        if moves_audio:
            from .audio_files import AudioFiles

            self._audio = AudioFiles(path)
        self._descriptor: int | None = None
        self._failed = False
        try:
            if path.is_file() or path.is_dir():
                _check_free(path)
            elif not path.exists() and not os.access(path.parent, os.W_OK):
                raise PermissionError(errno.EACCES if path.parent.exists() else errno.ENOENT, "")
        except BlockingIOError as error:
            raise FileError(f"cannot write {path}: {IN_USE}", hint="--record names another file") from error
        except OSError as error:
            raise FileError(f"cannot write {path}: {os.strerror(error.errno or 0)}") from error

    def has_room(self, size: int) -> bool:
        """Whether a frame of this size may wait for the disk."""
        return self._disk.has_room(size)

    def put(self, make_line: Callable[[], bytes], size: int = 0) -> None:
        """Write what `make_line` returns, after all lines before it. `size` is the size of its frame."""
        self._disk.put(lambda: self._write(make_line), size)

    def without_audio(self, direction: Direction, data: bytes) -> bytes:
        """A frame as it is written, with its audio in another file or not. In the thread only; raises OSError."""
        return data if self._audio is None or self._failed else self._audio.moved(direction, data)

    def close(self) -> None:
        """Close the file once everything is written."""
        self._disk.put(self._close)

    def _close(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
        if self._audio is not None:
            try:
                self._audio.close(self._disk.step)
            except OSError as error:
                self._disk.warn(f"{self._path}: its audio stays PCM: {error.strerror}")
            except FileError as error:
                self._disk.warn(f"{self._path}: its audio stays PCM: {error.message}")

    def _write(self, make_line: Callable[[], bytes]) -> None:
        try:
            line = make_line()
            if self._failed or not line:
                return
            if self._descriptor is None:
                self._descriptor, line = self._open(line)
            _write_all(self._descriptor, line)
        except OSError as error:
            self._failed = True
            reason = IN_USE if isinstance(error, BlockingIOError) else error.strerror
            self._disk.warn(f"cannot write {self._path}: {reason}; the recording ends here")

    def _open(self, first: bytes) -> tuple[int, bytes]:
        """The descriptor, and what of the first line is not in the file yet."""
        path = self._path
        is_continued = self._append and path.exists()
        is_special = path.is_symlink() or (path.exists() and not path.is_file())
        if not (is_continued or is_special) and os.access(path.parent, os.W_OK):
            if path.exists():
                _check_free(path)
            # The file has its header from the start, whenever the process is killed.
            partial = path.with_name(f"{path.name}.partial")
            descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | BINARY, 0o600)
            try:
                _write_all(descriptor, first)
            finally:
                os.close(descriptor)
            partial.replace(path)
            descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | BINARY)
            # Another run may look at the lock in this very moment.
            with suppress(BlockingIOError):
                lock(descriptor)
            return descriptor, b""
        flags = os.O_RDWR if self._append else os.O_WRONLY | os.O_TRUNC
        descriptor = os.open(path, flags | os.O_CREAT | BINARY, 0o600)
        if self._append:
            # The last line may be a part of one, whose writer was killed.
            with os.fdopen(os.dup(descriptor), "rb") as file:
                complete = sum(len(line) for line in file if line.endswith(b"\n"))
            os.ftruncate(descriptor, complete)
            os.lseek(descriptor, complete, os.SEEK_SET)
        return descriptor, first


def _check_free(path: Path) -> None:
    """Raise OSError where a file cannot be written: BlockingIOError where it is a recording that is being written."""
    descriptor = os.open(path, os.O_WRONLY)
    try:
        lock(descriptor)
    finally:
        os.close(descriptor)


def _write_all(descriptor: int, data: bytes) -> None:
    while data:
        data = data[os.write(descriptor, data) :]


class Recorder:
    """Records the connections of one session, one after another, into a `file`.

    Times are in seconds on any clock that runs on; they are counted from the beginning of each connection.
    """

    def __init__(self, file: LiveFile, redactor: Redactor) -> None:
        self._file, self._redactor = file, redactor
        self._lines = LineWriter()
        self._began_at = 0.0
        self._is_open = False
        # The frames without room since the last one that had it, and the time of the first of them.
        self._left_out: Counter[Direction] = Counter()
        self._left_out_at = 0.0

    def begin(self, header: Header, at: float) -> None:
        """A connection is open. One that was open before, and has no close, was lost."""
        if self._is_open:
            self.close(1006, "", By.NETWORK, at)
        self._began_at, self._is_open = at, True
        lines = self._lines
        header = self._redactor.clean_header(header)
        self._file.put(lambda: lines.header(header))

    def frame(self, direction: Direction, data: bytes, at: float, *, is_binary: bool = False) -> None:
        """A frame has passed. One that comes after the close, from the side that did not close, is left out."""
        if not self._is_open:
            return
        at -= self._began_at
        if not self._file.has_room(len(data)):
            self._left_out_at = self._left_out_at if self._left_out else at
            self._left_out[direction] += 1
            return
        self._mark_left_out()

        def line() -> bytes:
            clean = self._file.without_audio(direction, self._redactor.clean(direction, data))
            return self._lines.frame(direction, clean, at, is_binary=is_binary)

        self._file.put(line, len(data))

    def close(self, code: int, reason: str, by: By, at: float) -> None:
        """The connection is closed. Nothing happens where it is not open."""
        if not self._is_open:
            return
        self._is_open = False
        self._mark_left_out()
        at -= self._began_at

        def line() -> bytes:
            # In the thread, where the handles of the frames before it are known.
            return self._lines.close(RecordedClose(code, self._redactor.clean_text(reason), by, at))

        self._file.put(line)

    def _mark_left_out(self) -> None:
        """Write a mark for each frame that was left out: only once there is room, since a disk can stall for hours."""
        if not self._left_out:
            return
        left_out, at, self._left_out = self._left_out, self._left_out_at, Counter()

        def lines() -> bytes:
            return b"".join([self._lines.frame(side, REDACTED, at, is_binary=False) for side in left_out.elements()])

        self._file.put(lines)

    def end(self) -> None:
        """Close the file."""
        self._mark_left_out()
        self._file.close()


def now() -> str:
    """The present time in UTC, as a header has it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
