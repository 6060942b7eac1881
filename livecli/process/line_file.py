"""A file that takes whole lines as they come, such as the log of a run. A line that was written is in the file."""

from __future__ import annotations

import io
from typing import Self

from ..errors import FileError
from .stdio import check_stdout, write_stdout


class LineFile:
    """The file at `path`, emptied at first; `-` is standard output. Raises FileError where it cannot be written."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._file: io.FileIO | None = None
        if path == "-":
            check_stdout()
        else:
            try:
                # An unbuffered file has nothing left to write when it is closed, so closing cannot fail.
                self._file = io.FileIO(path, "w")
            except OSError as error:
                raise FileError(f"cannot write {path}: {error.strerror}") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()

    def write(self, line: str) -> None:
        """Write one line, with its line end. Raises FileError."""
        if self._file is None:
            return write_stdout(line)
        rest = line.encode()
        try:
            # A disk that is nearly full may take a part of the line.
            while rest:
                rest = rest[self._file.write(rest) :]
        except OSError as error:
            raise FileError(f"cannot write {self._path}: {error.strerror}") from error
