"""Reads files that options name: a system instruction, a setup in JSON, and files with line numbers in their errors."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from ..errors import FileError, UsageError
from ..toml_reader import LineError

if TYPE_CHECKING:
    from ..protocol.models import Prices

T = TypeVar("T")


def system_instruction(text: str | None) -> str | None:
    """The value of `--system TEXT|@FILE`. Raises FileError where the file cannot be read."""
    return read_text(text[1:]) if text and text.startswith("@") else text


def text_turn(text: str | None) -> str | None:
    """The value of `--text TEXT|@FILE|-`, of which line feeds at the end of a file or of standard input are no part.

    Raises FileError where it cannot be read, and UsageError where nothing but white space is in it.
    """
    if text is None:
        return None
    if text == "-":
        if sys.stdin is None:
            raise FileError("standard input is closed")
        try:
            text = decode_text("standard input", sys.stdin.buffer.read()).rstrip("\r\n")
        except OSError as error:
            raise FileError(f"cannot read standard input: {error.strerror}") from error
    elif text.startswith("@"):
        text = read_text(text[1:]).rstrip("\r\n")
    if not text.strip():
        raise UsageError("--text is empty")
    return text


def setup_from_json(path: str | None) -> dict[str, Any]:
    """The object in `--setup FILE.json`, or the `setup` that is its only member. Raises FileError for other content."""
    if path is None:
        return {}
    import json

    from ..protocol.codec.proto_json import MAX_NESTING, is_too_deep

    try:
        setup = json.loads(read_text(path))
        sendable = json.dumps(setup, ensure_ascii=False, allow_nan=False).encode()
    except (ValueError, RecursionError) as error:
        raise FileError(f"{path} is not JSON: {error}") from error
    if is_too_deep(sendable):
        raise FileError(f"{path} has more than {MAX_NESTING} levels")
    if not isinstance(setup, dict):
        raise FileError(
            f"{path} is not a JSON object", hint='it is merged over the setup, such as {"generationConfig": {...}}'
        )
    inner = setup.get("setup")
    return inner if len(setup) == 1 and isinstance(inner, dict) else setup


def price_table(path: str | None) -> Mapping[str, Prices]:
    """The prices of each model, with those of the file of `--prices`.

    Raises FileError where the file cannot be read, and UsageError, which names the line, for other contents.
    """
    from ..report.prices import PRICES

    if path is None:
        return PRICES
    from ..report.price_file import read_prices

    text = decode_text(path, _read_bytes(path))
    try:
        return read_prices(text)
    except LineError as error:
        raise UsageError(f"{path}:{error.line}: {error.reason}", hint=error.hint) from error


def read_text(path: str) -> str:
    """The text of a file. Raises FileError where it cannot be read, or is not UTF-8."""
    try:
        return Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise FileError(f"cannot read {path}: {reason}") from error


def parse_file(path: str, parse: Callable[[bytes], T]) -> T:
    """The result of `parse` for the content of a file. Raises FileError naming the file and the line of a LineError."""
    data = _read_bytes(path)
    try:
        return parse(data)
    except LineError as error:
        raise FileError(f"{path}:{error.line}: {error.reason}", hint=error.hint) from error


def decode_text(path: str, data: bytes) -> str:
    """`data`, the content of the file `path`, as text. Raises FileError where it is not UTF-8."""
    try:
        # Editors on Windows begin a file with a byte order mark.
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise FileError(f"{path} is not UTF-8 text") from error


def _read_bytes(path: str) -> bytes:
    if not path:
        raise FileError("the name of the file is empty")
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise FileError(f"cannot read {path}: {error.strerror}") from error
