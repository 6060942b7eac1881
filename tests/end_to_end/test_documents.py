"""The commands in the README and in the topics are run as written, and print what the text says but for figures."""

import ast
import asyncio
import inspect
import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any, get_args

import pytest

from livecli.cli.app import command_for
from livecli.cli.help import GUIDES, TOPICS, topic_summary
from livecli.emulator.faults import FAULT_KINDS, Place
from livecli.emulator.server import run_emulator
from livecli.errors import statuses
from livecli.media.file_source import SAMPLE
from livecli.protocol.names import LANGUAGES, VOICES
from tests.cases import in_one_test
from tests.needs import needs

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
DOCUMENTS = {"README": README.read_text()} | {topic: (GUIDES / f"{topic}.md").read_text() for topic in TOPICS}


def blocks(kind: str, documents: dict[str, str] = DOCUMENTS) -> list[Any]:
    """Each fenced block of a kind as a test's parameter: the document's name, and the text of the block."""
    return [
        pytest.param(name, block, id=f"{name}: {block.removeprefix('$ ')[:40].splitlines()[0]}")
        for name, text in documents.items()
        for block in re.findall(rf"^```{kind}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    ]


def commands_and_output(block):
    lines = block.splitlines()
    commands = [line[2:] for line in lines if line.startswith("$ ")]
    return commands, [line for line in lines if not line.startswith("$ ")]


def without_figures(line):
    line = re.sub(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "ID", line)
    return re.sub(r"\s+", " ", re.sub(r"[\d.,]*\d", "#", line)).strip()


@pytest.fixture
def folder(tmp_path, monkeypatch, forked_livecli):
    """An empty folder to run commands in, with livecli on the path."""
    place = tmp_path / "place"
    place.mkdir()
    path = [str(forked_livecli), str(Path(sys.executable).parent), os.environ["PATH"]]
    monkeypatch.setenv("PATH", os.pathsep.join(path))
    monkeypatch.delenv("CLOUDSDK_CONFIG")
    # The project's tests need this plugin. It prints a warning where it is not configured.
    monkeypatch.setenv("PYTEST_ADDOPTS", "-p no:asyncio")
    monkeypatch.chdir(place)
    return place


def write_files(name, place):
    """Write the files that a document shows: a block whose first line is `# NAME`."""
    for file, text in re.findall(r"^```(?:toml|python)\n# (\S+)\n(.*?)^```", DOCUMENTS[name], re.DOTALL | re.MULTILINE):
        (place / file).write_text(f"# {file}\n{text}")


def write_recordings(place):
    """Write the recordings that the topics take for granted."""
    shutil.copy(SAMPLE, place / "question.wav")
    shutil.copy(SAMPLE, place / "other.flac")  # The content decides.


def shell(commands, seconds=50):
    script = "\n".join(["trap 'kill $(jobs -p) 2>/dev/null || true' EXIT", *commands])
    ran = subprocess.run(
        ["bash", "-c", script],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=seconds,
        check=False,
    )
    return ran.returncode, ran.stdout.splitlines()


BACKGROUND = "livecli serve -q > "
"""The one command of the README that listens on the default ports, as all others have a COMMAND or are refused."""


def with_free_ports(commands):
    """The same with ports that are free, so that another run of these tests, or an emulator, may have the default."""
    if not any(BACKGROUND in command for command in commands):
        return commands
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as other:
        port, tls_port = one.getsockname()[1], other.getsockname()[1]
    listening = BACKGROUND.replace("-q", f"-q --port {port} --tls-port {tls_port}")
    return [
        command.replace(BACKGROUND, listening).replace("8765", str(port)).replace("8766", str(tls_port))
        for command in commands
    ]


TOOLS = ["sox", "jq", "curl"]


@pytest.mark.parametrize(("name", "block"), blocks("console"))
async def test_a_console_block_prints_what_it_shows(name, block, folder, monkeypatch):
    for tool in TOOLS:
        if re.search(rf"\b{tool} ", block):
            needs(tool)
    write_recordings(folder)
    write_files(name, folder)
    commands, shown = commands_and_output(block)
    commands = with_free_ports(commands)
    # The emulator stands in for Google, since the commands name no server.
    async with run_emulator() as emulator:
        if "auth status" not in block:
            monkeypatch.setenv("LIVECLI_BASE_URL", emulator.url)
        if "PROJECT" in block:
            monkeypatch.setenv("LIVECLI_ACCESS_TOKEN", "ready")
        status, printed = await asyncio.to_thread(shell, commands)
    assert [without_figures(line) for line in printed] == [without_figures(line) for line in shown]
    assert status == 0, printed


NOT_RUN = {
    "make ": "installs or measures; `make demo` and `make test` are steps of CI",
    "pip install ": "installs; the tests have both",
    "pytest --live-": "needs the service, or a recording of it",
    ". .venv/bin/activate": "the tests run with livecli on the path",
    "livecli chat --mic": "needs a microphone",
    "livecli chat --list-devices": "needs a sound device",
    "sudo ": "changes the machine",
    "echo '127.0.0.1 ": "changes the machine",
    "docker ": "needs Docker and an image",
    "chromium ": "needs a browser and a screen",
}
"""The beginnings of commands that are not run here, and why. The options of livecli in them are checked."""


@pytest.mark.timeout(240)
async def test_the_readme_runs_from_top_to_bottom_in_an_empty_folder(folder, monkeypatch):
    write_files("README", folder)
    script, shown = ["set -e", "exec 2>&1"], []
    for kind, block in re.findall(r"^```(sh|text)\n(.*?)^```", DOCUMENTS["README"], re.DOTALL | re.MULTILINE):
        if kind == "sh":
            script += ["echo BLOCK", *(line for line in block.splitlines() if not line.startswith(tuple(NOT_RUN)))]
            shown.append(None)
        else:
            shown[-1] = block.splitlines()
    async with run_emulator() as emulator:
        monkeypatch.setenv("LIVECLI_BASE_URL", emulator.url)
        monkeypatch.setenv("LIVECLI_ACCESS_TOKEN", "ready")
        status, printed = await asyncio.to_thread(shell, script, 200)
    outputs = [part.strip().splitlines() for part in "\n".join(["", *printed]).split("\nBLOCK")[1:]]
    assert status == 0, "\n".join(printed)
    assert len(outputs) == len(shown)
    for lines, expected in zip(outputs, shown, strict=True):
        assert expected is None or [*map(without_figures, lines)] == [*map(without_figures, expected)]
    for made in ("question.wav", "reply.wav", "replies/question.reply.wav", "summary.json"):
        assert (folder / made).stat().st_size, made


@pytest.mark.parametrize("topic", [topic for topic in TOPICS if "```sh" in DOCUMENTS[topic]])
def test_the_shell_blocks_of_a_topic_run_in_their_order(topic, folder):
    """Without an account. A server that a block starts runs until the next one, for what follows it."""
    script = ["set -e", "server="]
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as other:
        port, tls_port = one.getsockname()[1], other.getsockname()[1]
    for block in blocks("sh", {topic: DOCUMENTS[topic]}):
        for line in block.values[1].replace("\\\n", "").splitlines():
            if line.startswith(tuple(NOT_RUN)):
                continue
            if line.startswith("livecli serve ") and " -- " not in line:
                own = line.removesuffix("&").partition(">")[0].replace("0.0.0.0", "127.0.0.1")
                script += [
                    'if [ "$server" ]; then kill $server; wait $server || true; fi; rm -f local.env',
                    f"{own} -q --port {port} --tls-port {tls_port} > local.env & server=$!",
                    "until grep -qs API_KEY local.env; do sleep 0.05; done; source local.env",
                ]
            else:
                script.append(line.replace("8765", str(port)).replace("8766", str(tls_port)))
    if "curl " in "".join(script):
        needs("curl")
    status, printed = shell(script)
    assert status == 0, printed
    assert printed == (["livecli: a local Live API is listening."] if topic == "clients" else [])


def livecli_commands():
    """Each `livecli …` of a block that is not run, or of a line of text: the document, and the words after livecli."""
    for name, text in DOCUMENTS.items():
        lines = [line for block in blocks("sh", {name: text}) for line in block.values[1].splitlines()]
        prose = re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
        lines += re.findall(r"`(livecli [a-z][^`]*)`", prose.replace("\n", " "))
        for line in lines:
            found = re.search(r"\blivecli ((?:send|chat|auth|serve|help|completion)\b[^|<>&)#]*)", line)
            if found:
                yield name, shlex.split(found[1])


@in_one_test(("name", "words"), [*livecli_commands()])
def test_each_command_of_the_text_has_options_that_exist(name, words):
    command = command_for(words)
    while words and words[0] in getattr(command, "commands", {}):
        command = command.commands[words[0]]
        words = words[1:]
    options = {each for parameter in command.params for each in (*parameter.opts, *parameter.secondary_opts)}
    own = words[: words.index("--")] if "--" in words else words
    used = {word.partition("=")[0] for word in own if re.match(r"--?[a-z]", word)}
    assert used <= options | {"-h", "--help"}, name


async def test_the_python_blocks_of_the_topic_run_in_order(folder, capsys):
    write_recordings(folder)
    names: dict[str, Any] = {}
    for block in re.findall(r"^```python\n(.*?)^```", DOCUMENTS["python"], re.DOTALL | re.MULTILINE):
        code = compile(block, "python.md", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        if code.co_flags & inspect.CO_COROUTINE:
            await eval(code, names)
        else:
            exec(code, names)
    assert names["reply"].complete
    assert (folder / "reply.wav").exists()
    first, second, *_ = capsys.readouterr().out.splitlines()
    assert re.fullmatch(r"Where is the nearest train station\? \d{5,6} 24000", first)
    assert re.fullmatch(r"\d{4,5} bytes at 24000 Hz", second)


def test_every_make_target_that_is_named_is_there():
    needs("make")
    text = "\n".join(re.findall(r"`[^`]*`|^make .*", "\n".join(DOCUMENTS.values()), re.MULTILINE))
    targets = set(re.findall(r"make ([a-z-]+)", text))
    assert {"demo", "test", "lint", "bench"} <= targets
    for target in targets:
        subprocess.run(["make", "-n", target], cwd=ROOT, check=True, capture_output=True, timeout=30)


@in_one_test("name", DOCUMENTS)
def test_a_document_speaks_of_itself_alone(name):
    assert str(ROOT) not in DOCUMENTS[name]
    assert not re.search(r"(?<![\w.:~])/(root|home|tmp)/", DOCUMENTS[name])


def test_the_readme_is_one_page():
    assert len(DOCUMENTS["README"].splitlines()) <= 150


@in_one_test("name", DOCUMENTS)
def test_each_link_to_a_file_leads_to_it(name):
    folder = ROOT if name == "README" else GUIDES
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", DOCUMENTS[name]):
        assert (folder / target).is_file(), target


def test_the_readme_links_to_every_topic():
    linked = re.findall(r"\(livecli/help/([a-z-]+)\.md\)", DOCUMENTS["README"])
    assert set(linked) == set(TOPICS) == {path.stem for path in GUIDES.glob("*.md")}


@in_one_test("topic", TOPICS)
def test_a_topic_has_a_heading_and_a_line_that_sums_it_up(topic):
    heading, _, summary, after, *_ = DOCUMENTS[topic].splitlines()
    assert heading.startswith("# ")
    assert summary == topic_summary(topic)
    assert after == ""
    assert summary.endswith(".")
    assert len(summary) <= 62


OF_THE_FIRST_README = [
    "passes the tests",
    "At a terminal the same is a live display",
    "Three extras bring what not everybody needs",
    "livecli needs no more",
    "notes what contradicts what",
    "Write on while it speaks",
    "is gone on with",
    "declares one in a word",
    "the service says exactly which messages it has",
    "cannot be taken back",
    "stops nobody",
    "the gravest wins",
    "whatever the API learns tomorrow",
    "Any credential will do",
    "speech has no words here",
]


def test_no_sentence_of_the_first_readme_is_left():
    text = " ".join(" ".join(DOCUMENTS.values()).split())
    assert not [words for words in OF_THE_FIRST_README if words in text]


def rows(topic, heading):
    """The rows of the table in a topic that begins with this heading: the cells of each, without backquotes."""
    table = DOCUMENTS[topic].partition(f"| {heading} |")[2].partition("\n\n")[0]
    return [
        [cell.strip().strip("`").replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        for line in table.splitlines()[2:]
    ]


def test_the_table_of_statuses_has_those_of_the_errors():
    assert [tuple(row) for row in rows("exit-statuses", "status")] == statuses()


def test_the_table_of_dependencies_has_each_of_them():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    names = {re.match(r"[\w-]+", each)[0] for each in project["dependencies"]}
    assert {row[0] for row in rows("contributing", "dependency")} == names


def test_the_table_of_faults_has_every_fault_and_moment():
    assert [tuple(row) for row in rows("faults", "fault")] == [(each.usage, each.help) for each in FAULT_KINDS.values()]
    moments = {row[0].partition(":")[0] for row in rows("faults", "moment")}
    assert moments == {*get_args(Place)} - {"time"} | {"5s"}


def test_the_table_of_voices_has_every_voice():
    cells = [cell for row in rows("voices", "voice") for cell in row]
    assert dict(zip(cells[::2], cells[1::2], strict=True)) == VOICES


def test_the_table_of_languages_has_every_language():
    cells = [cell for row in rows("languages", "code") for cell in row]
    assert dict(zip(cells[::2], cells[1::2], strict=True)) == LANGUAGES
