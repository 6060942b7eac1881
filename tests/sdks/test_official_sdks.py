"""The official SDKs, unchanged, in programs that `livecli serve` runs: the environment alone points them at it, on TLS,
with a certificate that they check.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.needs import needs, skip

HERE = Path(__file__).parent
PLATFORMS = ["developer", "vertex"]
TURNS = [
    {"audio": 24_000, "heard": "[0.5 s of speech]", "said": "[0.5 s of speech]"},
    {"audio": 5 * 2_880, "heard": "", "said": "hello"},
    {"audio": 5 * 2_880, "heard": "", "said": "again"},
]
LOG = ["[1] connected: ", "[1] turn 1: 0.5 s of speech", "[1] turn 2: 5 characters", "[1] turn 3: 5 characters"]


def against_the_emulator(*command: str | Path, options: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, "-m", "livecli", "serve", *options, "--", *map(str, command)]
    return subprocess.run(words, capture_output=True, text=True, timeout=50, check=False)


def turns(ran: subprocess.CompletedProcess[str]) -> list[dict[str, object]]:
    assert ran.returncode == 0, ran.stderr
    return [json.loads(line) for line in ran.stdout.splitlines()]


@pytest.fixture
def javascript() -> Callable[[str], list[str | Path]]:
    """The command that runs a program on the JavaScript SDK, which `make test` installs."""
    node = needs("node")
    if not (HERE / "node_modules").is_dir():
        skip("needs the packages in tests/sdks/package.json: `make test` installs them with npm")
    return lambda program: [node, HERE / program]


@pytest.fixture
def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


@pytest.mark.parametrize("platform", PLATFORMS)
def test_python(platform: str) -> None:
    ran = against_the_emulator(sys.executable, HERE / "program.py", platform)
    assert turns(ran) == TURNS
    lines = ran.stderr.splitlines()
    assert [line[: len(start)] for line, start in zip(lines, LOG, strict=False)] == LOG
    assert lines[-1] == "[1] closed: 1000"


def test_python_on_vertex_with_no_project_in_code(free_port: int) -> None:
    """The SDK then takes the other platform's base URL, as it is and without credentials."""
    here = [f"GOOGLE_GEMINI_BASE_URL=wss://localhost:{free_port}", "GOOGLE_GENAI_USE_VERTEXAI=true"]
    there = ["GOOGLE_CLOUD_PROJECT=p1", "GOOGLE_CLOUD_LOCATION=us-central1"]
    program = ["env", *here, *there, sys.executable, HERE / "program.py", "from the environment"]
    ran = against_the_emulator(*program, options=("--tls-port", str(free_port)))
    assert turns(ran) == TURNS
    assert "[1] connected: vertex v1beta1" in ran.stderr


@pytest.mark.parametrize("platform", PLATFORMS)
def test_javascript(javascript: Callable[[str], list[str | Path]], platform: str) -> None:
    ran = against_the_emulator(*javascript("program.mjs"), platform, options=("-q",))
    assert turns(ran) == TURNS
    assert ran.stderr.strip() == "closed 1005"


CALLED: dict[str, object] = {"called": [["get_weather", {"city": "Bern"}]], "said": "", "interrupted": False}
ANSWERED: dict[str, object] = {"called": [], "said": "sunny in Bern", "interrupted": False}
STOPPED: dict[str, object] = {"called": [], "said": "stop", "interrupted": False}
AGENTS = [
    ("developer", "gemini-3.8-live", [CALLED, ANSWERED]),
    ("vertex", "gemini-3.8-live", [CALLED, ANSWERED]),
    ("vertex", "gemini-live-2.5-flash-native-audio", [CALLED | {"said": ANSWERED["said"]}]),
]


def check_agent(ran: subprocess.CompletedProcess[str], weather: list[dict[str, object]]) -> None:
    """Two connections ask for the weather, the second one without declaring the function; then a story is stopped."""
    *told, story, stopped = turns(ran)
    assert told == weather * 2
    assert story["interrupted"]
    assert 0 < len(str(story["said"])) < 20 * len("a long story ")
    assert stopped == STOPPED


@pytest.mark.parametrize(("platform", "model", "weather"), AGENTS)
def test_agent_in_python(platform: str, model: str, weather: list[dict[str, object]]) -> None:
    program = [sys.executable, HERE / "agent.py", platform, model]
    check_agent(against_the_emulator(*program, options=("-q", "--realtime")), weather)


@pytest.mark.parametrize(("platform", "model", "weather"), AGENTS)
def test_agent_in_javascript(
    javascript: Callable[[str], list[str | Path]], platform: str, model: str, weather: list[dict[str, object]]
) -> None:
    program = [*javascript("agent.mjs"), platform, model]
    check_agent(against_the_emulator(*program, options=("-q", "--realtime")), weather)


@pytest.mark.parametrize("platform", PLATFORMS)
def test_firebase(javascript: Callable[[str], list[str | Path]], platform: str) -> None:
    ran = against_the_emulator(*javascript("firebase.mjs"), platform)
    speech = "[1.1 s of speech]"
    assert turns(ran) == [
        {"audio": 5 * 2_880, "heard": "", "said": "hello"},
        {"audio": 52_800, "heard": speech, "said": speech},
    ]
    assert ran.stderr.startswith(f"[1] connected: {platform} v1beta\n")


KEY_INVALID = "1007 None. API key not valid. Please pass a valid API key."


@pytest.mark.parametrize(
    ("platform", "options", "says"),
    [
        ("developer", ("--require-key", "any"), None),
        ("vertex", ("--require-token", "any"), None),
        ("developer", ("--require-key", "another"), KEY_INVALID),
        ("vertex", ("--require-token", "another"), "server rejected WebSocket connection: HTTP 401"),
    ],
)
def test_python_with_the_right_and_the_wrong_credential(platform: str, options: tuple[str, ...], says: str) -> None:
    ran = against_the_emulator(sys.executable, HERE / "program.py", platform, options=("-q", *options))
    if says is None:
        assert turns(ran) == TURNS
    else:
        assert ran.returncode == 1
        assert says in ran.stderr.splitlines()[-1]


def test_javascript_with_the_wrong_key(javascript: Callable[[str], list[str | Path]]) -> None:
    ran = against_the_emulator(*javascript("program.mjs"), "developer", options=("-q", "--require-key", "another"))
    assert ran.returncode == 1
    assert "(code 1007): API key not valid. Please pass a valid API key." in ran.stderr


def test_python_sdk_makes_an_ephemeral_token_and_uses_it_once() -> None:
    ran = against_the_emulator(sys.executable, HERE / "tokens.py", options=("--require-key", "the-key"))
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.splitlines() == ["auth_tokens", "True", "1007"]
    assert "refused: 1007 Request had invalid authentication credentials." in ran.stderr
