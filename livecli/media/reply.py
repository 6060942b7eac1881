"""Writer of a reply, while it arrives: into a WAV file whose header is correct at every moment, or into a stream.

A regular file grows under another name (`x.partial.wav`) and is renamed when it is complete, so that half a reply is
not mistaken for a whole one, and an older reply survives a failure. Standard output, devices and FIFOs get a header
that leaves the length open.
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
from .resample import VariableRateResampler
from .wav import HEADER_BYTES, STREAM_BYTES, wav_header


class ReplyWriter:
    """An AudioSink: the first chunk's rate is the file's, and later chunks of another rate are resampled to it.

    `waits` says that `write` may block until a reader reads, `has_audio` that a sample was written. Every method but
    `abandon` raises FileError if it cannot write, and OutputClosed if the reader of the output has gone.
    """

    def __init__(self, path: str, output: _PartialFile | _Stream) -> None:
        self.path = path
        self.waits = isinstance(output, _Stream)
        self.has_audio = False
        self._output = output
        self._rate = 0
        self._resampler = VariableRateResampler(0)

    def write(self, pcm: bytes, rate: int) -> None:
        """Append a chunk of PCM16 mono. Half a sample at its end is joined to the next chunk."""
        if not pcm:
            return
        if rate != self._rate and not self.has_audio:
            self._rate, self._resampler = rate, VariableRateResampler(rate)
        for piece in self._resampler.push(pcm, rate):
            self._append(piece)

    def mark(self) -> int:
        """Bytes of the reply so far."""
        self._append(self._resampler.finish())
        return self._output.written

    def rewind(self, mark: int) -> bool:
        """Take back the bytes written since `mark`. Returns False for a stream, which cannot take back anything."""
        self._append(self._resampler.finish())
        self._resampler = VariableRateResampler(self._rate)
        if self._output.written == mark:
            return True
        with write_errors(self.path):
            taken_back = self._output.cut(mark)
        self.has_audio = self._output.written > 0
        return taken_back

    def commit(self) -> None:
        """Complete the reply: a file gets its final name and replaces an older one. Without audio there is no file."""
        self._append(self._resampler.finish())
        with write_errors(self.path):
            self._output.commit()

    def abandon(self) -> Path | None:
        """Close an incomplete reply. Returns the path of its partial file; None if it is empty, or was streamed."""
        with suppress(FileError):
            self._append(self._resampler.finish())
        return self._output.abandon()

    def _append(self, pcm: bytes) -> None:
        if pcm:
            self.has_audio = True
            with write_errors(self.path):
                self._output.append(pcm, self._rate)


def open_reply(path: str, *, raw: bool = False) -> ReplyWriter:
    """Open `path` for a reply, `-` being standard output; `raw` leaves the header out.

    Raises FileError if it cannot be written, leaving no file behind, and UsageError if audio would be written to
    a terminal.
    """
    if path == "-":
        return ReplyWriter(path, _Stream(standard_output(), raw))
    with write_errors(path):
        if is_stream(path):
            return ReplyWriter(path, _Stream(io.FileIO(path, "w"), raw))
        return ReplyWriter(path, _PartialFile(final_path(path), raw))


async def open_reply_async(path: str, *, raw: bool = False) -> ReplyWriter:
    """As `open_reply`, and in a thread for a stream: opening a FIFO blocks until its other end is opened."""
    import asyncio

    with write_errors(path):
        waits = path == "-" or is_stream(path)
    return await asyncio.to_thread(open_reply, path, raw=raw) if waits else open_reply(path, raw=raw)


def same_file(output: str, source: str) -> bool:
    """Whether writing a reply to `output` would overwrite the input, by any of its names or by the partial file."""
    # An OSError, for example for a name that is too long, is reported when the file is opened.
    with suppress(OSError):
        final = final_path(output)
        return "-" not in (output, source) and any(_is_same(path, source) for path in (final, partial_path(final)))
    return False


def final_path(path: str) -> Path:
    """The path of the complete reply. A symbolic link is followed, so that it stays one."""
    final = Path(path)
    return Path(os.path.realpath(final)) if final.is_symlink() else final


def partial_path(final: Path) -> Path:
    """The path of the reply while it is incomplete."""
    return final.parent / f"{final.stem}.partial{final.suffix}"


def is_stream(path: str) -> bool:
    """Whether the path exists and is neither a regular file nor a folder."""
    try:
        mode = Path(path).stat().st_mode
    except FileNotFoundError:
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


def standard_output() -> io.FileIO | IO[bytes]:
    """Standard output without Python's buffer, in which unwritten bytes could fail when the interpreter exits."""
    try:
        sys.stdout.flush()
        descriptor = sys.stdout.fileno()
    except io.UnsupportedOperation:
        return sys.stdout.buffer
    except (AttributeError, ValueError) as error:
        raise FileError("standard output is closed") from error
    if sys.platform != "win32":
        # Another process that shares the pipe may have made it non-blocking.
        os.set_blocking(descriptor, True)
    return io.FileIO(descriptor, "w", closefd=False)


def write_all(file: io.FileIO | IO[bytes], data: bytes) -> None:
    """Write all of `data`. An unbuffered write may write a part, as it does on a disk that is nearly full."""
    rest = memoryview(data)
    while rest:
        rest = rest[file.write(rest) :]


@contextmanager
def write_errors(path: str) -> Iterator[None]:
    """Raise an OSError of writing `path` as OutputClosed or FileError."""
    name = "standard output" if path == "-" else path
    try:
        yield
    except BrokenPipeError as error:
        raise OutputClosed(f"{name} was closed by its reader") from error
    except OSError as error:
        folder = Path(path).parent
        if isinstance(error, FileNotFoundError) and not folder.exists():
            raise FileError(f"cannot write {name}: there is no folder {folder}", hint=f"mkdir -p {folder}") from error
        raise FileError(f"cannot write {name}: {error.strerror or error}") from error


def _is_same(path: Path, other: str) -> bool:
    try:
        return path.samefile(other)
    except OSError:
        return False


class _PartialFile:
    """An incomplete reply in a file beside its final path. The file is unbuffered, so that a kill loses nothing."""

    def __init__(self, final: Path, raw: bool) -> None:
        self._final = final
        self._partial = partial_path(final)
        self._header_bytes = 0 if raw else HEADER_BYTES
        self._file: io.FileIO | None = None
        self._rate = 0
        self.written = 0  # bytes of sound
        self._check_writable()

    def append(self, pcm: bytes, rate: int) -> None:
        if self._file is None:
            self._file = io.FileIO(self._partial, "w")
            self._rate = rate
            self._put_header(self._file, rate)
        try:
            write_all(self._file, pcm)
        finally:
            # Also on an error: the part that fitted on a full disk stays playable.
            self.written = max(0, self._file.tell() - self._header_bytes) & ~1
            self._put_header(self._file, rate)

    def cut(self, length: int) -> bool:
        if self._file is not None:
            self.written = length
            # The header is written before the file is cut, so that it never claims more samples than there are.
            self._put_header(self._file, self._rate)
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
        # A ValueError says that the file was closed and could not be renamed.
        with suppress(OSError, ValueError), file:
            file.truncate(self._header_bytes + self.written)
        if self.written:
            return self._partial
        with suppress(OSError):
            self._partial.unlink()
        return None

    def _put_header(self, file: io.FileIO, rate: int) -> None:
        """Write the header in a single call, so that no reader sees half of it; then return to the end."""
        header = wav_header(rate, self.written) if self._header_bytes else b""
        if header and hasattr(os, "pwrite"):
            os.pwrite(file.fileno(), header, 0)
        elif header:
            file.seek(0)
            write_all(file, header)
        file.seek(self._header_bytes + self.written)

    def _check_writable(self) -> None:
        """Open the file, which alone shows that it can be written. A partial file of an earlier failure is kept."""
        if self._final.is_dir():
            raise FileError(f"cannot write {self._final}: it is a folder")
        try:
            io.FileIO(self._partial, "x").close()
        except FileExistsError:
            io.FileIO(self._partial, "a").close()
        else:
            self._partial.unlink()


class _Stream:
    """A reply that is written to a pipe or a device as it arrives."""

    def __init__(self, file: io.FileIO | IO[bytes], raw: bool) -> None:
        if file.isatty():
            file.close()
            raise UsageError("audio is not written to a terminal", hint="pipe it on, or name a file with -o reply.wav")
        self._file = file
        self._header_is_due = not raw
        self.written = 0  # bytes of sound

    def append(self, pcm: bytes, rate: int) -> None:
        header = wav_header(rate, STREAM_BYTES) if self._header_is_due else b""
        self._header_is_due = False
        write_all(self._file, header + pcm)
        self._file.flush()
        self.written += len(pcm)

    def cut(self, length: int) -> bool:
        return False

    def commit(self) -> None:
        # Any other object was put in place of standard output by the program that uses livecli.
        if isinstance(self._file, io.FileIO):
            self._file.close()

    def abandon(self) -> None:
        with suppress(OSError):
            self.commit()
