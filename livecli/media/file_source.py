"""Audio source for files and pipes: any format, read as 16 kHz mono PCM16 in constant memory.

A 16 kHz mono PCM16 WAV is copied, which loads neither numpy nor soundfile; `decoding` reads everything else. The first
block of a regular file is read when it is opened, so that its errors are known before a connection is made. A pipe is
read in a thread and only when it is iterated, because it may have no data yet.
"""

from __future__ import annotations

import io
import os
import re
import shlex
import stat
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Self

from ..errors import FileError, UsageError
from ..protocol.audio_rates import INPUT_RATE
from .pcm import SAMPLE_BYTES
from .resample import Resampler
from .wav import STREAM_BYTES, WavHead, read_wav_head

if TYPE_CHECKING:
    from collections.abc import Generator

    from .ffmpeg import Ffmpeg

SAMPLE = str(Path(__file__).with_name("where_is_the_nearest_train_station.wav"))
"""The bundled spoken question."""

AUDIO_SUFFIXES = frozenset(
    {".wav", ".wave", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff", ".aifc", ".caf", ".au", ".snd"}
    | {".w64", ".rf64", ".voc", ".sph", ".nist"}
    # These need ffmpeg.
    | {".m4a", ".m4b", ".mp4", ".webm", ".mka", ".aac", ".amr", ".3gp", ".wma"}
)
"""Suffixes of sound files. Any other file can be opened too."""

_CHANNELS = {1: "mono", 2: "stereo"}
_BLOCK_BYTES = 64 * 1024
"""Bytes of a read: about two seconds, and a multiple of the usual chunk, so that no chunk is put together from two."""
_THREAD_BLOCK_BYTES = 32 * 1024
"""Bytes of a read in another thread: less, because each of a thousand sessions holds a block, and its chunks."""


class FileSource:
    """An AudioSource to be iterated once: blocks of PCM16 mono at `rate`, of any size. Closing it closes the file.

    `seconds` is its length, None if it is not known. `description` names the conversion ("44.1 kHz stereo FLAC →
    16 kHz mono"), None without a conversion; for a pipe `recognised` is called with it when the first data has arrived.
    `warning` is what is wrong with a file that can be sent nevertheless; it is complete after the last block.
    Iterating raises FileError if the source cannot be read to the end.
    """

    def __init__(
        self, name: str, *, raw_rate: int | None, waits: bool, rate: int = INPUT_RATE, in_threads: bool = False
    ) -> None:
        self.name = name
        self.rate = rate
        self.seconds: float | None = None
        self.description: str | None = None
        self.recognised: Callable[[str], None] = lambda description: None
        self.warning: str | None = None
        self._waits, self._in_threads = waits, waits or in_threads
        self._in_use = threading.Lock()
        self._closed = False
        self._blocks = self._read(raw_rate)
        self._first = b"" if waits else self._next()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def _block_bytes(self) -> int:
        return _THREAD_BLOCK_BYTES if self._in_threads else _BLOCK_BYTES

    @property
    def _label(self) -> str:
        return "standard input" if self.name == "-" else self.name

    async def __aiter__(self) -> AsyncIterator[bytes]:
        import asyncio

        if self._waits:
            self._first = await asyncio.to_thread(self._next)
            if self.description:
                self.recognised(self.description)
        if self._first:
            yield self._first
        while block := (await asyncio.to_thread(self._next)) if self._in_threads else self._next():
            yield block

    def blocks(self) -> Iterator[bytes]:
        """As iterating, for callers that may block while the file is read."""
        yield self._first
        while block := self._next():
            yield block

    def close(self) -> None:
        """Close the file. If a thread is blocked reading a pipe, that thread closes it when the read returns."""
        self._closed = True
        if self._in_use.acquire(blocking=False):
            try:
                self._blocks.close()
            finally:
                self._in_use.release()

    def _next(self) -> bytes:
        with self._in_use:
            try:
                block = next(self._blocks, b"")
            except OSError as error:
                raise _read_error(self._label, error) from error
            if self._closed:
                self._blocks.close()
            return block

    def _read(self, raw_rate: int | None) -> Generator[bytes, None, None]:
        has_samples = False
        with ExitStack() as held:
            stream = held.enter_context(_open(self.name))
            blocks, rate = self._recognise(stream, held) if raw_rate is None else self._raw(stream, raw_rate)
            for block in _resampled(blocks, rate, self.rate):
                has_samples = True
                yield block
        if not has_samples:
            raise FileError(f"there is no sound in {self._label}: it has no samples")

    def _raw(self, stream: io.FileIO, rate: int) -> tuple[Iterator[bytes], int]:
        size = _size(stream)
        if size is not None:
            self.seconds = size // SAMPLE_BYTES / rate
        self.description = _description(self.rate, rate, 1, "raw PCM")
        return _samples(stream, None, self._block_bytes), rate

    def _recognise(self, stream: io.FileIO, held: ExitStack) -> tuple[Iterator[bytes], int]:
        """The blocks of the stream, at its own rate, and that rate. Files to be closed later are put on `held`."""
        size = _size(stream)
        head = read_wav_head(partial(_read_exactly, stream))
        if not head.read:
            raise FileError(f"{self._label} is empty")
        if head.is_pcm16_mono(self.rate):
            if size is not None:
                available = size - len(head.read)
                data_bytes = available if head.data_bytes is None else min(head.data_bytes, available)
                self.seconds = data_bytes // SAMPLE_BYTES / self.rate
                self._note_shortfall(head, available)
            samples = _samples(stream, head.data_bytes, self._block_bytes)
            return samples if size is not None else self._counted(samples, head), self.rate
        from .decoding import decode

        sound = decode(stream, head, size, self._label, held)
        self.seconds = sound.seconds
        self.description = _description(self.rate, sound.rate, sound.channels, sound.container, sound.encoding)
        if sound.ffmpeg:
            # ffmpeg may need longer for a block than an event loop can wait.
            self._in_threads = True
            return self._with_complaint(sound.blocks, sound.ffmpeg), sound.rate
        if size is None:
            return self._counted(sound.blocks, head), sound.rate
        self._note_shortfall(head, size - len(head.read))
        return sound.blocks, sound.rate

    def _counted(self, blocks: Iterator[bytes], head: WavHead) -> Iterator[bytes]:
        """The PCM16 mono blocks of a pipe. A shortfall is noted after the last one, where all samples have one size."""
        pcm_bytes = 0
        for block in blocks:
            pcm_bytes += len(block)
            yield block
        if head.frame_bytes:
            self._note_shortfall(head, pcm_bytes // SAMPLE_BYTES * head.frame_bytes)

    def _note_shortfall(self, head: WavHead, available: int) -> None:
        """Note a file that was cut off: its header states more data than it has. Sizes of a stream state none."""
        stated = head.data_bytes or 0
        if head.bytes_per_second and available < stated < STREAM_BYTES:
            has, should_have = (size / head.bytes_per_second for size in (available, stated))
            self.warning = f"{self._label} is cut off: it has {has:.2f} s of {should_have:.2f} s"

    def _with_complaint(self, blocks: Iterator[bytes], ffmpeg: Ffmpeg) -> Iterator[bytes]:
        yield from blocks
        if complaint := ffmpeg.complaint():
            self.warning = f"{self._label} is damaged: {complaint}"


def open_source(path: str, *, raw_rate: int | None = None, in_threads: bool = False) -> FileSource:
    """Open an audio file, or standard input for `-`. With `raw_rate` it holds bare PCM16 mono at that rate.

    Iterating a regular file reads it in the calling thread, which is fastest. With `in_threads` it is read in another
    thread, as a pipe is: choose that for an event loop with several sessions, which a slow file system or a second of
    FLAC (3 ms to decode) would delay. A thread costs 20 µs more for a second of audio.

    Raises FileError if a regular file cannot be used, and UsageError if standard input is a terminal. Errors of
    a pipe are raised when it is iterated.
    """
    if not path:
        raise FileError("the name of the input is empty")
    if path == "-":
        mode = os.fstat(standard_input()).st_mode
    else:
        try:
            mode = Path(path).stat().st_mode
        except FileNotFoundError as error:
            raise _missing(path) from error
        except OSError as error:
            raise _read_error(path, error) from error
    if stat.S_ISDIR(mode):
        raise FileError(f"{'standard input' if path == '-' else path} is a folder, not an audio file")
    return FileSource(path, raw_rate=raw_rate, waits=not stat.S_ISREG(mode), in_threads=in_threads)


def _missing(path: str) -> FileError:
    """The error for a file that is not there, with what else its name may be."""
    quoted = shlex.quote(path)
    if re.match(r"\w[\w+.-]*://", path):
        return FileError(f"{path} is a URL, not a file", hint=f"curl -sL {quoted} | livecli send -")
    is_words = os.sep not in path and not re.search(r"\.\w+$", path)
    if near := _nearest_file(Path(path)):
        hint = f"did you mean {shlex.quote(near)}?"
    elif is_words:
        hint = f"to send words: livecli send --text {quoted}"
    else:
        hint = "livecli send --sample sends a bundled question, --text WORDS a text"
    return FileError(f"there is no file {path}", hint=hint)


def _nearest_file(path: Path) -> str | None:
    """The file in the same folder that `path` names without its suffix, or whose name is most like it, if one is."""
    from difflib import get_close_matches

    try:
        with os.scandir(path.parent) as entries:
            names = {entry.name.casefold(): entry.name for entry in entries if entry.is_file()}
    except OSError:
        return None
    typed = path.name.casefold()
    near = [name for name in names if Path(name).stem == typed] or get_close_matches(typed, names, n=1, cutoff=0.75)
    return str(path.with_name(names[near[0]])) if near else None


async def open_source_async(path: str, *, raw_rate: int | None = None, in_threads: bool = False) -> FileSource:
    """As `open_source`, in a thread: opening a FIFO may block. A regular file needs none, unless `in_threads`."""
    import asyncio

    if not in_threads and os.path.isfile(path):  # noqa: ASYNC240, PTH113 - as quick as opening it
        return open_source(path, raw_rate=raw_rate)
    return await asyncio.to_thread(open_source, path, raw_rate=raw_rate, in_threads=in_threads)


def read_sound(path: str, rate: int) -> list[bytes]:
    """The whole of a regular audio file as blocks of PCM16 mono at `rate`. Raises FileError as `open_source` does."""
    with FileSource(path, raw_rate=None, waits=False, rate=rate) as source:
        return list(source.blocks())


def _description(to_rate: int, rate: int, channels: int, container: str, encoding: str = "") -> str | None:
    """The conversion in words; None if the samples are sent unchanged."""
    if (rate, channels, encoding) == (to_rate, 1, ""):
        return None
    width = " 16-bit" if encoding else ""
    words = [f"{rate / 1000:g} kHz", _CHANNELS.get(channels, f"{channels}-channel"), encoding, container]
    return f"{' '.join(filter(None, words))} → {to_rate / 1000:g} kHz mono{width}"


def standard_input() -> int:
    """The descriptor of standard input. Raises UsageError for a terminal, and FileError where it is closed."""
    try:
        if sys.stdin.isatty():
            raise UsageError("standard input is a terminal", hint="name a file, or pipe audio in: ... | livecli send -")
        return sys.stdin.fileno()
    except (AttributeError, ValueError, io.UnsupportedOperation) as error:
        # It is None, closed, or an object without a descriptor.
        raise FileError("standard input is closed") from error


def _open(name: str) -> io.FileIO:
    """Open a file or standard input unbuffered, so that the bytes after the header are left for libsndfile."""
    if name != "-":
        return io.FileIO(name)
    descriptor = standard_input()
    if sys.platform != "win32":
        # Another process that shares the pipe may have made it non-blocking.
        os.set_blocking(descriptor, True)
    return io.FileIO(descriptor, closefd=False)


def _size(stream: io.FileIO) -> int | None:
    """Bytes in a regular file that is at its beginning; None for a stream that cannot be read from the beginning."""
    status = os.fstat(stream.fileno())
    return status.st_size if stat.S_ISREG(status.st_mode) and stream.tell() == 0 else None


def _read_exactly(stream: io.FileIO, size: int) -> bytes:
    """Read `size` bytes, or fewer at the end. A pipe may return them in several parts."""
    data = b""
    while len(data) < size and (more := stream.read(size - len(data))):
        data += more
    return data


def _samples(stream: io.FileIO, limit: int | None, block_bytes: int) -> Iterator[bytes]:
    """Blocks of whole samples, `limit` bytes in all at most. Half a sample at the end is dropped."""
    half_sample = b""
    left = limit
    while data := stream.read(block_bytes if left is None else min(left, block_bytes)):
        left = None if left is None else left - len(data)
        data = half_sample + data
        even = len(data) & ~1
        half_sample = data[even:]
        if even:
            yield data[:even]


def _resampled(blocks: Iterator[bytes], rate: int, to_rate: int) -> Iterator[bytes]:
    resampler = Resampler(rate, to_rate)
    for block in blocks:
        if pcm := resampler.push(block):
            yield pcm
    if tail := resampler.finish():
        yield tail


def _read_error(label: str, error: OSError) -> FileError:
    return FileError(f"cannot read {label}: {error.strerror or error}")
