"""Tools in a TOML file: the values of each key, and the line of each mistake."""

from __future__ import annotations

import pytest

from livecli.toml_reader import LineError
from livecli.tools.toolbox import DEFAULT_DESCRIPTION, TIMEOUT_SECONDS, Tool
from livecli.tools.tools_file import read_tools
from tests.cases import in_one_test

TOOL = '[[tool]]\nname = "find"\ncommand = "true"\n'


def test_every_key():
    text = """
[[tool]]
name = "find"
description = "Finds."
command = ["true", "--near"]
timeout = 5
blocking = false
scheduling = "INTERRUPT"
env = {A = "", B = "é=1"}
inherit = ["MAIL"]

[tool.parameters]
properties.near = {type = "string"}
required = ["near"]
"""
    env = {"A": "", "B": "é=1"}
    schema = {"properties": {"near": {"type": "string"}}, "required": ["near"]}
    assert read_tools(text, "t.toml") == (
        Tool("find", ("true", "--near"), "Finds.", schema, 5.0, False, "INTERRUPT", "t.toml:2", env, ("MAIL",)),
    )


def test_the_defaults_and_the_origin_of_each_tool():
    first, second = read_tools(TOOL + '\n[[tool]]\nname = "b"\ncommand = "true \'a b\'"\n', "t.toml")
    assert (first.description, first.timeout_seconds) == (DEFAULT_DESCRIPTION, TIMEOUT_SECONDS)
    assert (first.parameters, first.blocking, first.scheduling) == (None, None, None)
    assert second.command == ("true", "a b")
    assert (first.origin, second.origin) == ("t.toml:1", "t.toml:5")


@in_one_test(
    ("text", "line", "reason"),
    [
        ("", 1, "the file has no [[tool]]"),
        ("[tool]\nname = 'a'\n", 1, "a tool is written with two brackets: [[tool]]"),
        ('[[tool]]\nname = "find"\n', 1, "this tool has no command"),
        ('[[tool]]\ncommand = "true"\n', 1, "this tool has no name"),
        ('[[tool]]\nname = "a b"\ncommand = "true"\n', 2, "'a b' is not a valid function name"),
        (
            '[[tool]]\nname = "a"\ncommand = "true \'"\n',
            3,
            '"true \'" cannot be split into words: no closing quotation',
        ),
        ('[[tool]]\nname = "a"\ncommand = []\n', 3, "the command is empty"),
        ('[[tool]]\nname = "a"\ncommand = "no-such"\n', 3, "there is no executable program 'no-such'"),
        (f"{TOOL}timeout = 0\n", 4, "timeout must be a number of seconds, more than 0 and up to 3600"),
        (f"{TOOL}timeout = true\n", 4, "timeout must be a number of seconds, more than 0 and up to 3600"),
        (f"{TOOL}timeout = nan\n", 4, "timeout must be a number of seconds, more than 0 and up to 3600"),
        (f"{TOOL}scheduling = 'NOW'\n", 4, "scheduling must be one of SILENT, WHEN_IDLE, INTERRUPT"),
        (f"{TOOL}env = {{A = 1}}\n", 4, "A must be a text, and is a number"),
        (f"{TOOL}env = ['A']\n", 4, "env must be a table, and is a list"),
        (f"{TOOL}[tool.env]\n'A=' = ''\n", 4, "'A=' is not a valid name of a variable"),
        (f'{TOOL}[tool.env]\nB = ""\nA = "\\u0000"\n', 6, "A contains a zero byte"),
        (f"{TOOL}inherit = ['A', '']\n", 4, "1 is empty"),
        (f"{TOOL}inherit = 'A'\n", 4, "inherit must be a list, and is a text"),
        (
            f"{TOOL}inherit = [\n'A',\n'GEMINI_API_KEY']\n",
            6,
            "GEMINI_API_KEY is a credential of livecli, which no tool inherits",
        ),
        (f"{TOOL}parameters = {{type = 'array'}}\n", 4, "parameters must be the JSON schema of an object"),
        (f"{TOOL}parameters = {{}}\n", 4, "parameters must be the JSON schema of an object"),
    ],
)
def test_a_mistake_has_its_line(text, line, reason):
    with pytest.raises(LineError) as caught:
        read_tools(text, "t.toml")
    assert (caught.value.line, caught.value.reason) == (line, reason)


def test_a_program_is_looked_for_in_the_path_of_the_tool(tmp_path):
    program = tmp_path / "only-here"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    table = '[[tool]]\nname = "f"\ncommand = "only-here"\n'
    [tool] = read_tools(f'{table}env.PATH = "{tmp_path}"\n', "t.toml")
    assert tool.env == {"PATH": str(tmp_path)}
    with pytest.raises(LineError, match="there is no executable program 'only-here'"):
        read_tools(table, "t.toml")


@pytest.mark.parametrize(("text", "hint"), [("[[tol]]\n", "tool"), (f"{TOOL}scheduled = 1\n", "scheduling")])
def test_a_key_that_is_misspelt_is_refused_with_the_right_one(text, hint):
    with pytest.raises(LineError) as caught:
        read_tools(text, "t.toml")
    assert hint in (caught.value.hint or "")
