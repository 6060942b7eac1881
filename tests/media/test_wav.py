"""The bytes in front of a WAV's samples: unfinished ones, strange ones, and our own."""

from __future__ import annotations

import io
import struct
import wave
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livecli.media.wav import HEADER_BYTES, STREAM_BYTES, read_wav_head, wav_header
from tests.cases import in_one_test

UNKNOWN = 0xFFFFFFFF
Reader = Callable[[int], bytes]


def head(
    riff: int = 1000, data: int = 500, before: bytes = b"", fmt: tuple[int, ...] = (1, 1, 16000, 32000, 2, 16)
) -> bytes:
    chunks = b"fmt " + struct.pack("<IHHIIHH", 16, *fmt) + before + b"data" + struct.pack("<I", data)
    return b"RIFF" + struct.pack("<I", riff) + b"WAVE" + chunks


@in_one_test(
    ("riff", "data", "expected"),
    [
        (36 + 500, 500, 500),
        (0, 500, 500),  # a program that patched only one of the two
        (36, 0, None),  # killed before it wrote sizes
        (0, 0, None),
        (UNKNOWN, 0, None),
        (UNKNOWN, UNKNOWN, None),
        (36 + 60, 0, 0),  # empty, and something else follows
    ],
)
def test_an_unfinished_size_is_told_from_an_empty_recording(riff: int, data: int, expected: int | None) -> None:
    assert read_wav_head(io.BytesIO(head(riff, data)).read).data_bytes == expected


def test_chunks_before_the_samples_belong_to_the_head() -> None:
    odd_list = b"LIST" + struct.pack("<I", 5) + b"INFO!\0"
    bytes_before = head(before=odd_list)
    stream = io.BytesIO(bytes_before + b"samples")
    found = read_wav_head(stream.read)
    assert found.read == bytes_before
    assert found.is_pcm16_mono(16000)
    assert stream.read() == b"samples"


@pytest.mark.parametrize(
    "fmt",
    [
        (3, 1, 16000, 64000, 4, 32),
        (1, 2, 16000, 64000, 4, 16),
        (1, 1, 44100, 88200, 2, 16),
        (1, 1, 16000, 16000, 1, 8),
        (0xFFFE, 1, 16000, 32000, 2, 16),
    ],
)
def test_what_has_to_be_converted_is_not_taken_for_plain(fmt: tuple[int, ...]) -> None:
    assert not read_wav_head(io.BytesIO(head(fmt=fmt)).read).is_pcm16_mono(16000)


def test_a_chunk_that_claims_gigabytes_is_not_read() -> None:
    asked: list[int] = []
    stream = io.BytesIO(b"RIFF\0\0\0\0WAVEjunk\xff\xff\xff\x7f" + bytes(100))

    def read(size: int) -> bytes:
        asked.append(size)
        return stream.read(size)

    found = read_wav_head(read)
    assert max(asked) < 100
    assert found.read == stream.getvalue()[:20]
    assert not found.is_pcm16_mono(16000)


@given(st.one_of(st.binary(max_size=100), st.binary(max_size=80).map(lambda rest: b"RIFF....WAVE" + rest)))
def test_whatever_the_bytes_are_they_are_given_back(data: bytes) -> None:
    stream = io.BytesIO(data)
    found = read_wav_head(stream.read)
    assert found.read + stream.read() == data


def test_an_unfinished_head_is_finished_for_others() -> None:
    finished = read_wav_head(io.BytesIO(head(0, 0)).read).finished()
    assert finished == head(STREAM_BYTES + 36, STREAM_BYTES)


@given(st.sampled_from([8000, 16000, 24000, 48000]), st.integers(0, 2000).map(lambda samples: 2 * samples))
def test_our_header_is_read_by_the_standard_library(rate: int, size: int) -> None:
    header = wav_header(rate, size)
    assert len(header) == HEADER_BYTES
    with wave.open(io.BytesIO(header + bytes(size))) as file:
        assert file.getparams()[:4] == (1, 2, rate, size // 2)


@pytest.mark.parametrize("size", [1 << 32, 5 << 30, 1 << 40, UNKNOWN, UNKNOWN - 35])
def test_sizes_beyond_32_bits_are_capped(size: int) -> None:
    riff, data = (
        struct.unpack_from("<I", wav_header(24000, size), 4)[0],
        struct.unpack_from("<I", wav_header(24000, size), 40)[0],
    )
    assert UNKNOWN - 64 < data <= riff <= UNKNOWN
    assert data % 2 == 0
