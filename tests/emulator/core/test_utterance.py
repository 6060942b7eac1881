"""An utterance: its audio, its forks and its file."""

from __future__ import annotations

import io

import pytest

from livecli.emulator.core.utterance import BLOCK_BYTES, BYTES_PER_SECOND, MAX_UTTERANCE_BYTES, Utterance
from livecli.protocol.close_reasons import Refusal


class Spool(io.BytesIO):
    """A file that counts what is written, and keeps nothing of long audio."""

    def write(self, data) -> int:
        return len(data) if len(data) > 10_000_000 else super().write(data)


def pcm_of(utterance: Utterance) -> bytes:
    return b"".join(utterance.blocks())


def made(pcm: bytes = b"") -> Utterance:
    utterance = Utterance(io.BytesIO())
    utterance.write(pcm)
    return utterance


def test_audio_comes_back_in_blocks_of_whole_samples() -> None:
    pcm = bytes(range(256)) * 100
    utterance = made(pcm + b"\1")
    blocks = list(utterance.blocks())
    assert b"".join(blocks) == pcm
    assert max(map(len, blocks)) <= BLOCK_BYTES


def test_it_can_be_read_twice() -> None:
    utterance = made(b"abcd")
    assert pcm_of(utterance) == pcm_of(utterance) == b"abcd"


def test_its_duration_and_description() -> None:
    utterance = made(bytes(BYTES_PER_SECOND * 3 // 2))
    assert utterance.seconds == 1.5
    assert utterance.description == "[1.5 s of speech]"


def test_a_truncated_one_ends_there_and_never_grows() -> None:
    utterance = made(b"abcdef")
    utterance.truncate(4)
    utterance.truncate(100)
    assert pcm_of(utterance) == b"abcd"


def test_a_fork_has_its_own_end() -> None:
    first = made(b"abcd")
    second = first.fork()
    first.write(b"ef")
    assert pcm_of(second) == b"abcd"
    second.write(b"ghij")
    assert pcm_of(second) == b"abcdghij"


def test_the_file_closes_with_the_last_user() -> None:
    spool = io.BytesIO()
    first = Utterance(spool)
    second = first.fork()
    first.close()
    assert not spool.closed
    second.close()
    assert spool.closed


def test_two_that_are_joined_are_one() -> None:
    spool = io.BytesIO()
    other = Utterance(spool)
    other.write(b"efgh")
    joined = made(b"abcd").joined(other)
    assert pcm_of(joined) == b"abcdefgh"
    assert spool.closed


def test_one_longer_than_the_context_is_refused_unless_compression_discards_its_beginning() -> None:
    long = bytes(MAX_UTTERANCE_BYTES // 4)
    limited, unlimited = Utterance(Spool()), Utterance(Spool(), unlimited=True)
    for _ in range(4):
        limited.write(long)
        unlimited.write(long)
    with pytest.raises(Refusal, match="1000"):
        limited.write(bytes(4))
    unlimited.write(bytes(4))
