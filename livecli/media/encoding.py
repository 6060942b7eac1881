"""Formats of a reply, by the extension of its file, and the encoder of those that libsndfile writes.

soundfile is loaded when something has to be encoded.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePath

from ..errors import FileError, UsageError
from .resample import Resampler


@dataclass(frozen=True)
class Encoding:
    """libsndfile's names of a container and of the encoding in it, and the rates that this takes; none: any rate."""

    container: str
    subtype: str
    rates: tuple[int, ...] = ()

    def rate_for(self, rate: int) -> int:
        """The lowest rate that is not lower than `rate`, else the highest."""
        return min((each for each in self.rates if each >= rate), default=max(self.rates, default=rate))


ENCODINGS = {
    "flac": Encoding("FLAC", "PCM_16"),
    "ogg": Encoding("OGG", "VORBIS"),
    # Every Opus decoder works at 48 kHz. libsndfile 1.2.2 also takes 24 kHz, and overshoots at the end (measured).
    "opus": Encoding("OGG", "OPUS", (48_000,)),
    "mp3": Encoding(
        "MP3", "MPEG_LAYER_III", (8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000)
    ),
}  # fmt: skip
FORMATS = ("wav", *ENCODINGS, "pcm")
"""Extensions that choose the format of a reply; pcm is bare PCM16 mono."""


def reply_format(path: str, *, raw: bool) -> str:
    """The format of a reply, by the extension of `path`; `raw` is PCM, which may have any name but another format's.

    Raises UsageError for another extension, or for none.
    """
    name = PurePath(path)
    extension = name.suffix[1:].lower()
    if raw and extension in FORMATS and extension != "pcm":
        raise UsageError(
            f"--raw-output writes bare PCM, which {path} does not say", hint=f"-o {name.with_suffix('.pcm')}"
        )
    if not raw and extension not in FORMATS:
        problem = f"a reply cannot be written as .{extension}" if extension else f"the reply {path} has no extension"
        raise UsageError(problem, hint=f"the extension is one of {' '.join(FORMATS)}: -o {name.with_suffix('.wav')}")
    return "pcm" if raw else extension


def stream_is_raw(path: str, *, raw: bool) -> bool:
    """Whether a pipe or a device gets bare PCM and not WAV. Raises UsageError for the name of another format."""
    extension = PurePath(path).suffix[1:].lower()
    if extension in ENCODINGS:
        raise UsageError(
            f"{path} is no regular file, and only WAV and PCM are written while they arrive",
            hint=f"livecli send ... -o - | ffmpeg -i - -f {extension} {path}",
        )
    return raw or extension == "pcm"


def encode(blocks: Iterable[bytes], rate: int, encoding: Encoding, target: io.FileIO) -> None:
    """Write `blocks` of PCM16 mono into an empty file, in constant memory.

    Raises OSError where the file cannot be written, and FileError where libsndfile does not take the audio.
    """
    file = _Target(target)

    def checked() -> Iterator[bytes]:
        for block in blocks:
            yield block
            file.check()

    _encode(checked(), rate, encoding, file)
    file.check()


def encode_alone(blocks: Iterable[bytes], rate: int, encoding: Encoding, path: Path) -> None:
    """As `encode`, into a new file, which libsndfile writes by itself: meanwhile other threads run.

    Raises FileError also where the file cannot be written; libsndfile does not tell why.
    """
    _encode(blocks, rate, encoding, str(path), hint="if there is no room for temporary files: TMPDIR=FOLDER")


def _encode(
    blocks: Iterable[bytes], rate: int, encoding: Encoding, target: _Target | str, hint: str | None = None
) -> None:
    import soundfile

    to_rate = encoding.rate_for(rate)
    resampler = Resampler(rate, to_rate)
    try:
        with soundfile.SoundFile(target, "w", to_rate, 1, encoding.subtype, format=encoding.container) as sound:
            for block in blocks:
                sound.buffer_write(resampler.push(block), "int16")
            sound.buffer_write(resampler.finish(), "int16")
    except soundfile.SoundFileError as error:
        raise FileError(f"cannot encode the sound as {encoding.subtype}: {error}", hint=hint) from error


class _Target:
    """A file as libsndfile writes to it, which does not tell why a write failed: `check` raises its OSError."""

    def __init__(self, file: io.FileIO) -> None:
        self.seek, self.tell = file.seek, file.tell
        self._file = file
        self._error: OSError | None = None

    def write(self, data: bytes) -> int:
        rest = memoryview(data)
        try:
            while rest and not self._error:
                rest = rest[self._file.write(rest) :]
        except OSError as error:
            self._error = error
        return len(data)

    def check(self) -> None:
        """Raises the OSError of an earlier write."""
        if self._error:
            raise self._error
