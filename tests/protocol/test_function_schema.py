"""Parameters of functions that the API's Schema cannot express, and what Google's parser says of them."""

import pytest

from livecli.protocol.function_schema import schema_errors
from livecli.protocol.messages import FunctionDeclaration, Tool
from livecli.protocol.models import Platform
from tests.cases import in_one_test

PATH = "setup.tools[0].function_declarations[0].parameters"
UNKNOWN = "Invalid JSON payload received. Unknown name "


def errors(parameters: dict | None, platform: Platform = Platform.DEVELOPER) -> list[str]:
    tools = [Tool(function_declarations=[FunctionDeclaration(name="f", parameters=parameters)])]
    return list(schema_errors(tools, platform.facts.schema_extras))


@in_one_test(
    "parameters",
    [
        None,
        {},
        {"type": "OBJECT", "properties": {"additionalProperties": {"type": "string", "nullable": True}}},
        {"type": "object", "properties": {"a": {"type": "ARRAY", "items": {"type": "INTEGER", "format": "int32"}}}},
        {"anyOf": [{"type": "STRING"}, {"type": "NULL"}], "max_length": "4", "property_ordering": ["a"]},
        {"type": "STRING", "enum": ["a"], "default": {"const": 1}, "example": {"$schema": 1}},
    ],
)
def test_schemas_of_the_api(parameters: dict | None) -> None:
    assert errors(parameters) == []


@in_one_test("name", ["additionalProperties", "$schema", "const", "oneOf", "$ref", "exclusiveMinimum"])
def test_names_of_json_schema_are_unknown(name: str) -> None:
    assert errors({name: 1}) == [f"{UNKNOWN}\"{name}\" at '{PATH}': Cannot find field."]


@pytest.mark.parametrize(
    ("parameters", "path"),
    [
        ({"properties": {"a": {}, "b": {"const": 1}}}, ".properties[1].value"),
        ({"items": {"const": 1}}, ".items"),
        ({"any_of": [{}, {"const": 1}]}, ".any_of[1]"),
        ({"prefixItems": [{"items": {"const": 1}}]}, ".prefix_items[0].items"),
    ],
)
def test_the_path_leads_to_the_inner_schema(parameters: dict, path: str) -> None:
    assert errors(parameters) == [f"{UNKNOWN}\"const\" at '{PATH}{path}': Cannot find field."]


def test_each_is_named_in_order() -> None:
    both = errors({"$schema": "x", "type": "OBJECT", "properties": {"a": {"const": 1}}, "additionalProperties": False})
    assert [text.split('"')[1] for text in both] == ["$schema", "const", "additionalProperties"]


def test_a_type_is_one_that_there_is() -> None:
    assert errors({"type": "dict"}) == [
        f"Invalid value at '{PATH}.type' (type.googleapis.com/google.ai.generativelanguage.v1beta.Type), \"dict\""
    ]
    assert errors({"type": ["STRING", "NULL"]}) == [
        f"{UNKNOWN}\"type\" at '{PATH}': Proto field is not repeating, cannot start list."
    ]


def test_vertex_knows_more_names() -> None:
    schema = {"additionalProperties": False, "$defs": {"x": {"const": 1}}}
    assert errors(schema, Platform.VERTEX) == [f"{UNKNOWN}\"const\" at '{PATH}.$defs[0].value': Cannot find field."]
