"""Completion at the prompt of a chat: the names of commands, with their help, and their arguments."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol

from prompt_toolkit.completion import CompleteEvent, Completer, Completion, PathCompleter
from prompt_toolkit.document import Document


class CompletionCommand(Protocol):
    """A command, written `/name argument`. A FILE or FOLDER argument is completed with paths, others with `choices`."""

    @property
    def name(self) -> str: ...
    @property
    def argument(self) -> str: ...
    @property
    def help(self) -> str: ...
    @property
    def choices(self) -> tuple[str, ...]: ...


class CommandCompleter(Completer):
    """Completes lines that begin with a slash."""

    def __init__(self, commands: Iterable[CompletionCommand]) -> None:
        self._commands = {command.name: command for command in commands}

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterator[Completion]:
        if not may_be_command(document.text):
            return
        name, space, argument = document.text_before_cursor[1:].partition(" ")
        if not space:
            yield from self._complete_name(name)
        elif name in self._commands:
            yield from _complete_argument(self._commands[name], argument, complete_event)

    def _complete_name(self, prefix: str) -> Iterator[Completion]:
        for command in self._commands.values():
            if command.name.startswith(prefix.lower()):
                text = f"{command.name} " if command.argument else command.name
                usage = f"/{command.name} {command.argument}"
                yield Completion(text, -len(prefix), display=usage, display_meta=command.help)


def may_be_command(text: str) -> bool:
    """Whether the text is a command, or the beginning of one."""
    return text.startswith("/") and not text.startswith("//") and "\n" not in text


def _complete_argument(command: CompletionCommand, prefix: str, event: CompleteEvent) -> Iterator[Completion]:
    if "FILE" in command.argument or "FOLDER" in command.argument:
        paths = PathCompleter(only_directories="FOLDER" in command.argument, expanduser=True)
        yield from paths.get_completions(Document(prefix), event)
    for choice in command.choices:
        if choice.lower().startswith(prefix.lower()):
            yield Completion(choice, -len(prefix))
