"""Reads whole files that the user names. Every error is a FileError with the file's name, and the line where known."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TypeVar

from ..errors import FileError
from ..toml_reader import LineError

READ_BYTES = 2**16
"""Bytes that are read at a time: lines of a kilobyte take a third of the time that they take with Python's 8 KB."""

S = TypeVar("S", str, bytes)
T = TypeVar("T")


def read_text(path: str) -> str:
    """The text of a file. Raises FileError where it cannot be read, or is not UTF-8."""
    try:
        # Editors on Windows begin a file with a byte order mark.
        return Path(path).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise FileError(f"cannot read {path}: {reason}") from error


def parse_file(path: str, parse: Callable[[bytes], T]) -> T:
    """The result of `parse` for the content of a file. Raises FileError naming the file and the line of a LineError."""
    return parse_text(path, _read_bytes(path), parse)


def parsed_lines(path: str, parse: Callable[[Iterable[bytes]], Iterator[T]]) -> Iterator[T]:
    """The items that `parse` makes of a file, which is read line by line. Raises FileError as `parse_file` does."""
    try:
        with Path(_named(path)).open("rb", buffering=READ_BYTES) as file:
            yield from parse(file)
    except LineError as error:
        raise _located(path, error) from error
    except OSError as error:
        raise FileError(f"cannot read {path}: {error.strerror}") from error


def parse_text(name: str, text: S, parse: Callable[[S], T]) -> T:
    """The result of `parse` for a text. Raises FileError with `name` and the line of a LineError."""
    try:
        return parse(text)
    except LineError as error:
        raise _located(name, error) from error


def _located(name: str, error: LineError) -> FileError:
    place = f"{name}:{error.line}" if error.line else name
    return FileError(f"{place}: {error.reason}", hint=error.hint)


def parse_text_file(path: str, parse: Callable[[str], T]) -> T:
    """As `parse_file`, for a text: raises FileError where the file is not UTF-8."""
    return parse_file(path, lambda data: parse(decode_text(path, data)))


def decode_text(path: str, data: bytes) -> str:
    """`data`, the content of the file `path`, as text. Raises FileError where it is not UTF-8."""
    try:
        # Editors on Windows begin a file with a byte order mark.
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise FileError(f"{path} is not UTF-8 text") from error


def _named(path: str) -> str:
    if not path:
        raise FileError("the name of the file is empty")
    return path


def _read_bytes(path: str) -> bytes:
    try:
        return Path(_named(path)).read_bytes()
    except OSError as error:
        raise FileError(f"cannot read {path}: {error.strerror}") from error
