"""The conversation of a chat on disk, for `chat --resume`: its text, and the handle that resumes its session.

A handle is valid for a limited time, and for the service and model that issued it. Without a valid handle, a new
session is given the text.
"""

from __future__ import annotations

import asyncio
import time
from urllib.parse import urlsplit

from ..errors import FileError, UsageError
from ..protocol.endpoint import Endpoint
from ..report.reporter import Reporter
from .conversation_file import (
    HEADER,
    Record,
    SavedConversation,
    check_name,
    find_conversation,
    list_conversations,
)
from .conversation_writer import ConversationWriter
from .transcript import Transcript, TranscriptEntry

PROGRESS_SECONDS = 1.0
"""How often the text of a turn that is going on is saved."""


class ChatStore:
    """Saves what is said, unless the conversation is not to be kept. The first error is reported, and is the last.

    Its methods return at once: `wait_until_written` waits for the disk.
    """

    def __init__(self, transcript: Transcript, reporter: Reporter, *, is_kept: bool = True) -> None:
        self._transcript, self._reporter = transcript, reporter
        self._writer = ConversationWriter(reporter.remark, is_on=is_kept)
        self._name = ""
        self._handle: Record | None = None
        # The number of the turns that have begun, and that of the last one that is over.
        self._begun = self._ended = 0
        self._lacks_handle = False
        self._saved_at, self._saved = 0.0, HEADER

    @property
    def key(self) -> str | None:
        """The value of `--resume` for this conversation; None where it is not on disk."""
        writer = self._writer
        return (self._name or writer.path.stem) if writer.path is not None and writer.is_on else None

    def load(self, key: str) -> None:
        """Go on with a saved conversation: that with this number or name, or without a `key` the newest.

        Where another chat has it open, this one goes on with a copy. Raises UsageError where there is no such
        conversation. A file that cannot be read is reported.
        """
        try:
            path = find_conversation(key)
            saved = None if path is None else SavedConversation(path, self._transcript)
        except FileError as error:
            self._reporter.warning(error.message)
            return
        if saved is None:
            self._reporter.remark("there is no earlier conversation: this is a new one")
            return
        self._begun = self._ended = saved.turn
        self._reporter.remark(f"continuing conversation {saved.key} of {saved.when}, which has {saved.length}")
        if saved.damaged:
            self._reporter.warning(f"{saved.path} is damaged: unreadable lines left out: {saved.damaged}")
        if self._writer.open(saved.path):
            self._name, self._handle = saved.name, saved.handle
            return
        self._reporter.remark("it is open in another chat: this one goes on with a copy of it")
        for turn, entry in self._transcript.numbered:
            self._writer.write_with_next(Record(turn=turn, question=entry.question, answer=entry.answer))

    def take_handle(self, endpoint: Endpoint) -> str | None:
        """The loaded handle if it may be valid for `endpoint`, else None. It is returned once."""
        saved, self._handle = self._handle, None
        if saved is None or not 0 <= time.time() - saved.at <= endpoint.platform.facts.handle_seconds:
            return None
        if saved.endpoint == _identity(endpoint):
            return saved.handle
        self._reporter.remark("the service or the model has changed: it is given the text of the conversation")
        return None

    def begin_turn(self, question: str) -> int:
        """Save the question of a turn, and return the number of the turn."""
        self._begun += 1
        self._save_text(self._begun, TranscriptEntry(question, ""))
        return self._begun

    def is_progress_due(self) -> bool:
        """Whether the text of a turn that is going on should be saved now."""
        return time.monotonic() - self._saved_at >= PROGRESS_SECONDS

    def note_progress(self, number: int, entry: TranscriptEntry) -> None:
        """Save the text so far of a turn that is going on."""
        self._save_text(number, entry)

    def note_turn(self, number: int, entry: TranscriptEntry) -> None:
        """Save a turn that is over. The handle that includes it is saved by `note_handle`."""
        self._save_text(number, entry)
        self._ended, self._lacks_handle = max(number, self._ended), True

    def note_correction(self, number: int, entry: TranscriptEntry) -> None:
        """Save the text of a turn, more of which has arrived after its end."""
        self._save_text(number, entry)

    def note_handle(self, endpoint: Endpoint, handle: str | None) -> None:
        """Save a new handle, unless one that includes the last turn is saved."""
        if self._lacks_handle and handle is not None:
            self._lacks_handle = False
            self.save_handle(endpoint, handle)

    def save_handle(self, endpoint: Endpoint, handle: str | None) -> None:
        """Save a handle with the present time, from which its lifetime counts."""
        if handle is not None and self._ended:
            self._writer.write(Record(turn=self._ended, handle=handle, endpoint=_identity(endpoint), at=time.time()))

    async def rename(self, name: str) -> None:
        """Name the conversation. Raises UsageError for a name that it cannot have, or that another one has."""
        if not self._writer.is_on:
            raise UsageError("the conversation is not kept, so it cannot be named")
        check_name(name)
        await self.wait_until_written()
        for each in (await asyncio.to_thread(list_conversations)).conversations:
            if each.name == name and each.path != self._writer.path:
                raise UsageError(f"conversation {each.number} is named {name!r}", hint="choose another name")
        self._name = name
        if self._begun:
            self._writer.write(Record(name=name))
        else:
            self._writer.write_with_next(Record(name=name))

    async def begin_new(self) -> bool:
        """Begin a new conversation. The file of this one is deleted unless it has a name. Returns whether it is."""
        path, is_named = await self._writer.begin_new_file(), bool(self._name)
        self._name, self._handle, self._lacks_handle = "", None, False
        self._begun = self._ended = 0
        self._saved = HEADER
        if path is not None and not is_named:
            try:
                path.unlink(missing_ok=True)
            except OSError as error:
                self._reporter.warning(f"the saved conversation cannot be deleted: {error.strerror}")
        return not is_named

    async def wait_until_written(self) -> None:
        """Wait until all that was saved is on disk, or has failed."""
        await self._writer.wait_until_written()

    async def close(self) -> None:
        """Wait as `wait_until_written` does, and close the file, which another chat can then go on with."""
        await self._writer.close()

    def _save_text(self, number: int, entry: TranscriptEntry) -> None:
        self._saved_at = time.monotonic()
        record = Record(turn=number, question=entry.question, answer=entry.answer)
        if record != self._saved and (entry.question or entry.answer):
            self._saved = record
            self._writer.write(record)


def _identity(endpoint: Endpoint) -> dict[str, str | None]:
    """The properties of an endpoint that a handle depends on. A URL may have a password, which is left out."""
    return {
        "platform": str(endpoint.platform),
        "project": endpoint.project,
        "location": endpoint.location,
        "model": endpoint.model,
        "host": urlsplit(endpoint.url).netloc.rpartition("@")[2],
    }
