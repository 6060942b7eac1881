"""What tokens cost, and prices in a file."""

from __future__ import annotations

from functools import reduce

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livecli.protocol.models import Prices
from livecli.report.prices import PRICES, cost_usd, unpriced
from livecli.report.usage import added
from tests.report.test_usage import CALL, EMPTY, PICTURE, SPOKEN, details, on_a_busy_machine, usages

V3_8 = PRICES["gemini-3.8-live"]
FULL = Prices(text_in=1.0, audio_in=2.0, image_in=3.0, text_out=4.0, audio_out=5.0)


def test_a_cost_that_others_have_computed():
    """pydantic's genai-prices gives 0.0016495 for these tokens of gemini-2.5 native audio, as recorded."""
    usage = {
        "promptTokenCount": 1267,
        "responseTokenCount": 103,
        "promptTokensDetails": details(TEXT=1267),
        "responseTokensDetails": details(TEXT=22, AUDIO=81),
    }
    prices = PRICES["gemini-2.5-flash-native-audio-preview-09-2025"]
    assert cost_usd(usage, prices) == pytest.approx(0.0016495, abs=1e-12)


@pytest.mark.parametrize(
    ("usage", "millionths"),
    [
        (SPOKEN, 339 * 0.75 + 287 * 3 + 63 * 12 + 40 * 4.5),
        (PICTURE, 340 * 0.75 + 222 * 3 + 272 * 1 + 64 * 12 + 46 * 4.5),
        (CALL, 482 * 0.75 + 206 * 3 + 111 * 12 + 12 * 4.5),
        (EMPTY, 510 * 0.75 + 1 * 3),
        ({"promptTokensDetails": details(VIDEO=1000)}, 1000),
    ],
)
def test_recorded_turns_at_the_prices_of_3_8(usage, millionths):
    """Tokens in no detail are charged as text, thoughts as text that is put out."""
    assert cost_usd(usage, V3_8) == pytest.approx(millionths / 1e6, abs=1e-12)


@pytest.mark.parametrize("usage", [{}, {"totalTokenCount": 100}, {"promptTokenCount": 0}])
def test_without_tokens_there_is_no_cost(usage):
    assert (cost_usd(usage, FULL), unpriced(usage, FULL)) == (None, [])


@pytest.mark.parametrize(
    ("usage", "model", "missing"),
    [
        (SPOKEN, "gemini-3.1-flash-live-preview", ["audio in", "audio out"]),
        (PICTURE, "gemini-2.5-flash-native-audio-latest", ["image in"]),
        (SPOKEN, "gemini-3.5-live-translate-preview", ["text in", "thoughts"]),
        ({"promptTokensDetails": details(DOCUMENT=5)}, "gemini-3.8-live", ["document in"]),
    ],
)
def test_a_part_of_the_cost_is_none(usage, model, missing):
    assert cost_usd(usage, PRICES[model]) is None
    assert sorted(unpriced(usage, PRICES[model])) == sorted(missing)


def test_a_price_that_no_token_needs_is_not_missed():
    assert cost_usd(EMPTY, Prices(text_in=1.0, audio_in=2.0)) == pytest.approx(512e-6)


def test_a_price_of_nothing_is_a_price():
    assert cost_usd({"promptTokenCount": 5}, Prices(text_in=0.0)) == 0.0


@on_a_busy_machine
@given(st.lists(usages(), max_size=3))
def test_the_cost_of_a_sum_is_the_sum_of_the_costs(turns):
    """Pictures that are put out have no price."""
    total = reduce(added, turns, {})
    parts = [cost for turn in turns if (cost := cost_usd(turn, FULL)) is not None]
    known = parts and not any(unpriced(turn, FULL) for turn in turns)
    assert cost_usd(total, FULL) == (pytest.approx(sum(parts)) if known else None)
