"""The recordings that a proxy can replay, found by what a session is set up with. No network."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ..emulator.replay import Play, arrange
from ..errors import FileError
from ..recording.conversion import read_recording
from ..recording.format import RecordedConnection
from ..recording.redaction import ID_NAMES


class Library:
    """The connections of recordings, each of which is replayed once, the oldest first."""

    def __init__(self, connections: Iterable[RecordedConnection] = ()) -> None:
        self._waiting: dict[str, deque[RecordedConnection]] = {}
        for connection in connections:
            if connection.frames:
                self._waiting.setdefault(_signature(connection.frames[0].data), deque()).append(connection)

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def take(self, setup: bytes) -> Play | None:
        """The next recording of a session with this setup, ready for replay; None where there is none left."""
        waiting = self._waiting.get(_signature(setup))
        return arrange(waiting.popleft().frames) if waiting else None

    @property
    def unused(self) -> int:
        """The connections that were not replayed."""
        return sum(map(len, self._waiting.values()))


def load(folder: Path) -> Library:
    """The recordings in a folder. Raises FileError, with the line where a recording is malformed."""
    try:
        paths = sorted(folder.glob("*.live"))
    except OSError as error:
        raise FileError(f"cannot read {folder}: {error.strerror}") from error
    return Library(each for path in paths for each in read_recording(str(path)).connections)


def _signature(setup: bytes) -> str:
    """What sessions that are set up alike share: the setup without ids, and the model without its project."""
    try:
        message = json.loads(setup)
    except ValueError:
        return ""
    body = message.get("setup", {}) if isinstance(message, dict) else {}
    if isinstance(body, dict) and isinstance(body.get("model"), str):
        body["model"] = body["model"].rpartition("/")[2]
    return json.dumps(_without_ids(body), sort_keys=True)


def _without_ids(value: Any) -> Any:
    match value:
        case dict():
            return {name: _without_ids(each) for name, each in value.items() if name not in ID_NAMES}
        case list():
            return [_without_ids(each) for each in value]
    return value
