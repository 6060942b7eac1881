"""Subtitles of a run: whose words, when, and in which form."""

from __future__ import annotations

from pathlib import Path

import pytest

from livecli.console.subtitles import Subtitle, Subtitles, spread, srt, vtt
from livecli.errors import FileError
from livecli.protocol import events
from livecli.report.summary import Summary

SECOND = bytes(2 * 16_000)


def test_each_speaker_has_its_time(tmp_path: Path) -> None:
    reporter = Subtitles(tmp_path / "talk.srt")
    for _ in range(4):
        reporter.event("sent", events.AudioChunk(SECOND, 16_000), 0.0)
    for event in (
        events.VoiceActivity("ACTIVITY_START", 1.0),
        events.InputTranscript("Where is "),
        events.InputTranscript("it?"),
        events.VoiceActivity("ACTIVITY_END", 2.5),
        events.OutputTranscript("Here. "),
        events.AudioChunk(bytes(2 * 24_000), 24_000),
        events.OutputTranscript("Not there."),
        events.AudioChunk(bytes(2 * 24_000), 24_000),
        events.GenerationComplete(),
        events.TurnComplete(),
    ):
        reporter.event("received", event, 0.0)
    reporter.finished(Summary("q.wav"))
    assert (tmp_path / "talk.srt").read_text() == (
        "1\n00:00:01,000 --> 00:00:02,500\nYou: Where is it?\n\n"
        "2\n00:00:04,000 --> 00:00:04,667\nGemini: Here.\n\n"
        "3\n00:00:04,667 --> 00:00:06,000\nGemini: Not there.\n"
    )


def test_a_transcription_has_one_speaker_and_no_names(tmp_path: Path) -> None:
    reporter = Subtitles(tmp_path / "talk.VTT")
    reporter.event("sent", events.AudioChunk(SECOND, 16_000), 0.0)
    reporter.event("received", events.InputTranscript("a <b> & c"), 0.0)
    reporter.finished(Summary("q.wav"))
    text = (tmp_path / "talk.VTT").read_text()
    assert text == "WEBVTT\n\n00:00:00.000 --> 00:00:01.000\na &lt;b&gt; &amp; c\n"


def test_a_long_text_is_cut_at_words_and_sentences() -> None:
    cues = list(spread("One two. " + 40 * "three " + "end.", 10.0, 30.0, ""))
    assert cues[0].text == "One two."
    assert all(len(cue.text) <= 84 and cue.end - cue.start <= 7.5 for cue in cues)
    assert " ".join(cue.text for cue in cues).count("three") == 40
    assert cues[-1].end == pytest.approx(30.0)
    assert [cue.start for cue in cues] == sorted(cue.start for cue in cues)


def test_what_would_end_a_subtitle_is_replaced() -> None:
    cue = Subtitle(3661.5, 3662.0, "You", "a --> b")
    assert srt([cue]) == "1\n01:01:01,500 --> 01:01:02,000\nYou: a → b\n"
    assert vtt([cue]).endswith("<v You>a --&gt; b</v>\n")


def test_nothing_said_is_no_subtitle(tmp_path: Path) -> None:
    Subtitles(tmp_path / "talk.srt").finished(Summary("q.wav"))
    assert (tmp_path / "talk.srt").read_text() == ""


def test_a_file_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="cannot write"):
        Subtitles(tmp_path / "no" / "talk.srt").finished(Summary("q.wav"))
