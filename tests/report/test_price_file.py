"""Prices in a file of the user's."""

from __future__ import annotations

import pytest

from livecli.protocol.models import Prices
from livecli.report.price_file import read_prices
from livecli.report.prices import PRICES
from livecli.toml_reader import LineError

V3_8 = PRICES["gemini-3.8-live"]


def test_prices_that_are_named_replace_those_that_are_known():
    prices = read_prices('["gemini-3.8-live"]\ntext_in = 7\n["mine"]\naudio_out = 0.5\n')
    assert prices["gemini-3.8-live"].text_in == 7.0
    assert prices["gemini-3.8-live"].audio_out == V3_8.audio_out
    assert prices["mine"] == Prices(audio_out=0.5)
    assert {**prices, "gemini-3.8-live": V3_8} == {**PRICES, "mine": Prices(audio_out=0.5)}


def test_the_date_is_of_known_prices_only():
    assert V3_8.date
    assert read_prices('["gemini-3.8-live"]\ntext_in = 7\n')["gemini-3.8-live"].date == ""


@pytest.mark.parametrize(
    ("text", "line", "reason", "hint"),
    [
        ("", 1, "the file names no model", 'write ["gemini-3.8-live"], and below it its prices'),
        ("[a]\ntext_in =\n", 2, "this is not TOML: Invalid value", None),
        ("[a]\ntext_in = 1\n\ntext_on = 2\n", 4, "there is no 'text_on' here", "did you mean text_in?"),
        ('[a]\ntext_in = "1"\n', 2, "text_in must be US dollars per million tokens, from 0 to 1,000,000", None),
        ("[a]\ntext_in = true\n", 2, "text_in must be US dollars per million tokens, from 0 to 1,000,000", None),
        ("[a]\naudio_in = -1\n", 2, "audio_in must be US dollars per million tokens, from 0 to 1,000,000", None),
        ("[a]\naudio_in = nan\n", 2, "audio_in must be US dollars per million tokens, from 0 to 1,000,000", None),
        ("[a]\naudio_in = inf\n", 2, "audio_in must be US dollars per million tokens, from 0 to 1,000,000", None),
        ("x = 1\n", 1, "x must be a table, and is a number", None),
        (
            "[gemini-3.8-live]\ntext_in = 1\n",
            1,
            "8-live must be a number, and is a table",
            'a name with a dot in it needs quotes: ["gemini-3.8-live"]',
        ),
    ],
)
def test_mistakes(text, line, reason, hint):
    with pytest.raises(LineError) as caught:
        read_prices(text)
    assert (caught.value.line, caught.value.reason, caught.value.hint) == (line, reason, hint)
