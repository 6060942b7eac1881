"""`send --subtitles` for one input, several, and a transcription."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.end_to_end.conftest import tone, write_wav

Livecli = Callable[..., Any]


def test_both_speakers_of_a_run_are_in_the_file(livecli: Livecli, tmp_path: Path) -> None:
    (tmp_path / "s.toml").write_text('[[turn]]\nsay = "Two streets from here."\n')
    words = ("--script", "s.toml", "--speed", 0, "--subtitles", "talk.srt")
    assert livecli("send", "--sample", "--local", "-q", *words).status == 0
    blocks = (tmp_path / "talk.srt").read_text().split("\n\n")
    assert blocks[0] == "1\n00:00:00,000 --> 00:00:02,225\nYou: [2.2 s of speech]"
    assert blocks[1].startswith("2\n00:00:02,225 --> ")
    assert blocks[1].endswith("\nGemini: Two streets from here.\n")


def test_each_of_several_inputs_has_a_file(livecli: Livecli, tmp_path: Path) -> None:
    for name in ("a.wav", "b.wav"):
        write_wav(tmp_path / name, tone(8000))
    words = ("--model", "gemini-3.5-transcribe-live-preview", "--jobs", 2, "--subtitles", "talk.vtt")
    assert livecli("send", "a.wav", "b.wav", "--local", "-q", *words).status == 0
    for name in ("talk-a.vtt", "talk-b.vtt"):
        assert (tmp_path / name).read_text() == "WEBVTT\n\n00:00:00.000 --> 00:00:00.500\n[0.5 s of speech]\n"


def test_subtitles_that_cannot_be_written_are_an_error_before_connecting(livecli: Livecli, tmp_path: Path) -> None:
    for name in ("a.wav", "b.wav"):
        write_wav(tmp_path / name, tone(800))
    for inputs in (["a.wav"], ["a.wav", "b.wav"]):
        ran = livecli("send", *inputs, "--base-url", "ws://127.0.0.1:1", "--subtitles", "no/talk.srt")
        [error] = ran.err.splitlines()
        assert (ran.status, error.startswith("error: cannot write no/talk")) == (3, True)


def test_a_run_without_an_answer_keeps_the_subtitles_of_the_one_before(livecli: Livecli, tmp_path: Path) -> None:
    (tmp_path / "talk.srt").write_text("as before")
    words = ("--base-url", "ws://127.0.0.1:1", "--retries", 0, "--subtitles", "talk.srt")
    assert livecli("send", "--sample", *words).status == 5
    assert (tmp_path / "talk.srt").read_text() == "as before"


def test_another_format_is_refused_first(livecli: Livecli) -> None:
    ran = livecli("send", "--subtitles", "talk.txt")
    assert (ran.status, ran.err.splitlines()[0]) == (2, "error: --subtitles talk.txt: subtitles are .srt or .vtt files")
