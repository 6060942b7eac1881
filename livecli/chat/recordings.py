"""The audio output of a chat: the speaker, and a folder with a WAV file per turn and the text of the conversation."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import FileError, UsageError
from ..media.file_source import AUDIO_SUFFIXES
from ..media.pcm import AudioSink, Tee
from ..media.reply import ReplyWriter, open_reply
from ..process.file_lock import open_locked
from .transcript import TranscriptEntry

if TYPE_CHECKING:
    from ..media.speaker_sink import SpeakerSink

TEXT_NAME = "conversation.md"
"""The file in the folder that has the text of the conversation."""


class NullSink:
    """A sink that discards the audio."""

    waits = False

    def write(self, pcm: bytes, rate: int) -> None:
        """Discard the audio."""

    def mark(self) -> int:
        return 0

    def rewind(self, mark: int) -> bool:
        return True


class Recordings:
    """The audio of each turn goes to the `speaker`, and to `turn-001.wav` and so on in the `folder`; both may be None.

    `speaker` may be set at any time, and applies to the turns that begin afterwards. The text of the folder is locked
    until `close`, so that two chats do not number their turns alike.
    """

    def __init__(self, folder: str | None = None, speaker: SpeakerSink | None = None) -> None:
        self.speaker = speaker
        self.folder: Path | None = None
        self._turn_number = 0
        self._lock: int | None = None
        if folder is not None:
            self.set_folder(folder)

    def set_folder(self, folder: str) -> None:
        """Save the following turns in `folder`, after those that it has.

        Raises FileError when that is impossible, or another chat is saved there, and UsageError for the name of a file.
        """
        path = Path(folder)
        try:
            if path.suffix.lower() in AUDIO_SUFFIXES and not path.is_dir():
                raise UsageError(
                    f"a conversation is saved in a folder, and {folder} names a sound file",
                    hint=f"name a folder for the text and a WAV file of each answer: {path.with_suffix('')}",
                )
            path.mkdir(parents=True, exist_ok=True)
            if self.folder is not None and self.folder.exists() and path.samefile(self.folder):
                return
            lock = open_locked(path / TEXT_NAME, hint="choose another folder").descriptor
        except OSError as error:
            raise FileError(f"cannot save the conversation in {folder}: {error.strerror}") from error
        self.close()
        self._lock = lock
        numbers = [file.stem.removeprefix("turn-") for file in path.glob("turn-*.wav")]
        self.folder = path
        self._turn_number = max((int(number) for number in numbers if number.isdecimal()), default=0)

    def close(self) -> None:
        """Unlock the folder, so that another chat can be saved in it."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def flush(self) -> None:
        """Stop the speaker at once, and drop the audio that waits for it."""
        if self.speaker is not None:
            self.speaker.flush()

    def finish(self) -> None:
        """Tell the speaker that the audio of an answer is complete."""
        if self.speaker is not None:
            self.speaker.finish()

    @contextmanager
    def sink(self) -> Iterator[AudioSink]:
        """The sink for the audio of one turn, during the block."""
        speakers = [] if self.speaker is None else [self.speaker]
        if self.folder is None:
            yield Tee(*speakers, NullSink())
            return
        self._turn_number += 1
        reply: ReplyWriter = open_reply(str(self.folder / f"turn-{self._turn_number:03}.wav"))
        try:
            yield Tee(*speakers, reply)
            reply.commit()
        except BaseException:
            reply.abandon()
            raise

    def write_text(self, entry: TranscriptEntry) -> None:
        """Append a turn to the text of the conversation. Raises FileError when it cannot be written."""
        if self.folder is None:
            return
        lines = [f"**You:** {entry.question}", ""] if entry.question else []
        lines += [f"**Model:** {entry.answer}", ""] if entry.answer else []
        path = self.folder / TEXT_NAME
        try:
            with path.open("a", encoding="utf-8") as file:
                file.write("".join(f"{line}\n" for line in lines))
        except OSError as error:
            raise FileError(f"cannot write {path}: {error.strerror}") from error
