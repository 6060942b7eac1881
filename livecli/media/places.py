"""Where a reply can go, and what the system says of it: names, standard output, and errors as FileError."""

from __future__ import annotations

import io
import os
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from ..errors import FileError, OutputClosed


def same_file(output: str, source: str) -> bool:
    """Whether writing the reply to `output` would touch the input: the same file by any name, or by its partial's."""
    with suppress(OSError):  # such as a name that is too long: opening it will say so
        final = final_place(output)
        return "-" not in (output, source) and any(_is_same(path, source) for path in (final, partial_place(final)))
    return False


def standard_output() -> io.FileIO | IO[bytes]:
    """Past Python's buffer, so that nothing is left in it to fail when the interpreter exits."""
    try:
        sys.stdout.flush()
        descriptor = sys.stdout.fileno()
    except io.UnsupportedOperation:
        return sys.stdout.buffer
    except (AttributeError, ValueError) as error:
        raise FileError("standard output is closed") from error
    if sys.platform != "win32":
        os.set_blocking(descriptor, True)  # whoever shares it may have set it otherwise
    return io.FileIO(descriptor, "w", closefd=False)


def write_all(file: io.FileIO | IO[bytes], data: bytes) -> None:
    """An unbuffered write may take a part, as it does on a disk that is nearly full."""
    rest = memoryview(data)
    while rest:
        rest = rest[file.write(rest) :]


@contextmanager
def writing(path: str) -> Iterator[None]:
    shown = "standard output" if path == "-" else path
    try:
        yield
    except BrokenPipeError as error:
        raise OutputClosed(f"whoever read {shown} has gone") from error
    except OSError as error:
        folder = Path(path).parent
        if isinstance(error, FileNotFoundError) and not folder.exists():
            raise FileError(f"cannot write {shown}: there is no folder {folder}", hint=f"mkdir -p {folder}") from error
        raise FileError(f"cannot write {shown}: {error.strerror or error}") from error


def is_straight_through(path: str) -> bool:
    """Whether it is there and neither a regular file nor a folder."""
    try:
        mode = Path(path).stat().st_mode
    except FileNotFoundError:
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


def final_place(path: str) -> Path:
    """Where the reply ends up: what a symbolic link points to, so that the link stays one."""
    final = Path(path)
    return Path(os.path.realpath(final)) if final.is_symlink() else final


def partial_place(final: Path) -> Path:
    return final.parent / f"{final.stem}.partial{final.suffix}"


def _is_same(path: Path, other: str) -> bool:
    try:
        return path.samefile(other)
    except OSError:
        return False
