"""Prices of tokens in US dollars, by model, and the cost of a usage. No I/O."""

from __future__ import annotations

import math

from ..protocol.messages import Json
from ..protocol.models import MODELS, Prices
from .usage import billed_tokens

PRICES = {model.name: model.prices for model in MODELS.values()}
"""The prices that are known, by the name of the model."""

PRICE_OF = {
    "text in": "text_in",
    "audio in": "audio_in",
    "image in": "image_in",
    "video in": "image_in",
    "text out": "text_out",
    "audio out": "audio_out",
    "thoughts": "text_out",
}
"""The price of each kind of token.

Thoughts are billed as output, on top of the answer (documented: Google's guide to thinking, and "including thinking
tokens" on its price list of 2026-09-20). They are text, so the price is that of text; no published bill shows it for a
model that speaks (2026-11).
"""


def cost_usd(usage: Json, prices: Prices) -> float | None:
    """The cost of a usage in US dollars; None where no tokens were reported, or one of the prices is not known."""
    tokens = billed_tokens(usage)
    costs = [count * price / 1e6 for name, count in tokens.items() if (price := _price_of(name, prices)) is not None]
    return math.fsum(costs) if 0 < len(costs) == len(tokens) else None


def unpriced(usage: Json, prices: Prices) -> list[str]:
    """The kinds of tokens in a usage whose price is not known, such as "audio out"."""
    return [name for name in billed_tokens(usage) if _price_of(name, prices) is None]


def _price_of(name: str, prices: Prices) -> float | None:
    kind = PRICE_OF.get(name)
    return None if kind is None else getattr(prices, kind)
