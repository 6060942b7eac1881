"""Where the sound of a conversation goes, turn by turn: to the speaker, and into a folder with the text beside it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import FileError
from ..media.pcm import AudioSink, Tee
from ..media.reply import ReplyWriter, open_reply
from .transcript import TranscriptEntry

if TYPE_CHECKING:
    from ..media.speaker_sink import SpeakerSink

TEXT = "conversation.md"


class NoRecordings:
    """A sink for what nobody wants to hear."""

    waits = False

    def write(self, pcm: bytes, rate: int) -> None:
        """It is gone."""

    def mark(self) -> int:
        return 0

    def rewind(self, mark: int) -> bool:
        return True


class Recordings:
    """`folder` keeps a WAV for each turn (`turn-001.wav`) and `conversation.md`; None keeps nothing.

    `speaker` may be set and unset at any time; what is under way goes on as it began.
    """

    def __init__(self, folder: str | None = None, speaker: SpeakerSink | None = None) -> None:
        self.speaker = speaker
        self.folder: Path | None = None
        self._number = 0
        if folder is not None:
            self.keep_in(folder)

    def keep_in(self, folder: str) -> None:
        """From now on. Raises FileError where it cannot be a folder that can be written to."""
        path = Path(folder)
        try:
            path.mkdir(parents=True, exist_ok=True)
            (path / TEXT).open("a", encoding="utf-8").close()
        except OSError as error:
            raise FileError(f"cannot keep the conversation in {folder}: {error.strerror}") from error
        taken = [int(stem) for name in path.glob("turn-*.wav") if (stem := name.stem.removeprefix("turn-")).isdecimal()]
        self.folder, self._number = path, max(taken, default=0)  # beside what an earlier conversation left

    def hush(self) -> None:
        """The answer was interrupted: nothing more of it is heard."""
        if self.speaker is not None:
            self.speaker.flush()

    def finish(self) -> None:
        """The last of an answer's sound has come."""
        if self.speaker is not None:
            self.speaker.finish()

    @contextmanager
    def sink(self) -> Iterator[AudioSink]:
        """Where the sound of one turn goes."""
        heard = [] if self.speaker is None else [self.speaker]
        if self.folder is None:
            yield Tee(*heard, NoRecordings())
            return
        self._number += 1
        reply: ReplyWriter = open_reply(str(self.folder / f"turn-{self._number:03}.wav"))
        try:
            yield Tee(*heard, reply)
            reply.commit()
        except BaseException:
            reply.abandon()
            raise

    def write(self, entry: TranscriptEntry) -> None:
        """Add a turn to the text. Raises FileError where it cannot be."""
        if self.folder is None:
            return
        lines = [f"**You:** {entry.asked}", ""] if entry.asked else []
        lines += [f"**Model:** {entry.said}", ""] if entry.said else []
        path = self.folder / TEXT
        try:
            with path.open("a", encoding="utf-8") as file:
                file.write("".join(f"{line}\n" for line in lines))
        except OSError as error:
            raise FileError(f"cannot write {path}: {error.strerror}") from error
