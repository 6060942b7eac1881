"""The files of conversations: their format, and reading, listing and creating them.

`conversations/3.jsonl` in the state folder is conversation 3. Only the user can read it, and no credential is in it. A
chat appends a line of JSON for each change, so that what a turn costs does not depend on those before it, and a process
that is killed loses nothing that was written. The last line that names a turn has its text.
"""

from __future__ import annotations

import os
import shlex
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import msgspec

from ..errors import FileError, UsageError
from ..process.file_lock import SAFE_FLAGS, lock
from ..process.folders import state_folder
from ..process.stdio import one_line
from .transcript import Transcript, TranscriptEntry

FOLDER = "conversations"
SCHEMA_PREFIX = "livecli/conversation@"
SCHEMA = f"{SCHEMA_PREFIX}2"

MAX_LINE_BYTES = 16 * 1024 * 1024
"""The longest line that is read. A longer one was not written by livecli."""

FIRST_WORDS = 60
"""The characters of the first question in a list."""

LIST_HINT = "livecli chat --list"


class Record(msgspec.Struct, omit_defaults=True):
    """A line of the file: its `schema`, the text of a turn, a `handle`, or the `name` of the conversation.

    Turns are numbered from 1. A handle includes the turns up to `turn`; it was issued for `endpoint`, and was valid at
    the time `at`, in seconds since 1970.
    """

    schema: str = ""
    turn: Annotated[int, msgspec.Meta(ge=0, le=1_000_000_000)] = 0
    question: str = ""
    answer: str = ""
    name: str = ""
    handle: str = ""
    endpoint: dict[str, str | None] = {}
    at: float = 0.0

    @property
    def entry(self) -> TranscriptEntry | None:
        """The text of a turn; None where the line is about something else."""
        return TranscriptEntry(self.question, self.answer) if self.turn and not self.handle else None


HEADER = Record(schema=SCHEMA)
"""The first line of a file."""

encode_record = msgspec.json.Encoder().encode
_decode_record = msgspec.json.Decoder(Record).decode


class SavedConversation:
    """A conversation as its file has it. `turn` is the number of its last turn, and `damaged` counts unreadable lines.

    `handle` is the record of the handle that includes all turns, if there is one. The turns are added to `transcript`.
    Raises FileError for a file that cannot be read, or was not written by livecli.
    """

    def __init__(self, path: Path, transcript: Transcript) -> None:
        self.path, self.number, self.transcript = path, int(path.stem), transcript
        self.name, self.turns, self.turn, self.damaged = "", 0, 0, 0
        self.first: TranscriptEntry | None = None
        self.handle: Record | None = None
        try:
            self.changed_at = path.stat().st_mtime
            for record in self._records():
                self._take(record)
        except OSError as error:
            raise FileError(f"the saved conversation cannot be read from {path}: {error.strerror}") from error

    def _records(self) -> Iterator[Record]:
        with open(os.open(self.path, os.O_RDONLY | SAFE_FLAGS), "rb") as file:  # noqa: PTH123 - a descriptor has no path
            header = _decoded(file.readline(MAX_LINE_BYTES))
            if header != HEADER:
                is_other = header is not None and header.schema.startswith(SCHEMA_PREFIX)
                reason = "another version of livecli has written it" if is_other else "it is damaged"
                raise FileError(f"the saved conversation cannot be read from {self.path}: {reason}")
            while line := file.readline(MAX_LINE_BYTES):
                record = _decoded(line)
                if record is None:
                    self.damaged += 1
                else:
                    yield record

    def _take(self, record: Record) -> None:
        if record.name:
            self.name = record.name
        elif record.handle:
            self.handle, self.turn = record, max(self.turn, record.turn)
        elif (entry := record.entry) is not None:
            self.turns += record.turn > self.turn
            self.turn = max(self.turn, record.turn)
            self.first = entry if self.turns == 1 else self.first
            self.transcript.put(record.turn, entry)
        if self.handle is not None and self.handle.turn < self.turn:
            self.handle = None

    @property
    def key(self) -> str:
        """The value of `--resume` for this conversation."""
        return self.name or str(self.number)

    @property
    def title(self) -> str:
        """The first words of the conversation, on one line."""
        words = one_line(" ".join((self.first.question or self.first.answer).split())) if self.first else ""
        return words if len(words) <= FIRST_WORDS else words[: FIRST_WORDS - 1].rstrip() + "…"

    @property
    def length(self) -> str:
        """How many turns it has, in words."""
        return "1 turn" if self.turns == 1 else f"{self.turns:,} turns"

    @property
    def when(self) -> str:
        """When it was last changed, in the local time zone."""
        return time.strftime("%Y-%m-%d %H:%M", time.localtime(self.changed_at))


def _decoded(line: bytes) -> Record | None:
    try:
        return _decode_record(line)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None


@dataclass(frozen=True)
class ConversationList:
    """The saved conversations, newest first, and the errors of those that cannot be read."""

    conversations: list[SavedConversation]
    errors: list[FileError]


def list_conversations() -> ConversationList:
    """All saved conversations. Raises FileError where there is no state folder."""
    found = ConversationList([], [])
    for path in _paths():
        try:
            found.conversations.append(SavedConversation(path, Transcript(max_characters=0)))
        except FileError as error:
            found.errors.append(error)
    found.conversations.sort(key=lambda each: (each.changed_at, each.number), reverse=True)
    return found


def table(conversations: list[SavedConversation]) -> str:
    """A line for each conversation: number, time, turns, name, and the first words."""
    rows = [(str(each.number), each.when, each.length, one_line(each.name), each.title) for each in conversations]
    widths = [max(len(row[column]) for row in rows) for column in range(4)] if rows else []
    lines = []
    for number, when, turns, name, title in rows:
        named = f"{name:{widths[3]}}  " if widths[3] else ""
        lines.append(f"{number:>{widths[0]}}  {when}  {turns:>{widths[2]}}  {named}{title}".rstrip() + "\n")
    return "".join(lines)


def find_conversation(key: str) -> Path | None:
    """The file of the conversation with this number or name; without a `key` the newest, None where there is none.

    Raises UsageError where no conversation has the number or name, and FileError where there is no state folder.
    """
    if not key:
        return max(_paths(), key=lambda path: (_changed_at(path), int(path.stem)), default=None)
    if key.isascii() and key.isdecimal() and len(key) < 10:
        path = _folder() / f"{int(key)}.jsonl"
        if path.exists():
            return path
        raise UsageError(f"there is no conversation {key}", hint=LIST_HINT)
    found = list_conversations().conversations
    for each in found:
        if each.name == key:
            return each.path
    question = f"a question after --resume: livecli chat --resume -- {shlex.quote(one_line(key[:80]))}"
    raise UsageError(f"no conversation is named {one_line(key[:80])!r}", hint=f"{LIST_HINT}\n{question}")


def check_name(name: str) -> None:
    """Raises UsageError for a name that no conversation can have."""
    if name.isdecimal():
        raise UsageError(f"{name} is no name, but the number of a conversation")
    if name.startswith("-") or len(name) > FIRST_WORDS or not name.isprintable():
        raise UsageError(f"a name has up to {FIRST_WORDS} letters, and does not begin with a dash")


def create_file() -> tuple[Path, int]:
    """A new file with the next free number, and its descriptor, for appending. It is locked. Raises OSError."""
    folder = _folder()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    number = max((int(path.stem) for path in _paths()), default=0)
    while True:
        number += 1
        path = folder / f"{number}.jsonl"
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_EXCL | SAFE_FLAGS, 0o600)
        except FileExistsError:
            continue
        lock(descriptor)
        return path, descriptor


def open_file(path: Path) -> int | None:
    """The descriptor of a file, for appending; None where another chat has it open. It is locked. Raises OSError."""
    descriptor = os.open(path, os.O_RDWR | os.O_APPEND | SAFE_FLAGS)
    try:
        lock(descriptor)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


def append(descriptor: int, data: bytes) -> None:
    """Append whole lines, and wait until they are on disk. A line that was cut off before is ended. Raises OSError."""
    if os.lseek(descriptor, 0, os.SEEK_END):
        os.lseek(descriptor, -1, os.SEEK_END)
        if os.read(descriptor, 1) != b"\n":
            data = b"\n" + data
    while data:
        data = data[os.write(descriptor, data) :]
    os.fsync(descriptor)


def _folder() -> Path:
    return state_folder() / FOLDER


def _paths() -> list[Path]:
    return [path for path in _folder().glob("*.jsonl") if path.stem.isascii() and path.stem.isdecimal()]


def _changed_at(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0
