"""Reader of `--tools` files, which define tools in TOML. It looks for the programs, and at inherited variables.

[[tool]]
name = "find_station"
description = "Finds the railway station that is nearest to a place."
command = ["./find_station.py", "--nearest"]    # or one text, which is split as a shell does it; no shell runs it
timeout = 5                                     # seconds; the default is 30
blocking = false                                # whether the model waits for the result; by default the model decides
scheduling = "INTERRUPT"                        # when the model mentions the result; also SILENT, WHEN_IDLE
env = {NETWORK = "SBB"}                         # variables of its environment, beside a small base such as PATH
inherit = ["TIMETABLE_URL"]                     # variables that it inherits; never a credential of livecli

[tool.parameters]                               # a JSON Schema, or the API's form; without it there are none
type = "object"
properties.near = {type = "string"}
required = ["near"]
"""

from __future__ import annotations

import os
import re
import shlex
from typing import Any

from .. import toml_reader
from ..process.text_files import parse_text_file
from ..toml_reader import LineError, Path
from .command import inherit_problem
from .schema import SchemaError, translate
from .toolbox import DEFAULT_DESCRIPTION, NAME, NAME_HINT, TIMEOUT_SECONDS, Tool, command_problem

KEYS = ("name", "description", "parameters", "command", "timeout", "blocking", "scheduling", "env", "inherit")
SCHEDULINGS = ("SILENT", "WHEN_IDLE", "INTERRUPT")
MAX_TIMEOUT_SECONDS = 3600

VARIABLE = re.compile(r"[^=\0]+")


def read_tools(text: str, file: str) -> tuple[Tool, ...]:
    """The tools that a file defines. `file` is its name in messages. Raises LineError."""
    return _Reader(text, file).tools(toml_reader.load(text))


def load_tools(path: str) -> tuple[Tool, ...]:
    """The tools that the file at `path` defines. Raises FileError, which names the line."""
    return parse_text_file(path, lambda text: read_tools(text, path))


class _Reader(toml_reader.Reader):
    def __init__(self, text: str, file: str) -> None:
        super().__init__(text, "a word", tool="a tool")
        self._file = file

    def tools(self, table: dict[str, Any]) -> tuple[Tool, ...]:
        for key in table:
            if key != "tool":
                self.unknown(key, ["tool"], [key])
        tools = table.get("tool")
        if isinstance(tools, dict):
            self.wrong(["tool"], "a tool is written with two brackets: [[tool]]")
        if not tools:
            raise LineError(1, "the file has no [[tool]]", hint="write [[tool]], and below it a name and a command")
        return tuple(self._tool(tool, ["tool", n]) for n, tool in enumerate(self.expect(tools, list, ["tool"])))

    def _tool(self, value: Any, path: Path) -> Tool:
        table = self.expect(value, dict, path)
        for key in table:
            if key not in KEYS:
                self.unknown(key, KEYS, [*path, key])
        for key in ("name", "command"):
            if key not in table:
                self.wrong(path, f"this tool has no {key}")
        values = {key: (table[key], [*path, key]) for key in table}
        env = self._env(*values["env"]) if "env" in values else {}
        return Tool(
            self._name(*values["name"]),
            self._command(*values["command"], env.get("PATH")),
            self.text(*values["description"]) if "description" in values else DEFAULT_DESCRIPTION,
            self._parameters(*values["parameters"]) if "parameters" in values else None,
            self._timeout(*values["timeout"]) if "timeout" in values else TIMEOUT_SECONDS,
            self.expect(table["blocking"], bool, [*path, "blocking"]) if "blocking" in values else None,
            self._scheduling(*values["scheduling"]) if "scheduling" in values else None,
            f"{self._file}:{toml_reader.line_of(self._text, path)}",
            env,
            self._inherit(*values["inherit"]) if "inherit" in values else (),
        )

    def _name(self, value: Any, path: Path) -> str:
        name = self.text(value, path)
        return (
            name if NAME.fullmatch(name) else self.wrong(path, f"{name!r} is not a valid function name", hint=NAME_HINT)
        )

    def _command(self, value: Any, path: Path, search_path: str | None) -> tuple[str, ...]:
        words = value
        if isinstance(value, str):
            try:
                words = shlex.split(value)
            except ValueError as error:
                self.wrong(path, f"{value!r} cannot be split into words: {str(error).lower()}")
        command = tuple(self.expect(word, str, [*path, n]) for n, word in enumerate(self.expect(words, list, path)))
        problem = command_problem(command, search_path) if command and command[0] else "the command is empty"
        return self.wrong(path, problem) if problem else command

    def _env(self, value: Any, path: Path) -> dict[str, str]:
        for name, text in self.expect(value, dict, path).items():
            if not VARIABLE.fullmatch(name):
                self.wrong(path, f"{name!r} is not a valid name of a variable")
            if "\0" in self.expect(text, str, [*path, name]):
                self.wrong([*path, name], f"{name} contains a zero byte")
        return dict(value)

    def _inherit(self, value: Any, path: Path) -> tuple[str, ...]:
        names = tuple(self.text(name, [*path, n]) for n, name in enumerate(self.expect(value, list, path)))
        for n, name in enumerate(names):
            if problem := inherit_problem(name, os.environ):
                self.wrong([*path, n], problem, hint="give the tool one of its own with env")
        return names

    def _parameters(self, value: Any, path: Path) -> dict[str, Any]:
        parameters = self.json(value, path)
        try:
            translate(parameters)
        except SchemaError as error:
            self.wrong(path, str(error), hint='write type = "object", and the parameters under properties')
        return parameters

    def _timeout(self, value: Any, path: Path) -> float:
        is_number = not isinstance(value, bool) and isinstance(value, int | float)
        if not is_number or not 0 < value <= MAX_TIMEOUT_SECONDS:
            self.wrong(path, f"timeout must be a number of seconds, more than 0 and up to {MAX_TIMEOUT_SECONDS}")
        return float(value)

    def _scheduling(self, value: Any, path: Path) -> str:
        if value in SCHEDULINGS:
            return str(value)
        return self.wrong(path, f"scheduling must be one of {', '.join(SCHEDULINGS)}")
