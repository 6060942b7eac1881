"""Completion of slash commands."""

from __future__ import annotations

from dataclasses import dataclass

from prompt_toolkit.completion import CompleteEvent
from prompt_toolkit.document import Document

from livecli.console.terminal.completion import CommandCompleter, may_be_command
from tests.cases import in_one_test


@dataclass
class Named:
    name: str
    argument: str = ""
    help: str = ""
    choices: tuple[str, ...] = ()


COMMANDS = [
    Named("voice", "NAME", "change the voice", ("Kore", "Puck", "Zephyr")),
    Named("send", "FILE", "send a recording"),
    Named("save", "[FOLDER]", "save the conversation"),
    Named("help", "", "list the commands"),
]


def complete(line, cursor=None):
    """The line after each completion."""
    document = Document(line, cursor)
    text = document.text_before_cursor
    completions = CommandCompleter(COMMANDS).get_completions(document, CompleteEvent())
    return [text[: len(text) + each.start_position] + each.text for each in completions]


@in_one_test(
    ("line", "completed"),
    [
        ("/", ["/voice ", "/send ", "/save ", "/help"]),
        ("/s", ["/send ", "/save "]),
        ("/VO", ["/voice "]),
        ("/x", []),
        ("/voice ", ["/voice Kore", "/voice Puck", "/voice Zephyr"]),
        ("/voice k", ["/voice Kore"]),
        ("/voice Kore x", []),
        ("/help ", []),
        ("/unknown ", []),
        ("hello", []),
        ("//voice ", []),
        ("/s\nmore", []),
        ("", []),
    ],
)
def test_names_and_arguments(line, completed):
    assert complete(line) == completed


def test_the_text_before_the_cursor_counts():
    assert complete("/voice Kore", len("/vo")) == ["/voice "]


def test_a_name_is_shown_with_its_usage_and_help():
    [voice] = CommandCompleter(COMMANDS).get_completions(Document("/v"), CompleteEvent())
    assert (voice.display_text, voice.display_meta_text) == ("/voice NAME", "change the voice")


def test_files_and_folders_are_completed(tmp_path, monkeypatch):
    (tmp_path / "speech.wav").touch()
    (tmp_path / "spoken").mkdir()
    assert sorted(complete(f"/send {tmp_path}/sp")) == [f"/send {tmp_path}/speech.wav", f"/send {tmp_path}/spoken"]
    assert complete(f"/save {tmp_path}/sp") == [f"/save {tmp_path}/spoken"]
    monkeypatch.setenv("HOME", str(tmp_path))
    assert complete("/send ~/spe") == ["/send ~/speech.wav"]


@in_one_test(
    ("text", "may_be"), [("/", True), ("/voice K", True), ("//", False), ("a/b", False), ("/a\nb", False), ("", False)]
)
def test_what_may_be_a_command(text, may_be):
    assert may_be_command(text) is may_be
