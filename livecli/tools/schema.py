"""Translation of JSON Schema into the Schema message in which the API declares the parameters of a function.

The Live API ignores `parametersJsonSchema`: the model is given the function without parameters, and invents their names
(probed on the Developer API in September 2026; Google's own SDK had the same report, python-genai#1147). It reads
`parameters`, a part of OpenAPI 3.0, and refuses a setup that has any other keyword there, with
`1007 Unknown name "additionalProperties"`. A schema that is already in the API's form is translated into itself.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from ..protocol.codec.proto_json import camel
from ..protocol.messages import Json

TYPES = ("STRING", "NUMBER", "INTEGER", "BOOLEAN", "ARRAY", "OBJECT")
"""The API's types. It writes `null` as `nullable`."""

MAX_LEVELS = 40
"""Levels of schemas. Google's JSON parser takes 100 levels of objects, of which a property has two."""

MAX_SCHEMAS = 1000
"""Schemas in one declaration, once references are inlined."""

FORMATS = {"STRING": ("date-time", "enum"), "NUMBER": ("float", "double"), "INTEGER": ("int32", "int64")}
"""The formats that both platforms document. The Developer API refuses other formats of texts (reported in 2025)."""


class SchemaError(ValueError):
    """A schema that is not valid, or not that of an object."""


class Keyword(NamedTuple):
    """A field of the API's Schema message: the types that have it, and the check of its value, which must be a `kind`.

    Source: the references of Schema for v1beta of the Developer API and for v1 of Vertex AI, 2026.
    """

    types: tuple[str, ...]
    kind: str
    is_valid: Callable[[Any], bool]


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_count(value: Any) -> bool:
    # Protocol buffers write 64-bit integers as texts.
    return isinstance(value, int | str) and str(value).isdecimal()


def _is_list_of_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _is_schema(value: Any) -> bool:
    return isinstance(value, Mapping | bool)


def _is_map_of_schemas(value: Any) -> bool:
    return isinstance(value, Mapping) and all(map(_is_schema, value.values()))


_TEXT = (TYPES, "a text", _is_text)
_ANY = (TYPES, "any value", lambda _: True)
_LENGTH = (("STRING",), "a whole number", _is_count)
_BOUND = (("NUMBER", "INTEGER"), "a number", _is_number)
_ITEMS = (("ARRAY",), "a whole number", _is_count)
_PROPERTIES = (("OBJECT",), "a whole number", _is_count)
_NAMES = (("OBJECT",), "a list of names", _is_list_of_texts)

KEYWORDS = {
    "title": Keyword(*_TEXT),
    "description": Keyword(*_TEXT),
    "default": Keyword(*_ANY),
    "example": Keyword(*_ANY),
    "format": Keyword(*_TEXT),
    "enum": Keyword(TYPES, "a list", lambda value: isinstance(value, list)),
    "nullable": Keyword(TYPES, "true or false", lambda value: isinstance(value, bool)),
    "pattern": Keyword(("STRING",), "a text", _is_text),
    "minLength": Keyword(*_LENGTH),
    "maxLength": Keyword(*_LENGTH),
    "minimum": Keyword(*_BOUND),
    "maximum": Keyword(*_BOUND),
    "items": Keyword(("ARRAY",), "a schema", _is_schema),
    "minItems": Keyword(*_ITEMS),
    "maxItems": Keyword(*_ITEMS),
    "properties": Keyword(("OBJECT",), "a table of schemas", _is_map_of_schemas),
    "required": Keyword(*_NAMES),
    "propertyOrdering": Keyword(*_NAMES),
    "minProperties": Keyword(*_PROPERTIES),
    "maxProperties": Keyword(*_PROPERTIES),
}
"""The fields of the API's Schema message, apart from `type` and `anyOf`."""

WITHOUT_MEANING = frozenset({"$schema", "$id", "$anchor", "$comment", "$defs", "definitions", "defs"})
"""Keywords that say nothing about a value. The definitions are inlined where they are referred to."""

_TYPE_OF = {str: "STRING", int: "INTEGER", float: "NUMBER", bool: "BOOLEAN", list: "ARRAY", dict: "OBJECT"}


def translate(schema: Mapping[str, Any]) -> tuple[Json | None, list[str]]:
    """The declaration of a function's parameters, None for no parameters, and a list of the losses.

    `schema` is a JSON Schema or is in the API's form. Each loss names a keyword that the API does not have. Raises
    SchemaError.
    """
    translator = _Translator(schema)
    parameters = translator.parameters()
    return parameters if "properties" in parameters else None, list(translator.losses)


class _Translator:
    """One translation. `losses` are in the order in which they were met; only the keys count."""

    def __init__(self, root: Mapping[str, Any]) -> None:
        self.losses: dict[str, None] = {}
        self._root = root
        self._schemas = 0

    def parameters(self) -> Json:
        """The translation of the whole, which is that of an object."""
        node, refs = self._flatten(self._root, ())
        # Parameters are an object on both platforms, never a choice of objects.
        if node.pop("anyOf", None):
            self._lose("anyOf of all parameters")
        kinds, _ = _types(node)
        if (kinds or [self._guess(node)]) != ["OBJECT"]:
            raise SchemaError("parameters must be the JSON schema of an object")
        return self._typed("OBJECT", node, refs, 1)

    def _schema(self, schema: Any, refs: tuple[str, ...], level: int) -> Json:
        """The translation of a schema that is found inside the `refs` that are being inlined."""
        if level > MAX_LEVELS:
            self._lose(f"what is inside {MAX_LEVELS} schemas")
            schema = _bare(schema)
        node, refs = self._flatten(schema, refs)
        kinds, nullable = _types(node)
        choices = [self._flatten(choice, refs) for choice in node.pop("anyOf", [])]
        nullable = nullable or any(_is_null(choice) for choice, _ in choices)
        choices = [choice for choice in choices if not _is_null(choice[0])]
        if not choices:
            kinds = kinds or [self._guess(node)]
            found = [self._typed(kind, _of_type(kind, node, kinds), refs, level) for kind in kinds]
        else:
            if len(kinds) == 1:
                node["type"] = kinds[0]
            # Vertex AI refuses any other keyword beside `anyOf`, so each choice has those of the whole.
            found = [self._schema(_merge(node, choice), inner, level + 1) for choice, inner in choices]
        found = [inner for outer in found for inner in outer.get("anyOf", [outer])]
        if nullable:
            found = [{**inner, "nullable": True} for inner in found]
        return found[0] if len(found) == 1 else {"anyOf": found}

    def _flatten(self, schema: Any, refs: tuple[str, ...]) -> tuple[Json, tuple[str, ...]]:
        """`schema` with its references and `allOf` merged into it, `oneOf` as `anyOf` and `const` as `enum`.

        Also returns `refs` with the references that were inlined.
        """
        if not _is_schema(schema):
            raise SchemaError(f"a schema must be a table, and {_short(schema)} is none")
        self._schemas += 1
        if self._schemas > MAX_SCHEMAS:
            self._lose(f"what is inside the schemas after the first {MAX_SCHEMAS:,}")
            schema = _bare(schema)
        given = {} if isinstance(schema, bool) else schema
        # A key that is null is the same as an absent one, except for the value `const`.
        node = {camel(key): value for key, value in given.items() if value is not None or key == "const"}
        for name in node.keys() & KEYWORDS:
            if not KEYWORDS[name].is_valid(node[name]):
                raise SchemaError(f"{name} must be {KEYWORDS[name].kind}, and is {_short(node[name])}")
        if "const" in node:
            node["enum"] = [node.pop("const")]
        if "oneOf" in node and "anyOf" not in node:
            node["anyOf"] = node.pop("oneOf")
        parts = _list_of_schemas("allOf", node.pop("allOf", []))
        _list_of_schemas("anyOf", node.get("anyOf", []))
        ref = node.pop("$ref", node.pop("ref", None))
        if ref is not None:
            target = self._definition(ref)
            if ref in refs or len(refs) >= MAX_LEVELS:
                self._lose("a recursive $ref")
                target = _bare(target)
            else:
                refs = (*refs, ref)
            parts = [target, *parts]
        inlined = refs
        for part in parts:
            inner, more = self._flatten(part, refs)
            if "anyOf" in inner and "anyOf" in node:
                self._lose("anyOf beside another in allOf")
            node, inlined = _merge(inner, node), tuple(dict.fromkeys([*inlined, *more]))
        return node, inlined

    def _definition(self, ref: Any) -> Any:
        """The schema that `ref` points to, as a JSON pointer within the root: `#/$defs/Place`."""
        found: Any = self._root if _is_text(ref) and ref.startswith("#") else None
        for step in str(ref).split("/")[1:]:
            name = step.replace("~1", "/").replace("~0", "~")
            found = found.get(name) if isinstance(found, Mapping) else None
        if not _is_schema(found):
            raise SchemaError(f"there is no definition {_short(ref)} in it")
        return found

    def _guess(self, node: Json) -> str:
        """The type of a schema that names none: by its values, or by its first keyword that belongs to one type."""
        by_value = {_TYPE_OF.get(type(value)) for value in node.get("enum", []) if value is not None}
        if len(by_value) == 1 and (kind := by_value.pop()):
            return kind
        for name in node:
            if name in KEYWORDS and KEYWORDS[name].types != TYPES:
                return KEYWORDS[name].types[0]
        self._lose("values of any type (declared as STRING)")
        return "STRING"

    def _typed(self, kind: str, node: Json, refs: tuple[str, ...], level: int) -> Json:
        """The translation of a flat schema of one type."""
        found: Json = {"type": kind}
        for name, value in node.items():
            if name not in KEYWORDS or kind not in KEYWORDS[name].types:
                if name not in WITHOUT_MEANING:
                    self._lose(name)
            else:
                found[name] = value
        self._describe_values(found)
        if kind == "ARRAY":
            found["items"] = self._schema(found.get("items", {}), refs, level + 1)
        if kind == "OBJECT":
            self._translate_properties(found, refs, level)
        return found

    def _describe_values(self, found: Json) -> None:
        """Keep `enum` and `format` where the API takes them, otherwise tell the model about them in words."""
        kind, values, format_ = found["type"], found.pop("enum", []), found.pop("format", None)
        notes = []
        if None in values:
            found["nullable"] = True
        if "" in values:
            # The API refuses it: "enum[1]: cannot be empty" (reported in 2026).
            self._lose("an empty text in enum")
        values = [value for value in values if value is not None and value != ""]
        if kind == "STRING" and _is_list_of_texts(values) and values:
            found["enum"] = values
        elif values:
            # "enum: only allowed for STRING type" (reported in 2026).
            notes.append(f"(one of: {', '.join(map(_short, values))})")
        if format_ in FORMATS.get(kind, ()) and (format_ != "enum" or "enum" in found):
            found["format"] = format_
        elif format_ not in (None, "enum"):
            notes.append(f"(format: {format_})")
        if notes:
            found["description"] = " ".join([*filter(None, [found.get("description")]), *notes])

    def _translate_properties(self, found: Json, refs: tuple[str, ...], level: int) -> None:
        """Translate the properties of an object, and leave out the names of properties that it does not have."""
        properties = found.pop("properties", {})
        if properties:
            inner = {name: self._schema(schema, refs, level + 1) for name, schema in properties.items()}
            found["properties"] = inner
        for keyword in ("required", "propertyOrdering"):
            names = found.pop(keyword, [])
            # The API refuses the others: "required[0]: property is not defined" (reported in 2025).
            if declared := [name for name in names if name in properties]:
                found[keyword] = declared
            if len(declared) < len(names):
                self._lose(f"{keyword} of undeclared properties")

    def _lose(self, what: str) -> None:
        self.losses[what] = None


def _types(node: Json) -> tuple[list[str], bool]:
    """Takes `type` out of `node`. Returns the API's types, none if any is allowed, and whether null is one of them."""
    value = node.pop("type", [])
    names = [value] if isinstance(value, str) else value
    if not _is_list_of_texts(names):
        raise SchemaError(f"type must be a text or a list of texts, and is {_short(value)}")
    kinds = [name.upper() for name in names]
    for name, kind in zip(names, kinds, strict=True):
        if kind not in (*TYPES, "NULL", "TYPE_UNSPECIFIED"):
            raise SchemaError(f"there is no type {_short(name)}: there are {', '.join(TYPES).lower()}")
    return [kind for kind in dict.fromkeys(kinds) if kind in TYPES], "NULL" in kinds


def _is_null(node: Json) -> bool:
    """Whether null is the only value of a schema."""
    return str(node.get("type")).upper() == "NULL" or node.get("type") == ["null"] or node.get("enum") == [None]


def _of_type(kind: str, node: Json, kinds: list[str]) -> Json:
    """The keywords of `node` that restrict values of type `kind`, where that is one of several types."""
    if len(kinds) == 1:
        return node
    return {name: value for name, value in node.items() if name not in KEYWORDS or kind in KEYWORDS[name].types}


def _merge(under: Json, over: Json) -> Json:
    """Both schemas in one. `over` counts where both have a keyword, except that it adds to properties."""
    merged = {**under, **over}
    if isinstance(under.get("properties"), Mapping) and isinstance(over.get("properties"), Mapping):
        merged["properties"] = {**under["properties"], **over["properties"]}
    if _is_list_of_texts(under.get("required")) and _is_list_of_texts(over.get("required")):
        merged["required"] = list(dict.fromkeys([*under["required"], *over["required"]]))
    return merged


def _bare(schema: Any) -> Any:
    """`schema` without the schemas inside it."""
    if not isinstance(schema, Mapping):
        return schema
    kept = {key: schema[key] for key in ("type", "title", "description") if key in schema}
    return kept if "type" in kept else {"type": "object", **kept}


def _list_of_schemas(name: str, value: Any) -> list[Any]:
    if not isinstance(value, list) or not all(map(_is_schema, value)):
        raise SchemaError(f"{name} must be a list of schemas, and is {_short(value)}")
    return value


def _short(value: Any) -> str:
    """`value` as JSON, cut after 40 characters."""
    text = json.dumps(value, ensure_ascii=False, default=repr)
    return text if len(text) <= 40 else f"{text[:40]}…"
