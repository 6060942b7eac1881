"""Tools in a TOML file: the values of each key, and the line of each mistake."""

from __future__ import annotations

import pytest

from livecli.toml_reader import LineError
from livecli.tools.toolbox import DEFAULT_DESCRIPTION, TIMEOUT_SECONDS, Tool
from livecli.tools.tools_file import read_tools

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

[tool.parameters]
properties.near = {type = "string"}
required = ["near"]
"""
    schema = {"properties": {"near": {"type": "string"}}, "required": ["near"]}
    assert read_tools(text, "t.toml") == (
        Tool("find", ("true", "--near"), "Finds.", schema, 5.0, False, "INTERRUPT", "t.toml:2"),
    )


def test_the_defaults_and_the_origin_of_each_tool():
    first, second = read_tools(TOOL + '\n[[tool]]\nname = "b"\ncommand = "true \'a b\'"\n', "t.toml")
    assert (first.description, first.timeout_seconds) == (DEFAULT_DESCRIPTION, TIMEOUT_SECONDS)
    assert (first.parameters, first.blocking, first.scheduling) == (None, None, None)
    assert second.command == ("true", "a b")
    assert (first.origin, second.origin) == ("t.toml:1", "t.toml:5")


@pytest.mark.parametrize(
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
        (f"{TOOL}parameters = {{type = 'array'}}\n", 4, "parameters must be the JSON schema of an object"),
        (f"{TOOL}parameters = {{}}\n", 4, "parameters must be the JSON schema of an object"),
    ],
)
def test_a_mistake_has_its_line(text, line, reason):
    with pytest.raises(LineError) as caught:
        read_tools(text, "t.toml")
    assert (caught.value.line, caught.value.reason) == (line, reason)


@pytest.mark.parametrize(("text", "hint"), [("[[tol]]\n", "tool"), (f"{TOOL}scheduled = 1\n", "scheduling")])
def test_a_key_that_is_misspelt_is_refused_with_the_right_one(text, hint):
    with pytest.raises(LineError) as caught:
        read_tools(text, "t.toml")
    assert hint in (caught.value.hint or "")
