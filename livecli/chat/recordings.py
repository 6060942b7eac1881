"""The outputs of a chat's audio: the speaker, a folder with WAV files and the text, and one stereo file."""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from ..errors import FileError, UsageError
from ..media.file_source import AUDIO_SUFFIXES
from ..media.pcm import AudioSink, AudioSource, Tee
from ..media.reply import ReplyWriter, open_reply
from ..media.stereo_file import Channel, StereoFile
from ..process.file_lock import open_locked
from .transcript import TranscriptEntry

if TYPE_CHECKING:
    from ..media.sound_devices.speaker_sink import SpeakerSink

TEXT_NAME = "conversation.md"
"""The file in the folder that has the text of the conversation."""

BEFORE_SECONDS = 5.0
"""Sound of the microphone that belongs to a spoken turn from before the service has noticed the speech."""


class NullSink:
    """A sink that discards the audio."""

    waits = False

    def write(self, pcm: bytes, rate: int) -> None:
        """Discard the audio."""

    def mark(self) -> int:
        return 0

    def rewind(self, mark: int) -> bool:
        return True


class TurnRecording:
    """The audio of one turn, in an `async with` block, whose end completes its files: an answer that failed is partial.

    `sink` takes the answer. The files are `turn-001.wav` for that and `turn-001-you.wav` for the user's sound, both
    only where there is any.
    """

    def __init__(self, stem: Path | None, sinks: list[AudioSink]) -> None:
        self.began_at = time.time()
        self._stem = stem
        self._answer: ReplyWriter | None = None if stem is None else open_reply(f"{stem}.wav")
        self._speech: ReplyWriter | None = None
        self.sink: AudioSink = Tee(*sinks, self._answer or NullSink())
        self._is_over = False

    def write_speech(self, pcm: bytes, rate: int) -> bool:
        """Add sound of the user. Returns False once the turn is over. Raises FileError."""
        if not self._is_over and self._stem is not None:
            self._speech = self._speech or open_reply(f"{self._stem}-you.wav")
            self._speech.write(pcm, rate)
        return not self._is_over

    @property
    def files(self) -> list[str]:
        """The names of the complete files: the user's first."""
        written = (self._speech, self._answer)
        return [Path(each.path).name for each in written if each is not None and each.is_complete and each.has_audio]

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._is_over = True
        try:
            if self._speech is not None:
                await self._speech.commit_async()
            if self._answer is not None and error is None:
                await self._answer.commit_async()
        finally:
            for writer in (self._speech, self._answer):
                if writer is not None and not writer.is_complete:
                    writer.abandon()


class Recordings:
    """The outputs of a chat's audio: the `speaker`, files in the `folder`, and a `stereo` file; each may be None.

    `speaker` may be set at any time, and applies to the turns that begin afterwards. The text of the folder is locked
    until `close`, so that two chats do not number their turns alike. `warn` is told when the user's sound, or the
    stereo file, cannot be written any more.
    """

    def __init__(
        self,
        folder: str | None = None,
        speaker: SpeakerSink | None = None,
        *,
        stereo: str | None = None,
        warn: Callable[[str], object] = lambda text: None,
    ) -> None:
        self.speaker = speaker
        self.folder: Path | None = None
        self._warn = warn
        # Added to the number of a turn in its names: there may be turns of another conversation in the folder.
        self._offset: int | None = 0
        self._lock: int | None = None
        self._turn: TurnRecording | None = None
        self._before: deque[tuple[bytes, int]] = deque()
        self._before_seconds = 0.0
        if folder is not None:
            self.set_folder(folder)
        self._stereo = None if stereo is None else StereoFile(stereo)

    def set_folder(self, folder: str) -> bool:
        """Save the following turns in `folder`, beside those that it has. Returns False where they are already.

        Raises FileError when that is impossible, or another chat is saved there.
        """
        if not folder:
            # A shell's variable that is not set; it would be the current folder.
            raise FileError("the name of the folder for the conversation is empty")
        path = Path(folder)
        try:
            if path.suffix.lower() in AUDIO_SUFFIXES and not path.is_dir():
                raise UsageError(
                    f"a conversation is saved in a folder, and {folder} names a sound file",
                    hint=f"name a folder for the text and a WAV file of each answer: {path.with_suffix('')}",
                )
            path.mkdir(parents=True, exist_ok=True)
            if self.folder is not None and self.folder.exists() and path.samefile(self.folder):
                return False
            lock = open_locked(path / TEXT_NAME, hint="choose another folder").descriptor
        except OSError as error:
            raise FileError(f"cannot save the conversation in {folder}: {error.strerror}") from error
        self._unlock()
        self._lock = lock
        self.folder, self._offset = path, None
        return True

    def close(self) -> None:
        """Complete the stereo file, and unlock the folder, so that another chat can be saved in it."""
        self._unlock()
        stereo, self._stereo = self._stereo, None
        if stereo is not None:
            try:
                stereo.close()
            except FileError as error:
                self._warn(error.message)

    def _unlock(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def flush(self) -> None:
        """Stop the speaker at once, and drop the audio that waits for it."""
        if self.speaker is not None:
            self.speaker.flush()
        self.to_stereo(lambda file: file.drop_rest(Channel.RIGHT))

    def finish(self) -> None:
        """Tell the speaker that the audio of an answer is complete."""
        if self.speaker is not None:
            self.speaker.finish()

    def to_stereo(self, write: Callable[[StereoFile], None]) -> None:
        """Write to the stereo file, if there is one. The first error is a warning, and the end of it."""
        if self._stereo is None:
            return
        try:
            write(self._stereo)
        except FileError as error:
            self._warn(error.message)
            stereo, self._stereo = self._stereo, None
            with suppress(FileError):
                stereo.close()

    def begin_turn(self, number: int, *, has_speech: bool, is_live: bool = False) -> TurnRecording:
        """The outputs of a turn, of which the user's sound is a part if it `has_speech`.

        Sound of the microphone from just before belongs to it if it `is_live`. Raises FileError.
        """
        speakers: list[AudioSink] = [] if self.speaker is None else [self.speaker]
        stem = None if self.folder is None else self.folder / f"turn-{self._name(number):03}"
        turn = TurnRecording(stem, [*speakers, _StereoSink(self)])
        if has_speech:
            self._turn = turn
            before = list(self._before) if is_live else []
            self._forget_before()
            for pcm, rate in before:
                self._write_speech(pcm, rate)
        return turn

    def write_speech(self, pcm: bytes, rate: int, *, is_live: bool) -> None:
        """Keep what the user says: the sound of a microphone (`is_live`), or of a recording that is sent."""
        self.to_stereo(lambda file: file.write(Channel.LEFT, pcm, rate, has_ended=is_live))
        if self.folder is None or self._write_speech(pcm, rate) or not is_live:
            return
        self._before.append((pcm, rate))
        self._before_seconds += _seconds(pcm, rate)
        while self._before_seconds > BEFORE_SECONDS:
            self._before_seconds -= _seconds(*self._before.popleft())

    def recorded(self, source: AudioSource, *, is_live: bool) -> AudioSource:
        """A source of the user's sound that is kept while it is read."""
        return _RecordedSource(source, self, is_live=is_live)

    def _write_speech(self, pcm: bytes, rate: int) -> bool:
        """Whether the sound belongs to a turn that is going on."""
        try:
            return self._turn is not None and self._turn.write_speech(pcm, rate)
        except FileError as error:
            self._turn = None
            self._warn(error.message)
            return True

    def _forget_before(self) -> None:
        self._before.clear()
        self._before_seconds = 0.0

    def _name(self, number: int) -> int:
        """The number of a turn in the folder: it follows those that were there."""
        if self._offset is None:
            assert self.folder is not None
            names = [file.stem.split("-")[1] for file in self.folder.glob("turn-*.wav")]
            last = max((int(name) for name in names if name.isdecimal()), default=0)
            self._offset = max(0, last + 1 - number)
        return number + self._offset

    def write_text(self, number: int, entry: TranscriptEntry, turn: TurnRecording | None = None) -> None:
        """Append a turn to the text of the conversation. Raises FileError when it cannot be written."""
        if self.folder is None:
            return
        when = time.strftime(", %Y-%m-%d %H:%M:%S", time.localtime(turn.began_at)) if turn is not None else ""
        lines = [f"## Turn {self._name(number)}{when}", ""]
        lines += [f"**You:** {entry.question}", ""] if entry.question else []
        lines += [f"**Model:** {entry.answer}", ""] if entry.answer else []
        if turn is not None and turn.files:
            lines += [" ".join(f"[{name}]({name})" for name in turn.files), ""]
        path = self.folder / TEXT_NAME
        try:
            with path.open("a", encoding="utf-8") as file:
                file.write("".join(f"{line}\n" for line in lines))
        except OSError as error:
            raise FileError(f"cannot write {path}: {error.strerror}") from error


class _StereoSink:
    """The model's channel of the stereo file."""

    waits = False

    def __init__(self, recordings: Recordings) -> None:
        self._recordings = recordings

    def write(self, pcm: bytes, rate: int) -> None:
        self._recordings.to_stereo(lambda file: file.write(Channel.RIGHT, pcm, rate))

    def mark(self) -> int:
        return 0

    def rewind(self, mark: int) -> bool:
        """Drop the rest of the answer, which was not played. The recording keeps the part that was."""
        self._recordings.to_stereo(lambda file: file.drop_rest(Channel.RIGHT))
        return True


class _RecordedSource:
    """An AudioSource whose blocks are kept when they are read."""

    def __init__(self, source: AudioSource, recordings: Recordings, *, is_live: bool) -> None:
        self.name, self.rate, self.seconds = source.name, source.rate, source.seconds
        self._source, self._recordings, self._is_live = source, recordings, is_live

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for pcm in self._source:
            self._recordings.write_speech(pcm, self.rate, is_live=self._is_live)
            yield pcm


def _seconds(pcm: bytes, rate: int) -> float:
    return len(pcm) / 2 / rate
