"""The cassettes of pydantic-ai's realtime tests (`.yaml`): read, and written, with PyYAML, the extra `livecli[yaml]`.

A cassette has the version 1 and a list of interactions, each a mapping:

    {kind: message, direction: sent, data: {setup: …}, at: 0.25}
    {kind: close, code: 1000, reason: "", ok: true, at: 3.0}

`at` is in seconds since the first interaction, and older cassettes have none; in the oldest, no `kind` either. Where
the data of audio or of a picture was left out, a note such as `<33 bytes elided>` is in its place, and is read as no
data.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

from ..errors import FileError
from ..protocol.close_reasons import NORMAL_CLOSE
from ..toml_reader import LineError
from .format import (
    By,
    Direction,
    Frame,
    RecordedClose,
    RecordedConnection,
    Recording,
    checked_close_code,
    checked_time,
)

SIDES = {"sent": Direction.CLIENT, "received": Direction.SERVER}
WORDS = {direction: word for word, direction in SIDES.items()}

ELIDED_DATA = re.compile(rb'("data": )"<(?:[^"\\]|\\.)*>"')
"""A note in place of data, in the JSON of a message."""

TIMESTAMP = "tag:yaml.org,2002:timestamp"


def read_cassette(data: bytes) -> Recording:
    """The session in a cassette. Raises LineError, and FileError where PyYAML is not installed."""
    recording = Recording([RecordedConnection()])
    for item, line in _interactions(data):
        connection = recording.connections[-1]
        if connection.close is not None:
            recording.connections.append(connection := RecordedConnection())
        at = item.get("at")
        if not isinstance(at, int | float | None) or isinstance(at, bool):
            raise LineError(line, "`at` is the seconds since the first interaction")
        if at is not None:
            checked_time(at, line)
        match item:
            case {"kind": "close", "code": int(code)}:
                # Only what was received is on a cassette, so the server closed.
                connection.close = RecordedClose(
                    checked_close_code(code, line), str(item.get("reason") or ""), By.SERVER, at
                )
            case {"direction": "sent" | "received" as word, "data": dict(message)} if item.get("kind") != "close":
                connection.frames.append(Frame(SIDES[word], _json(message, line), at, line=line))
            case _:
                raise LineError(line, "not an interaction of a cassette", hint="it has a direction and data, or a code")
    return recording


def _interactions(data: bytes) -> list[tuple[dict[str, Any], int]]:
    """The interactions, each with its line."""
    yaml = _library()

    class Loader(yaml.SafeLoader):  # type: ignore[misc, name-defined]
        """Reads what looks like a date as the text that it was in JSON."""

    Loader.yaml_implicit_resolvers = {
        first: [each for each in resolvers if each[0] != TIMESTAMP]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }
    try:
        loader = Loader(data)
        try:
            node = loader.get_single_node()
            value = loader.construct_document(node) if node is not None else None
        finally:
            loader.dispose()
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        reason = getattr(error, "problem", None) or str(error)
        raise LineError(mark.line + 1 if mark else 1, f"not YAML: {reason}") from error
    except (ValueError, RecursionError) as error:
        raise LineError(1, f"not YAML: {error}") from error
    match value:
        case {"version": 1, "interactions": list(items)} if all(isinstance(item, dict) for item in items):
            # Where a key comes twice, the last one counts.
            nodes = [each for key, each in node.value if key.value == "interactions"][-1].value
            return [(item, each.start_mark.line + 1) for item, each in zip(items, nodes, strict=True)]
    raise LineError(1, "not a cassette: it has `version: 1` and a list of `interactions`")


def _json(message: dict[str, Any], line: int) -> bytes:
    try:
        data = json.dumps(message, ensure_ascii=False, allow_nan=False).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise LineError(line, f"the message cannot be JSON: {error}") from error
    return ELIDED_DATA.sub(rb'\1""', data)


def write_cassette(connections: Sequence[RecordedConnection]) -> Iterator[bytes]:
    """The parts of a cassette. Raises FileError where PyYAML is not installed."""
    yaml = _library()
    yield b"version: 1\ninteractions:\n"
    for connection in connections:
        for frame in connection.frames:
            yield _item(
                yaml,
                {
                    "kind": "message",
                    "direction": WORDS[frame.direction],
                    "data": json.loads(frame.data),
                    "at": frame.at,
                },
            )
        if (close := connection.close) is not None:
            ok = close.code == NORMAL_CLOSE
            end = {"kind": "close", "code": close.code, "reason": close.reason, "ok": ok, "at": close.at}
            yield _item(yaml, end)


def _item(library: Any, fields: dict[str, Any]) -> bytes:
    known = {name: value for name, value in fields.items() if value is not None}
    text: str = library.safe_dump([known], sort_keys=False, allow_unicode=True)
    return text.encode()


def _library() -> Any:
    try:
        import yaml
    except ImportError as error:
        from ..process.installer import install_extra_command

        raise FileError(
            "cassettes are YAML, which needs the package PyYAML", hint=install_extra_command("yaml")
        ) from error
    return yaml
