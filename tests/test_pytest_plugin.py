"""The pytest plugin as its users see it: agents of all kinds in this process, and runs of pytest in folders."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

import livecli
from livecli.emulator_fixture import GeminiLive

BUSY_SECONDS = 30.0

STATION = """
[[turn]]
match = "station"
call = {name = "find_station", args = {near = "me"}}
then = "Around the corner."
"""

AGENT = """
import livecli
import pytest

SCRIPT = '''
[[turn]]
match = "station"
call = {name = "find_station", args = {near = "me"}}
expect = {response = {output = "Central"}}
then = "Around the corner."
'''


def agent(question, finds="Central"):
    return livecli.ask(question, tool=[f"find_station=echo {finds}"], retries=0).text
"""

CASES = """
@pytest.mark.gemini_live(script=SCRIPT)
def test_passing(tmp_path):
    assert agent("a station?") == "Around the corner."


def test_failing(gemini_live):
    gemini_live.script(SCRIPT)
    assert agent("a train?") == "Around the corner."


@pytest.mark.gemini_live(script=SCRIPT)
def test_expecting():
    agent("a station?", finds="North")


@pytest.mark.parametrize(
    "place",
    [
        pytest.param("a", marks=pytest.mark.gemini_live(script="missing.toml")),
        pytest.param("b", marks=pytest.mark.gemini_live(fault="drop@nowhere")),
        pytest.param("c", marks=pytest.mark.gemini_live(scripts="a.toml")),
    ],
)
def test_mistaken(place):
    agent("a station?")


@pytest.mark.parametrize("number", range(4))
def test_alone(gemini_live, number):
    assert agent(f"question {number}") == f"question {number}"
    assert gemini_live.said == [f"question {number}"]
"""


def run_pytest(folder: Path, test: str, *options: str) -> str:
    """Run pytest in a process, over a file that has AGENT and this test. Returns what it prints."""
    (folder / "test_agent.py").write_text(AGENT + test)
    plain = ("-p", "no:cacheprovider", "-p", "no:asyncio", "-W", "error", f"--basetemp={folder / 'basetemp'}")
    command = [sys.executable, "-m", "pytest", *plain, *options]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=BUSY_SECONDS, check=False).stdout


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """What pytest prints of CASES, in two workers, and its folder."""
    folder = tmp_path_factory.mktemp("cases")
    return run_pytest(folder, CASES, "-n", "2"), folder


def report_of(printed: str, test: str) -> str:
    """The part of the output that is about a failed test."""
    [part] = re.findall(
        rf"^_+ (?:ERROR at setup of )?{re.escape(test)} _+$(.*?)(?=^_{{5}}|^={{5}})", printed, re.M | re.S
    )
    return str(part)


async def genai_agent(question: str) -> str:
    """An agent on the official SDK, that has one function."""
    # The import takes half a second of a core, in each process of the tests that imports this module.
    from google import genai
    from google.genai import types

    config = {
        "response_modalities": ["AUDIO"],
        "output_audio_transcription": {},
        "tools": [{"function_declarations": [{"name": "find_station", "description": "The nearest station."}]}],
    }
    answer = ""
    async with genai.Client().aio.live.connect(model="gemini-3.8-live", config=config) as session:  # type: ignore[arg-type]
        await session.send_realtime_input(text=question)
        while not answer:
            async for message in session.receive():
                for call in message.tool_call.function_calls or [] if message.tool_call else []:
                    found = types.FunctionResponse(id=call.id, name=call.name, response={"output": "Central"})
                    await session.send_tool_response(function_responses=[found])
                if message.server_content and (transcript := message.server_content.output_transcription):
                    answer += transcript.text or ""
    return answer


async def test_an_agent_on_the_official_sdk_in_an_asynchronous_test(gemini_live: GeminiLive) -> None:
    gemini_live.script(STATION)
    assert await asyncio.wait_for(genai_agent("a station?"), BUSY_SECONDS) == "Around the corner."
    assert gemini_live.said == ["a station?"]
    assert [(each.name, each.args, each.response) for each in gemini_live.responses] == [
        ("find_station", {"near": "me"}, {"output": "Central"})
    ]


def test_agents_in_threads(gemini_live: GeminiLive) -> None:
    agents = [threading.Thread(target=livecli.ask, args=(f"question {number}",)) for number in range(3)]
    for agent in agents:
        agent.start()
    for agent in agents:
        agent.join(BUSY_SECONDS)
    assert sorted(gemini_live.said) == ["question 0", "question 1", "question 2"]
    assert gemini_live.connections == 3


@pytest.mark.gemini_live(script=STATION)
def test_an_agent_in_another_process(gemini_live: GeminiLive) -> None:
    command = [sys.executable, "-m", "livecli", "send", "--text", "a station?", "--tool", "find_station=echo Central"]
    ran = subprocess.run([*command, "-q"], capture_output=True, text=True, timeout=BUSY_SECONDS, check=True)
    assert ran.stdout == "Around the corner.\n"
    assert [each.response for each in gemini_live.calls] == [{"output": "Central"}]


def test_the_sound_of_an_agent_is_an_array(gemini_live: GeminiLive) -> None:
    livecli.ask(speed=0)
    assert isinstance(gemini_live.heard, np.ndarray)
    assert gemini_live.heard.seconds == pytest.approx(2.2, abs=0.2)


@pytest.mark.gemini_live(fault="drop@turn:1#1")
def test_the_marker_needs_no_argument() -> None:
    with pytest.raises(livecli.ServerError):
        livecli.ask("Hello", retries=0)
    assert livecli.ask("Hello").text == "Hello"


@pytest.mark.parametrize("place", ["here", pytest.param("there", marks=pytest.mark.gemini_live)])
def test_the_marker_of_one_parameter_holds_for_that_alone(place: str) -> None:
    assert ("LIVECLI_BASE_URL" in os.environ) == (place == "there")


def test_workers_have_an_emulator_each(ran: tuple[str, Path]) -> None:
    assert re.search(r"2 failed, 5 passed, 3 errors", ran[0]), ran[0]


def test_a_passing_test_leaves_nothing(ran: tuple[str, Path]) -> None:
    [folder] = ran[1].glob("basetemp/*/test_passing0")
    assert [*folder.iterdir()] == []


def test_a_failure_says_what_the_agent_did_and_where_its_files_are(ran: tuple[str, Path]) -> None:
    report = report_of(ran[0], "test_failing")
    assert "gemini_live: → from the client, ← from the model" in report
    assert "→ “a train?”" in report
    assert "← “a train?”" in report
    [named] = re.findall(r"^The log, the recordings and their pages are in (.*)$", report, re.MULTILINE)
    assert sorted(path.suffix for path in Path(named).iterdir()) == [".html", ".live", ".txt"]


def test_a_test_fails_where_its_script_expected_something_else(ran: tuple[str, Path]) -> None:
    assert re.search("find_station.*Central.*North", report_of(ran[0], "test_expecting"))


@pytest.mark.parametrize(("place", "mistake"), [("a", "missing.toml"), ("b", "nowhere"), ("c", "scripts")])
def test_a_mistake_in_the_marker_is_one_line(ran: tuple[str, Path], place: str, mistake: str) -> None:
    _, worker, *lines = report_of(ran[0], f"test_mistaken[{place}]").splitlines()
    assert worker.startswith("[gw")
    assert re.fullmatch(f"the marker gemini_live: .*{mistake}.*", "\n".join(lines))


def test_sessions_are_recorded_and_then_replayed(
    gemini_live: GeminiLive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An emulator stands for the service. The option of the command line holds, not that of the file."""
    gemini_live.script(STATION)
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "pytest.ini").write_text("[pytest]\naddopts = --live-replay=kept\n")
    test = """
def test_it(gemini_live):
    assert agent("a station?") == "Around the corner."
    assert gemini_live.said == ["a station?"]
"""
    printed = run_pytest(folder, test, "--live-record=kept")
    assert "1 passed" in printed, printed
    assert gemini_live.said == ["a station?"]
    [kept] = folder.glob("kept/test_agent/test_it/*")
    assert kept.suffix == ".live"
    # The end of the block restores the variable before the end of `gemini_live` does, which that of the test would not.
    with monkeypatch.context() as patched:
        patched.setenv("LIVECLI_BASE_URL", "ws://127.0.0.1:1")
        printed = run_pytest(folder, test)
    assert "1 passed" in printed, printed
    assert gemini_live.connections == 1


def test_the_plugin_imports_nothing_of_the_emulator() -> None:
    """Every run of pytest loads it, where livecli is installed."""
    code = "import pytest, sys; old = {*sys.modules}; import livecli.pytest_plugin; print(*{*sys.modules} - old)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=BUSY_SECONDS, check=True)
    assert sorted(ran.stdout.split()) == ["livecli", "livecli.pytest_plugin"]
