"""Google's Agent Development Kit, unchanged, in another process of a test with the fixture `gemini_live`."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from livecli.emulator_fixture import GeminiLive
from tests.needs import skip

HERE = Path(__file__).parent
PYTHON = HERE / ".venv" / "bin" / "python"
BUSY_SECONDS = 50.0

STATION = """
[[turn]]
match = "station"
call = {name = "find_station", args = {near = "me"}}
then = "Around the corner."
"""


@pytest.mark.gemini_live(script=STATION)
def test_an_agent_with_a_function(gemini_live: GeminiLive, monkeypatch: pytest.MonkeyPatch) -> None:
    if not (HERE / ".venv" / "ready").exists():
        skip("needs the packages in tests/sdks/requirements.txt: `make test` installs them with pip")
    monkeypatch.setenv("ADK_DISABLE_JSON_SCHEMA_FOR_FUNC_DECL", "1")  # else the call comes without arguments
    command = [PYTHON, HERE / "adk_agent.py", "Is there a station?"]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=BUSY_SECONDS, check=False)
    assert (ran.returncode, ran.stdout) == (0, "Around the corner.\n"), ran.stderr
    assert gemini_live.said == ["Is there a station?"]
    [call] = gemini_live.responses
    assert (call.name, call.args, call.response) == ("find_station", {"near": "me"}, {"result": "Central, near me"})
