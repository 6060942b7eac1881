"""Writers of recordings: lines go to the file in a thread, so that a slow disk does not delay a session.

`LiveFile` is the file, and a `Recorder` writes the connections of one session into it.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from queue import SimpleQueue
from typing import Self

from ..errors import FileError
from .format import REDACTED, By, Direction, Header, LineWriter, RecordedClose
from .redaction import Redactor

MAX_WAITING_BYTES = 64 * 2**20
"""The bytes of frames that may wait for a slow disk. Further frames are recorded as REDACTED."""

CLOSE_SECONDS = 10.0
"""The time that a slow disk has for what is waiting when the file is closed."""


class LiveFile:
    """An open recording. Each line is in the file, not in a buffer of the process, soon after it was recorded.

    `warn` takes a sentence where the disk is too slow or takes no more; it may be called in another thread. With
    `append`, a recording that exists is continued. Raises FileError where the file cannot be written.
    """

    def __init__(self, path: Path, warn: Callable[[str], None], *, append: bool = False) -> None:
        self.path = path
        self._warn = warn
        flags = os.O_WRONLY | os.O_CREAT | (os.O_APPEND if append else os.O_TRUNC) | getattr(os, "O_BINARY", 0)
        try:
            self._descriptor = os.open(path, flags, 0o600)
        except OSError as error:
            raise FileError(f"cannot write {path}: {error.strerror}") from error
        # The function that makes a line, so that redaction too is done in the thread.
        self._queue: SimpleQueue[Callable[[], bytes] | None] = SimpleQueue()
        self._taken = self._written = 0
        self._is_slow = False
        self._thread = threading.Thread(target=self._work, name="recording", daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def has_room(self, size: int) -> bool:
        """Whether a frame of this size may wait for the disk. There is a warning for the first that may not."""
        if self._taken - self._written + size <= MAX_WAITING_BYTES:
            return True
        if not self._is_slow:
            self._is_slow = True
            self._warn(f"{self.path}: the disk is too slow, and frames are left out of the recording")
        return False

    def put(self, make_line: Callable[[], bytes], size: int) -> None:
        """Write what `make_line` returns, after all lines before it. `size` is the size of its frame."""
        self._taken += size

        def counted() -> bytes:
            line = make_line()
            self._written += size
            return line

        self._queue.put(counted)

    def close(self) -> None:
        """Write what is waiting, and close the file."""
        self._queue.put(None)
        self._thread.join(CLOSE_SECONDS)
        if self._thread.is_alive():
            self._warn(f"{self.path}: the disk is too slow, and the end of the recording is missing")

    def _work(self) -> None:
        error: OSError | None = None
        while (make_line := self._queue.get()) is not None:
            line = make_line()
            try:
                while line and error is None:
                    line = line[os.write(self._descriptor, line) :]
            except OSError as failed:
                error = failed
                self._warn(f"cannot write {self.path}: {error.strerror}; the recording ends here")
        os.close(self._descriptor)


class Recorder:
    """Records the connections of one session, one after another, into a `file`.

    Times are in seconds on any clock that runs on; they are counted from the beginning of each connection.
    """

    def __init__(self, file: LiveFile, redactor: Redactor) -> None:
        self._file, self._redactor = file, redactor
        self._lines = LineWriter()
        self._began_at = 0.0
        self._is_open = False

    def begin(self, header: Header, at: float) -> None:
        """A connection is open. One that was open before, and has no close, was lost."""
        if self._is_open:
            self.close(1006, "", By.NETWORK, at)
        self._began_at, self._is_open = at, True
        lines = self._lines
        self._file.put(lambda: lines.header(header), 0)

    def frame(self, direction: Direction, data: bytes, at: float, *, is_binary: bool = False) -> None:
        """A frame has passed."""
        if not self._file.has_room(len(data)):
            data = REDACTED
        at -= self._began_at

        def line() -> bytes:
            return self._lines.frame(direction, self._redactor.clean(direction, data), at, is_binary=is_binary)

        self._file.put(line, len(data))

    def close(self, code: int, reason: str, by: By, at: float) -> None:
        """The connection is closed. Nothing happens where it is not open."""
        if not self._is_open:
            return
        self._is_open = False
        close = RecordedClose(code, self._redactor.clean_text(reason), by, at - self._began_at)
        self._file.put(lambda: self._lines.close(close), 0)


def now() -> str:
    """The present time in UTC, as a header has it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
