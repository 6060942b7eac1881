"""The bytes in front of a WAV's samples, read from a stream that cannot be wound back, and made. Pure.

The standard library's `wave` is not used: it cannot tell an unfinished header (a recorder that was killed, a program
that wrote into a pipe) from an empty recording.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass

from .pcm import SAMPLE_BYTES

HEADER_BYTES = 44
STREAM_BYTES = 0x7FFFF000
"""The data size that says "until the end": of those that are in use, the one at which sox gives no warning."""

_UNKNOWN = 0xFFFFFFFF
_LONGEST_CHUNK_BYTES = 1 << 20
_FMT = struct.Struct("<HHIIHH")
_NO_FMT = bytes(_FMT.size)
_PCM = 1


@dataclass(frozen=True)
class WavHead:
    """What stood before the first sample, and what it says; all zeros where it was no WAV that can be followed.

    `data_bytes` is None where the header was never finished: the samples then go on until the end.
    """

    read: bytes
    encoding: int
    channels: int
    rate: int
    bytes_per_second: int
    bits: int
    data_bytes: int | None

    def is_pcm16_mono(self, rate: int) -> bool:
        """Whether what follows is what livecli sends, sample for sample."""
        return (self.encoding, self.channels, self.rate, self.bits) == (_PCM, 1, rate, 16)

    def finished(self) -> bytes:
        """The same bytes for readers that believe a data size of 0."""
        if self.data_bytes is not None:
            return self.read
        sizes = struct.pack("<I", STREAM_BYTES + len(self.read) - 8), struct.pack("<I", STREAM_BYTES)
        return self.read[:4] + sizes[0] + self.read[8:-4] + sizes[1]


def read_wav_head(read: Callable[[int], bytes]) -> WavHead:
    """Walk the chunks as far as the samples. `read(n)` gives n bytes, or fewer at the end."""
    seen = read(12)
    fmt = _NO_FMT
    while seen[:4] == b"RIFF" and seen[8:12] == b"WAVE":
        chunk = read(8)
        seen += chunk
        if len(chunk) < 8:
            break
        name, size = struct.unpack("<4sI", chunk)
        if name == b"data":
            return _wav_head(seen, fmt, None if _is_unfinished(seen, size) else size)
        if size > _LONGEST_CHUNK_BYTES:  # nothing that belongs before speech; libsndfile may try
            break
        body = read(size + size % 2)
        seen += body
        if name == b"fmt ":
            fmt = body.ljust(_FMT.size, b"\0")
    return _wav_head(seen, _NO_FMT, 0)


def wav_header(rate: int, data_bytes: int) -> bytes:
    """A header for PCM16 mono. A size which its 32 bits cannot hold is capped: players then read on to the end."""
    size = min(data_bytes, _UNKNOWN - HEADER_BYTES) & ~1
    fmt = _FMT.pack(_PCM, 1, rate, rate * SAMPLE_BYTES, SAMPLE_BYTES, 16)
    return struct.pack("<4sI8sI16s4sI", b"RIFF", size + HEADER_BYTES - 8, b"WAVEfmt ", len(fmt), fmt, b"data", size)


def _wav_head(seen: bytes, fmt: bytes, data_bytes: int | None) -> WavHead:
    encoding, channels, rate, bytes_per_second, _, bits = _FMT.unpack_from(fmt)
    return WavHead(seen, encoding, channels, rate, bytes_per_second, bits, data_bytes)


def _is_unfinished(seen: bytes, size: int) -> bool:
    """A data size of 0 is believed only where the size of the whole says that something else follows the data."""
    (riff_bytes,) = struct.unpack_from("<I", seen, 4)
    return size == _UNKNOWN or (size == 0 and (riff_bytes == _UNKNOWN or riff_bytes + 8 <= len(seen)))
