"""JSON Schema in the API's form: each keyword, what is lost, and that nothing but the API's fields comes out."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from livecli.protocol.codec.proto_json import is_too_deep
from livecli.tools.schema import FORMATS, KEYWORDS, MAX_SCHEMAS, TYPES, SchemaError, translate
from tests.cases import in_one_test

ANY_TYPE = "values of any type (declared as STRING)"


def property_of(schema: Any, **root: Any) -> tuple[Any, list[str]]:
    """The declaration of a property with this schema, and what was lost."""
    declared, losses = translate({"type": "object", "properties": {"x": schema}, **root})
    assert declared is not None
    assert declared.keys() == {"type", "properties"}
    return declared["properties"]["x"], losses


@pytest.mark.parametrize("kind", ["string", "number", "integer", "boolean"])
def test_types_are_in_upper_case(kind):
    assert property_of({"type": kind}) == ({"type": kind.upper()}, [])


@in_one_test(
    ("schema", "declared"),
    [
        ({"type": ["string", "null"]}, {"type": "STRING", "nullable": True}),
        ({"anyOf": [{"type": "string"}, {"type": "null"}]}, {"type": "STRING", "nullable": True}),
        ({"anyOf": [{"type": "null"}, {"type": "string"}], "default": None}, {"type": "STRING", "nullable": True}),
        ({"oneOf": [{"type": "string"}, {"const": None}]}, {"type": "STRING", "nullable": True}),
        ({"type": "STRING", "nullable": True}, {"type": "STRING", "nullable": True}),
        (
            {"type": ["string", "array", "null"], "minLength": 1, "items": {"type": "number"}, "title": "T"},
            {
                "anyOf": [
                    {"type": "STRING", "minLength": 1, "title": "T", "nullable": True},
                    {"type": "ARRAY", "items": {"type": "NUMBER"}, "title": "T", "nullable": True},
                ]
            },
        ),
        (
            {"anyOf": [{"type": "string"}, {"type": "integer", "description": "n"}], "description": "d"},
            {"anyOf": [{"type": "STRING", "description": "d"}, {"type": "INTEGER", "description": "n"}]},
        ),
        (
            {"any_of": [{"type": "string"}, {"oneOf": [{"type": "integer"}, {"type": "boolean"}]}]},
            {"anyOf": [{"type": "STRING"}, {"type": "INTEGER"}, {"type": "BOOLEAN"}]},
        ),
        (
            {
                "type": "object",
                "properties": {"a": {"type": "string"}, "b": {"type": "string"}},
                "anyOf": [{"required": ["a"]}, {"required": ["b"]}],
            },
            {
                "anyOf": [
                    {
                        "type": "OBJECT",
                        "properties": {"a": {"type": "STRING"}, "b": {"type": "STRING"}},
                        "required": [name],
                    }
                    for name in "ab"
                ]
            },
        ),
    ],
)
def test_null_is_nullable_and_a_choice_stands_alone(schema, declared):
    assert property_of(schema) == (declared, [])


@in_one_test(
    ("schema", "declared"),
    [
        ({"const": "a"}, {"type": "STRING", "enum": ["a"]}),
        ({"const": 3, "description": "Level"}, {"type": "INTEGER", "description": "Level (one of: 3)"}),
        ({"enum": ["a", "b", None]}, {"type": "STRING", "enum": ["a", "b"], "nullable": True}),
        ({"enum": [1.5, 2.5]}, {"type": "NUMBER", "description": "(one of: 1.5, 2.5)"}),
        ({"type": "integer", "format": "enum", "enum": ["1"]}, {"type": "INTEGER", "description": '(one of: "1")'}),
        ({"type": "string", "format": "enum", "enum": ["a"]}, {"type": "STRING", "format": "enum", "enum": ["a"]}),
        ({"type": "string", "format": "date-time"}, {"type": "STRING", "format": "date-time"}),
        ({"type": "string", "format": "uuid"}, {"type": "STRING", "description": "(format: uuid)"}),
        ({"type": "integer", "format": "int64"}, {"type": "INTEGER", "format": "int64"}),
    ],
)
def test_values_and_formats_that_the_api_does_not_take_are_described(schema, declared):
    assert property_of(schema) == (declared, [])


@in_one_test(
    ("schema", "declared", "losses"),
    [
        (
            {"type": "integer", "multipleOf": 5, "exclusiveMinimum": 0},
            {"type": "INTEGER"},
            ["multipleOf", "exclusiveMinimum"],
        ),
        ({"type": "object", "additionalProperties": {"type": "string"}}, {"type": "OBJECT"}, ["additionalProperties"]),
        ({"type": "object", "patternProperties": {"^a": {}}}, {"type": "OBJECT"}, ["patternProperties"]),
        ({"type": "array"}, {"type": "ARRAY", "items": {"type": "STRING"}}, [ANY_TYPE]),
        ({}, {"type": "STRING"}, [ANY_TYPE]),
        (True, {"type": "STRING"}, [ANY_TYPE]),
        ({"pattern": "^a"}, {"type": "STRING", "pattern": "^a"}, []),
        ({"maximum": 5}, {"type": "NUMBER", "maximum": 5}, []),
        ({"type": "string", "minimum": 5}, {"type": "STRING"}, ["minimum"]),
        ({"type": "string", "enum": ["", "a"]}, {"type": "STRING", "enum": ["a"]}, ["an empty text in enum"]),
        (
            {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a", "b"]},
            {"type": "OBJECT", "properties": {"a": {"type": "STRING"}}, "required": ["a"]},
            ["required of undeclared properties"],
        ),
        ({"type": "string", "$comment": "c", "$schema": "s"}, {"type": "STRING"}, []),
    ],
)
def test_what_the_api_does_not_have_is_named(schema, declared, losses):
    assert property_of(schema) == (declared, losses)


def test_names_of_properties_are_no_keywords():
    schema = {"type": "object", "properties": {"any_of": {"type": "string"}, "multipleOf": {"type": "string"}}}
    declared = {"type": "OBJECT", "properties": {"any_of": {"type": "STRING"}, "multipleOf": {"type": "STRING"}}}
    assert translate(schema) == (declared, [])


def test_a_function_may_have_no_parameters():
    assert translate({"type": "object"}) == (None, [])
    assert translate({"type": "object", "properties": {}, "required": []}) == (None, [])


PLACE = {"type": "object", "properties": {"name": {"type": "string"}}}
DECLARED_PLACE = {"type": "OBJECT", "properties": {"name": {"type": "STRING"}}}


class TestReferences:
    @pytest.mark.parametrize(("within", "ref"), [("$defs", "$ref"), ("definitions", "$ref"), ("defs", "ref")])
    def test_definitions_are_inlined(self, within, ref):
        schema = {ref: f"#/{within}/Place", "description": "d"}
        assert property_of(schema, **{within: {"Place": PLACE}}) == ({**DECLARED_PLACE, "description": "d"}, [])

    def test_the_whole_may_be_a_reference(self):
        assert translate({"$ref": "#/$defs/a~1b", "$defs": {"a/b": PLACE}}) == (DECLARED_PLACE, [])

    def test_all_of_is_merged(self):
        definitions = {
            "A": {"properties": {"a": {"type": "string"}}, "required": ["a"]},
            "B": {"allOf": [{"$ref": "#/$defs/A"}], "properties": {"b": {"type": "string"}}, "required": ["b"]},
        }
        schema = {"allOf": [{"$ref": "#/$defs/A"}, {"$ref": "#/$defs/B"}], "$defs": definitions}
        properties = {"a": {"type": "STRING"}, "b": {"type": "STRING"}}
        declared, losses = translate(schema)
        assert declared is not None
        assert (declared["properties"], set(declared["required"]), losses) == (properties, {"a", "b"}, [])

    def test_of_two_choices_of_which_both_must_hold_one_is_kept(self):
        first, second = ({"anyOf": [{"type": kind}, {"type": "boolean"}]} for kind in ("string", "integer"))
        found, losses = property_of({"allOf": [first, second]})
        assert found == {"anyOf": [{"type": "STRING"}, {"type": "BOOLEAN"}]}
        assert losses == ["anyOf beside another in allOf"]

    def test_a_recursive_one_is_cut_where_it_repeats(self):
        node = {"type": "object", "properties": {"next": {"$ref": "#/$defs/N"}, "also": {"$ref": "#/$defs/N"}}}
        found, losses = property_of({"$ref": "#/$defs/N"}, **{"$defs": {"N": node}})
        assert found == {"type": "OBJECT", "properties": {"next": {"type": "OBJECT"}, "also": {"type": "OBJECT"}}}
        assert losses == ["a recursive $ref"]

    def test_the_same_one_twice_is_no_recursion(self):
        place = {"$ref": "#/$defs/Place"}
        schema = {"type": "object", "properties": {"from": place, "to": place}, "$defs": {"Place": PLACE}}
        declared = {"type": "OBJECT", "properties": {"from": DECLARED_PLACE, "to": DECLARED_PLACE}}
        assert translate(schema) == (declared, [])

    @pytest.mark.parametrize(
        "definitions",
        [
            {f"D{n}": {"properties": {f"p{m}": {"$ref": f"#/$defs/D{m}"} for m in range(12)}} for n in range(12)},
            {f"D{n}": {"properties": {m: {"$ref": f"#/$defs/D{n + 1}"} for m in "ab"}} for n in range(30)}
            | {"D30": {}},
            {f"D{n}": {"allOf": [{"$ref": f"#/$defs/D{n + 1}"}] * 2} for n in range(30)}
            | {"D30": {"properties": {"a": {"type": "string"}}}},
            {f"D{n}": {"anyOf": [{"$ref": f"#/$defs/D{n + 1}"}] * 2} for n in range(30)} | {"D30": {"type": "string"}},
        ],
        ids=["each refers to all", "each twice", "all of both", "any of both"],
    )
    def test_what_grows_without_bound_is_cut(self, definitions):
        found, losses = property_of({"$ref": "#/$defs/D0"}, **{"$defs": definitions})
        assert len(json.dumps(found)) < 100 * MAX_SCHEMAS
        assert f"what is inside the schemas after the first {MAX_SCHEMAS:,}" in losses

    def test_what_is_too_deep_is_cut(self):
        schema: Any = {"type": "string"}
        for _ in range(200):
            schema = {"type": "object", "properties": {"x": schema}}
        found, losses = property_of(schema)
        assert losses == ["what is inside 40 schemas"]
        assert not is_too_deep(json.dumps({"setup": {"tools": [{"functionDeclarations": [{"parameters": found}]}]}}))

    @pytest.mark.parametrize("ref", ["#/$defs/B", "other.json#/$defs/A", "#/$defs/A/type", 5])
    def test_one_that_leads_nowhere_is_refused(self, ref):
        with pytest.raises(SchemaError, match="there is no definition"):
            property_of({"$ref": ref}, **{"$defs": {"A": {"type": "string"}}})


@in_one_test(
    ("schema", "reason"),
    [
        ({"type": "text"}, 'there is no type "text": there are string, number, integer, boolean, array, object'),
        ({"type": 5}, "type must be a text or a list of texts, and is 5"),
        ({"type": "string", "required": True}, "required must be a list of names, and is true"),
        ({"type": "string", "enum": "a"}, 'enum must be a list, and is "a"'),
        ({"type": "string", "minLength": -1}, "minLength must be a whole number, and is -1"),
        ({"anyOf": {"type": "string"}}, 'anyOf must be a list of schemas, and is {"type": "string"}'),
        ({"allOf": [5]}, "allOf must be a list of schemas, and is [5]"),
        ({"properties": ["a"]}, 'properties must be a table of schemas, and is ["a"]'),
    ],
)
def test_a_schema_that_is_not_valid_is_refused(schema, reason):
    with pytest.raises(SchemaError) as caught:
        property_of(schema)
    assert str(caught.value) == reason


@pytest.mark.parametrize(
    "schema", [{}, {"type": "array"}, {"type": ["object", "string"]}, {"anyOf": [{"type": "object"}]}]
)
def test_parameters_are_an_object(schema):
    with pytest.raises(SchemaError, match="parameters must be the JSON schema of an object"):
        translate(schema)


def test_a_choice_of_parameters_is_left_out():
    schema = {"properties": {"a": {"type": "string"}}, "anyOf": [{"required": ["a"]}, {}]}
    declared = {"type": "OBJECT", "properties": {"a": {"type": "STRING"}}}
    assert translate(schema) == (declared, ["anyOf of all parameters"])


# --- whatever the schema is ---

NAMES = st.sampled_from(["a", "b", "anyOf", "$ref", "é"])
VALUES = st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from(["", "a", "object"])
KINDS = st.sampled_from([*TYPES, *map(str.lower, TYPES), "null", "text"])


def schemas_of(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    keywords: dict[str, st.SearchStrategy[Any]] = {
        "type": KINDS | st.lists(KINDS, max_size=3),
        "properties": st.dictionaries(NAMES, inner, max_size=3),
        "required": st.lists(NAMES, max_size=3),
        "items": inner,
        **{name: st.lists(inner, max_size=3) for name in ("anyOf", "any_of", "oneOf", "allOf")},
        "const": VALUES,
        "enum": st.lists(VALUES, max_size=3),
        "format": st.sampled_from(["uri", "enum", "date-time", "int32"]),
        "$ref": st.sampled_from(["#", "#/$defs/a", "#/$defs/b", "#/$defs/none"]),
        "nullable": st.booleans(),
        "description": st.text(max_size=3),
        **dict.fromkeys(("default", "minimum", "min_items", "additionalProperties", "multipleOf", "x"), VALUES),
    }
    return st.fixed_dictionaries({}, optional=keywords) | VALUES


SCHEMAS = st.recursive(st.fixed_dictionaries({"type": KINDS}) | st.booleans(), schemas_of, max_leaves=12)
ROOTS = st.fixed_dictionaries(
    {"type": st.just("object"), "properties": st.dictionaries(NAMES, SCHEMAS, min_size=1, max_size=3)},
    optional={"$defs": st.fixed_dictionaries({"a": SCHEMAS, "b": SCHEMAS}), "allOf": st.lists(SCHEMAS, max_size=2)},
)


def check(schema: Any) -> None:
    """Assert that a schema is one that both platforms take."""
    if "anyOf" in schema:
        assert schema.keys() == {"anyOf"}
        assert len(schema["anyOf"]) > 1
        for choice in schema["anyOf"]:
            assert "anyOf" not in choice
            check(choice)
        return
    kind = schema["type"]
    assert kind in TYPES
    for name, value in schema.items():
        assert name == "type" or (kind in KEYWORDS[name].types and KEYWORDS[name].is_valid(value))
    if "enum" in schema:
        assert kind == "STRING"
        assert schema["enum"]
        assert all(isinstance(value, str) and value for value in schema["enum"])
    assert schema.get("format") in (None, *FORMATS.get(kind, ()))
    if kind == "ARRAY":
        check(schema["items"])
    properties = schema.get("properties", {})
    assert set(schema.get("required", [])) <= properties.keys()
    for inner in properties.values():
        check(inner)


@settings(deadline=None, derandomize=True, max_examples=20)
@given(ROOTS)
def test_only_fields_of_the_api_come_out_and_their_translation_is_itself(schema):
    given_schema = json.loads(json.dumps(schema))
    try:
        declared, _ = translate(schema)
    except SchemaError:
        declared = None
    assert schema == given_schema, "it was changed"
    if declared is not None:
        check(declared)
        assert translate(declared) == (declared, [])
