"""WAV headers: read from a stream that cannot seek, and written. No I/O of its own.

The standard library's `wave` is not used, because it cannot tell an unfinished header (of a recorder that was killed,
or a program that wrote into a pipe) from an empty recording.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass

from .pcm import SAMPLE_BYTES

HEADER_BYTES = 44
STREAM_BYTES = 0x7FFFF000
"""The data size that means "until the end". Of those in use it is the one for which sox prints no warning."""

_UNKNOWN = 0xFFFFFFFF
_LONGEST_CHUNK_BYTES = 1 << 20
_FMT = struct.Struct("<HHIIHH")
_NO_FMT = bytes(_FMT.size)
_PCM = 1


@dataclass(frozen=True)
class WavHead:
    """The bytes before the first sample, and the format that they state; all zeros if they are no readable WAV header.

    `data_bytes` is None if the header was never finished: the samples then continue until the end.
    """

    read: bytes
    encoding: int
    channels: int
    rate: int
    bytes_per_second: int
    bits: int
    data_bytes: int | None

    def is_pcm16_mono(self, rate: int) -> bool:
        """Whether the samples can be sent unchanged."""
        return (self.encoding, self.channels, self.rate, self.bits) == (_PCM, 1, rate, 16)

    @property
    def frame_bytes(self) -> int:
        """Bytes of one sample of every channel; 0 where they vary, as in ADPCM."""
        size = self.channels * self.bits // 8
        return size if size * self.rate == self.bytes_per_second else 0

    def finished(self) -> bytes:
        """The same bytes with a data size of "until the end" in place of an unfinished one."""
        if self.data_bytes is not None:
            return self.read
        sizes = struct.pack("<I", STREAM_BYTES + len(self.read) - 8), struct.pack("<I", STREAM_BYTES)
        return self.read[:4] + sizes[0] + self.read[8:-4] + sizes[1]


def read_wav_head(read: Callable[[int], bytes]) -> WavHead:
    """Read the chunks before the samples. `read(n)` returns n bytes, or fewer at the end."""
    head = read(12)
    fmt = _NO_FMT
    while head[:4] == b"RIFF" and head[8:12] == b"WAVE":
        chunk = read(8)
        head += chunk
        if len(chunk) < 8:
            break
        name, size = struct.unpack("<4sI", chunk)
        if name == b"data":
            return _wav_head(head, fmt, None if _is_unfinished(head, size) else size)
        # Chunks before the samples are short. libsndfile may be able to read this one.
        if size > _LONGEST_CHUNK_BYTES:
            break
        body = read(size + size % 2)
        head += body
        if name == b"fmt ":
            fmt = body.ljust(_FMT.size, b"\0")
    return _wav_head(head, _NO_FMT, 0)


def wav_header(rate: int, data_bytes: int, channels: int = 1) -> bytes:
    """A header for PCM16. A size above 32 bits is capped, for which players read on to the end."""
    frame = SAMPLE_BYTES * channels
    size = min(data_bytes, _UNKNOWN - HEADER_BYTES) // frame * frame
    fmt = _FMT.pack(_PCM, channels, rate, rate * frame, frame, 16)
    return struct.pack("<4sI8sI16s4sI", b"RIFF", size + HEADER_BYTES - 8, b"WAVEfmt ", len(fmt), fmt, b"data", size)


def _wav_head(head: bytes, fmt: bytes, data_bytes: int | None) -> WavHead:
    encoding, channels, rate, bytes_per_second, _, bits = _FMT.unpack_from(fmt)
    return WavHead(head, encoding, channels, rate, bytes_per_second, bits, data_bytes)


def _is_unfinished(head: bytes, size: int) -> bool:
    """Whether the header was never finished: a data size of 0 is valid only if the RIFF size covers more than it."""
    (riff_bytes,) = struct.unpack_from("<I", head, 4)
    return size == _UNKNOWN or (size == 0 and (riff_bytes == _UNKNOWN or riff_bytes + 8 <= len(head)))
