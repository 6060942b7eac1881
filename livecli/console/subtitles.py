"""The output of `--subtitles`: what both speakers said, as SubRip (.srt) or WebVTT (.vtt)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ..process.whole_file import write_whole
from ..protocol import events
from ..report.reporter import Reporter
from ..report.summary import Summary

MAX_CHARACTERS, MAX_SECONDS = 84, 7.0
"""The most text and time of one subtitle: two lines of 42 characters, as broadcasters have them."""

MIN_SECONDS = 0.5
"""The shortest time that a subtitle is shown."""

SPEAKERS = {"user": "You", "model": "Gemini"}


@dataclass(frozen=True)
class Subtitle:
    """One subtitle, from `start` to `end` in seconds."""

    start: float
    end: float
    speaker: str
    text: str


@dataclass
class Speech:
    """The speech of one speaker without a break: its words, and its start and end in seconds, None if unknown."""

    speaker: str
    text: str = ""
    start: float | None = None
    end: float | None = None


class Subtitles(Reporter):
    """Writes the subtitles of a run to `path` when it is over.

    The time is that of the input, followed by that of the reply. Speech of the user lies where the service's
    `audioOffset` says, else over the whole input. The transcript of a reply has no times of its own; its words are
    spread evenly over the sound that they came with.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._sent_seconds = self._received_seconds = 0.0
        self._user: list[Speech] = []
        self._model: list[Speech] = []
        self._is_over = True

    def event(self, direction: str, event: events.Event, at: float) -> None:
        match event:
            case events.AudioChunk(pcm, rate) if direction == "sent":
                self._sent_seconds += len(pcm) / (2 * rate)
            case events.AudioChunk(pcm, rate):
                self._speaking.end = self._received_seconds = self._received_seconds + len(pcm) / (2 * rate)
            case events.VoiceActivity("ACTIVITY_START", offset):
                self._user.append(Speech("user", start=offset))
            case events.VoiceActivity(_, offset) if self._user:
                self._user[-1].end = offset
            case events.InputTranscript(text):
                if not self._user:
                    self._user.append(Speech("user"))
                self._user[-1].text += text
            case events.OutputTranscript(text):
                self._speaking.text += text
            case events.TurnComplete() | events.GenerationComplete():
                self._is_over = True

    @property
    def _speaking(self) -> Speech:
        """The model's speech under way."""
        if self._is_over:
            self._is_over = False
            self._model.append(Speech("model", start=self._received_seconds))
        return self._model[-1]

    def finished(self, summary: Summary) -> None:
        cues = list(self._cues())
        if not cues and summary.error is not None:
            return  # the subtitles of an earlier run are kept
        text = vtt(cues) if self._path.suffix.lower() == ".vtt" else srt(cues)
        write_whole(str(self._path), [text.encode()])

    def _cues(self) -> Iterator[Subtitle]:
        # A transcription has one speaker.
        names = any(speech.text.strip() for speech in self._model)
        for shift, speeches in ((0.0, self._user), (self._sent_seconds, self._model)):
            length = self._sent_seconds if speeches is self._user else self._received_seconds
            for speech in speeches:
                start, end = speech.start or 0.0, length if speech.end is None else speech.end
                speaker = SPEAKERS[speech.speaker] if names else ""
                yield from spread(speech.text.strip(), shift + start, shift + max(end, start), speaker)


def spread(text: str, start: float, end: float, speaker: str) -> Iterator[Subtitle]:
    """The subtitles of a text that takes from `start` to `end`, each with a share of the time by its length."""
    parts = list(_parts(text, end - start))
    total, at = sum(map(len, parts)), start
    for part in parts:
        until = at + (end - start) * len(part) / total
        yield Subtitle(at, max(until, at + MIN_SECONDS), speaker, part)
        at = until


def _parts(text: str, seconds: float) -> Iterator[str]:
    """The text in parts that fit into a subtitle: whole words, and a new part after a sentence."""
    longest = MAX_CHARACTERS
    if text and seconds > 0:
        longest = min(longest, max(1, int(len(text) * MAX_SECONDS / seconds)))
    part = ""
    for word in text.split():
        if part and (len(part) + 1 + len(word) > longest or part[-1] in ".?!。？！"):
            yield part
            part = ""
        part = f"{part} {word}" if part else word
    if part:
        yield part


def srt(cues: list[Subtitle]) -> str:
    """The cues as SubRip."""
    blocks = [
        f"{number}\n{_clock(cue.start, ',')} --> {_clock(cue.end, ',')}\n{_named(cue)}\n"
        for number, cue in enumerate(cues, 1)
    ]
    return "\n".join(blocks)


def vtt(cues: list[Subtitle]) -> str:
    """The cues as WebVTT, where a speaker is a voice."""
    blocks = []
    for cue in cues:
        text = cue.text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        voice = f"<v {cue.speaker}>{text}</v>" if cue.speaker else text
        blocks.append(f"{_clock(cue.start, '.')} --> {_clock(cue.end, '.')}\n{voice}\n")
    return "\n".join(["WEBVTT\n", *blocks])


def _named(cue: Subtitle) -> str:
    # A blank line would end the subtitle, and `-->` begin another.
    text = cue.text.replace("-->", "→")
    return f"{cue.speaker}: {text}" if cue.speaker else text


def _clock(seconds: float, point: str) -> str:
    milliseconds = round(seconds * 1000)
    minutes, rest = divmod(milliseconds, 60_000)
    return f"{minutes // 60:02}:{minutes % 60:02}:{rest // 1000:02}{point}{rest % 1000:03}"
