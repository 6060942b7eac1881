"""Writer of a reply, while it arrives: into a WAV file whose header is correct at every moment, or into a stream.

A regular file grows under another name (`x.partial.wav`), so that half a reply is not mistaken for a whole one, and an
older reply survives a failure. When it is complete it is renamed, or converted where the final name is not a WAV's. It
is locked from the beginning, so that no two runs write to it, and on disk before it has its final name. Standard
output, devices and FIFOs get a header that leaves the length open.
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
from ..process.file_lock import is_at, open_locked
from ..process.folders import sync_folder
from .encoding import ENCODINGS, encode, reply_format, stream_is_raw
from .reply_buffer import ReplyBuffer
from .resample import VariableRateResampler
from .wav import HEADER_BYTES, STREAM_BYTES, wav_header

_BLOCK_BYTES = 64 * 1024
"""Bytes that are converted at a time."""

IN_MEMORY = ""
"""The path of a reply that is written to a ReplyBuffer."""


class ReplyWriter:
    """An AudioSink: the first chunk's rate is the file's, and later chunks of another rate are resampled to it.

    `waits` says that `write` may block until a reader reads, `has_audio` that a sample was written, `is_complete` that
    `commit` succeeded. Every method but `abandon` raises FileError if it cannot write, and OutputClosed if the reader
    of the output has gone.
    """

    def __init__(self, path: str, output: _PartialFile | _Stream | ReplyBuffer) -> None:
        self.path = path
        self.waits = isinstance(output, _Stream)
        self.has_audio = self.is_complete = False
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
        """Complete the reply: a file gets its final name and replaces an older one. Without audio there is no file.

        The file is on disk before it has its name, and so is the name when this returns.
        """
        self._append(self._resampler.finish())
        with write_errors(self.path):
            self._output.commit()
        self.is_complete = True

    @property
    def file_bytes(self) -> int | None:
        """Bytes of the file so far, its header included; None for a stream."""
        return self._output.file_bytes

    async def commit_async(self) -> None:
        """As `commit`, in a thread for a file, as a disk may take long.

        When the task is cancelled, a conversion is given up, and anything else goes to its end.
        """
        import asyncio

        if self.waits or not self.has_audio:
            return self.commit()
        committing = asyncio.ensure_future(asyncio.to_thread(self.commit))
        try:
            await asyncio.shield(committing)
        except asyncio.CancelledError:
            self._output.give_up_conversion()
            with suppress(ConversionGivenUp):
                await committing
            raise

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
    """Open `path` for a reply, `-` being standard output. Its extension chooses the format; `raw` is bare PCM.

    Raises FileError if it cannot be written, leaving no file behind, and UsageError if there is no such format, or
    audio would be written to a terminal.
    """
    if path == "-":
        return ReplyWriter(path, _Stream(standard_output(), raw))
    kind = check_reply(path, raw=raw)
    with write_errors(path):
        if kind is None:
            is_raw = stream_is_raw(path, raw=raw)
            return ReplyWriter(path, _Stream(io.FileIO(path, "w"), is_raw))
        return ReplyWriter(path, _PartialFile(final_path(path), kind))


def check_reply(path: str, *, raw: bool = False) -> str | None:
    """The format of a reply to `path`, by its extension; None for a stream. Raises as `open_reply`, and opens nothing.

    The format is not that of the file behind a symbolic link.
    """
    if not path:
        raise FileError("the name of the reply is empty")
    with write_errors(path):
        if path == "-" or is_stream(path):
            return None
        if Path(path).is_dir():
            raise FileError(f"cannot write {path}: it is a folder")
    return reply_format(path, raw=raw)


async def open_reply_async(path: str, *, raw: bool = False) -> ReplyWriter:
    """As `open_reply`, and in a thread for a stream: opening a FIFO blocks until its other end is opened."""
    import asyncio

    with write_errors(path):
        waits = path == "-" or is_stream(path)
    return await asyncio.to_thread(open_reply, path, raw=raw) if waits else open_reply(path, raw=raw)


def same_file(output: str, source: str) -> bool:
    """Whether writing a reply to `output` would overwrite the input, by any of its names or by a partial file."""
    # An OSError, for example for a name that is too long, is reported when the file is opened.
    with suppress(OSError):
        final = final_path(output)
        partial = partial_path(final)
        written = (final, partial, partial.with_suffix(final.suffix))
        return "-" not in (output, source) and any(_is_same(path, source) for path in written)
    return False


def final_path(path: str) -> Path:
    """The path of the complete reply. A symbolic link is followed, so that it stays one."""
    final = Path(path)
    return Path(os.path.realpath(final)) if final.is_symlink() else final


def partial_path(final: Path) -> Path:
    """The path of the reply while it is incomplete, in whatever format it ends."""
    return final.parent / f"{final.stem}.partial.wav"


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


class ConversionGivenUp(Exception):
    """The conversion of a reply ended early, because its run was cancelled."""


class _PartialFile:
    """An incomplete reply in a WAV file beside its final path. The file is unbuffered, so that a kill loses nothing.

    `kind` is the format in which it ends.
    """

    def __init__(self, final: Path, kind: str) -> None:
        self._final, self._kind = final, kind
        self._partial, self._file, self._is_locked = _open_partial(final)
        self._rate = 0
        self._is_over = self._is_given_up = False
        self._converted_bytes: int | None = None
        self.written = 0  # bytes of sound

    @property
    def file_bytes(self) -> int:
        return self._converted_bytes or HEADER_BYTES + self.written

    def give_up_conversion(self) -> None:
        """Let a `commit` in another thread raise ConversionGivenUp, if it converts the file."""
        self._is_given_up = True

    def append(self, pcm: bytes, rate: int) -> None:
        if not self._rate:
            # Until now, the file may have had the partial reply of an earlier failure.
            self._file.truncate(0)
            self._put_header(rate)
        self._rate = rate
        try:
            write_all(self._file, pcm)
        finally:
            # Also on an error: the part that fitted on a full disk stays playable.
            self.written = max(0, self._file.tell() - HEADER_BYTES) & ~1
            self._put_header(rate)

    def cut(self, length: int) -> bool:
        if self._rate:
            self.written = length
            # The header is written before the file is cut, so that it never claims more samples than there are.
            self._put_header(self._rate)
            self._file.truncate(HEADER_BYTES + length)
        return True

    def commit(self) -> None:
        if not self.written:
            self.abandon()
            return
        os.fsync(self._file.fileno())
        # Another run may have a file of this name by now.
        if not self._is_here():
            raise FileError(f"cannot write {self._final}: {self._partial} was removed meanwhile")
        if self._kind == "wav":
            if sys.platform == "win32":
                # An open file cannot be renamed there.
                self._file.close()
            self._partial.replace(self._final)
        else:
            self._convert()
        self._is_over = True
        # The lock is held until the file has its final name.
        self._file.close()
        sync_folder(self._final.parent)

    def _convert(self) -> None:
        """Write the final file from the partial one, which is removed once the final one is on disk."""
        converted = self._partial.with_suffix(self._final.suffix)
        converted.unlink(missing_ok=True)
        try:
            # It is made here, so that it is not a link to another file.
            with io.FileIO(converted, "x") as target:
                if self._kind == "pcm":
                    for block in self._blocks():
                        write_all(target, block)
                else:
                    encode(self._blocks(), self._rate, ENCODINGS[self._kind], target)
                os.fsync(target.fileno())
                self._converted_bytes = os.fstat(target.fileno()).st_size
            converted.replace(self._final)
        except BaseException:
            self._converted_bytes = None
            converted.unlink(missing_ok=True)
            raise
        sync_folder(self._final.parent)
        if sys.platform == "win32":
            # An open file cannot be removed there.
            self._file.close()
        self._partial.unlink()

    def _blocks(self) -> Iterator[bytes]:
        """The samples of the partial file."""
        with self._partial.open("rb") as file:
            file.seek(HEADER_BYTES)
            while block := file.read(_BLOCK_BYTES):
                if self._is_given_up:
                    raise ConversionGivenUp
                yield block

    def abandon(self) -> Path | None:
        if self._is_over:
            return None
        self._is_over = True
        # A ValueError says that the file was closed and could not be renamed.
        with suppress(OSError, ValueError), self._file:
            if self._rate:
                self._file.truncate(self.file_bytes)
            is_empty = not self.written if self._rate else not os.fstat(self._file.fileno()).st_size
            if is_empty and self._is_here():
                if sys.platform == "win32":
                    self._file.close()
                self._partial.unlink()
        return self._partial if self.written else None

    def _is_here(self) -> bool:
        """Whether the file still has its name. Without a lock it has a name of its own."""
        return not self._is_locked or is_at(self._file.fileno(), self._partial)

    def _put_header(self, rate: int) -> None:
        """Write the header in a single call, so that no reader sees half of it; then return to the end."""
        header = wav_header(rate, self.written)
        if hasattr(os, "pwrite"):
            os.pwrite(self._file.fileno(), header, 0)
        else:
            self._file.seek(0)
            write_all(self._file, header)
        self._file.seek(self.file_bytes)


def _open_partial(final: Path) -> tuple[Path, io.FileIO, bool]:
    """Create or open the partial file for this run alone, and say whether it is locked.

    A partial reply of an earlier failure stays in it. Without a lock, another run may be writing to a file that exists,
    so this run has a file of its own.
    """
    partial = partial_path(final)
    opened = open_locked(partial, hint="-o names another file")
    if opened.is_locked or opened.is_new:
        return partial, io.FileIO(opened.descriptor, "w"), opened.is_locked
    os.close(opened.descriptor)
    partial = final.with_name(f"{final.stem}.{os.urandom(4).hex()}.partial.wav")
    return partial, io.FileIO(partial, "x"), False


class _Stream:
    """A reply that is written to a pipe or a device as it arrives."""

    file_bytes = None

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

    def give_up_conversion(self) -> None:
        """Do nothing: a stream is not converted."""

    def commit(self) -> None:
        # Any other object was put in place of standard output by the program that uses livecli.
        if isinstance(self._file, io.FileIO):
            self._file.close()

    def abandon(self) -> None:
        with suppress(OSError):
            self.commit()
