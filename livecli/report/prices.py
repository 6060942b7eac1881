"""What tokens cost, in US dollars: the prices of the models, a user's own in TOML, and the cost of a usage. No I/O.

The prices are those of `protocol.models`, unless a file has others, per million tokens:

["gemini-3.8-live"]
text_in = 0.75
audio_in = 3.00
image_in = 1.00     # pictures and video
text_out = 4.50     # thoughts too
audio_out = 12.00
"""

from __future__ import annotations

import math
from typing import Any

from .. import toml_reader
from ..protocol.messages import Json
from ..protocol.models import MODELS, Prices
from ..toml_reader import LineError, Path
from .usage import billed_tokens

PRICES = {model.name: model.prices for model in MODELS.values()}
"""The prices that are known, by the name of the model."""

KINDS = ("text_in", "audio_in", "image_in", "text_out", "audio_out")
"""The fields of Prices that are prices."""

MOST_USD = 1_000_000
"""The highest price that a file may name: a dollar per token."""

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

Google documents that thoughts are billed as output on top of the answer. They are text, so the price is that of text;
no bill that shows this for a model that speaks has been published (2026-11).
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


def read_prices(text: str) -> dict[str, Prices]:
    """PRICES with those that a file in TOML names instead. Raises LineError."""
    return _Reader(text, "a price").prices(toml_reader.load(text))


class _Reader(toml_reader.Reader):
    def prices(self, table: dict[str, Any]) -> dict[str, Prices]:
        if not table:
            raise LineError(1, "the file names no model", hint='write ["gemini-3.8-live"], and below it its prices')
        return {**PRICES, **{model: self._prices(model, entry) for model, entry in table.items()}}

    def _prices(self, model: str, entry: Any) -> Prices:
        path = [model]
        for kind, value in self.expect(entry, dict, path).items():
            if isinstance(value, dict):
                hint = f'a name with a dot in it needs quotes: ["{model}.{kind}"]'
                self.wrong([*path, kind], f"{kind} must be a number, and is a table", hint=hint)
            if kind not in KINDS:
                self.unknown(kind, KINDS, [*path, kind])
        known = PRICES.get(model, Prices())
        values = {kind: getattr(known, kind) for kind in KINDS}
        return Prices(**values | {kind: self._price(value, [*path, kind]) for kind, value in entry.items()})

    def _price(self, value: Any, path: Path) -> float:
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if not is_number or not 0 <= value <= MOST_USD:
            self.wrong(path, f"{path[-1]} must be US dollars per million tokens, from 0 to {MOST_USD:,}")
        return float(value)
