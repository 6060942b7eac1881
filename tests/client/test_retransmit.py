"""The retransmission buffer: order, numbers, blocks on disk, full disks, and the memory that sessions share."""

from __future__ import annotations

import errno
import tempfile
import threading
import tracemalloc
from collections.abc import Iterator
from typing import IO, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from livecli.client import retransmit
from livecli.client.retransmit import (
    ALL_BUFFERS,
    CURRENT,
    OBJECT_BYTES,
    RUN_BYTES,
    RetransmitBuffer,
    Run,
    close_unused_file,
    count,
    memory_bytes,
    write_block,
)
from livecli.protocol import events
from livecli.protocol.messages import Content, FunctionResponse, Part
from tests.cases import in_one_test

KILOBYTE = 1024


def chunk(number: int, size: int = KILOBYTE, rate: int = 16_000) -> events.AudioChunk:
    return events.AudioChunk(bytes([number]) * size, rate)


def chunks(first: int, last: int) -> list[events.AudioChunk]:
    """Those with these numbers, the last included."""
    return [chunk(number) for number in range(first, last + 1)]


@pytest.fixture(autouse=True)
def nothing_is_left() -> Iterator[None]:
    """Each test gives back all memory and the file."""
    before = ALL_BUFFERS.in_memory_bytes
    close_unused_file()
    yield
    assert ALL_BUFFERS.in_memory_bytes == before
    assert CURRENT.file is None


@pytest.fixture
def on_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every call of `extend` first writes what was said before it."""
    monkeypatch.setattr("livecli.client.retransmit.LEAST_BYTES", 0)
    monkeypatch.setattr("livecli.client.retransmit.IN_MEMORY_BYTES", 0)


@pytest.fixture
def tail() -> Iterator[RetransmitBuffer]:
    made = RetransmitBuffer()
    yield made
    made.close()


class Disk:
    """Makes temporary files of limited room, and keeps them."""

    def __init__(self, make: Any) -> None:
        self.room: int | None = None
        self.files: list[IO[bytes]] = []
        self._make = make

    def __call__(self, **how: Any) -> Any:
        file = self._make(**how)
        self.files.append(file)
        return Limited(file, self)

    @property
    def open_files(self) -> int:
        return sum(not file.closed for file in self.files)


class Limited:
    """A file that takes no more than its disk has room for: the last write is short, the next fails."""

    def __init__(self, file: IO[bytes], disk: Disk) -> None:
        self._file, self._disk = file, disk
        self.seek, self.read, self.close = file.seek, file.read, file.close

    def write(self, data: bytes) -> int:
        room = self._disk.room
        if room is None:
            return self._file.write(data)
        if room == 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        written = self._file.write(data[:room])
        self._disk.room = room - written
        return written


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    made = Disk(tempfile.TemporaryFile)
    monkeypatch.setattr(tempfile, "TemporaryFile", made)
    return made


@pytest.mark.usefixtures("on_disk")
class TestFullDisk:
    @pytest.mark.parametrize("room", [0, 5, 700], ids=["none", "within a head", "within a chunk"])
    def test_what_is_held_stays_and_what_is_refused_is_not_numbered(
        self, tail: RetransmitBuffer, disk: Disk, room: int
    ) -> None:
        for number in (1, 2, 3):
            tail.extend((chunk(number),))
        before = tail.held_bytes, ALL_BUFFERS.in_memory_bytes
        disk.room = room
        for _ in range(2):
            with pytest.raises(OSError, match="No space left on device") as raised:
                tail.extend((chunk(4),))
            assert raised.value.errno == errno.ENOSPC
            assert (tail.first, tail.end) == (1, 4)
            assert (tail.held_bytes, ALL_BUFFERS.in_memory_bytes) == before
            assert list(tail) == chunks(1, 3)

    def test_a_failed_write_spoils_no_later_one(self, tail: RetransmitBuffer, disk: Disk) -> None:
        tail.extend((chunk(1),))
        tail.extend((chunk(2),))
        disk.room = 700
        with pytest.raises(OSError, match="No space left on device"):
            tail.extend((chunk(3),))
        disk.room = None
        for number in (3, 4, 5):
            tail.extend((chunk(number),))
        assert list(tail) == chunks(1, 5)
        assert (tail.first, tail.end, len(disk.files)) == (1, 6, 1)

    def test_it_can_be_trimmed_and_given_up(self, tail: RetransmitBuffer, disk: Disk) -> None:
        for number in (1, 2, 3):
            tail.extend((chunk(number),))
        disk.room = 0
        with pytest.raises(OSError, match="No space left on device"):
            tail.extend((chunk(4),))
        tail.forget(1)
        assert list(tail) == chunks(2, 3)
        tail.skip(1)
        assert (tail.first, tail.end, tail.held_bytes, list(tail)) == (5, 5, 0, [])
        tail.extend((chunk(5),))
        assert list(tail) == [chunk(5)]

    def test_where_nothing_is_on_disk_yet_no_file_stays_open(self, tail: RetransmitBuffer, disk: Disk) -> None:
        disk.room = 100
        tail.extend((chunk(1),))
        with pytest.raises(OSError, match="No space left on device"):
            tail.extend((chunk(2),))
        assert (len(disk.files), disk.open_files) == (1, 0)
        disk.room = None
        tail.extend((chunk(2),))
        assert (list(tail), disk.open_files) == (chunks(1, 2), 1)

    def test_another_tail_in_the_same_file_keeps_what_it_has(self, tail: RetransmitBuffer, disk: Disk) -> None:
        other = RetransmitBuffer()
        for number in (1, 2):
            tail.extend((chunk(number),))
            other.extend((chunk(number + 100),))
        disk.room = 700
        with pytest.raises(OSError, match="No space left on device"):
            tail.extend((chunk(3),))
        disk.room = None
        other.extend((chunk(103),))
        tail.extend((chunk(3),))
        tail.forget(2)
        assert (list(tail), list(other)) == ([chunk(3)], chunks(101, 103))
        assert len(disk.files) == 1
        other.close()


@pytest.mark.usefixtures("on_disk")
class TestNumbers:
    def test_they_go_on_across_blocks_and_runs(self, tail: RetransmitBuffer) -> None:
        tail.extend(chunks(1, 10))
        tail.extend((events.Text("11"), chunk(12)))
        tail.extend(chunks(13, 30))
        tail.extend(())
        assert (tail.first, tail.end, len(tail._blocks)) == (1, 31, 2)
        said = [*chunks(1, 10), events.Text("11"), *chunks(12, 30)]
        for number in range(31):
            tail.forget(number)
            assert (tail.first, tail.end) == (number + 1, 31)
            assert list(tail) == said[number:]

    def test_forgetting_within_a_block_takes_its_share_of_the_bytes(self, tail: RetransmitBuffer) -> None:
        tail.extend(chunks(1, 10))
        tail.extend((chunk(11),))
        whole = tail.held_bytes
        assert whole == pytest.approx(11 * KILOBYTE, rel=0.01)
        tail.forget(5)
        assert tail.held_bytes == pytest.approx(6 * KILOBYTE, rel=0.01)
        tail.forget(10)
        assert tail.held_bytes == KILOBYTE

    def test_forgetting_within_a_run_in_memory_takes_its_share_of_the_bytes(self, tail: RetransmitBuffer) -> None:
        tail.extend(chunks(1, 10))
        assert tail.held_bytes == 10 * KILOBYTE
        tail.forget(4)
        assert tail.held_bytes == 6 * KILOBYTE

    def test_what_is_read_goes_on_while_its_block_is_given_back(self, tail: RetransmitBuffer, disk: Disk) -> None:
        tail.extend(chunks(1, 4))
        tail.extend(chunks(5, 8))
        reading = iter(tail)
        assert [next(reading), next(reading)] == chunks(1, 2)
        tail.forget(6)
        tail.extend(chunks(9, 9))
        assert list(reading) == chunks(7, 9)

    def test_nothing_is_read_of_what_is_passed_by_meanwhile(self, tail: RetransmitBuffer) -> None:
        tail.extend(chunks(1, 4))
        tail.extend(chunks(5, 8))
        reading = iter(tail)
        assert next(reading) == chunk(1)
        tail.skip(1)
        assert list(reading) == []
        tail.extend((chunk(10),))
        assert (tail.first, tail.end, list(tail)) == (10, 11, [chunk(10)])

    @pytest.mark.parametrize("forgotten", [0, 3, 9, 12])
    def test_dropping_from_blocks_moves_the_rest_up(self, tail: RetransmitBuffer, forgotten: int) -> None:
        for first in (1, 5, 9):
            tail.extend((*chunks(first, first + 2), events.Text(str(first + 3))))
        tail.forget(forgotten)
        tail.drop(lambda event: isinstance(event, events.Text))
        kept = [chunk(number) for number in range(forgotten + 1, 13) if number % 4]
        assert list(tail) == kept
        assert tail.held_bytes == pytest.approx(len(kept) * KILOBYTE, rel=0.2)
        assert (tail.first, tail.end) == (forgotten + 1, forgotten + 1 + len(kept))
        tail.extend((chunk(99),))
        assert list(tail) == [*kept, chunk(99)]
        tail.forget(forgotten + 1)
        assert list(tail) == [*kept, chunk(99)][1:]

    def test_dropping_on_a_full_disk_leaves_everything_as_it_was(self, tail: RetransmitBuffer, disk: Disk) -> None:
        for number in (1, 2, 3):
            tail.extend((chunk(number),))
        before = tail.held_bytes, ALL_BUFFERS.in_memory_bytes
        disk.room = 0
        with pytest.raises(OSError, match="No space left on device"):
            tail.drop(lambda event: event == chunk(2))
        assert (tail.first, tail.end, list(tail)) == (1, 4, chunks(1, 3))
        assert (tail.held_bytes, ALL_BUFFERS.in_memory_bytes) == before


@pytest.mark.usefixtures("on_disk")
class TestFiles:
    def test_one_that_holds_enough_is_followed_by_another_and_closed_with_its_last_block(
        self, tail: RetransmitBuffer, disk: Disk, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("livecli.client.retransmit.FILE_BYTES", 2 * KILOBYTE)
        for number in range(1, 7):
            tail.extend((chunk(number),))
        assert len(disk.files) == 3, "two chunks in each, and one in memory"
        assert list(tail) == chunks(1, 6)
        tail.forget(1)
        assert [file.closed for file in disk.files] == [False, False, False]
        tail.forget(2)
        assert [file.closed for file in disk.files] == [True, False, False]
        tail.forget(6)
        assert [file.closed for file in disk.files] == [True, True, False], "the last is written to"
        tail.close()
        assert disk.open_files == 0

    def test_one_of_which_all_is_forgotten_is_written_from_its_start(self, tail: RetransmitBuffer, disk: Disk) -> None:
        for number in range(1, 51):
            tail.extend((chunk(number),))
            tail.forget(number - 1)
            assert list(tail) == [chunk(number)]
        [file] = disk.files
        assert file.seek(0, 2) < 2 * KILOBYTE, "50 were written"

    def test_each_thread_has_its_own(self, tail: RetransmitBuffer, disk: Disk) -> None:
        tail.extend((chunk(1),))
        tail.extend((chunk(2),))
        found: list[list[events.Event]] = []

        def elsewhere() -> None:
            other = RetransmitBuffer()
            other.extend((chunk(101),))
            other.extend((chunk(102),))
            found.append(list(other))
            other.close()

        thread = threading.Thread(target=elsewhere)
        thread.start()
        thread.join(10)
        assert found == [chunks(101, 102)]
        assert [file.closed for file in disk.files] == [False, True]
        assert list(tail) == chunks(1, 2)

    def test_a_file_that_another_tail_uses_is_not_closed(self, tail: RetransmitBuffer, disk: Disk) -> None:
        other = RetransmitBuffer()
        for number in (1, 2):
            tail.extend((chunk(number),))
            other.extend((chunk(number + 100),))
        other.close()
        assert list(tail) == chunks(1, 2)
        tail.close()
        assert (len(disk.files), disk.open_files) == (1, 0)


class TestHeld:
    def test_chunks_of_one_size_are_a_run_that_a_shorter_one_ends(self) -> None:
        run = Run(16_000, KILOBYTE)
        assert run.add(chunks(1, 2)) == 2
        assert run.add([chunk(3), chunk(4, size=10), chunk(5)]) == 2
        assert run.add(chunks(5, 6)) == 0
        assert (run.length, count(run), memory_bytes(run)) == (4, 4, 3 * KILOBYTE + 10)
        assert run.read() == [*chunks(1, 3), chunk(4, size=10)]

    def test_a_run_has_an_end(self) -> None:
        run = Run(16_000, KILOBYTE)
        assert run.add([chunk(1)] * 100) == RUN_BYTES // KILOBYTE
        large = Run(16_000, 2 * RUN_BYTES)
        assert large.add([chunk(1, size=2 * RUN_BYTES)]) == 1

    @in_one_test("other", [chunk(9, rate=24_000), chunk(9, size=KILOBYTE + 2), chunk(9, size=0), events.Text("x")])
    def test_anything_else_ends_a_run(self, other: events.Event) -> None:
        said, tail = [*chunks(1, 2), other, *chunks(3, 4)], RetransmitBuffer()
        tail.extend(said)
        for event in said:
            tail.extend([event])
        assert list(tail) == said * 2
        tail.close()

    def test_what_holds_next_to_nothing_takes_memory_all_the_same(self) -> None:
        assert memory_bytes([events.ActivityStart()]) == OBJECT_BYTES
        assert memory_bytes([events.Text("x" * 1000)]) > 1000 + OBJECT_BYTES

    def test_the_order_on_disk_is_that_of_what_was_said(self) -> None:
        run = Run(16_000, KILOBYTE)
        run.add(chunks(1, 40))
        held = [[events.Text("a")], run, [events.Text("b")]]
        block = write_block(held)
        assert block.length == 42
        assert block.read() == [events.Text("a"), *chunks(1, 40), events.Text("b")]
        block.release()
        close_unused_file()

    def test_single_chunks_are_written_as_one_run(self, tail: RetransmitBuffer, on_disk: None) -> None:
        for number in range(20):
            tail._recent_bytes = 0  # nothing is written before the last one
            tail.extend([chunk(number)])
        block = write_block(tail._recent)
        assert block.size == pytest.approx(20 * KILOBYTE, abs=20), "no object around each"
        assert block.read() == chunks(0, 19)
        block.release()


SAID = [
    events.ActivityStart(),
    events.AudioChunk(b"\1\2", 16_000),
    events.AudioChunk(b"", 8_000),
    events.Text("hé"),
    events.Image(b"\xff\xd8", "image/jpeg"),
    events.ClientTurns((Content(role="user", parts=[Part(text="x")]),), turn_complete=False),
    events.ToolResponse((FunctionResponse(id="1", name="f", response={"n": 10**30, "deep": [{}]}),)),
    events.AudioStreamEnd(),
    events.ActivityEnd(),
]


def test_everything_that_can_be_said_comes_back_as_it_was(tail) -> None:
    for event in SAID:
        tail.extend((event,))
    assert list(tail) == SAID
    assert (tail.first, tail.end) == (1, len(SAID) + 1)


def test_numbers_are_forgotten_from_the_front_and_once(tail) -> None:
    for event in SAID:
        tail.extend((event,))
    for number in (3, 2, 0, -(10**30)):
        tail.forget(number)
        assert (tail.first, list(tail)) == (4, SAID[3:])
    tail.forget(10**30)
    assert (tail.first, tail.end, list(tail), tail.held_bytes) == (len(SAID) + 1, len(SAID) + 1, [], 0)


def test_what_is_appended_and_forgotten_while_it_is_read(tail) -> None:
    for number in range(4):
        tail.extend((events.AudioChunk(bytes([number]), 16_000),))
    read = iter(tail)
    assert next(read).pcm == b"\0"
    tail.forget(3)
    tail.extend((events.AudioChunk(b"\4", 16_000),))
    assert [event.pcm for event in read] == [b"\3", b"\4"]


def test_what_was_passed_by_makes_the_rest_useless(tail) -> None:
    tail.extend((SAID[0],))
    tail.skip(1)
    assert (tail.first, tail.end, list(tail)) == (3, 3, [])
    tail.extend((SAID[1],))
    assert (tail.first, list(tail)) == (3, [SAID[1]])


@pytest.mark.parametrize("forgotten", [0, 2])
def test_what_is_stale_is_left_out_and_the_rest_moves_up(tail, forgotten) -> None:
    for event in SAID:
        tail.extend((event,))
    tail.forget(forgotten)
    tail.drop(lambda event: isinstance(event, events.ToolResponse))
    left = [event for event in SAID if not isinstance(event, events.ToolResponse)]
    assert list(tail) == left[forgotten:]
    assert (tail.first, tail.end) == (forgotten + 1, len(left) + 1)
    tail.extend((SAID[0],))
    assert list(tail)[-1] == SAID[0]


@pytest.fixture
def files(monkeypatch):
    """The temporary files that were made."""
    made, make = [], tempfile.TemporaryFile
    monkeypatch.setattr(tempfile, "TemporaryFile", lambda **how: made.append(make(**how)) or made[-1])
    return made


def test_an_hour_goes_to_disk_and_what_is_forgotten_is_given_back(tail, files, monkeypatch) -> None:
    monkeypatch.setattr(retransmit, "FILE_BYTES", 256 * 1024)
    monkeypatch.setattr(retransmit, "IN_MEMORY_BYTES", 64 * 1024)
    tracemalloc.start()
    for number in range(20_000):
        tail.extend((events.AudioChunk(number.to_bytes(4, "big") * 256, 16_000),))
        tail.forget(number - 1_000)
    size = sum(file.seek(0, 2) for file in files if not file.closed)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert [int.from_bytes(event.pcm[:4], "big") for event in tail] == list(range(18_999, 20_000))
    assert 512 * 1024 < size < 3 * 1024 * 1024, "20 MB were said"
    assert peak < 4 * 1024 * 1024
    tail.close()
    assert all(file.closed for file in files)


def test_where_the_disk_is_full_it_is_said_and_what_came_before_is_still_held(tail, files, monkeypatch) -> None:
    monkeypatch.setattr(retransmit, "IN_MEMORY_BYTES", 0)
    chunks = [events.AudioChunk(bytes([number]) * 40_000, 16_000) for number in range(5)]
    tail.extend(chunks[:2])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tempfile, "TemporaryFile", lambda **_: open("/dev/full", "r+b", buffering=0))
        with pytest.raises(OSError, match="No space left on device"):
            tail.extend(chunks[2:3])
    assert (tail.end, list(tail)) == (3, chunks[:2])
    tail.extend(chunks[2:])
    assert (len(files), list(tail)) == (1, chunks)


CHUNKS = st.builds(events.AudioChunk, st.binary(max_size=6), st.sampled_from([16_000, 8_000]))
OTHERS = st.sampled_from(
    [
        events.ActivityStart(),
        events.ActivityEnd(),
        events.Text("hi"),
        events.ClientTurns((Content(role="user", parts=[Part(text="x")]),)),
        events.ToolResponse((FunctionResponse(id="1", name="f", response={"output": 10**30}),)),
    ]
)
RUNS = st.builds(
    lambda pcm, size: [events.AudioChunk(pcm[at : at + size]) for at in range(0, len(pcm), size)],
    st.binary(max_size=40),
    st.integers(1, 8),
)
BATCHES = RUNS | st.lists(CHUNKS | OTHERS, max_size=4)
STEPS = st.lists(BATCHES | st.floats(0, 1) | st.just("pass by"), max_size=30)


@settings(max_examples=20)
@given(STEPS, st.booleans())
def test_it_holds_what_was_said_and_not_forgotten(steps, writes):
    model, held = [], RetransmitBuffer()
    with pytest.MonkeyPatch.context() as patch:
        if writes:
            for name in ("IN_MEMORY_BYTES", "LEAST_BYTES", "FILE_BYTES"):
                patch.setattr(retransmit, name, 400)
        first = 1
        for step in steps:
            if isinstance(step, list):
                held.extend(step)
                model += step
            elif step == "pass by":
                held.skip(2)
                first, model = first + len(model) + 2, []
            else:
                count = round(step * len(model))
                held.forget(first + count - 1)
                first, model = first + count, model[count:]
            assert (held.first, held.end) == (first, first + len(model))
            assert list(held) == model
            assert (held.held_bytes == 0) is (not model)
    held.close()


@pytest.fixture
def small(monkeypatch):
    """Room in memory for 64 KB, of all together."""
    monkeypatch.setattr("livecli.client.retransmit.LEAST_BYTES", 8 * 1024)
    monkeypatch.setattr("livecli.client.retransmit.ALL_IN_MEMORY_BYTES", ALL_BUFFERS.in_memory_bytes + 64 * 1024)


def test_many_share_what_memory_there_is_and_lose_nothing(small):
    before, tails = ALL_BUFFERS.in_memory_bytes, [RetransmitBuffer() for _ in range(20)]
    for number in range(40):
        for tail in tails:
            tail.extend((chunk(number),))
    held = sum(tail._recent_bytes for tail in tails)
    assert held == ALL_BUFFERS.in_memory_bytes - before <= (64 + 20 * 9) * 1024
    assert all(tail._blocks for tail in tails)
    for tail in tails:
        assert list(tail) == [*map(chunk, range(40))]
        tail.close()
    assert ALL_BUFFERS.in_memory_bytes == before


def test_what_is_forgotten_gives_its_room_back(small):
    before, tail = ALL_BUFFERS.in_memory_bytes, RetransmitBuffer()
    tail.extend([*map(chunk, range(40))])
    tail.forget(40)
    assert ALL_BUFFERS.in_memory_bytes == before
    tail.close()
