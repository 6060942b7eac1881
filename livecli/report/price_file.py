"""Reader of `--prices` files: a user's prices in TOML, in US dollars per million tokens.

["gemini-3.8-live"]
text_in = 0.75
audio_in = 3.00
image_in = 1.00     # pictures and video
text_out = 4.50     # thoughts too
audio_out = 12.00
"""

from __future__ import annotations

from typing import Any

from .. import toml_reader
from ..errors import UsageError
from ..process.text_files import parse_text_file
from ..protocol.models import Prices
from ..toml_reader import LineError, Path
from .prices import PRICES

KINDS = ("text_in", "audio_in", "image_in", "text_out", "audio_out")
"""The fields of Prices that are prices."""

MOST_USD = 1_000_000
"""The highest price that a file may name: a dollar per token."""


def read_prices(text: str) -> dict[str, Prices]:
    """PRICES with those that a file in TOML names instead. Raises LineError."""
    return _Reader(text, "a price").prices(toml_reader.load(text))


def load_prices(path: str) -> dict[str, Prices]:
    """As `read_prices`, for a file. Raises FileError where it cannot be read, UsageError naming the line otherwise."""

    def parse(text: str) -> dict[str, Prices]:
        try:
            return read_prices(text)
        except LineError as error:
            raise UsageError(f"{path}:{error.line}: {error.reason}", hint=error.hint) from error

    return parse_text_file(path, parse)


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
