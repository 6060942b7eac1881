"""Chunks of one size, pacing by absolute deadlines, and silence."""

from __future__ import annotations

import asyncio
import math
from array import array
from collections.abc import AsyncIterator, Iterable, Iterator
from itertools import repeat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livecli.client.pacing import Pacer
from livecli.media.pcm import FLOOR_DBFS, SILENCE_PEAK, Tee, dbfs, level_dbfs, peak, rechunk
from tests.cases import in_one_test


async def stream(blocks: list[bytes]) -> AsyncIterator[bytes]:
    for block in blocks:
        yield block


class Clock:
    """A clock that advances only during a wait, or when a test sets it."""

    def __init__(self, now: float = 1000.0) -> None:
        self.now = now


def played(pace: Pacer, clock: Clock, lists: Iterable[list[bytes]]) -> Iterator[list[bytes]]:
    """What leaves together, at its moment."""
    for chunks in lists:
        pace.load(chunks)
        while pace.at is not None:
            clock.now = max(clock.now, pace.at)
            yield pace.due(clock.now)


@given(st.lists(st.binary(max_size=50)), st.integers(1, 40))
def test_rechunk_keeps_every_byte_in_chunks_of_one_size(blocks: list[bytes], size: int) -> None:
    async def collect() -> list[bytes]:
        return [chunk async for chunk in rechunk(stream(blocks), size)]

    chunks = asyncio.run(collect())
    assert b"".join(chunks) == b"".join(blocks)
    assert all(len(chunk) == size for chunk in chunks[:-1])
    assert all(0 < len(chunk) <= size for chunk in chunks[-1:])


async def test_rechunk_gives_a_chunk_as_soon_as_it_is_full() -> None:
    taken: list[bytes] = []

    async def blocks() -> AsyncIterator[bytes]:
        for block in (b"abcde", b"fghij"):
            taken.append(block)
            yield block

    chunks = rechunk(blocks(), 4)
    assert await anext(chunks) == b"abcd"
    assert taken == [b"abcde"]


def test_the_first_chunk_leaves_at_once_and_the_others_at_their_deadlines() -> None:
    clock = Clock()
    left = [clock.now for _ in played(Pacer(100_000, 16), clock, [[b"x" * 1000]] * 5)]
    assert left == pytest.approx([1000.0 + 0.01 * n for n in range(5)])


def test_lateness_is_caught_up_and_does_not_add_up() -> None:
    clock = Clock()
    left = []
    for _ in played(Pacer(100_000, 16), clock, [[b"x" * 1000]] * 20):
        left.append(clock.now)
        clock.now += 0.045 if len(left) == 4 else 0.003  # what sending takes; once it hangs
    assert left[4] == pytest.approx(1000.075)
    assert left[5] == pytest.approx(1000.078)
    assert left[9:] == pytest.approx([1000.0 + 0.01 * n for n in range(9, 20)])


def test_twenty_thousand_chunks_do_not_drift() -> None:
    clock = Clock(0.0)
    for _ in played(Pacer(102_400, 16), clock, repeat([b"x" * 1024], 20_000)):
        clock.now += 0.0001
    assert clock.now == pytest.approx(19_999 * 0.01 + 0.0001)


def test_chunks_of_different_sizes_each_take_their_own_time() -> None:
    clock = Clock()
    lists = [[b"x" * 100], [b"x" * 300], [b"x" * 50], [b"x"]]
    left = [clock.now for _ in played(Pacer(100, 16), clock, lists)]
    assert left == pytest.approx([1000.0, 1001.0, 1004.0, 1004.5])


def test_at_speed_zero_everything_is_due() -> None:
    pace = Pacer(0, 16)
    pace.load([b"a", b"b"])
    assert pace.at == -math.inf
    assert (pace.due(1000.0), pace.at) == ([b"a", b"b"], None)
    pace.load([b"c"])
    assert pace.at == -math.inf


def test_chunks_of_a_list_leave_one_by_one_unless_they_are_late() -> None:
    clock = Clock()
    left = []
    for due in played(Pacer(100_000, 16), clock, [[b"x" * 1000] * 40]):
        left.append((round(clock.now - 1000, 3), len(due)))
        clock.now += {2: 0.055, 4: 0.300}.get(len(left), 0)  # twice something hangs
    assert left[:4] == [(0.0, 1), (0.01, 1), (0.065, 5), (0.07, 1)]
    assert left[4:8] == [(0.37, 16), (0.37, 14), (0.38, 1), (0.39, 1)]
    assert sum(count for _, count in left) == 40


def test_at_speed_zero_as_many_come_at_once_as_one_write_takes() -> None:
    chunks = [bytes([n]) for n in range(40)]
    taken = list(played(Pacer(0, 16), Clock(), [chunks]))
    assert [len(due) for due in taken] == [16, 16, 8]
    assert [chunk for due in taken for chunk in due] == chunks


@in_one_test(
    ("samples", "silent"),
    [
        ([], True),
        ([0, 0, 0], True),
        ([103, -103], True),  # -50 dBFS is 103.6
        ([0, 104], False),
        ([0, -104], False),
        ([-32768], False),
        ([32767], False),
    ],
)
def test_silence_is_what_stays_below_minus_50_dbfs(samples: list[int], silent: bool) -> None:
    assert (peak(array("h", samples).tobytes()) <= SILENCE_PEAK) is silent


def test_half_a_sample_is_no_sound() -> None:
    assert peak(b"\xff") == 0
    assert peak(b"\x00\x00\xff") == 0


@pytest.mark.parametrize(("sample", "level"), [(-32768, 0.0), (16384, -6.0), (-104, -50.0), (0, -math.inf)])
def test_a_peak_in_decibels(sample: int, level: float) -> None:
    assert round(dbfs(peak(array("h", [0, sample, 0]).tobytes())), 0) == level


class Kept:
    """A sink in memory, whose last `lost` bytes are out of reach."""

    def __init__(self, *, waits=False, lost=0):
        self.waits, self.lost, self.pcm = waits, lost, b""

    def write(self, pcm, rate):
        self.pcm += pcm

    def mark(self):
        return len(self.pcm)

    def rewind(self, mark):
        self.pcm = self.pcm[:mark]
        return not self.lost


def test_a_tee_tells_all_and_takes_back_from_all():
    one, other = Kept(waits=True, lost=1), Kept()
    other.write(b"before", 8000)
    tee = Tee(one, other)
    tee.write(b"ab", 8000)
    mark = tee.mark()
    tee.write(b"cd", 8000)
    assert (tee.waits, one.pcm, other.pcm) == (True, b"abcd", b"beforeabcd")
    assert not tee.rewind(mark)
    assert (one.pcm, other.pcm) == (b"ab", b"beforeab")
    one.lost = 0
    assert tee.rewind(mark)
    assert not Tee(Kept()).waits


def test_a_tee_goes_back_to_the_mark_that_it_is_given():
    one, other = Kept(), Kept()
    tee = Tee(one, other)
    marks = []
    for pcm in (b"ab", b"cd", b"ef"):
        marks.append(tee.mark())
        tee.write(pcm, 8000)
    other.write(b"more", 8000)
    assert tee.rewind(marks[1])
    assert (one.pcm, other.pcm) == (b"ab", b"ab")
    assert tee.rewind(marks[0])
    assert (one.pcm, other.pcm) == (b"", b"")


def test_levels_are_decibels_below_the_loudest():
    loudest, silence = b"\xff\x7f\x00\x80" * 100, bytes(400)
    assert level_dbfs(loudest) == pytest.approx(0, abs=0.01)
    assert level_dbfs(b"\x00\x10" * 100) == pytest.approx(-18.06, abs=0.01)
    assert level_dbfs(silence) == level_dbfs(b"") == level_dbfs(b"x") == FLOOR_DBFS
    assert level_dbfs(b"\x01\x00" + bytes(2000)) == FLOOR_DBFS
