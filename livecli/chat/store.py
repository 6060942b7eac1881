"""The last conversation on disk, for `chat --resume`: its transcript, and the handle that resumes its session.

It is one file, which only the user can read and which has no credential. A handle is valid for a limited time, and for
the service and model that issued it. Without a valid handle, a new session is given the transcript.
"""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ..errors import FileError
from ..process.folders import remove_abandoned, state_folder, write_atomically
from ..protocol.endpoint import Endpoint
from ..report.reporter import Reporter
from .transcript import Transcript, TranscriptEntry

NAME = "conversation.json"
SCHEMA = "livecli/conversation@1"
MAX_BYTES = 16 * 1024 * 1024

LATEST = 253_402_300_799.0
"""The last second of the year 9999, the latest time that can be shown."""


class ChatStore:
    """Keeps `transcript` on disk. The first error in writing is reported, and nothing is written after it.

    A write waits for the disk, so it is made in a thread: one at a time, and of the states that come meanwhile only the
    last. `wait_until_written` waits for all of them.
    """

    def __init__(self, transcript: Transcript, reporter: Reporter) -> None:
        self._transcript, self._reporter = transcript, reporter
        self._loaded: dict[str, Any] = {}
        self._is_writable = True
        # Whether a turn is over whose handle has not been saved.
        self._lacks_handle = False
        self._waiting: dict[str, Any] | None = None
        self._writing: asyncio.Future[FileError | None] | None = None

    def load(self) -> None:
        """Add the turns of the saved conversation to the transcript, if there is one."""
        try:
            self._loaded = _read(state_folder() / NAME)
        except FileError as error:
            self._reporter.warning(error.message)
        entries = [TranscriptEntry(question, answer) for question, answer in self._loaded.get("entries", ())]
        for entry in entries:
            self._transcript.add(entry)
        if entries:
            turns = "one turn" if len(entries) == 1 else f"{len(entries)} turns"
            self._reporter.remark(f"continuing the conversation of {_when(self._loaded['at'])}, which has {turns}")
        else:
            self._reporter.remark("there is no earlier conversation: this is a new one")

    def take_handle(self, endpoint: Endpoint) -> str | None:
        """The loaded handle if it may be valid for `endpoint`, else None. It is returned once."""
        loaded, self._loaded = self._loaded, {}
        handle = loaded.get("handle")
        if handle is None or time.time() - loaded["at"] > endpoint.platform.facts.handle_seconds:
            return None
        if loaded.get("endpoint") == _identity(endpoint):
            return str(handle)
        self._reporter.remark("the service or the model has changed: it is given the text of the conversation")
        return None

    def note_turn(self, endpoint: Endpoint, handle: str | None) -> None:
        """Save after a turn. A handle that comes later is saved by `note_handle`."""
        self._lacks_handle = True
        self.save(endpoint, handle)
        self._lacks_handle = handle is None

    def note_handle(self, endpoint: Endpoint, handle: str | None) -> None:
        """Save a new handle, unless the one that includes the last turn is saved."""
        if self._lacks_handle and handle is not None:
            self.note_turn(endpoint, handle)

    def save(self, endpoint: Endpoint, handle: str | None) -> None:
        """Begin to write the transcript, and the handle that includes all of it, if there is one."""
        self._waiting = {
            "schema": SCHEMA,
            "at": time.time(),
            "endpoint": _identity(endpoint),
            "handle": handle,
            "entries": [(entry.question, entry.answer) for entry in self._transcript.entries],
        }
        if self._writing is None:
            self._write_next()

    def _write_next(self) -> None:
        saved, self._waiting = self._waiting, None
        if saved is None or not (saved["entries"] and self._is_writable):
            self._writing = None
            return
        self._writing = asyncio.get_running_loop().run_in_executor(None, _failure_of_writing, saved)
        self._writing.add_done_callback(self._note_written)

    def _note_written(self, writing: asyncio.Future[FileError | None]) -> None:
        # A bug is raised by `wait_until_written`.
        if writing.cancelled() or writing.exception():
            return
        if error := writing.result():
            self._is_writable = False
            self._reporter.remark(error.message)
        self._write_next()

    async def wait_until_written(self) -> None:
        """Wait until all that was saved is on disk, or has failed."""
        while self._writing is not None:
            await asyncio.shield(self._writing)
            # A future that is done does not suspend this task, and `_note_written` is called in the loop's next turn.
            await asyncio.sleep(0)

    async def delete(self) -> None:
        """Delete the saved conversation."""
        self._loaded, self._lacks_handle, self._waiting = {}, False, None
        await self.wait_until_written()
        try:
            path = state_folder() / NAME
            path.unlink(missing_ok=True)
            remove_abandoned(path)
        except (OSError, FileError) as error:
            self._reporter.warning(
                f"the saved conversation cannot be deleted: {getattr(error, 'strerror', None) or error}"
            )


def _identity(endpoint: Endpoint) -> dict[str, str | None]:
    """The properties of an endpoint that a handle depends on."""
    return {
        "platform": str(endpoint.platform),
        "project": endpoint.project,
        "location": endpoint.location,
        "model": endpoint.model,
        "host": urlsplit(endpoint.url).netloc,
    }


def _read(path: Path) -> dict[str, Any]:
    """The saved conversation, checked; empty without a file. Raises FileError for a file that cannot be read."""
    try:
        with path.open("rb") as file:
            saved = json.loads(file.read(MAX_BYTES))
        # What cannot be sent was not written by livecli: lone surrogates and numbers that are not finite.
        json.dumps(saved, ensure_ascii=False, allow_nan=False).encode()
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise FileError(f"the saved conversation cannot be read from {path}: {error.strerror}") from error
    except (ValueError, RecursionError):
        saved = None
    match saved:
        case {"schema": "livecli/conversation@1", "at": float(), "handle": None | str(), "entries": list(entries)}:
            if 0 <= saved["at"] <= LATEST and all(_is_entry(entry) for entry in entries):
                return dict(saved)
    raise FileError(f"the saved conversation cannot be read from {path}: it is damaged")


def _is_entry(entry: object) -> bool:
    return isinstance(entry, list) and len(entry) == 2 and all(isinstance(text, str) for text in entry)


def _failure_of_writing(saved: dict[str, Any]) -> FileError | None:
    """Write the conversation, and return the error with which that fails."""
    try:
        path = state_folder() / NAME
    except FileError as error:
        return error
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_atomically(path, json.dumps(saved).encode())
    except OSError as error:
        return FileError(f"the conversation cannot be saved in {path}: {error.strerror}")
    return None


def _when(at: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(at))
