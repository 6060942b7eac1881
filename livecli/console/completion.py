"""What is completed at the prompt: the commands of a chat, with their help, and what they take."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol

from prompt_toolkit.completion import CompleteEvent, Completer, Completion, PathCompleter
from prompt_toolkit.document import Document


class CompletionCommand(Protocol):
    """A command, as `/name takes`. Where that is a FILE or a FOLDER paths are completed, else `words`."""

    @property
    def name(self) -> str: ...
    @property
    def takes(self) -> str: ...
    @property
    def help(self) -> str: ...
    @property
    def words(self) -> tuple[str, ...]: ...


class CommandCompleter(Completer):
    """Completes a line that begins with a slash, and no other."""

    def __init__(self, commands: Iterable[CompletionCommand]) -> None:
        self._commands = {command.name: command for command in commands}

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterator[Completion]:
        if not is_command(document.text):
            return
        name, space, argument = document.text_before_cursor[1:].partition(" ")
        if not space:
            yield from self._names(name)
        elif name in self._commands:
            yield from _arguments(self._commands[name], argument, complete_event)

    def _names(self, begun: str) -> Iterator[Completion]:
        for command in self._commands.values():
            if command.name.startswith(begun.lower()):
                text = f"{command.name} " if command.takes else command.name
                usage = f"/{command.name} {command.takes}"
                yield Completion(text, -len(begun), display=usage, display_meta=command.help)


def is_command(text: str) -> bool:
    """Whether what is typed so far may become one."""
    return text.startswith("/") and not text.startswith("//") and "\n" not in text


def _arguments(command: CompletionCommand, begun: str, event: CompleteEvent) -> Iterator[Completion]:
    if "FILE" in command.takes or "FOLDER" in command.takes:
        paths = PathCompleter(only_directories="FOLDER" in command.takes, expanduser=True)
        yield from paths.get_completions(Document(begun), event)
    for word in command.words:
        if word.lower().startswith(begun.lower()):
            yield Completion(word, -len(begun))
