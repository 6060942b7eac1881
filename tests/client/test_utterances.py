"""A long input in utterances: cut at pauses, each shorter than half a connection, and nothing lost between them."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from livecli.client.sender import Utterances

RATE = 1_000
LOUD, QUIET = b"\x00\x40" * 50, bytes(100)  # 50 ms each


async def cut(chunks: list[bytes], life: float | None, *, together: int = 1) -> list[bytes]:
    """Every chunk takes its own length in time."""
    now = 0.0

    async def spoken() -> AsyncIterator[list[bytes]]:
        nonlocal now
        for at in range(0, len(chunks), together):
            now += 0.05 * len(chunks[at : at + together])
            yield chunks[at : at + together]

    utterances = Utterances(spoken(), RATE, lambda: life, lambda: now)
    found = []
    while not utterances.ended:
        found.append(b"".join([chunk async for due in utterances.next() for chunk in due]))
    return found


@pytest.mark.parametrize("together", [1, 2, 3, 16])
@pytest.mark.parametrize("life", [None, 0.1, 2.0, 8.0, 1e9])
async def test_nothing_is_lost_or_moved(life, together) -> None:
    chunks = [bytes([n % 250, 64]) * 50 if n % 20 < 15 else QUIET for n in range(200)]
    found = await cut(chunks, life, together=together)
    assert b"".join(found) == b"".join(chunks)
    assert all(found)


async def test_whole_where_a_connection_outlasts_it() -> None:
    chunks = [LOUD, QUIET, QUIET, QUIET, QUIET] * 20
    assert await cut(chunks, None) == [b"".join(chunks)]
    assert await cut(chunks, 1e9) == [b"".join(chunks)]


@pytest.mark.parametrize("together", [1, 2, 3, 5, 7, 10])
async def test_at_a_pause_from_a_quarter_of_a_connection_on(together) -> None:
    """Wherever the pause lies in what is read at a time."""
    sentence = [LOUD] * 6 + [QUIET] * 4  # half a second
    found = await cut(sentence * 20, 8.0, together=together)  # not before 2 s, nor after 4 s
    assert 3 <= len(found) <= 5
    assert {len(each) for each in found[:-1]} <= {4_000, 5_000, 6_000}
    assert all(each.endswith(QUIET * 4) for each in found)


async def test_anywhere_at_half_a_connection_where_there_is_no_pause() -> None:
    found = await cut([LOUD] * 100, 2.0)
    assert max(len(each) for each in found) <= 21 * len(LOUD)
    assert len(found) >= 5


async def test_an_empty_input_is_one_utterance() -> None:
    assert await cut([], 1.0) == [b""]
