"""What may have to be said again, when many sessions hold it at once: they share what memory there is."""

import pytest

from livecli.client.retransmit import TOGETHER, RetransmitBuffer
from livecli.protocol import events


@pytest.fixture
def small(monkeypatch):
    """Room in memory for 64 KB, of all together."""
    monkeypatch.setattr("livecli.client.retransmit.LEAST_BYTES", 8 * 1024)
    monkeypatch.setattr("livecli.client.retransmit.ALL_IN_MEMORY_BYTES", TOGETHER.in_memory_bytes + 64 * 1024)


def chunk(number):
    return events.AudioChunk(bytes([number]) * 1024, 16_000)


def test_many_share_what_memory_there_is_and_lose_nothing(small):
    before, tails = TOGETHER.in_memory_bytes, [RetransmitBuffer() for _ in range(20)]
    for number in range(40):
        for tail in tails:
            tail.extend((chunk(number),))
    held = sum(tail._recent_bytes for tail in tails)
    assert held == TOGETHER.in_memory_bytes - before <= (64 + 20 * 9) * 1024
    assert all(tail._blocks for tail in tails)
    for tail in tails:
        assert list(tail) == [*map(chunk, range(40))]
        tail.close()
    assert TOGETHER.in_memory_bytes == before


def test_what_is_forgotten_gives_its_room_back(small):
    before, tail = TOGETHER.in_memory_bytes, RetransmitBuffer()
    tail.extend([*map(chunk, range(40))])
    tail.forget(40)
    assert TOGETHER.in_memory_bytes == before
    tail.close()
