"""The reply, written while it arrives: into a WAV whose header is right at every moment, or straight through.

A regular file grows under another name (`x.partial.wav`) and takes its own when it is complete, so that nobody mistakes
half a reply for one and an older reply survives a failure. Standard output, devices and FIFOs get a header that
leaves the length open.
"""

from __future__ import annotations

import io
import os
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from ..errors import FileError, OutputClosed, UsageError
from .resample import OneRate
from .wav import HEADER_BYTES, STREAM_BYTES, wav_header


# Where a reply can go, and what the system says of it: names, standard output, and errors as FileError.
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


class ReplyWriter:
    """An AudioSink: the first chunk's rate is the file's, and what comes at another one later is resampled into it.

    `waits` says that `write` may block for as long as a reader pleases, `has_audio` that a sample came. Every method
    but `abandon` raises FileError where it cannot write, and OutputClosed where whoever read the output has gone.
    """

    def __init__(self, path: str, place: _PartialFile | _Stream) -> None:
        self.path = path
        self.waits = isinstance(place, _Stream)
        self.has_audio = False
        self._place = place
        self._rate = 0
        self._arriving = OneRate(0)

    def write(self, pcm: bytes, rate: int) -> None:
        """Append a chunk of PCM16 mono. Half a sample at its end waits for the next chunk."""
        if not pcm:
            return
        if rate != self._rate and not self.has_audio:
            self._rate, self._arriving = rate, OneRate(rate)
        for piece in self._arriving.push(pcm, rate):
            self._append(piece)

    def mark(self) -> int:
        """Bytes of the reply so far."""
        self._append(self._arriving.finish())
        return self._place.written

    def rewind(self, mark: int) -> bool:
        """Take back what was written since `mark`. What has left by a stream cannot be: False."""
        self._append(self._arriving.finish())
        self._arriving = OneRate(self._rate)
        if self._place.written == mark:
            return True
        with writing(self.path):
            taken_back = self._place.cut(mark)
        self.has_audio = self._place.written > 0
        return taken_back

    def commit(self) -> None:
        """The reply is complete: a file takes its final name, replacing an older one. Without audio there is none."""
        self._append(self._arriving.finish())
        with writing(self.path):
            self._place.commit()

    def abandon(self) -> Path | None:
        """The run failed. Returns where the part that came was left; None where there was none, or it was streamed."""
        with suppress(FileError):
            self._append(self._arriving.finish())
        return self._place.abandon()

    def _append(self, pcm: bytes) -> None:
        if pcm:
            self.has_audio = True
            with writing(self.path):
                self._place.append(pcm, self._rate)


def open_reply(path: str, *, raw: bool = False) -> ReplyWriter:
    """Make ready to write a reply to `path`, `-` being standard output; `raw` leaves the header out.

    Raises FileError where it could not be written, leaving no file behind, and UsageError before audio would be
    written to a terminal.
    """
    if path == "-":
        return ReplyWriter(path, _Stream(standard_output(), raw))
    with writing(path):
        if is_straight_through(path):
            return ReplyWriter(path, _Stream(io.FileIO(path, "w"), raw))
        return ReplyWriter(path, _PartialFile(final_place(path), raw))


async def open_reply_async(path: str, *, raw: bool = False) -> ReplyWriter:
    """As `open_reply`, and in a thread where it is written straight through: a FIFO opens once its other end does."""
    import asyncio

    with writing(path):
        waits = path == "-" or is_straight_through(path)
    return await asyncio.to_thread(open_reply, path, raw=raw) if waits else open_reply(path, raw=raw)


class _PartialFile:
    """A reply under way beside its final place. The file is unbuffered: what was written survives a kill."""

    def __init__(self, final: Path, raw: bool) -> None:
        self._final = final
        self._partial = partial_place(final)
        self._header_bytes = 0 if raw else HEADER_BYTES
        self._file: io.FileIO | None = None
        self._rate = 0
        self.written = 0  # bytes of sound
        self._try_out()

    def append(self, pcm: bytes, rate: int) -> None:
        if self._file is None:
            self._file = io.FileIO(self._partial, "w")
            self._rate = rate
            self._put_header(self._file, rate)
        try:
            write_all(self._file, pcm)
        finally:  # what fitted on a full disk is heard, too
            self.written = max(0, self._file.tell() - self._header_bytes) & ~1
            self._put_header(self._file, rate)

    def cut(self, length: int) -> bool:
        if self._file is not None:
            self.written = length
            self._put_header(self._file, self._rate)  # before the samples go: it never claims more than there is
            self._file.truncate(self._header_bytes + length)
        return True

    def commit(self) -> None:
        if self._file is not None:
            self._file.close()
            self._partial.replace(self._final)
            self._file = None

    def abandon(self) -> Path | None:
        file, self._file = self._file, None
        if file is None:
            return None
        with suppress(OSError, ValueError), file:  # ValueError: it was closed, and could not be renamed
            file.truncate(self._header_bytes + self.written)
        if self.written:
            return self._partial
        with suppress(OSError):
            self._partial.unlink()
        return None

    def _put_header(self, file: io.FileIO, rate: int) -> None:
        """Into its place in a single write, so that no reader sees half of it; then back to the end."""
        header = wav_header(rate, self.written) if self._header_bytes else b""
        if header and hasattr(os, "pwrite"):
            os.pwrite(file.fileno(), header, 0)
        elif header:
            file.seek(0)
            write_all(file, header)
        file.seek(self._header_bytes + self.written)

    def _try_out(self) -> None:
        """Only opening the file tells whether it can be. What an earlier failure left there is not touched yet."""
        if self._final.is_dir():
            raise FileError(f"cannot write {self._final}: it is a folder")
        try:
            io.FileIO(self._partial, "x").close()
        except FileExistsError:
            io.FileIO(self._partial, "a").close()
        else:
            self._partial.unlink()


class _Stream:
    """A reply that leaves as it comes."""

    def __init__(self, out: io.FileIO | IO[bytes], raw: bool) -> None:
        if out.isatty():
            out.close()
            raise UsageError("audio is not written to a terminal", hint="pipe it on, or name a file with -o reply.wav")
        self._out = out
        self._header_due = not raw
        self.written = 0  # bytes of sound

    def append(self, pcm: bytes, rate: int) -> None:
        header = wav_header(rate, STREAM_BYTES) if self._header_due else b""
        self._header_due = False
        write_all(self._out, header + pcm)
        self._out.flush()
        self.written += len(pcm)

    def cut(self, length: int) -> bool:
        return False

    def commit(self) -> None:
        if isinstance(self._out, io.FileIO):  # else it is somebody's stand-in for standard output
            self._out.close()

    def abandon(self) -> None:
        with suppress(OSError):
            self.commit()
