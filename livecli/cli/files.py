"""What an option names instead of saying: instructions in a file, a setup in JSON, whatever else has lines."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from ..errors import FileError
from ..toml_reader import LineError

T = TypeVar("T")


def system_words(words: str | None) -> str | None:
    """`--system TEXT|@FILE`. Raises FileError where the file cannot be read."""
    return text_of(words[1:]) if words and words.startswith("@") else words


def json_setup(path: str | None) -> dict[str, Any]:
    """`--setup FILE.json`, with or without the `setup` around it. Raises FileError for anything but a JSON object."""
    if path is None:
        return {}
    import json

    from ..protocol.codec.proto_json import MAX_NESTING, is_too_deep

    try:
        setup = json.loads(text_of(path))
        sendable = json.dumps(setup, ensure_ascii=False, allow_nan=False).encode()
    except (ValueError, RecursionError) as error:
        raise FileError(f"{path} is not JSON: {error}") from error
    if is_too_deep(sendable):
        raise FileError(f"{path} has more than {MAX_NESTING} levels")
    if not isinstance(setup, dict):
        raise FileError(f"{path} is not a JSON object", hint='it is merged over the setup: {"generationConfig": {...}}')
    inner = setup.get("setup")
    return inner if len(setup) == 1 and isinstance(inner, dict) else setup


def text_of(path: str) -> str:
    """The text of a file. Raises FileError where it cannot be read, or is not UTF-8."""
    try:
        return Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise FileError(f"cannot read {path}: {reason}") from error


def understood(path: str, read: Callable[[bytes], T]) -> T:
    """What `read` makes of a file. Raises FileError naming the file, and the line of a Mistake."""
    data = _bytes_of(path)
    try:
        return read(data)
    except LineError as mistake:
        raise FileError(f"{path}:{mistake.line}: {mistake.reason}", hint=mistake.hint) from mistake


def decoded(path: str, data: bytes) -> str:
    """The text of a file that was read. Raises FileError where it is not UTF-8."""
    try:
        return data.decode("utf-8-sig")  # as Windows' editors write it
    except UnicodeDecodeError as error:
        raise FileError(f"{path} is not UTF-8 text") from error


def _bytes_of(path: str) -> bytes:
    if not path:
        raise FileError("the name of the file is empty")
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise FileError(f"cannot read {path}: {error.strerror}") from error
