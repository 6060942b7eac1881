"""Audio decoder: a file, or a pipe whose header was read, to blocks of PCM16 mono at its own rate.

libsndfile decodes, behind ffmpeg where it does not know the format. soundfile is loaded when something has to be
decoded.
"""

from __future__ import annotations

import codecs
import io
import os
import shlex
import shutil
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..errors import FileError
from .ffmpeg import Ffmpeg, find_ffmpeg, how_to_install
from .wav import WavHead

if TYPE_CHECKING:
    from soundfile import SoundFile

_BLOCK_SECONDS = 0.5
"""Length of a block."""
_PIPE_BLOCK_SECONDS = 0.02
"""Length of a block when the end may be an error, which discards the block that it occurs in."""
_BLOCK_VALUES = 1 << 18
"""Values in a block at most, for any number of channels: 1 MB of float32."""
_FRAMES_UNKNOWN = 1 << 48
"""Lengths from here on are libsndfile's ways to say that it does not know the length."""
_BEYOND_THE_END = 1 << 50
"""Offset by which an _EndlessFile pretends to be longer than it is."""

_NEEDS_SEEKING = (b"fLaC", b"caff", b"RF64", b"riff", b"Crea")
_ENCODINGS = {
    "PCM_S8": "8-bit", "PCM_U8": "8-bit", "PCM_24": "24-bit", "PCM_32": "32-bit",
    "FLOAT": "32-bit float", "DOUBLE": "64-bit float", "ALAW": "A-law", "ULAW": "µ-law",
}  # fmt: skip
_CONTAINERS = {"WAVEX": "WAV", "OGG": "Ogg"}
_MP4 = "MP4 audio (m4a)"
_MAGIC = {
    b"\x1a\x45\xdf\xa3": "WebM or Matroska",
    b"#!AMR": "AMR",
    b"\x30\x26\xb2\x75\x8e\x66\xcf\x11": "Windows Media Audio",
    b"FLV": "Flash video",
    b"\x0b\x77": "Dolby Digital (AC-3)",
    b"wvpk": "WavPack",
    b"MAC ": "Monkey's Audio",
}
"""First bytes of formats that ffmpeg decodes and libsndfile does not, also in a pipe."""


@dataclass(frozen=True, slots=True)
class Sound:
    """A decoded stream: its PCM16 mono blocks at `rate`, and the format that it had in the file.

    `ffmpeg` is the program that decodes it, if one does: then a block may take as long as that takes.
    """

    blocks: Iterator[bytes]
    rate: int
    channels: int
    container: str
    encoding: str
    seconds: float | None
    ffmpeg: Ffmpeg | None = None


def decode(stream: io.FileIO, head: WavHead, size: int | None, label: str, held: ExitStack) -> Sound:
    """Decode a stream whose header `head` has been read. `size` is that of a regular file, None for a pipe.

    Files to be closed later are put on `held`. Raises FileError, also while the blocks are iterated.
    """
    import soundfile

    kind = _format_of_ffmpeg(head.read)
    if kind is not None:
        return _by_ffmpeg(kind, stream, head, size, label, held)
    try:
        return _by_libsndfile(stream, head, size, label, held)
    except soundfile.SoundFileError as error:
        # A pipe cannot be read again from its beginning, and ffmpeg finds pictures and subtitles in text.
        if size is None or _is_text(head.read) or find_ffmpeg() is None:
            raise _format_error(head, label, error) from error
        try:
            return _by_ffmpeg(None, stream, head, size, label, held)
        except FileError:
            raise _format_error(head, label, error) from error


def _by_libsndfile(stream: io.FileIO, head: WavHead, size: int | None, label: str, held: ExitStack) -> Sound:
    """Raises soundfile.SoundFileError for a format that libsndfile does not know."""
    if size is not None and head.data_bytes is not None:
        stream.seek(0)
        file = stream
    elif sys.platform == "win32" or _needs_seeking(head.read):
        file = held.enter_context(_spooled(head.finished(), stream))
    else:
        file = held.enter_context(_piped(head.finished(), stream))
    sound = held.enter_context(_open(file, head.read))
    seconds = None
    if sound.seekable() and sound.frames < _FRAMES_UNKNOWN:
        seconds = sound.frames / sound.samplerate
    elif size is not None and head.bytes_per_second:
        seconds = (size - len(head.read)) / head.bytes_per_second
    block_seconds = _PIPE_BLOCK_SECONDS if seconds is None else _BLOCK_SECONDS
    container = "Opus" if sound.subtype == "OPUS" else _CONTAINERS.get(sound.format, sound.format)
    return Sound(
        blocks=_blocks(sound, block_seconds, label),
        rate=sound.samplerate,
        channels=sound.channels,
        container=container,
        encoding=_ENCODINGS.get(sound.subtype, ""),
        seconds=seconds,
    )


def _by_ffmpeg(
    kind: str | None, stream: io.FileIO, head: WavHead, size: int | None, label: str, held: ExitStack
) -> Sound:
    """`kind` is the name of the format, None if it is not known."""
    import soundfile

    program = find_ffmpeg()
    if program is None:
        raise FileError(f"{label} is {kind}, which needs ffmpeg", hint=how_to_install())
    if size is not None:
        stream.seek(0)
        file = stream
    else:
        file = held.enter_context((_spooled if kind == _MP4 else _piped)(head.read, stream))
    ffmpeg = Ffmpeg(program, file, seekable=size is not None or kind == _MP4, held=held)
    output = held.enter_context(_spooled(b"", ffmpeg.output)) if sys.platform == "win32" else ffmpeg.output
    try:
        sound = held.enter_context(_open(output, b""))
    except soundfile.SoundFileError as error:
        raise FileError(f"cannot read {label}, which is {kind}: {ffmpeg.problem() or _error_text(error)}") from error
    if kind is None and ffmpeg.is_guess():
        raise FileError(f"{label} is not audio that ffmpeg knows")
    return Sound(
        blocks=_checked(_blocks(sound, _PIPE_BLOCK_SECONDS, label), ffmpeg, label),
        rate=sound.samplerate,
        channels=sound.channels,
        container="(ffmpeg)",
        encoding=ffmpeg.codec(),
        seconds=ffmpeg.seconds(),
        ffmpeg=ffmpeg,
    )


def _checked(blocks: Iterator[bytes], ffmpeg: Ffmpeg, label: str) -> Iterator[bytes]:
    """The same blocks. Raises FileError after the last one if ffmpeg failed."""
    yield from blocks
    if problem := ffmpeg.problem():
        raise FileError(f"cannot read {label} to its end: {problem}")


def _open(file: io.FileIO, head: bytes) -> SoundFile:
    import soundfile

    # With a descriptor libsndfile reads without calling Python, and can read pipes. Windows has none to pass on.
    target = file if sys.platform == "win32" else file.fileno()
    if _is_mpeg(head) and not _says_its_length(file):
        target = _EndlessFile(file.fileno())
    return soundfile.SoundFile(target, closefd=False)


def _blocks(sound: SoundFile, block_seconds: float, label: str) -> Iterator[bytes]:
    """PCM16 mono blocks of `block_seconds`.

    They are read as float32, because libsndfile does not scale other formats to int16. 16-bit samples stay the same.
    """
    import numpy as np
    import soundfile

    # soundfile seeks to its own position after every read, which fails for a FLAC of unknown length.
    sound.seekable = lambda: False
    frames = max(1, min(round(sound.samplerate * block_seconds), _BLOCK_VALUES // sound.channels))
    block = np.empty((frames, sound.channels), np.float32)
    try:
        while count := sound.buffer_read_into(block, "float32"):
            finite = np.nan_to_num(block[:count], nan=0.0, posinf=0.0, neginf=0.0)
            samples = np.rint(finite.mean(axis=1, dtype=np.float64) * 32768)
            yield np.clip(samples, -32768, 32767).astype("<i2").tobytes()
    except soundfile.SoundFileError as error:
        if not (isinstance(sound.name, _EndlessFile) and sound.name.is_at_end()):
            raise FileError(f"cannot read {label} to its end: {_error_text(error)}") from error


def libsndfile_version() -> str | None:
    """The version of libsndfile; None where it cannot be loaded."""
    try:
        from soundfile import __libsndfile_version__
    except (ImportError, OSError):
        return None
    return str(__libsndfile_version__)


class _EndlessFile(io.FileIO):
    """An MPEG file that pretends to be very long.

    If an MPEG file does not state its length, libsndfile computes one from the file's size and the bit rate of the
    first frame, and stops there: too early for a recording whose first frame has a higher bit rate than the rest.
    """

    def __init__(self, descriptor: int) -> None:
        super().__init__(descriptor, closefd=False)
        self._beyond = 0

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        try:
            position = super().seek(offset, whence)
        except OSError:
            # In a damaged file libsndfile seeks to before its beginning. It then asks for the position.
            return self.tell()
        self._beyond = _BEYOND_THE_END if whence == os.SEEK_END else 0
        return position + self._beyond

    def tell(self) -> int:
        return super().tell() + self._beyond

    def is_at_end(self) -> bool:
        """Whether everything was read. An error here is ignored, because the last frame is often cut short."""
        return super().tell() >= os.fstat(self.fileno()).st_size


def _says_its_length(file: io.FileIO) -> bool:
    """Whether an MPEG file has a Xing or VBRI tag in its first frame, which comes after an ID3 tag."""
    head = file.read(10)
    if head[:3] == b"ID3":
        a, b, c, d = head[6:10]
        file.seek(10 + (a << 21 | b << 14 | c << 7 | d))
    first_frame = file.read(256)
    file.seek(0)
    return any(tag in first_frame for tag in (b"Xing", b"Info", b"VBRI"))


@contextmanager
def _spooled(head: bytes, stream: io.FileIO) -> Iterator[io.FileIO]:
    """The whole of a pipe in a temporary file, for formats in which libsndfile has to seek."""
    with tempfile.TemporaryFile() as file:
        file.write(head)
        shutil.copyfileobj(stream, file)
        file.flush()
        with io.FileIO(file.fileno(), closefd=False) as unbuffered:
            unbuffered.seek(0)
            yield unbuffered


@contextmanager
def _piped(head: bytes, stream: io.FileIO) -> Iterator[io.FileIO]:
    """A new pipe with the header and the bytes after it, because bytes that were read cannot be put back."""
    read_end, write_end = os.pipe()
    # The thread has its own descriptor, because it may still be blocked in a read when the stream is closed.
    threading.Thread(target=_pump, args=(head, os.dup(stream.fileno()), write_end), daemon=True).start()
    with io.FileIO(read_end) as file:
        yield file


def _pump(head: bytes, source: int, target: int) -> None:
    with io.FileIO(source) as incoming, io.FileIO(target, "w") as outgoing, suppress(OSError):
        outgoing.write(head)
        shutil.copyfileobj(incoming, outgoing)


def _is_mpeg(head: bytes) -> bool:
    """Whether the file begins with an ID3 tag, or the sync word of an MPEG audio frame; layer 0 would be AAC."""
    return head[:3] == b"ID3" or (len(head) > 1 and head[0] == 0xFF and head[1] & 0xE0 == 0xE0 and head[1] & 0x06 != 0)


def _needs_seeking(head: bytes) -> bool:
    return head[:4] in _NEEDS_SEEKING or _is_mpeg(head)


def _format_error(head: WavHead, label: str, error: Exception) -> FileError:
    is_stdin = label == "standard input"
    if _is_text(head.read):
        words = "-" if is_stdin else shlex.quote(f"@{label}")
        return FileError(f"{label} is text and not audio", hint=f"to send its words: livecli send --text {words}")
    reason = _error_text(error)
    # libsndfile's words for an MPEG file without a valid frame.
    if reason.startswith("File does not exist"):
        reason = "Format not recognised"
    source = "" if is_stdin else f" < {shlex.quote(label)}"
    return FileError(
        f"{label} is not audio that livecli can read: {reason}",
        hint=f"if it is bare 16-bit PCM: livecli send - --raw 16000{source}",
    )


def _is_text(head: bytes) -> bool:
    """Whether the first bytes of a file are characters and white space in UTF-8, of which the last may be cut."""
    try:
        text = codecs.getincrementaldecoder("utf-8-sig")().decode(head)
    except UnicodeDecodeError:
        return False
    return bool(text) and all(character.isprintable() or character.isspace() for character in text)


def _format_of_ffmpeg(head: bytes) -> str | None:
    """The name of an audio format that libsndfile does not know."""
    if head[4:8] == b"ftyp":
        return _MP4
    if head[:1] == b"\xff" and head[1:2] in (b"\xf0", b"\xf1", b"\xf8", b"\xf9"):
        return "raw AAC"
    return next((name for magic, name in _MAGIC.items() if head.startswith(magic)), None)


def _error_text(error: Exception) -> str:
    """libsndfile's message, without the file name that soundfile puts before it."""
    return str(getattr(error, "error_string", error)).removeprefix("Error : ").rstrip(".\n")
