"""Reads the files of `--system @FILE`, `--text @FILE` and `--setup FILE.json`."""

from __future__ import annotations

import sys
from typing import Any

from ..errors import FileError, UsageError
from ..process.text_files import decode_text, read_text


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
