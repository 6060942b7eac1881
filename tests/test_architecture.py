"""The rules of the architecture, as data: layers, owners of libraries, sizes, names, and the tests of each module."""

import ast
import re
from functools import cache
from pathlib import Path

from tests.cases import in_one_test

ROOT = Path(__file__).parents[1] / "livecli"
TESTS = Path(__file__).parent

LAYERS = [
    ["__main__", "pytest_plugin"],
    ["cli", "api", "emulator_fixture"],
    ["embedded", "proxy", "runs", "chat"],
    ["client"],
    ["tools", "console", "emulator", "page"],
    ["checks"],
    ["recording", "report", "credentials"],
    ["media"],
    ["protocol", "process"],
    ["errors", "toml_reader"],
]
"""From the top down. Packages on one line do not import one another."""

OWNERS = {
    "websockets": ["client.connection", "client.session", "client.connect_errors", "emulator", "proxy"],
    "typer": ["cli", "__main__"],
    "rich": ["console"],
    "prompt_toolkit": ["console.terminal"],
    "soundfile": ["media.decoding", "media.encoding"],
    "soxr": ["media.resample"],
    "miniaudio": ["media.sound_devices.devices"],
    "pywebrtc_audio": ["media.sound_devices.echo"],
    "espeakng_loader": ["media.speech.espeak"],
    "pocketsphinx": ["media.speech.recognizer", "media.speech.pocketsphinx_program"],
    "numpy": ["media", "emulator", "checks.sound"],
    "google": ["credentials.adc"],
    "requests": ["credentials.adc"],
    "jiwer": ["recording.word_errors"],
    "msgspec": ["protocol", "recording", "report", "client", "runs", "chat", "tools", "emulator"],
    "pybase64": ["protocol.codec"],
    "keyring": ["credentials.system_keyring"],
    "regex": ["checks.grammar", "emulator.core.script_file"],
    "platformdirs": ["process.folders"],
    "cryptography": ["emulator.certificates"],
    "certifi": ["emulator.certificates"],
    "PIL": ["media.images", "media.screen"],
    "mss": ["media.screen"],
    "yaml": ["recording.cassette"],
}
"""The modules that may import each library."""

PROCESS_WIDE = {"gc": ["__main__"], "resource": ["cli.app"]}
"""The modules that may import what changes the whole process: a program that uses the library keeps its own."""

NO_SUBJECT = {"utils", "helpers", "common", "misc"}
"""Module names that say nothing of the contents."""

MOST_ENTRIES = 26
"""At the top level of livecli/."""
MOST_FILES = 18
"""In a package."""
MORE_FILES = {
    "cli": (30, "one file for each command"),
    "emulator.core": (19, "one file for each part of a session"),
    "emulator": (27, "the server, and a file for each thing that it does to a connection"),
}
"""Packages with more files, how many, and why."""
MOST_ATTRIBUTES = 12
"""In an object: a class with more is usually two things."""

WIRE = "its attributes are the fields of a message on the wire"
MORE_ATTRIBUTES = {
    "api.AskOptions": (19, "the keyword arguments of send() and ask()"),
    "api.SessionOptions": (21, "the keyword arguments of connect(), send() and ask()"),
    "chat.chat.Chat": (18, "the parts of a chat, and the state of its session"),
    "chat.turns.ChatTurn": (18, "the parts of a turn, and what is known of its end"),
    "chat.voice.Voice": (23, "the states of a microphone and of a speaker, which depend on each other"),
    "client.resumable.ResumableSession": (18, "the state of a session that outlives its connections"),
    "client.resumption.Resumption": (16, "the numbers of a session's messages, and what is known of its handle"),
    "report.summary.Summary": (13, "the fields of the object of --json"),
    "client.session.Session": (18, "the state of one connection"),
    "client.turn_end.TurnEnd": (15, "the columns of a table of states"),
    "emulator.fault_injector.FaultInjector": (19, "the state of each kind of fault"),
    "console.terminal.prompt.Prompt": (15, "the state of the line being typed, and of the question above it"),
    "emulator.session.ServerSession": (15, "the parts of a session on its connection, and what its tasks wait for"),
    "cli.serve_options.EmulatorFlags": (14, "the options of the emulator"),
    "emulator_fixture.GeminiLive": (14, "the parts of an emulator, its options, and what becomes of its files"),
    "emulator.options.EmulatorOptions": (14, "the options of an emulator"),
    "emulator.replay.Replay": (13, "the place in a recording, what has come since, and how that differs"),
    "emulator.core.conversation.EmulatedSession": (21, "the parts of a session, each of which holds its own state"),
    "emulator.core.delivery.Delivery": (13, "when a turn's next message is due, and which of its messages were sent"),
    "emulator.core.dialogue.Dialogue": (32, "the parts of a dialogue, each of which holds its own state"),
    "emulator.core.function_calls.FunctionCalls": (16, "the tools of a session and the calls of them"),
    "errors.LivecliError": (15, "everything that is shown of an error"),
    "media.sound_devices.microphone.Microphone": (14, "the state of a stream that two threads share"),
    "protocol.messages.GenerationConfig": (22, WIRE),
    "protocol.messages.ServerContent": (13, WIRE),
    "protocol.messages.Setup": (15, WIRE),
    "protocol.models.Model": (31, "a table's row: one column for each fact about a model"),
    "protocol.platform.PlatformFacts": (29, "a table's row: one column for each fact about a platform"),
    "recording.session_analysis.RecordedTurn": (17, "what is known of a turn, and when each part of it came"),
    "report.batch_stats.BatchStats": (16, "one counter for each figure that is shown"),
    "report.summary.TransferStats": (27, "one counter for each figure that is shown"),
    "protocol.setup.SetupOptions": (13, "the options of a session"),
    "runs.request.Request": (20, "the options of a run"),
}
"""Classes with more attributes, how many, and why."""

SAME_NAME = {
    "Answer": "what is received of an answer; google-auth's HTTP answer",
    "Channel": "one of the two of a stereo file; what two processes talk through",
    "Connection": "the client's end of a WebSocket; one of a recording",
    "Fault": "a fault that the emulator injects; the event of an error message",
    "Interrupted": "the error after Ctrl-C; the event of a user who speaks over an answer",
    "Limits": "the limits of a run; the limits of an emulated session",
    "Outcome": "the result of a function call; the result of an expectation so far",
    "Reader": "of any TOML file; of the profiles, of the prices, of a script, of the tools",
    "Recorder": "of a session's frames; of what was said and called in a session",
    "Run": "a piece of audio to send again; a request that a worker sends",
    "Session": "the client's session; the state that an emulated session's handles share",
    "SessionRecording": "of the client's session; of the emulator's",
    "Stream": "of an audio device; a reply that is written as it arrives",
    "Target": "where to connect to; the file that libsndfile writes",
    "Tool": "a tool on the wire; a tool that is run here",
    "VoiceActivity": "the detector; the message and the event",
    "Worker": "a process and the channel to it; one of the emulator's",
}
"""Names that two classes share, with or without an underscore, and why. A message and its event may."""

COVERED_BY = {
    "__main__": ["end_to_end/test_send_statuses.py", "test_start_up.py"],
    "cli.app": ["end_to_end/test_help.py", "test_start_up.py"],
    "cli.auth": ["end_to_end/test_auth.py"],
    "cli.auth_login": ["end_to_end/test_auth_login.py"],
    "cli.auth_status": ["end_to_end/test_auth.py", "end_to_end/test_auth_notes.py", "end_to_end/test_auth_online.py"],
    "cli.auth_token": ["end_to_end/test_auth.py", "end_to_end/test_auth_ephemeral.py"],
    "cli.command_help": ["end_to_end/test_help.py"],
    "cli.chat": ["end_to_end/test_chat_wire.py", "end_to_end/test_chat_piped.py"],
    "cli.confirm": ["end_to_end/test_send_tools.py"],
    "cli.files": ["end_to_end/test_send_words.py", "end_to_end/test_send_setup.py"],
    "cli.help": ["end_to_end/test_help.py"],
    "cli.options": ["end_to_end/test_send_words.py"],
    "cli.diff": ["end_to_end/test_diff.py"],
    "console.session_differences": ["end_to_end/test_diff.py"],
    "cli.report": ["end_to_end/test_report.py"],
    "page.batch": ["end_to_end/test_report.py"],
    "page.output": ["end_to_end/test_report.py"],
    "page.picture": ["page/test_session.py"],
    "recording.session_events": ["console/test_session_picture.py"],
    "cli.reporters": ["end_to_end/test_send_streams.py", "end_to_end/test_explain.py"],
    "cli.recording": ["end_to_end/test_recording.py"],
    "cli.run_chat": ["end_to_end/test_chat_wire.py", "end_to_end/test_chat_resume.py"],
    "cli.send": ["end_to_end/test_send_wire.py", "end_to_end/test_send_statuses.py"],
    "cli.serve": ["end_to_end/test_serve.py"],
    "cli.serve_worker": ["end_to_end/test_serve_processes.py"],
    "emulator.processes": ["end_to_end/test_serve_processes.py"],
    "emulator.shared_state": ["emulator/test_ephemeral_tokens.py", "emulator/test_message_log.py"],
    "cli.serve_background": ["end_to_end/test_serve_background.py"],
    "client.diagnosis": ["end_to_end/test_stalls.py", "end_to_end/test_truncation.py"],
    "client.probe": ["end_to_end/test_auth_online.py"],
    "emulator.option_files": ["end_to_end/test_serve_says.py"],
    "emulator.script_check": ["end_to_end/test_serve_expects.py"],
    "media.speech.pocketsphinx_program": ["media/speech/test_recognizer.py"],
    "media.reply_buffer": ["report/test_reply.py"],
    "console.recording": ["end_to_end/test_record.py"],
    "emulator.session_recording": ["end_to_end/test_record.py"],
    "checks.expectations": ["end_to_end/test_expect.py"],
    "checks.measurements": ["end_to_end/test_expect.py"],
    "cli.verdict": ["end_to_end/test_expect.py"],
    "cli.proxy": ["end_to_end/test_proxy.py"],
    "recording.match": ["emulator/test_replay.py"],
    "recording.record_mode": ["end_to_end/test_proxy.py"],
    "process.background": ["end_to_end/test_serve_background.py"],
    "process.text_files": ["end_to_end/test_send_words.py", "tools/test_tools_file.py"],
    "protocol.audio_rates": ["protocol/codec/test_codec.py", "media/test_file_source.py"],
    "protocol.close_cause": ["protocol/test_close_table.py", "protocol/test_close_reasons.py"],
    "protocol.codec.client": ["protocol/codec/test_codec.py"],
    "protocol.codec.proto_json": ["protocol/codec/test_codec.py"],
    "protocol.codec.server": ["protocol/codec/test_codec.py", "protocol/test_fuzz.py"],
    "protocol.events": ["protocol/codec/test_codec.py"],
    "protocol.messages": ["protocol/codec/test_codec.py"],
    "runs.batch": ["end_to_end/test_send_many.py"],
    "runs.inputs": ["end_to_end/test_send_lists.py"],
    "runs.named_files": ["end_to_end/test_overwriting.py"],
    "runs.resume_from": ["end_to_end/test_send_many.py"],
    "toml_reader": ["emulator/core/test_script_file.py", "emulator/test_replay.py"],
}
"""Modules without a test file of their own name, and the files that test them."""

MODULES = {".".join(path.relative_to(ROOT).with_suffix("").parts): path for path in sorted(ROOT.rglob("*.py"))}


def name_of(module):
    return module.removesuffix(".__init__").removesuffix("__init__")


def within(module, name):
    return module == name or module.startswith(name + ".")


def layer_and_package(module):
    found = [(len(name), layer, name) for layer, names in enumerate(LAYERS) for name in names if within(module, name)]
    assert found, f"{module} has no layer"
    _, layer, name = max(found)
    return layer, name


@cache
def syntax_tree(module):
    return ast.parse(MODULES[module].read_text())


@cache
def imports(module):
    """(what is imported, as a name inside livecli or a library's) of each import, wherever it stands."""
    package = [*MODULES[module].relative_to(ROOT).parent.parts]
    found = []
    for node in ast.walk(syntax_tree(module)):
        if isinstance(node, ast.Import):
            found += [("", alias.name.partition(".")[0]) for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            found.append(("", (node.module or "").partition(".")[0]))
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1]
            target = ".".join([*base, *(node.module.split(".") if node.module else [])])
            names = [f"{target}.{alias.name}".lstrip(".") for alias in node.names]
            found += [("ours", name if known(name) else target) for name in names]
    return found


def known(name):
    return name in MODULES or f"{name}.__init__" in MODULES


@in_one_test("module", [module for module in MODULES if name_of(module)])
def test_imports_go_down_only(module):
    layer, package = layer_and_package(name_of(module))
    for kind, target in imports(module):
        if kind != "ours" or not target:  # The package itself holds the version only.
            continue
        below, other = layer_and_package(target)
        assert below > layer or other == package, f"{module} (layer {layer}) imports {target} (layer {below})"


def test_the_help_topic_has_the_same_layers_and_packages():
    topic = (ROOT / "help" / "architecture.md").read_text()
    picture = topic.partition("```\n")[2].partition("```")[0]
    rows = [re.split(r" {2,}", line.strip())[0].split(" . ") for line in picture.splitlines() if line.strip(" |")]
    assert [sorted(row) for row in rows] == [sorted(row) for row in LAYERS]
    packages = {name for names in LAYERS for name in names if f"{name}.__init__" in MODULES}
    assert sorted(re.findall(r"^\| `(\w+)/` \|", topic, re.MULTILINE)) == sorted(packages | {"help"})


@in_one_test("module", MODULES)
def test_each_library_has_its_owner(module):
    for kind, library in imports(module):
        if kind == "" and library in OWNERS:
            assert any(within(name_of(module), owner) for owner in OWNERS[library]), f"{module} imports {library}"


def test_every_dependency_has_an_owner():
    import tomllib

    project = tomllib.loads((ROOT.parent / "pyproject.toml").read_text())["project"]
    names = {
        "espeakng-loader": "espeakng_loader",
        "google-auth[requests]": "google",
        "pillow": "PIL",
        "pywebrtc-audio": "pywebrtc_audio",
        "pyyaml": "yaml",
    }
    extras = [each for extra, some in project["optional-dependencies"].items() if extra != "dev" for each in some]
    declared = {re.split("[<>]", dependency)[0] for dependency in [*project["dependencies"], *extras]}
    assert {names.get(name, name) for name in declared} == set(OWNERS) - {"requests", "certifi"}


@in_one_test(
    ("name", "bound"),
    [
        *[("websockets", "<18"), ("google-auth[requests]", "<3"), ("msgspec", "<1"), ("platformdirs", "<5")],
        *[("prompt_toolkit", "<4"), ("rich", "<16"), ("typer", "<0.29")],
    ],
)
def test_what_a_guard_depends_on_has_an_upper_bound(name, bound):
    import tomllib

    project = tomllib.loads((ROOT.parent / "pyproject.toml").read_text())["project"]
    [requirement] = [each for each in project["dependencies"] if re.split("[<>]", each)[0] == name]
    assert re.fullmatch(rf"{re.escape(name)}>=[\d.]+,{bound}", requirement)


def test_what_changes_the_whole_process_is_left_to_the_command_line():
    assert not {
        module: library
        for module in MODULES
        for kind, library in imports(module)
        if kind == "" and name_of(module) not in PROCESS_WIDE.get(library, [name_of(module)])
    }
    streams = {ast.unparse(node) for module in MODULES if module != "__main__" for node in stored_attributes(module)}
    assert not streams & {"sys.stdin", "sys.stdout", "sys.stderr", "sys.excepthook"}


def stored_attributes(module):
    nodes = ast.walk(syntax_tree(module))
    return (node for node in nodes if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store))


def test_a_docstring_begins_with_a_noun():
    found = [
        f"{module}:{number}"
        for module, path in MODULES.items()
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if '"""What ' in line
    ]
    assert not found, "say what it is: the sinks of `--log`, not what takes the lines of `--log`"


def test_every_module_name_has_a_subject():
    assert not [module for module in MODULES if module.split(".")[-1] in NO_SUBJECT]


def test_the_top_level_and_each_package_stay_small():
    assert len([path for path in ROOT.iterdir() if path.name != "__pycache__"]) <= MOST_ENTRIES
    packages = {path.parent for path in MODULES.values()}
    files = {".".join(package.relative_to(ROOT).parts): len(list(package.glob("*.py"))) for package in packages}
    large = {package: count for package, count in files.items() if count > MOST_FILES}
    assert large == {package: count for package, (count, _) in MORE_FILES.items()}


def classes():
    """(module, class) of each class, wherever it stands."""
    for module in MODULES:
        yield from ((module, node) for node in ast.walk(syntax_tree(module)) if isinstance(node, ast.ClassDef))


def attributes(class_):
    """The names assigned to `self`, and the fields declared in the class."""
    stored = (node for node in ast.walk(class_) if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store))
    declared = (node.target for node in class_.body if isinstance(node, ast.AnnAssign))
    return {node.attr for node in stored if ast.unparse(node.value) == "self"} | {node.id for node in declared}


def test_a_class_with_many_attributes_has_a_reason():
    counts = {f"{module}.{class_.name}": len(attributes(class_)) for module, class_ in classes()}
    large = {name: count for name, count in counts.items() if count > MOST_ATTRIBUTES}
    assert large == {name: count for name, (count, _) in MORE_ATTRIBUTES.items()}


def test_no_two_classes_share_a_name():
    modules = {}
    for module, class_ in classes():
        modules.setdefault(class_.name.removeprefix("_"), set()).add(module)
    shared = {name for name, found in modules.items() if len(found) > 1}
    assert {name for name in shared if modules[name] != {"protocol.messages", "protocol.events"}} == set(SAME_NAME)


def own_test(module):
    """The test file of a module's own name: `tests/client/test_turn.py` for `client.turn`."""
    *packages, name = module.split(".")
    return TESTS.joinpath(*packages, f"test_{name}.py")


def test_every_module_has_its_tests():
    modules = {module for module in MODULES if module.split(".")[-1] != "__init__"}
    untested = {module for module in modules if not own_test(module).exists()}
    assert not untested - set(COVERED_BY), "add a test file of the module's name, or a line in COVERED_BY"
    assert not set(COVERED_BY) - untested, "remove these from COVERED_BY: they have their own file, or are gone"
    assert not [file for files in COVERED_BY.values() for file in files if not (TESTS / file).exists()]
