"""The Schema of a function's `parameters`: a subset of OpenAPI, and what Google's JSON parser says of any other name.

JSON Schema from zod, pydantic or MCP has names that this subset lacks: `additionalProperties`, `$schema`, `const`. They
are the most frequent reason for a refused setup in public reports.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from .close_reasons import UNKNOWN_FIELD
from .codec.proto_json import camel
from .messages import Tool

# fmt: off
NAMES = frozenset({
    "type", "format", "title", "description", "nullable", "enum", "default", "example",
    "properties", "required", "propertyOrdering", "minProperties", "maxProperties",
    "items", "prefixItems", "minItems", "maxItems",
    "anyOf", "minimum", "maximum", "minLength", "maxLength", "pattern",
})
TYPES = frozenset({"TYPE_UNSPECIFIED", "STRING", "NUMBER", "INTEGER", "BOOLEAN", "ARRAY", "OBJECT", "NULL"})
# fmt: on
"""The names of a Schema, and its types: the public proto `google.ai.generativelanguage.v1beta`."""

NOT_A_LIST = (
    'Invalid JSON payload received. Unknown name "{name}"{at}: Proto field is not repeating, cannot start list.'
)
UNKNOWN_TYPE = 'Invalid value{at} (type.googleapis.com/google.ai.generativelanguage.v1beta.Type), "{type}"'


def schema_errors(tools: Iterable[Tool], extras: frozenset[str], *, at: str = "setup.") -> Iterator[str]:
    """The service's error messages about `parameters` that it does not understand, in order.

    `extras` are the names that the platform has besides NAMES. `at` is the path to the tools, with a dot at its end.
    """
    for number, tool in enumerate(tools):
        for index, declared in enumerate(tool.function_declarations):
            if declared.parameters is not None:
                path = f"{at}tools[{number}].function_declarations[{index}].parameters"
                yield from _errors(declared.parameters, path, NAMES | extras)


def _errors(schema: dict[str, Any], path: str, names: frozenset[str]) -> Iterator[str]:
    for name, value in schema.items():
        known = name if name in names else camel(name)
        if known not in names:
            yield UNKNOWN_FIELD.format(name=name, at=f" at '{path}'")
        elif known == "type":
            yield from _type_errors(value, path)
        else:
            for inner, inner_path in _inner(known, value, path):
                yield from _errors(inner, inner_path, names)


def _type_errors(value: Any, path: str) -> Iterator[str]:
    if isinstance(value, list):
        yield NOT_A_LIST.format(name="type", at=f" at '{path}'")
    elif isinstance(value, str) and value.upper() not in TYPES:
        yield UNKNOWN_TYPE.format(at=f" at '{path}.type'", type=value)


def _inner(name: str, value: Any, path: str) -> Iterator[tuple[dict[str, Any], str]]:
    """The schemas inside of one, with their paths as Google writes them."""
    match name, value:
        case "properties" | "defs" | "$defs", dict():
            members = [(inner, f"{path}.{name}[{number}].value") for number, inner in enumerate(value.values())]
        case "anyOf" | "prefixItems", list():
            snake = {"anyOf": "any_of", "prefixItems": "prefix_items"}[name]
            members = [(inner, f"{path}.{snake}[{number}]") for number, inner in enumerate(value)]
        case "items", _:
            members = [(value, f"{path}.items")]
        case _:
            members = []
    return ((inner, where) for inner, where in members if isinstance(inner, dict))
