"""Hostile command lines and files: strategies of hypothesis for the options of each command, and for each kind of file.

A value is a good one, or one of the wrong kind, out of range, malformed, too long or too deep.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import typer
from hypothesis import strategies as st

from livecli.cli.app import app_for

DEEP = 100_000
"""Levels of brackets, more than any parser follows."""

NUMBER_WORDS = ("nan", "inf", "-inf", "1e308", "1e-320", "0", "-0", "-1", "0.5", "٣", "9" * 400)
"""Values of options that take a number."""

WORDS = (
    *NUMBER_WORDS,
    *(
        "",
        " ",
        "-",
        "--",
        "@",
        "@missing",
        ".",
        "/",
        "~",
        "*",
        "[",
        "{",
        "{}",
        "null",
        "true",
        "a=b",
        "\udcff",
        "\x1b[2J",
    ),
    *("nan", "inf", "-inf", "1e308", "-1e308", "1e-320", "1e999", "0", "-0", "-1", "1", "0.5", "3", "0x10", "1_0", "٣"),
    *("9" * 400, "9" * 5000, "a" * 70_000, "/dev/null", "missing/file", "0/1", "1/0", "auto", "ws://["),
    *("close=1011@turn:1", "drop@1e999s", "Kore", "en-US", "speech.wav", "f=true", "f='", '{"setup": {}}'),
)
"""Values for options: of the right kind and of every wrong one."""

word = st.sampled_from(WORDS) | st.text(max_size=5)

NUMBERS = (0, -1, 1, 2**31, 2**63, 2**64, 10**400, -(10**400), 0.0, -0.0, 1e308, -1e308, 5e-324, 1e-9)
NOT_FINITE = (float("nan"), float("inf"), float("-inf"))
TEXTS = (
    "",
    "a",
    "\x00",
    "\x1b[2J",
    "\u2028",
    "é",
    "\U0010ffff",
    "NaN",
    "a b",
    "{",
    "(a+",
    "a{99999999999}",
    "(?P<n>",
    "\\",
)

numbers = st.sampled_from(NUMBERS + NOT_FINITE) | st.integers() | st.floats()
texts = st.sampled_from(TEXTS) | st.text(st.characters(codec="utf-8"), max_size=8)
leaves = st.booleans() | numbers | texts


def nested(leaves: st.SearchStrategy[Any], keys: st.SearchStrategy[str]) -> st.SearchStrategy[Any]:
    """Values of tables and lists in one another."""
    return st.recursive(
        leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3), max_leaves=6
    )


def tables(known: tuple[str, ...], good: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Tables that differ from the `good` one in some of the `known` keys, or in others."""
    keys = st.sampled_from(known) | texts
    changes = st.dictionaries(keys, nested(leaves, keys), max_size=3)
    return st.builds(
        lambda changes, left_out: {key: value for key, value in {**good, **changes}.items() if key != left_out},
        changes,
        st.sampled_from(["-", *known]),
    )


# --- JSON ---

SURROGATE = "\ud800"

JSON_TEXTS: tuple[bytes, ...] = (
    *(
        b"",
        b"\x00",
        b"\xff\xfe",
        b"\xef\xbb\xbf{}",
        b"{}",
        b"[]",
        b"null",
        b"0",
        b'"a"',
        b"NaN",
        b"1e999",
        b"9" * 5000,
        b"-",
    ),
    *(
        b"[" * DEEP,
        b'{"a":' * DEEP,
        b"[" * DEEP + b"]" * DEEP,
        b"\n" * 3,
        b'{"a": 1, "a": 2}',
        b'{"a": "\\ud800"}',
        b"{'a': 1}",
    ),
)
"""Files that are JSON at most."""


def json_files(known: tuple[str, ...], good: dict[str, Any]) -> st.SearchStrategy[bytes]:
    """JSON with the `known` keys, and other bytes."""
    leaves_of_json = leaves | st.none() | st.just(SURROGATE)
    keys = st.sampled_from(known) | texts
    changes = st.dictionaries(keys, nested(leaves_of_json, keys), max_size=3)
    changed = changes.map(lambda changes: json.dumps({**good, **changes}).encode())
    return st.one_of(
        changed, changed, nested(leaves_of_json, keys).map(lambda value: json.dumps(value).encode()), others(JSON_TEXTS)
    )


def others(listed: tuple[bytes, ...]) -> st.SearchStrategy[bytes]:
    return st.sampled_from(listed) | st.binary(max_size=20)


# --- TOML ---

TOML_TEXTS: tuple[bytes, ...] = (
    *(
        b"",
        b"\x00",
        b"\xff",
        b"\xef\xbb\xbf",
        b"a",
        b"a =",
        b"= 1",
        b"[",
        b"[[",
        b"[[a",
        b"a = 1\na = 2",
        b"a = 1979-05-27",
        b"a = 07:32:00",
    ),
    *(
        b"a = " + b"9" * 5000,
        b"a = 0x" + b"f" * 5000,
        b"a = 1e" + b"9" * 5000,
        b"a = " + b"[" * DEEP,
        b"a = " + b"{a = " * 3000,
    ),
    *(
        b"a." * 3000 + b"a = 1",
        b"[" + b"a." * 3000 + b"a]",
        b'a = """',
        b"a = '\x1b'",
        b'a = "\\ud800"',
        b"\r",
        b"a = 1\r\nb = [\r\n",
        b"#" * 70_000,
    ),
)
"""Files that are TOML at most."""


def toml(value: Any) -> str:
    """A value in TOML, tables inline."""
    match value:
        case dict():
            return "{" + ", ".join(f"{toml(str(key))} = {toml(each)}" for key, each in value.items()) + "}"
        case list():
            return "[" + ", ".join(map(toml, value)) + "]"
        case bool():
            return str(value).lower()
        case int():
            return hex(value) if value >= 2**64 else str(value)
        case float():
            return repr(value)
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def toml_document(table: dict[str, Any]) -> bytes:
    """A table in TOML, one line for each key."""
    return "".join(f"{toml(str(key))} = {toml(value)}\n" for key, value in table.items()).encode()


def toml_files(*tables: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[bytes]:
    """Documents with these tables, and other bytes."""
    return st.one_of(*(table.map(toml_document) for table in tables), others(TOML_TEXTS))


def list_of(name: str, table: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    return st.lists(table, min_size=1, max_size=2).map(lambda tables: {name: tables})


# --- the files of livecli ---

LONG = b"0x" + b"f" * 5000
"""A number that TOML may have, and that Python does not print in decimals."""

TOOL_KEYS = ("name", "description", "parameters", "command", "timeout", "blocking", "scheduling", "env", "inherit")
GOOD_TOOL = {"name": "f", "command": ["true"]}
schemas = nested(
    leaves | st.sampled_from(["object", "array", "string", "#/$defs/a", "#"]),
    st.sampled_from(["type", "properties", "items", "required", "enum", "$ref", "$defs", "anyOf", "format", "a"]),
)
tools = toml_files(
    list_of("tool", tables(TOOL_KEYS, GOOD_TOOL)),
    list_of("tool", schemas.map(lambda schema: {**GOOD_TOOL, "parameters": schema})),
    tables(("tool",), {}),
)

STEP_KEYS = (
    "match",
    "on",
    "say",
    "think",
    "call",
    "delay_ms",
    "interrupt",
    "close",
    "ground",
    "code",
    "steps",
    "audio",
    "then",
)
scripts = toml_files(
    list_of("turn", tables((*STEP_KEYS, "name", "args", "code", "reason"), {"say": "hello"})),
    list_of("turn", texts.map(lambda text: {"match": text, "say": "hello"})),
    tables(("turn",), {}),
)

MODEL_FIELDS = (
    "like",
    "platforms",
    "input_rate",
    "retired",
    "calling",
    "voices",
    "thinking_levels",
    "default_level",
    "prices",
)
model_tables = toml_files(
    tables(("gemini-3.8-live", "a"), {}),
    tables(MODEL_FIELDS, {}).map(lambda entry: {"a-model": entry}),
)

PRICE_KEYS = ("text_in", "audio_in", "image_in", "text_out", "audio_out")
prices = toml_files(
    tables(("gemini-3.8-live", "a"), {}),
    tables(PRICE_KEYS, {"text_in": 1}).map(lambda entry: {"gemini-3.8-live": entry}),
)

setups = json_files(
    ("setup", "model", "generationConfig", "systemInstruction", "tools", "realtimeInputConfig", "sessionResumption"), {}
)

summaries = st.lists(
    json_files(("ok", "input", "output", "schema"), {"ok": True, "input": "speech.wav", "output": None}), max_size=3
).map(b"\n".join)

ENTRY = {
    "platform": "vertex",
    "project": "local",
    "location": "us-central1",
    "model": "gemini-3.8-live",
    "host": "localhost",
}
conversations = json_files(
    ("schema", "at", "endpoint", "handle", "entries"),
    {"schema": "livecli/conversation@1", "at": 1.8e9, "endpoint": ENTRY, "handle": "h", "entries": [["hello", "Hi."]]},
)

ADC_KEYS = (
    "type",
    "project_id",
    "private_key",
    "client_email",
    "token_uri",
    "client_id",
    "client_secret",
    "refresh_token",
    "quota_project_id",
)
credentials = st.sampled_from(
    ["authorized_user", "service_account", "external_account", "impersonated_service_account"]
).flatmap(
    lambda kind: json_files(
        ADC_KEYS,
        {
            "type": kind,
            "client_id": "i",
            "client_secret": "s",
            "refresh_token": "r",
            "token_uri": "http://127.0.0.1:1/",
        },
    )
)

stored_keys = json_files(("key", "keyring", "host"), {"key": "AIza"})

frames = st.sampled_from(
    [b">2 {}", b"<2 {}", b">2 @0.5 {}", b"<2 @" + b"9" * 9 + b" {}", b">2 @0 []", b"<5000 " + b"9" * 5000]
)
recordings = st.lists(
    frames
    | json_files(("setup", "serverContent", "setupComplete"), {}).map(lambda frame: b"<%d " % len(frame) + frame),
    max_size=4,
).map(b"\n".join)

lists = st.lists(
    others((b"speech.wav", b"\x00", b"#", b"-", b"\xff", b"a" * 5000, b".", b"*", b"missing\r")), max_size=3
).map(b"\n".join)

gcloud_settings = st.sampled_from(
    [
        b"",
        b"[core]\nproject = p",
        b"[core]\nproject",
        b"[core",
        b"[core]\n[core]",
        b"\xff",
        b"[core]\nproject = %(a)s",
        b"\x00",
    ]
) | st.binary(max_size=20)


LONG_IN_TOOL = tuple(
    b'[[tool]]\nname = "f"\ncommand = "true"\n%s = %s' % (key, LONG)
    for key in (b"timeout", b"scheduling", b"parameters.maximum")
)
LONG_IN_SCRIPT = tuple(
    b"[[turn]]\n%s = %s" % (key, LONG) for key in (b"close", b"delay_ms", b"on", b"ground.a", b"call.args.a")
)
LONG_IN_MODEL = tuple(b"[a]\n%s = %s" % (key, LONG) for key in (b"like", b"input_rate", b"retired", b"calling"))
LONG_IN_PRICE = (b"[a]\ntext_in = " + LONG,)


@dataclass(frozen=True)
class File:
    """A kind of file: a command line that reads it, its contents, and some that are always tried."""

    argv: tuple[str, ...]
    contents: st.SearchStrategy[bytes]
    malformed: tuple[bytes, ...] = ()


SEND = ("send", "--local", "--speed", "0", "--timeout", "1")
SERVE = ("serve", "-q")
STATUS = ("auth", "status")

FILES = {
    "tools.toml": File((*SEND, "speech.wav", "--tools", "tools.toml"), tools, (*TOML_TEXTS, *LONG_IN_TOOL)),
    "prices.toml": File((*SEND, "speech.wav", "--prices", "prices.toml"), prices, (*TOML_TEXTS, *LONG_IN_PRICE)),
    "setup.json": File((*SEND, "speech.wav", "--setup", "setup.json"), setups, JSON_TEXTS),
    "done.jsonl": File((*SEND, "speech.wav", "--resume-from", "done.jsonl"), summaries, JSON_TEXTS),
    "list.txt": File((*SEND, "--from", "list.txt"), lists),
    "script.toml": File((*SERVE, "--script", "script.toml", "--", "true"), scripts, (*TOML_TEXTS, *LONG_IN_SCRIPT)),
    "models.toml": File(
        (*SERVE, "--model-table", "models.toml", "--", "true"), model_tables, (*TOML_TEXTS, *LONG_IN_MODEL)
    ),
    "session.log": File((*SERVE, "--replay", "session.log", "--", "true"), recordings, JSON_TEXTS),
    "conversation.json": File(("chat", "--local", "--resume"), conversations, JSON_TEXTS),
    "api-key.json": File(STATUS, stored_keys, JSON_TEXTS),
    "credentials.json": File(STATUS, credentials, JSON_TEXTS),
    "config_default": File(STATUS, gcloud_settings),
}


# --- command lines ---

COMMANDS: dict[str, tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]] = {
    # No other machine is connected to, no sound device is opened, and no run is without an end.
    "send": ((*SEND, "speech.wav"), (), ("--base-url", "--play", "--timeout")),
    "chat": (("chat", "--local"), (), ("--base-url", "--play", "--mic", "--push-to-talk")),
    "serve": (("serve",), ("--", "true"), ("--host",)),
}
"""By command: the words before the options, those after them, and the options that are left out."""


def options_of(command: str, *, numeric: bool = False) -> dict[str, bool]:
    """The options of a command, and whether each takes a value; with `numeric` only those that take a number."""
    found = typer.main.get_command(app_for([command])).commands[command].params  # type: ignore[attr-defined]
    return {
        name: not getattr(parameter, "is_flag", False)
        for parameter in found
        for name in parameter.opts
        if name.startswith("--") and (not numeric or parameter.type.name.startswith(("int", "float")))
    }


def options(command: str, excluded: tuple[str, ...]) -> st.SearchStrategy[list[str]]:
    """The words of one or two options of a command, except the `excluded` ones."""
    known = {name: value for name, value in options_of(command).items() if name not in excluded}
    one = st.sampled_from(sorted(known)).flatmap(
        lambda name: word.map(lambda text: [f"{name}={text}"]) if known[name] else st.just([name])
    )
    return st.lists(one, min_size=1, max_size=2).map(lambda some: [text for words in some for text in words])
