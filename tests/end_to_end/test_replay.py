"""Recorded sessions that are replayed to a client that does the same again, and to one that does not."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from livecli.recording.comparison import compare
from livecli.recording.conversion import recorded_items

Livecli = Callable[..., Any]
STRICT = ("--replay-match", "strict", "--replay-speed", 0)
ASKED = ("--local", "-q", "--text")


@pytest.fixture
def recorded(livecli: Livecli) -> Path:
    """A recording of a question and its answer."""
    assert livecli("send", *ASKED, "Good morning", "--record", "run.live").status == 0
    return Path("run.live")


def test_the_same_client_ends_with_the_same_output(livecli: Livecli, recorded: Path) -> None:
    ran = livecli("send", *ASKED, "Good morning", "--replay", recorded, *STRICT)
    assert (ran.status, ran.out, ran.err) == (0, "Good morning\n", "")


def test_a_strict_replay_closes_at_the_first_difference(livecli: Livecli, recorded: Path) -> None:
    ran = livecli("send", *ASKED, "Good evening", "--replay", recorded, *STRICT)
    difference = 'realtimeInput.text: text: recorded "Good morning", now "Good evening"'
    assert (ran.status, ran.out) == (6, "")
    assert f"(1008): replay: line 4: {difference}" in ran.err
    assert f"\nerror: replay: run.live: line 4: {difference}\n" in ran.err


def test_a_chat_that_leaves_early_is_warned_of_and_fails_a_strict_replay(converse: Livecli) -> None:
    assert converse("one\ntwo\n", "--local", "-q", "--record", "talk.live").status == 0
    ran = converse("one\n", "--local", "-q", "--replay", "talk.live", "--replay-speed", 0)
    frames = Path("talk.live").read_text().splitlines()
    [line] = [number for number, frame in enumerate(frames, 1) if '">", {"realtimeInput":{"text":"two"' in frame]
    missing = f"replay: talk.live: the client did not send realtimeInput.text (line {line})\n"
    assert (ran.status, ran.out, ran.err) == (0, "one\n", f"warning: {missing}")
    ran = converse("one\n", "--local", "-q", "--replay", "talk.live", *STRICT)
    assert (ran.status, ran.out, ran.err) == (1, "one\n", f"error: {missing}")


def test_a_chat_with_tools_ends_with_the_same_output(converse: Livecli) -> None:
    words = ("--local", "-q", "--tool", "now=echo it is noon")
    asked = converse("call now\nthanks\n", *words, "--record", "talk.live")
    assert "it is noon" in asked.out
    ran = converse("call now\nthanks\n", *words, "--replay", "talk.live", *STRICT, "--record", "again.live")
    assert (ran.status, ran.out, ran.err) == (0, asked.out, "")
    assert compare(recorded_items("talk.live"), recorded_items("again.live")) == []


def test_a_folder_answers_successive_connections_and_the_rest_is_named(livecli_and_children: Livecli) -> None:
    Path("kept").mkdir()
    for text in ("a", "b", "c"):
        livecli_and_children("send", *ASKED, text, "--record", f"kept/{text}.live")
    code = (
        "import subprocess, sys\n"
        "for text in 'ab': subprocess.run([sys.executable, '-m', 'livecli', 'send', '-q', '--text', text], check=True)"
    )
    ran = livecli_and_children("serve", "-q", "--replay", "kept", *STRICT, "--", sys.executable, "-c", code)
    assert (ran.status, ran.out, ran.err) == (1, "a\nb\n", "error: replay: kept/c.live was never used\n")


def test_options_of_a_replay_are_for_the_emulator(livecli: Livecli) -> None:
    ran = livecli("send", "--text", "hi", "--replay-match", "strict")
    assert (ran.status, ran.err.splitlines()[0]) == (2, "error: --replay-match is for the emulator")


def test_a_folder_without_recordings_is_an_error(livecli: Livecli, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    ran = livecli("send", *ASKED, "hi", "--replay", "empty")
    assert (ran.status, ran.err.splitlines()[0]) == (3, "error: cannot read empty: it holds no recorded session")
