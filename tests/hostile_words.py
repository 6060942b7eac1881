"""Hostile command lines and files: strategies of hypothesis for the options of each command, and for each kind of file.

A value is a good one, or one of the wrong kind, out of range, malformed, too long or too deep.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

import livecli
from livecli.cli.app import command_for

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
    *("@speech.wav", "@/dev/null", "a.mp3", "a.b", "gemini-3.8-live", "projects/p/locations/l/models/m", "v1beta"),
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

TEXTS = b"", b"\x00", b"\xff", b"\xef\xbb\xbf", b"\r", b"[" * DEEP, b"#" * 70_000
"""Files that are text at most."""


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
    ("schema", "turn", "question", "answer", "name", "handle", "endpoint", "at"),
    {"turn": 1, "question": "hello", "answer": "Hi.", "endpoint": ENTRY, "at": 1.8e9},
).map(lambda line: b'{"schema":"livecli/conversation@2"}\n' + line)

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

PNG = (
    b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x02\x00\x00\x00\x90wS\xde"
    b"\x00\x00\x00\x0cIDATx\x9cc\x60\x60\x60\x00\x00\x00\x04\x00\x01\xf6\x178U\x00\x00\x00\x00IEND\xaeB\x60\x82"
)
"""A picture of one point."""

WAV = (
    b"RIFF\x2c\x00\x00\x00WAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00\x80\x3e\x00\x00\x00\x7d\x00\x00\x02\x00\x10\x00"
    + b"data\x08\x00\x00\x00"
    + bytes(8)
)
"""A WAV file of four samples."""

PEM = b"-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"

WSS = ("send", "--text", "hello", "--base-url", "wss://127.0.0.1:1", "--retries", "0", "--timeout", "2")


def mutated(good: bytes) -> st.SearchStrategy[bytes]:
    """`good` with some bytes replaced, or a part of it, or other bytes."""
    places = st.dictionaries(st.integers(0, len(good) - 1), st.integers(0, 255), min_size=1, max_size=4)
    changed = places.map(lambda new: bytes(new.get(at, byte) for at, byte in enumerate(good)))
    return st.one_of(changed, st.integers(0, len(good)).map(lambda size: good[:size]), st.binary(max_size=20))


live_recordings = st.lists(
    st.sampled_from(
        [
            *(b'{"livecli": 1}', b'{"livecli": 2}', b'{"livecli": 1, "model": 3}', b"[]", b"{}", b"nonsense"),
            *(b'[0.0, ">", {"setup": {}}]', b'[1e999, "<", {}]', b'[-1, "<", {}]', b'[0, "<", [], "binary"]'),
            *(b'[0, "close", {"code": 1000}]', b'[0, "close", {}]', b'[0, "<", {"redacted": true}, "text"]'),
        ]
    ),
    max_size=4,
).map(b"\n".join)
checks = st.sampled_from(
    [
        *(
            "turns = 1",
            "first_sound < 1s",
            "p95(turn) < 1s",
            "reply 1..2s",
            "x",
            "",
            "turns",
            "turns = 1e999",
            "cost < $",
        ),
        *('transcript ~ "("', 'transcript ~ "(a+)+$"', 'heard wer < 1 ""', 'tool f {"a": ', "loudness > -9999999 LUFS"),
    ]
).map(lambda line: f"a = '{line}'\n".encode())

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
    "session.live": File(("recording", "show", "session.live"), live_recordings, JSON_TEXTS),
    "session.har": File(("recording", "validate", "session.har"), st.binary(max_size=20), JSON_TEXTS),
    "checks.toml": File(
        ("send", "--local", "--timeout", "1", "--text", "hi", "--expect-file", "checks.toml"), checks, TOML_TEXTS
    ),
    "1.jsonl": File(("chat", "--local", "--resume"), conversations, JSON_TEXTS),
    "input.wav": File((*SEND, "input.wav"), mutated(WAV)),
    "input.mp3": File((*SEND, "input.mp3"), mutated(b"\xff\xfb\x90\x64" + bytes(40))),
    "picture.png": File((*SEND, "speech.wav", "--image", "picture.png"), mutated(PNG)),
    "text.txt": File(("send", "--local", "--timeout", "1", "--text", "@text.txt"), st.binary(max_size=20), TEXTS),
    "system.txt": File((*SEND, "speech.wav", "--system", "@system.txt"), st.binary(max_size=20), TEXTS),
    "authorities.pem": File(WSS, mutated(PEM), (b"", PEM, PEM * 2, b"\0")),
    "active_config": File(STATUS, st.binary(max_size=20), (b"/" + b"a" * 5000, b"..", b"\0", b"a\nb")),
    "application_default_credentials.json": File(STATUS, credentials, JSON_TEXTS),
    "api-key.json": File(STATUS, stored_keys, JSON_TEXTS),
    "credentials.json": File(STATUS, credentials, JSON_TEXTS),
    "config_default": File(STATUS, gcloud_settings),
}


# --- command lines ---

URLS = (
    *("ws://127.0.0.1:1", "http://localhost:1", "https://127.0.0.1:1/a", "wss://[::1]:1", "WS://127.0.0.1:1"),
    *("ws://127.0.0.1", "ws://127.0.0.1:0", "ws://127.0.0.1:99999", "ws://127.0.0.1:-1", "ws://127.0.0.1:１"),
    *(
        "ws://a..b",
        "ws://.",
        f"ws://{'a' * 64}",
        f"wss://{'ü' * 64}",
        "ws://１２７.0.0.1",
        "ws://[",
        "ws://[::1",
        "ws://[v1.a]",
    ),
    *(
        "ws://",
        "ws:",
        "://",
        "127.0.0.1:1",
        "ftp://127.0.0.1",
        "ws://u:p@127.0.0.1:1",
        "ws://127.0.0.1:1?a",
        "ws://127.0.0.1:1#a",
    ),
    *("ws://127.0.0.1:1/\udcff", "ws://127.0.0.1:1/é", f"ws://127.0.0.1:1/{'a' * 70_000}", "-", "@", "\udcff", "a b"),
)
"""URLs of this machine, and texts that are no URL: nothing else is connected to."""

HOSTS = (
    *(
        "127.0.0.1",
        "::1",
        "localhost",
        "127.0.0.1:1",
        "[::1]",
        "999.1.1.1",
        "１２７.0.0.1",
        "a..b",
        ".",
        "a" * 64,
        "ü" * 64,
    ),
    *("-", "@", "\udcff", "a b", "\x1b[2J", "a" * 70_000),
)
"""Addresses of this machine, and texts that are no host."""

VALUES = {"--base-url": URLS, "--host": HOSTS, "url": URLS}
"""By option or argument: the values of those for which any word will not do."""

SOUND = ("--play", "--mic", "--push-to-talk")
"""Options that open a sound device, which the machine of the tests may have."""


@dataclass(frozen=True)
class Command:
    """A command line for the options of a command, which come between `before` and `after`. Each ends by itself."""

    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    excluded: tuple[str, ...] = SOUND


COMMANDS: dict[tuple[str, ...], Command] = {
    # A later option replaces an earlier one, so no other --timeout makes the run endless.
    ("send",): Command(("--local", "--speed", "0", "speech.wav"), ("--timeout", "1")),
    ("chat",): Command(("--local",)),
    ("serve",): Command(("--port", "0", "--tls-port", "0"), ("--", "true")),
}
"""The command lines of the commands that need more than their options. All others are in `all_commands` too."""


@cache
def all_commands() -> dict[tuple[str, ...], Command]:
    """A command line for each command of the command line, the group of all of them included."""
    found = {}
    for path, command in _walk(command_for(["every"]), ()):
        runs = any("COMMAND" in (parameter.metavar or "") for parameter in command.params) and path != ("help",)
        found[path] = COMMANDS.get(path, Command(after=("--", "true") if runs else ()))
    return found


def _walk(command: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    yield path, command
    for name, inner in getattr(command, "commands", {}).items():
        yield from _walk(inner, (*path, name))


@cache
def parameters_of(path: tuple[str, ...]) -> list[Any]:
    """The options and arguments of a command, as Typer has them."""
    command = command_for(path or ["every"])
    for name in path:
        command = command.commands[name]
    return [parameter for parameter in command.params if parameter.opts[0] not in all_commands()[path].excluded]


def numbers_of(path: tuple[str, ...]) -> list[str]:
    """The options of a command that take a number."""
    return [parameter.opts[0] for parameter in parameters_of(path) if parameter.type.name.startswith(("int", "float"))]


def words_of(parameter: Any) -> st.SearchStrategy[list[str]]:
    """The words of one option or argument: a flag, or a value of the right kind or of a wrong one."""
    special = VALUES.get(parameter.opts[0])
    values = (
        st.sampled_from(special)
        if special
        else st.sampled_from(tuple(getattr(parameter.type, "choices", ())) or WORDS) | word
    )
    if parameter.param_type_name == "argument":
        return st.lists(values, max_size=2)
    names = st.sampled_from([*parameter.opts, *parameter.secondary_opts])
    # A flag with a value is an error of its own.
    takes_value = (
        st.just(True) if not (parameter.is_flag or parameter.count) else st.integers(0, 9).map(lambda n: n == 0)
    )
    return st.builds(_word_of, names, values, takes_value)


def _word_of(name: str, value: str, takes_value: bool) -> list[str]:
    if not takes_value:
        return [name]
    return [f"{name}={value}"] if name.startswith("--") else [name, value]


def command_lines(path: tuple[str, ...]) -> st.SearchStrategy[list[str]]:
    """Command lines of a command with up to three of its options and arguments."""
    command, parameters = all_commands()[path], parameters_of(path)
    some = st.lists(st.one_of([words_of(parameter) for parameter in parameters]), min_size=1, max_size=3)
    if not parameters:
        some = st.lists(st.lists(word, max_size=1), max_size=2)
    return some.map(lambda some: [*path, *command.before, *(text for words in some for text in words), *command.after])


# --- the environment ---

TABLE = Path(livecli.__file__).with_name("help") / "environment.md"

OTHER_VARIABLES = (
    *("HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME", "TMPDIR", "TERM", "COLUMNS", "LINES", "LANG"),
    *("HTTP_PROXY", "https_proxy", "ALL_PROXY", "all_proxy", "no_proxy", "NO_PROXY", "NO_GCE_CHECK"),
    *("SLURM_ARRAY_TASK_ID", "SLURM_ARRAY_TASK_COUNT", "CLOUD_RUN_TASK_INDEX", "CLOUD_RUN_TASK_COUNT"),
    *(
        "SSL_CERT_DIR",
        "REQUESTS_CA_BUNDLE",
        "CURL_CA_BUNDLE",
        "FORCE_COLOR",
        "CI",
        "GCE_METADATA_IP",
        "GCE_METADATA_ROOT",
    ),
)
"""Variables that libraries and the system read."""

PROXIES = (
    *("http://127.0.0.1:1", "127.0.0.1:1", "http://", "http://u:p@127.0.0.1:1", "http://u:p@", "socks5://127.0.0.1:1"),
    *(
        "socks9://127.0.0.1:1",
        "http://[",
        "http://127.0.0.1:99999",
        "http://a..b:1",
        "http://１２７.0.0.1:1",
        "\udcff",
        "@",
        ":",
    ),
)


def variables() -> list[str]:
    """The variables that livecli reads, from the topic that lists them, and those that libraries read."""
    listed = re.findall(r"[A-Z]+(?:_[A-Z]+)+", "".join(re.findall(r"^\|([^|]*)\|", TABLE.read_text(), re.M)))
    return sorted({*listed, *OTHER_VARIABLES})


def values_of(variable: str) -> st.SearchStrategy[str]:
    """Values of a variable. No other machine is connected to."""
    if variable.endswith("_BASE_URL"):
        return st.sampled_from(URLS)
    if variable.upper().endswith("_PROXY"):
        return st.sampled_from(PROXIES)
    if variable.startswith("GCE_METADATA"):
        return st.sampled_from(HOSTS)
    # The system has no zero bytes in a variable, and no surrogates but those of bytes that are not UTF-8.
    return st.sampled_from(WORDS) | st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=5)


environments = st.dictionaries(st.sampled_from(variables()), st.none(), min_size=1, max_size=3).flatmap(
    lambda names: st.fixed_dictionaries({name: values_of(name) for name in names})
)
"""A few variables with hostile values."""

IN_ENVIRONMENTS = (
    ("send", "--text", "hello", "--local", "--timeout", "2"),
    ("send", "--text", "hello", "--timeout", "2", "--retries", "0"),
    ("send", "--text", "hello", "--timeout", "2", "--retries", "0", "--base-url", "wss://127.0.0.1:1"),
    # An address that no machine has: a proxy is used for it.
    ("send", "--text", "hello", "--timeout", "0.3", "--retries", "0", "--base-url", "wss://192.0.2.1:1"),
    ("send", "speech.wav", "--local", "--timeout", "2", "--shard", "auto"),
    ("send", "--dry-run", "--text", "hello"),
    ("chat", "--local", "--resume"),
    ("serve", "--port", "0", "--tls-port", "0", "--", "true"),
    ("auth", "status"),
    ("auth", "status", "--json"),
    ("auth", "token"),
    ("auth", "token", "--ephemeral", "--timeout", "1"),
    ("auth", "login", "--no-check"),
    ("auth", "logout"),
    ("help", "environment"),
    ("--version", "--json"),
)
"""Command lines that read variables."""
