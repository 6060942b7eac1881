"""A file that a run reads is not overwritten by what it writes, whatever name it is given."""

from __future__ import annotations

import os
import sys

import pytest

NAMES = {
    "itself": lambda original, other: original.name,
    "another spelling": lambda original, other: f"../{original.parent.name}/./{original.name}",
    "a symbolic link": lambda original, other: other.symlink_to(original) or other.name,
    "a hard link": lambda original, other: other.hardlink_to(original) or other.name,
}
"""Ways to name a file that another option names."""


@pytest.fixture(params=NAMES)
def also(request, tmp_path):
    """Another name of a file."""
    return lambda path: NAMES[request.param](path, tmp_path / "other.wav")


def refused(ran, *said):
    assert (ran.status, ran.out) == (2, "")
    assert all(text in ran.err for text in said), ran.err


def test_events_over_the_input(livecli, speech, also):
    before, name = speech.read_bytes(), also(speech)
    ran = livecli("send", "speech.wav", "--local", "--events", name)
    refused(ran, f"--events {name} would overwrite the input speech.wav", "name another file")
    assert speech.read_bytes() == before


@pytest.mark.parametrize("words", [[], ["--jobs", 2], ["--shard", "0/2"], ["--resume-from", "done.jsonl"]])
def test_events_over_one_of_several_inputs(livecli, speech, also, tmp_path, words):
    """Also over one that another shard sends, or that is done."""
    before, name = speech.read_bytes(), also(speech)
    (tmp_path / "a.wav").write_bytes(before)
    (tmp_path / "done.jsonl").write_text("")
    ran = livecli("send", "a.wav", "speech.wav", "--local", "-o", "replies", "--events", name, *words)
    refused(ran, f"--events {name} would overwrite the input speech.wav")
    assert speech.read_bytes() == before
    assert not (tmp_path / "replies").exists()


def test_events_over_standard_input(livecli, speech, also, monkeypatch):
    before, name = speech.read_bytes(), also(speech)
    with speech.open() as file:
        monkeypatch.setattr(sys, "stdin", file)
        refused(livecli("send", "-", "--local", "--events", name), "would overwrite the input -")
    assert speech.read_bytes() == before


READ = {
    "--setup": "{}",
    "--system": "Be brief.",
    "--text": "hello",
    "--tools": '[[tool]]\nname = "find"\ncommand = "true"\n',
    "--prices": '["mine"]\naudio_out = 0.5\n',
    "--image": "",
    "--from": "speech.wav\n",
    "--resume-from": "",
    "--script": '[[turn]]\nsay = "hello"\n',
    "--replay": '{"livecli": 1}\n[0.0, ">", {"setup": {"model": "models/m"}}]\n',
}
"""The options of `send` that read a file, and what is in it."""


@pytest.mark.parametrize("option", READ)
def test_events_over_a_file_that_an_option_reads(livecli, speech, tmp_path, option):
    named = tmp_path / "named"
    named.write_text(READ[option])
    words = ["--text", "hi"] if option not in ("--text", "--from", "--resume-from") else []
    value = "@named" if option in ("--system", "--text") else "named"
    ran = livecli("send", *words, option, value, "--local", "--events", "named")
    refused(ran, f"--events named would overwrite the file of {option}")
    assert named.read_text() == READ[option]


@pytest.mark.parametrize("option", ["--setup", "--system", "--tools", "--prices"])
def test_events_of_a_chat_over_a_file_that_an_option_reads(livecli, tmp_path, option):
    named = tmp_path / "named"
    named.write_text(READ[option])
    ran = livecli("chat", option, "@named" if option == "--system" else "named", "--local", "--events", "named")
    refused(ran, f"--events named would overwrite the file of {option}")
    assert named.read_text() == READ[option]


@pytest.mark.parametrize("name", ["reply.wav", "reply.partial.wav"])
def test_a_reply_over_a_file_that_an_option_reads(livecli, tmp_path, name):
    (tmp_path / name).write_text("Say hello.")
    ran = livecli("send", "--text", f"@{name}", "--local", "-o", "reply.wav")
    refused(ran, "the reply reply.wav would overwrite the file of --text", "-o names another file")
    assert (tmp_path / name).read_text() == "Say hello."


def test_subtitles_over_the_input(livecli, speech):
    before = speech.rename(speech.with_name("speech.srt")).read_bytes()
    ran = livecli("send", "speech.srt", "--local", "--subtitles", "./speech.srt")
    refused(ran, "--subtitles ./speech.srt would overwrite the input speech.srt")
    assert speech.with_name("speech.srt").read_bytes() == before


def test_events_and_the_reply_in_one_file(livecli, tmp_path):
    """Neither exists before."""
    ran = livecli("send", "--text", "hi", "--local", "-o", "./one.wav", "--events", "one.wav")
    refused(ran, "the reply ./one.wav would overwrite the file of --events")
    assert not list(tmp_path.glob("one*"))


def test_what_is_no_file_may_be_named_twice(livecli, speech):
    ran = livecli("send", "speech.wav", "--local", "-o", os.devnull, "--events", os.devnull, "--speed", 0)
    assert ran.status == 0, ran.err


def test_files_of_their_own_are_written(livecli, speech, tmp_path):
    (tmp_path / "events").write_text("an earlier run's")
    ran = livecli("send", "speech.wav", "--local", "-o", "reply.wav", "--events", "events", "--speed", 0)
    assert ran.status == 0, ran.err
    assert "an earlier" not in (tmp_path / "events").read_text()
