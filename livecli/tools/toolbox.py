"""The tools that a model may call, and their declarations in the setup. Runs nothing."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ..errors import FileError, UsageError

if TYPE_CHECKING:
    from ..protocol.messages import FunctionDeclaration, Json
    from ..protocol.models import CallBehaviour

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.:-]{0,63}")
"""The function names that the API accepts."""

TIMEOUT_SECONDS = 30.0
"""The default time limit of a call."""

DEFAULT_DESCRIPTION = "The user gave no description of it: go by its name."
"""The description of a function that the user did not describe. The model reads it."""

TEXT_PARAMETERS = {
    "type": "OBJECT",
    "properties": {"input": {"type": "STRING", "description": "What it is about, in words."}},
}
"""The parameters of a function declared with `--tool`: one text, in which the model says what it wants."""


@dataclass(frozen=True)
class Tool:
    """A function and the command that answers it.

    `parameters` is a JSON Schema, or a schema in the API's form; None for a function without parameters. `blocking` is
    whether the model waits for the result, and `scheduling` when it mentions the result (SILENT, WHEN_IDLE, INTERRUPT);
    None leaves both to the model. The command's environment has `env`, the variables that `inherit` names, and a small
    base (`command.environment`). `origin` is the option, or the line of a file, that defines the tool.
    """

    name: str
    command: tuple[str, ...]
    description: str = DEFAULT_DESCRIPTION
    parameters: Mapping[str, Any] | None = None
    timeout_seconds: float = TIMEOUT_SECONDS
    blocking: bool | None = None
    scheduling: str | None = None
    origin: str = "--tool"
    env: Mapping[str, str] = field(default_factory=dict)
    inherit: tuple[str, ...] = ()

    @property
    def calling(self) -> CallBehaviour | None:
        """The declared behaviour, None when the user did not set `blocking`."""
        from ..protocol.models import CallBehaviour

        return (
            None if self.blocking is None else CallBehaviour.BLOCKING if self.blocking else CallBehaviour.NON_BLOCKING
        )


class Toolbox:
    """Tools by name. Raises UsageError for two tools of the same name, and for parameters that are no JSON Schema.

    `warnings` has a text for each tool whose parameters the API cannot express wholly.
    """

    def __init__(self, tools: Iterable[Tool] = ()) -> None:
        self.warnings: list[str] = []
        self._tools: dict[str, Tool] = {}
        self._parameters: dict[str, Json | None] = {}
        for tool in tools:
            if tool.name in self._tools:
                origins = f"{self._tools[tool.name].origin} and {tool.origin}"
                raise UsageError(f"two tools have the name {tool.name}: {origins}", hint="rename one of them")
            self._tools[tool.name] = tool
            self._parameters[tool.name] = self._translated(tool)

    def __len__(self) -> int:
        return len(self._tools)

    def __iter__(self) -> Iterator[Tool]:
        return iter(self._tools.values())

    def get(self, name: str) -> Tool | None:
        """The tool of that name, or None."""
        return self._tools.get(name)

    def declarations(self, model: str) -> tuple[FunctionDeclaration, ...]:
        """The declarations for the setup. Raises UsageError for a behaviour that `model` does not support."""
        if self:
            from ..protocol.models import MODELS
        for tool in self:
            known = MODELS.get(model)
            if known and tool.calling and tool.calling not in known.calling:
                supported = " or ".join(known.calling)
                raise UsageError(
                    f"{tool.origin}: {model} does not support {tool.calling} functions, such as {tool.name}",
                    hint=f"it supports {supported}: leave out `blocking`, or use another model",
                )
        return tuple(self._declaration(tool) for tool in self)

    def holds(self, name: str, model: str) -> bool:
        """Whether `model` keeps its turn open until it has the result of the function `name`."""
        from ..protocol.models import DEFAULT_MODEL, MODELS, CallBehaviour

        tool = self.get(name)
        default = MODELS.get(model, MODELS[DEFAULT_MODEL]).calling[0]
        return ((tool and tool.calling) or default) is CallBehaviour.BLOCKING

    def _declaration(self, tool: Tool) -> FunctionDeclaration:
        from ..protocol.messages import FunctionDeclaration

        return FunctionDeclaration(
            name=tool.name,
            description=tool.description,
            parameters=self._parameters[tool.name],
            behavior=tool.calling.value if tool.calling else None,
        )

    def _translated(self, tool: Tool) -> Json | None:
        """The tool's parameters in the API's form."""
        if tool.parameters is None:
            return None
        from .schema import SchemaError, translate

        try:
            parameters, losses = translate(tool.parameters)
        except SchemaError as error:
            raise UsageError(f"{tool.origin}: the parameters of {tool.name}: {error}") from error
        if losses:
            problem = f"the API cannot declare all of the parameters of {tool.name}"
            self.warnings.append(f"{tool.origin}: {problem}. Left out: {', '.join(losses)}")
        return parameters


def parse_tool(word: str) -> Tool:
    """The tool of a word `NAME=COMMAND`. COMMAND is split into words as a shell does it.

    Raises UsageError for a word of another form, FileError when there is no such program.
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
        raise UsageError(f"--tool {word}: the command is missing", hint=example)
    problem = command_problem(words)
    if problem:
        raise FileError(f"--tool {name}: {problem}")
    return Tool(name, words, parameters=TEXT_PARAMETERS)


NAME_HINT = "a name has up to 64 letters, digits and characters of _.:- and begins with a letter or _"


def command_problem(command: Sequence[str], path: str | None = None) -> str | None:
    """The reason why a command cannot be run, None if no reason is known. `path` replaces the variable PATH."""
    if any("\0" in word for word in command):
        return "the command contains a zero byte"
    return None if shutil.which(command[0], path=path) else f"there is no executable program {command[0]!r}"
