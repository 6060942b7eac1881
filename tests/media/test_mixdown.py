"""Mixdown of the sounds of both sides."""

from __future__ import annotations

import random
from array import array

import pytest

from livecli.media.mixdown import BLOCK_SECONDS, PlacedSound, joined, mixdown

RATE = 24_000


def mixed(*sounds: PlacedSound) -> array[int]:
    return array("h", b"".join(mixdown(sounds, RATE)))


def level(number: int, count: int) -> bytes:
    return array("h", [number] * count).tobytes()


def test_each_sound_is_where_it_sounds_and_both_add_up() -> None:
    found = mixed(
        PlacedSound("a", 0.0, 0.0, level(100, 10), RATE),
        PlacedSound("b", 0.0, 5 / RATE, level(1000, 10), RATE),
        PlacedSound("a", 0.0, 20 / RATE, level(7, 2), RATE),
    )
    assert [*found] == [100] * 5 + [1100] * 5 + [1000] * 5 + [0] * 5 + [7] * 2


def test_what_is_too_loud_is_clipped() -> None:
    assert [*mixed(*(PlacedSound(side, 0, 0, level(30_000, 2), RATE) for side in "ab"))] == [32_767] * 2


def test_a_long_pause_is_silence_of_its_length() -> None:
    found = mixed(
        PlacedSound("a", 0.0, 0.0, level(5, 1), RATE),
        PlacedSound("a", 10.0, 10.0, level(6, 1), RATE),
        PlacedSound("b", 12.0, 12.0, level(8, 1), RATE),
    )
    assert [index for index, sample in enumerate(found) if sample] == [0, 10 * RATE, 12 * RATE]


def test_chunks_of_another_rate_are_one_stream() -> None:
    chunks = [PlacedSound("a", at / 100, at / 100, level(1000, 160), 16_000) for at in range(100)]
    found = mixed(*chunks)
    assert len(found) == RATE
    assert {*found[1000:-1000]} <= {999, 1000, 1001}


def test_the_end_of_a_sound_that_is_resampled_stands_before_a_pause() -> None:
    found = mixed(
        PlacedSound("a", 0.0, 0.0, level(1000, 1600), 16_000), PlacedSound("b", 9.0, 9.0, level(1000, 24), RATE)
    )
    sounding = [index for index, sample in enumerate(found) if abs(sample) > 100]
    assert (len(sounding), sounding[2399], sounding[2400]) == (2424, 2399, 9 * RATE)


def test_the_end_of_a_sound_that_is_resampled_is_kept_at_the_end_of_a_block() -> None:
    seconds = BLOCK_SECONDS + 0.01
    found = mixed(
        PlacedSound("a", 0.0, 0.0, level(1000, round(seconds * 16_000)), 16_000),
        PlacedSound("b", 2 * BLOCK_SECONDS, 2 * BLOCK_SECONDS, level(1000, 1), RATE),
    )
    sounding = [index for index, sample in enumerate(found) if abs(sample) > 100]
    assert (len(sounding), sounding[-2]) == (round(seconds * RATE) + 1, round(seconds * RATE) - 1)


def test_samples_have_the_bits_that_are_asked_for() -> None:
    sound = PlacedSound("a", 0.0, 0.0, array("h", [31, 32, -31, -33, 32_767, -32_768]).tobytes(), RATE)
    assert [*array("h", b"".join(mixdown([sound], RATE, 10)))] == [0, 64, 0, -64, 32_704, -32_768]


def test_nothing_is_nothing() -> None:
    assert [*mixed()] == []


def test_sounds_that_follow_one_another_are_one_before_they_are_mixed() -> None:
    def sound(side: str, at: float, begins_at: float, samples: int, rate: int = RATE) -> PlacedSound:
        return PlacedSound(side, at, begins_at, level(round(at * 100), samples), rate)

    half = PlacedSound("b", 0.2, 0.1, level(9, 8) + b"!", RATE)
    sounds = [
        sound("a", 0.0, 0.0, RATE),
        half,
        sound("a", 0.3, 1.0, RATE),
        sound("b", 0.4, half.ends_at, 8),  # it begins with the other half of a sample
        sound("a", 0.5, 2.5, RATE),
        sound("a", 0.6, 3.5, 10, 2 * RATE),
    ]
    assert [(each.side, each.at, each.begins_at, len(each.pcm) // 2) for each in joined(sounds)] == [
        ("a", 0.0, 0.0, 2 * RATE),
        ("b", 0.2, 0.1, 8),
        ("b", 0.4, half.ends_at, 8),
        ("a", 0.5, 2.5, RATE),
        ("a", 0.6, 3.5, 10),
    ]
    assert mixed(*joined(sounds)) == mixed(*sounds)


@pytest.mark.parametrize("seed", range(4))
def test_the_mix_is_the_sum_at_each_sample(seed: int) -> None:
    """Blocks are taken, and room is made, in each order."""
    chance, rate = random.Random(seed), 100
    expected: dict[int, int] = {}
    sounds, at = [], 0.0
    for number in range(300):
        at += chance.choice([0, 0.1, 1.5])
        sound = PlacedSound(
            str(number), at, at + chance.choice([0, 0.25, 30]), level(number, chance.choice([1, 50, 900])), rate
        )
        sounds.append(sound)
        for place in range(round(sound.begins_at * rate), round(sound.begins_at * rate) + len(sound.pcm) // 2):
            expected[place] = expected.get(place, 0) + number
    found = array("h", b"".join(mixdown(sounds, rate)))
    assert [*found] == [min(expected.get(place, 0), 32_767) for place in range(max(expected) + 1)]
