"""What the README shows is run as written, and prints what it says: but for figures, which differ from run to run."""

import ast
import asyncio
import os
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from livecli.emulator.server import run_emulator
from livecli.media.file_source import SAMPLE
from tests.needs import needs

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
CONSOLE = re.findall(r"```console\n(.*?)```", README, re.S)
TOML = re.findall(r"```toml\n# (\S+)\n(.*?)```", README, re.S)
PYTHON = re.findall(r"```python\n(.*?)```", README, re.S)


def commands_and_output(block):
    lines = block.splitlines()
    commands = [line[2:] for line in lines if line.startswith("$ ")]
    return commands, [line for line in lines if not line.startswith("$ ")]


def without_figures(line):
    line = re.sub(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "ID", line)
    return re.sub(r"\s+", " ", re.sub(r"[\d.,]*\d", "#", line)).strip()


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with what the README's commands take for granted: a question, its scripts, and livecli on the path."""
    place = tmp_path / "place"
    place.mkdir()
    shutil.copy(SAMPLE, place / "question.wav")
    shutil.copy(SAMPLE, place / "other.flac")  # libsndfile goes by the content
    for name, text in TOML:
        (place / name).write_text(f"# {name}\n{text}")
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.delenv("CLOUDSDK_CONFIG")
    monkeypatch.chdir(place)
    return place


def shell(commands):
    script = "\n".join(["trap 'kill $(jobs -p) 2>/dev/null' EXIT", *commands])
    ran = subprocess.run(
        ["bash", "-c", script], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=50, check=False
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
MAKE = [block for block in CONSOLE if "$ make " in block]


@pytest.mark.parametrize("block", [block for block in CONSOLE if block not in MAKE], ids=lambda block: block[2:40])
async def test_console(block, folder, monkeypatch):
    for tool in TOOLS:
        if re.search(rf"\b{tool} ", block):
            needs(tool)
    commands, shown = commands_and_output(block)
    commands = with_free_ports(commands)
    async with run_emulator() as emulator:  # stands in for Google, as the README's commands name no server
        if "auth status" not in block:
            monkeypatch.setenv("LIVECLI_BASE_URL", emulator.url)
        if "PROJECT" in block:
            monkeypatch.setenv("LIVECLI_ACCESS_TOKEN", "ready")
        status, printed = await asyncio.to_thread(shell, commands)
    assert [without_figures(line) for line in printed] == [without_figures(line) for line in shown]
    assert status == 0, printed


@pytest.mark.parametrize("block", PYTHON, ids=lambda block: "python")
async def test_python(block, folder, capsys):
    assert len([line for line in block.splitlines() if line]) <= 10
    names: dict[str, Any] = {}
    code = compile(block, "README.md", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    await eval(code, names)
    assert names["summary"].ok
    assert (folder / "reply.wav").exists()
    assert capsys.readouterr().out.splitlines()[0] == "8640 bytes at 24000 Hz"


def test_every_make_target_in_the_readme_is_there(monkeypatch):
    needs("make")
    targets = set(re.findall(r"make ([a-z]+)", "\n".join(re.findall(r"`[^`]*`|\$ .*", README))))
    assert {"demo", "test", "lint", "bench"} <= targets
    for target in targets:
        subprocess.run(["make", "-n", target], cwd=ROOT, check=True, capture_output=True, timeout=30)


def test_the_readme_speaks_of_itself_alone():
    assert str(ROOT) not in README
    assert not re.search(r"(?<![\w.:~])/(root|home|tmp)/", README)
