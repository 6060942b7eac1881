"""What the model may call: a Tool each, all of them a Toolbox, and how they are declared to a model. Runs nothing."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..errors import FileError, UsageError

if TYPE_CHECKING:
    from ..protocol.messages import FunctionDeclaration
    from ..protocol.models import Calling

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.:-]{0,63}")
"""What the API takes as the name of a function."""

TIMEOUT_SECONDS = 30.0
UNDESCRIBED = "The user gave no description of it: go by its name."
ONE_TEXT = {"type": "object", "properties": {"input": {"type": "string", "description": "What it is about, in words."}}}
"""The parameters where none are declared: a model has to put what it means somewhere."""


@dataclass(frozen=True)
class Tool:
    """A function, and the command that answers it. `parameters` is a JSON schema; None: it takes none.

    `blocking` is whether the model waits for it, and `scheduling` when it speaks of the result (SILENT, WHEN_IDLE,
    INTERRUPT): None leaves that to the model. `origin` is where the user wrote it down.
    """

    name: str
    command: tuple[str, ...]
    description: str = UNDESCRIBED
    parameters: Mapping[str, Any] | None = None
    timeout_seconds: float = TIMEOUT_SECONDS
    blocking: bool | None = None
    scheduling: str | None = None
    origin: str = "--tool"

    @property
    def calling(self) -> Calling | None:
        """How it is declared, if anything was said of that."""
        from ..protocol.models import Calling

        return None if self.blocking is None else Calling.BLOCKING if self.blocking else Calling.NON_BLOCKING


class Toolbox:
    """Tools by their names. Raises UsageError where two have the same."""

    def __init__(self, tools: Iterable[Tool] = ()) -> None:
        self._tools: dict[str, Tool] = {}
        for tool in tools:
            if tool.name in self._tools:
                origins = f"{self._tools[tool.name].origin} and {tool.origin}"
                raise UsageError(f"two tools are called {tool.name}: {origins}", hint="rename one of them")
            self._tools[tool.name] = tool

    def __len__(self) -> int:
        return len(self._tools)

    def __iter__(self) -> Iterator[Tool]:
        return iter(self._tools.values())

    def get(self, name: str) -> Tool | None:
        """The tool of that name, if there is one."""
        return self._tools.get(name)

    def declarations(self, model: str) -> tuple[FunctionDeclaration, ...]:
        """As the setup has them. Raises UsageError where `model` does not take one as it is declared."""
        if self:
            from ..protocol.models import MODELS
        for tool in self:
            known = MODELS.get(model)
            if known and tool.calling and tool.calling not in known.calling:
                takes = " or ".join(known.calling)
                raise UsageError(
                    f"{tool.origin}: {model} takes no {tool.calling} functions, as {tool.name} is declared",
                    hint=f"it takes {takes}: leave out `blocking`, or ask another model",
                )
        return tuple(_declaration(tool) for tool in self)

    def holds(self, name: str, model: str) -> bool:
        """Whether `model` holds its turn open while it waits for the function `name`."""
        from ..protocol.models import DEFAULT_MODEL, MODELS, Calling

        tool = self.get(name)
        default = MODELS.get(model, MODELS[DEFAULT_MODEL]).calling[0]
        return ((tool and tool.calling) or default) is Calling.BLOCKING


def _declaration(tool: Tool) -> FunctionDeclaration:
    from ..protocol.messages import FunctionDeclaration

    return FunctionDeclaration(
        name=tool.name,
        description=tool.description,
        parameters_json_schema=None if tool.parameters is None else dict(tool.parameters),
        behavior=tool.calling.value if tool.calling else None,
    )


def parse_tool(word: str) -> Tool:
    """`NAME=COMMAND`, COMMAND in words as a shell splits them.

    Raises UsageError where it is not that, FileError where there is no such program.
    """
    name, equals, command = word.partition("=")
    example = "as --tool 'find_station=./find_station.py --nearest'"
    if not equals or not NAME.fullmatch(name):
        raise UsageError(f"--tool {word}: NAME=COMMAND is expected", hint=f"{example}; {NAME_HINT}")
    import shlex

    try:
        words = tuple(shlex.split(command))
    except ValueError as error:
        raise UsageError(f"--tool {word}: {str(error).lower()}", hint=example) from error
    if not words:
        raise UsageError(f"--tool {word}: there is no command in it", hint=example)
    problem = why_not(words)
    if problem:
        raise FileError(f"--tool {name}: {problem}")
    return Tool(name, words, parameters=ONE_TEXT)


NAME_HINT = "a name begins with a letter or _, and goes on with those, digits, and any of . : - to 64 characters"


def why_not(command: Sequence[str]) -> str | None:
    """What is wrong with a command that cannot be run; None if nothing is known to be."""
    if any("\0" in word for word in command):
        return "there is a zero byte in the command"
    return None if shutil.which(command[0]) else f"there is no program {command[0]!r} that can be run"
