"""Appends to the file of a conversation, in a thread: writing waits for the disk."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from ..errors import FileError
from .conversation_file import HEADER, Record, append, create_file, encode_record, open_file


class ConversationWriter:
    """Appends records to a file, which the first one creates, one write at a time.

    `path` is None as long as there is no file. After an error, of which `report` is told, nothing is written: then
    `is_on` is False.
    """

    def __init__(self, report: Callable[[str], None], *, is_on: bool = True) -> None:
        self.path: Path | None = None
        self.is_on = is_on
        self._report = report
        self._descriptor: int | None = None
        # Written before the first record.
        self._first = [HEADER]
        self._waiting: list[Record] = []
        self._writing: asyncio.Future[FileError | None] | None = None

    def open(self, path: Path) -> bool:
        """Append to a file that exists. Returns False where another process has it open: the file will be a new one."""
        if not self.is_on:
            return True
        try:
            self._descriptor = open_file(path)
        except OSError as error:
            self._give_up(_cannot_save(path, error))
            return True
        if self._descriptor is None:
            return False
        self.path, self._first = path, []
        return True

    def write(self, record: Record) -> None:
        """Begin to write a record."""
        if not self.is_on:
            return
        self._waiting.append(record)
        if self._writing is None:
            self._write_next()

    def write_with_next(self, record: Record) -> None:
        """Write a record before the next one, and not at all where there is none."""
        self._first.append(record)

    async def wait_until_written(self) -> None:
        """Wait until all records are on disk, or have failed."""
        while self._writing is not None:
            await asyncio.shield(self._writing)
            # A future that is done does not suspend this task, and `_note_written` is called in the loop's next turn.
            await asyncio.sleep(0)

    async def close(self) -> None:
        """Wait as `wait_until_written` does, and close the file. The next record creates another one."""
        try:
            await self.wait_until_written()
        finally:
            descriptor, self._descriptor = self._descriptor, None
            if descriptor is not None:
                os.close(descriptor)

    async def begin_new_file(self) -> Path | None:
        """Close the file, and return its path. The next record creates another one."""
        await self.close()
        path, self.path, self._first = self.path, None, [HEADER]
        return path

    def _write_next(self) -> None:
        records, self._waiting = self._waiting, []
        if not (records and self.is_on):
            self._writing = None
            return
        records, self._first = [*self._first, *records], []
        data = b"".join(encode_record(record) + b"\n" for record in records)
        self._writing = asyncio.get_running_loop().run_in_executor(None, self._failure_of_writing, data)
        self._writing.add_done_callback(self._note_written)

    def _note_written(self, writing: asyncio.Future[FileError | None]) -> None:
        # A bug is raised by `wait_until_written`.
        if writing.cancelled() or writing.exception():
            return
        if error := writing.result():
            self._give_up(error)
        self._write_next()

    def _failure_of_writing(self, data: bytes) -> FileError | None:
        """Append to the file, and return the error with which that fails. A file without its first lines is deleted."""
        is_new = self._descriptor is None
        try:
            if self._descriptor is None:
                self.path, self._descriptor = create_file()
            append(self._descriptor, data)
        except FileError as error:
            return error
        except OSError as error:
            if is_new and self.path is not None:
                with suppress(OSError):
                    self.path.unlink()
            return _cannot_save(self.path or Path(str(error.filename)), error)
        return None

    def _give_up(self, error: FileError) -> None:
        self.is_on = False
        self._report(error.message)


def _cannot_save(path: Path, error: OSError) -> FileError:
    return FileError(f"the conversation cannot be saved in {path}: {error.strerror}")
