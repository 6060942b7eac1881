"""The last conversation, kept for `chat --resume`: what was said, and the handle that opens its session once more.

One file that only the user can read, complete before it has its name. It holds no credential. A handle is good for some
time only, and for the service and model that gave it; without one the model is told what was said.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ..errors import FileError
from ..process.folders import state_folder, write_atomically
from ..protocol.endpoint import Endpoint
from ..report.reporter import Reporter
from .transcript import Transcript, TranscriptEntry

NAME = "conversation.json"
SCHEMA = "livecli/conversation@1"
MOST_BYTES = 16 * 1024 * 1024


class ChatStore:
    """What `record` holds, on disk. That it cannot be kept is told once, and fails nothing."""

    def __init__(self, record: Transcript, reporter: Reporter) -> None:
        self._record, self._reporter = record, reporter
        self._kept: dict[str, Any] = {}
        self._works, self._changed = True, False

    def load(self) -> None:
        """Go on with what is kept; where there is nothing, with nothing."""
        try:
            self._kept = _read(state_folder() / NAME)
        except FileError as error:
            self._reporter.warning(error.message)
        entries = [TranscriptEntry(asked, said) for asked, said in self._kept.get("entries", ())]
        for entry in entries:
            self._record.add(entry)
        if entries:
            turns = "one turn" if len(entries) == 1 else f"{len(entries)} turns"
            self._reporter.remark(f"going on with the conversation of {_when(self._kept['at'])}, which has {turns}")
        else:
            self._reporter.remark("there is no conversation to go on with: this is a new one")

    def take_handle(self, endpoint: Endpoint) -> str | None:
        """The handle to go on with, once, if it may be good for this session."""
        kept, self._kept = self._kept, {}
        handle = kept.get("handle")
        if handle is None or time.time() - kept["at"] > endpoint.platform.facts.handle_seconds:
            return None
        if kept.get("endpoint") == _identity(endpoint):
            return str(handle)
        self._reporter.remark("it is another service or model than before, which is told what was said")
        return None

    def note(self, endpoint: Endpoint, handle: str | None) -> None:
        """A turn is over."""
        self._changed = True
        self.store(endpoint, handle)
        self._changed = handle is None

    def secure(self, endpoint: Endpoint, handle: str | None) -> None:
        """There is a new handle: it may be the one that includes the last turn."""
        if self._changed and handle is not None:
            self.note(endpoint, handle)

    def store(self, endpoint: Endpoint, handle: str | None) -> None:
        """Keep what was said, and the handle that includes all of it, if there is one."""
        kept = {
            "schema": SCHEMA,
            "at": time.time(),
            "endpoint": _identity(endpoint),
            "handle": handle,
            "entries": [(entry.asked, entry.said) for entry in self._record.entries],
        }
        try:
            if self._works and self._record.entries:
                _write(state_folder() / NAME, kept)
        except FileError as error:
            self._works = False
            self._reporter.remark(error.message)

    def forget(self) -> None:
        """Nothing is kept any more."""
        self._kept, self._changed = {}, False
        try:
            (state_folder() / NAME).unlink(missing_ok=True)
        except (OSError, FileError) as error:
            self._reporter.warning(f"the conversation is still kept: {getattr(error, 'strerror', None) or error}")


def _identity(endpoint: Endpoint) -> dict[str, str | None]:
    """What a handle is good for."""
    return {
        "platform": str(endpoint.platform),
        "project": endpoint.project,
        "location": endpoint.location,
        "model": endpoint.model,
        "host": urlsplit(endpoint.url).netloc,
    }


def _read(path: Path) -> dict[str, Any]:
    """What is kept, checked; nothing where there is no file. Raises FileError for one that cannot be read."""
    try:
        with path.open("rb") as file:
            kept = json.loads(file.read(MOST_BYTES))
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise FileError(f"the last conversation cannot be read from {path}: {error.strerror}") from error
    except (ValueError, RecursionError):
        kept = None
    match kept:
        case {"schema": "livecli/conversation@1", "at": float(), "handle": None | str(), "entries": list(entries)}:
            if all(_is_entry(entry) for entry in entries):
                return dict(kept)
    raise FileError(f"the last conversation cannot be read from {path}: it is damaged")


def _is_entry(entry: object) -> bool:
    return isinstance(entry, list) and len(entry) == 2 and all(isinstance(text, str) for text in entry)


def _write(path: Path, kept: dict[str, Any]) -> None:
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_atomically(path, json.dumps(kept).encode())
    except OSError as error:
        raise FileError(f"the conversation cannot be kept in {path}: {error.strerror}") from error


def _when(at: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(at))
