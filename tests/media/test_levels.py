"""Levels of short pieces."""

from __future__ import annotations

from array import array

import pytest

from livecli.media.levels import measured
from livecli.protocol.events import AudioChunk


def pcm(*samples: int) -> bytes:
    return array("h", samples).tobytes()


def test_each_piece_of_each_chunk_has_its_power() -> None:
    loud, quiet = pcm(*[16_384, -16_384] * 5), pcm(*[0] * 10)
    chunks = [
        AudioChunk(loud + quiet, 500),
        AudioChunk(quiet + loud, 500),
        AudioChunk(loud, 1000),
        AudioChunk(quiet[:6] + b"!", 500),
        AudioChunk(b"", 9),
    ]
    powers = {place: row for alike in measured(chunks) for place, row in zip(alike.places, alike.powers, strict=True)}
    expected = [[0.25, 0.0], [0.0, 0.25], [0.25], [0.0]]
    assert [powers[place].tolist() for place in sorted(powers)] == [pytest.approx(each) for each in expected]
    assert measured([]) == []


def test_the_pieces_of_each_chunk_follow_its_beginning() -> None:
    loud, quiet = pcm(*[16_384, -16_384] * 5), pcm(*[0] * 10)
    [two, one] = measured([AudioChunk(loud + quiet, 500), AudioChunk(quiet, 500), AudioChunk(quiet + loud, 500)])
    times, powers = two.pieces([1.0, 5.0, 9.0])
    assert [*times] == pytest.approx([1.0, 1.02, 9.0, 9.02])
    assert [*powers] == pytest.approx([0.25, 0.0, 0.0, 0.25])
    assert [*one.pieces([1.0, 5.0, 9.0])[0]] == [5.0]
