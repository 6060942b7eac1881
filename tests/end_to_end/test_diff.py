"""`livecli diff`: two recorded sessions, turn by turn."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Livecli = Callable[..., Any]


def test_a_replay_of_a_session_is_the_same(livecli: Livecli) -> None:
    words = ("send", "--local", "--text", "Good morning", "-q")
    assert livecli(*words, "--record", "a.live").status == 0
    assert livecli(*words, "--replay", "a.live", "--record", "b.live").status == 0
    ran = livecli("diff", "a.live", "b.live")
    assert (ran.status, ran.out, ran.err) == (0, "", "")


def test_the_first_difference_is_side_by_side_and_the_others_have_a_line(
    livecli: Livecli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    for name, text in (("a", "Good morning"), ("b", "Good \x1b[31mnight")):
        assert livecli("send", "--local", "--text", text, "-q", "--record", f"{name}.live").status == 0
    ran = livecli("diff", "a.live", "b.live")
    assert (ran.status, ran.err) == (1, "")
    lines = ran.out.splitlines()
    assert lines[0].startswith("turn 1: question (word error rate ")
    assert lines[1].split() == ["a.live", "b.live"]
    assert lines[2].startswith("Good morning  ")
    assert any(line.startswith("turn 1: answer (word error rate ") for line in lines)
    assert lines[-1].endswith(" differences")
    assert "\x1b" not in ran.out
    assert max(map(len, lines)) <= 60
    found = [json.loads(line) for line in livecli("diff", "a.live", "b.live", "--json").out.splitlines()]
    assert len(found) == int(lines[-1].split()[0])
    assert [*found[0]] == ["where", "what", "a", "b", "note"]


def test_a_chat_that_lost_a_turn_has_one_difference(livecli: Livecli, converse: Livecli, tmp_path: Path) -> None:
    for name, lines in (("a", "one two\nthree four\nfive six\n"), ("b", "one two\nfive six\n")):
        assert converse(lines, "--local", "-q", "--record", f"{name}.live").status == 0
    found = [json.loads(line) for line in livecli("diff", "a.live", "b.live", "--json").out.splitlines()]
    assert [(each["what"], each["a"], each["b"]) for each in found if each["what"] == "turn"] == [
        ("turn", "three four", None)
    ]


def test_a_file_that_is_not_there_is_said(livecli: Livecli) -> None:
    ran = livecli("diff", "a.live", "b.live")
    assert (ran.status, ran.out, ran.err) == (3, "", "error: cannot read a.live: No such file or directory\n")
