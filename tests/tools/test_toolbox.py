"""Tools on the command line, their names, and how they are declared to a model."""

from __future__ import annotations

import pytest

from livecli.errors import FileError, UsageError
from livecli.tools.toolbox import DEFAULT_DESCRIPTION, NAME, TEXT_PARAMETERS, Tool, Toolbox, command_problem, parse_tool
from tests.cases import in_one_test

BLOCKING_ONLY, NON_BLOCKING_FIRST = "gemini-3.1-flash-live-preview", "gemini-3.8-live"


class TestParseTool:
    @pytest.mark.parametrize(
        ("word", "name", "command"),
        [
            ("find=true", "find", ("true",)),
            ("find=true --near 'a b'", "find", ("true", "--near", "a b")),
            ("a.b:c-d_9=true x=y", "a.b:c-d_9", ("true", "x=y")),
        ],
    )
    def test_the_command_is_split_as_a_shell_does(self, word, name, command):
        tool = parse_tool(word)
        assert (tool.name, tool.command) == (name, command)
        assert (tool.description, tool.parameters) == (DEFAULT_DESCRIPTION, TEXT_PARAMETERS)
        assert (tool.blocking, tool.scheduling, tool.origin) == (None, None, "--tool")

    @in_one_test(
        ("word", "message"),
        [
            ("find", "--tool find: NAME=COMMAND is expected"),
            ("=true", "--tool =true: NAME=COMMAND is expected"),
            ("9find=true", "--tool 9find=true: NAME=COMMAND is expected"),
            ("find=", "--tool find=: the command is missing"),
            ("find=  ", "--tool find=  : the command is missing"),
            ("find=echo 'a", "--tool find=echo 'a: no closing quotation"),
        ],
    )
    def test_a_word_of_another_form_is_refused(self, word, message):
        with pytest.raises(UsageError) as caught:
            parse_tool(word)
        assert caught.value.message == message
        assert "--tool 'find_station=" in caught.value.hint

    def test_a_program_that_is_missing_is_an_error_of_a_file(self):
        with pytest.raises(FileError, match="--tool find: there is no executable program 'no-such-program'"):
            parse_tool("find=no-such-program")


@pytest.mark.parametrize(
    ("name", "valid"), [("a" * 64, True), ("a" * 65, False), ("_", True), ("a b", False), ("", False)]
)
def test_the_names_of_functions(name, valid):
    assert bool(NAME.fullmatch(name)) is valid


def test_a_command_with_a_zero_byte_cannot_be_run():
    assert command_problem(["true", "a\0b"]) == "the command contains a zero byte"
    assert command_problem(["true"]) is None


class TestToolbox:
    def test_a_name_is_used_once(self):
        with pytest.raises(UsageError) as caught:
            Toolbox([Tool("find", ("true",)), Tool("find", ("false",), origin="t.toml:3")])
        assert caught.value.message == "two tools have the name find: --tool and t.toml:3"

    def test_tools_are_found_by_name_and_keep_their_order(self):
        second, first = Tool("b", ("true",)), Tool("a", ("true",))
        box = Toolbox([second, first])
        assert (len(box), list(box)) == (2, [second, first])
        assert (box.get("a"), box.get("c")) == (first, None)

    def test_declarations(self):
        schema = {"type": "object", "properties": {"near": {"type": "string"}}}
        box = Toolbox(
            [
                Tool("find", ("true",), "Finds.", parameters=schema, blocking=False),
                Tool("now", ("true",), blocking=True),
            ]
        )
        found, now = box.declarations(NON_BLOCKING_FIRST)
        assert (found.name, found.description) == ("find", "Finds.")
        assert found.parameters == {"type": "OBJECT", "properties": {"near": {"type": "STRING"}}}
        assert (found.behavior, now.behavior) == ("NON_BLOCKING", "BLOCKING")
        assert (now.description, now.parameters) == (DEFAULT_DESCRIPTION, None)
        assert (found.parameters_json_schema, now.parameters_json_schema) == (None, None)
        assert box.warnings == []

    def test_a_warning_names_what_the_api_cannot_express(self):
        schema = {"properties": {"near": {"type": "string"}}, "additionalProperties": False}
        box = Toolbox([Tool("find", ("true",), parameters=schema, origin="t.toml:1")])
        assert box.warnings == [
            "t.toml:1: the API cannot declare all of the parameters of find. Left out: additionalProperties"
        ]

    def test_parameters_that_are_no_json_schema_are_refused(self):
        with pytest.raises(UsageError) as caught:
            Toolbox([Tool("find", ("true",), parameters={"type": "objekt"}, origin="t.toml:1")])
        assert caught.value.message.startswith('t.toml:1: the parameters of find: there is no type "objekt"')

    def test_without_a_wish_the_behaviour_is_left_to_the_model(self):
        [declared] = Toolbox([Tool("find", ("true",))]).declarations(BLOCKING_ONLY)
        assert declared.behavior is None

    def test_a_behaviour_that_the_model_does_not_support_is_refused(self):
        box = Toolbox([Tool("find", ("true",), blocking=False, origin="t.toml:1")])
        with pytest.raises(UsageError) as caught:
            box.declarations(BLOCKING_ONLY)
        assert (
            caught.value.message == f"t.toml:1: {BLOCKING_ONLY} does not support NON_BLOCKING functions, such as find"
        )
        assert caught.value.hint == "it supports BLOCKING: leave out `blocking`, or use another model"

    def test_a_model_that_is_not_known_is_asked_for_anything(self):
        [declared] = Toolbox([Tool("find", ("true",), blocking=False)]).declarations("a-new-model")
        assert declared.behavior == "NON_BLOCKING"

    @pytest.mark.parametrize(
        ("model", "blocking", "holds"),
        [
            (BLOCKING_ONLY, None, True),
            (NON_BLOCKING_FIRST, None, False),
            (NON_BLOCKING_FIRST, True, True),
            ("a-new-model", False, False),
        ],
    )
    def test_whether_the_turn_stays_open_for_a_result(self, model, blocking, holds):
        assert Toolbox([Tool("find", ("true",), blocking=blocking)]).holds("find", model) is holds
