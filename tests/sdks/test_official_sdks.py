"""The official SDKs, unchanged, in programs that `livecli serve` runs: the environment alone points them at it, on TLS,
with a certificate that they check.
"""

from __future__ import annotations

import socket
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from livecli.media.speech.espeak import speech
from tests.end_to_end.conftest import Ran
from tests.needs import needs, skip

HERE = Path(__file__).parent
PLATFORMS = ["developer", "vertex"]


def spoken_bytes(words: str) -> int:
    """The length of these words as the emulator speaks them."""
    return len(speech(words, ("en-us",)))


TURNS = [
    {"audio": 24_000, "heard": "[0.5 s of speech]", "said": "[0.5 s of speech]"},
    {"audio": spoken_bytes("hello"), "heard": "", "said": "hello"},
    {"audio": spoken_bytes("again"), "heard": "", "said": "again"},
]
LOG = [
    "● ",
    "→ 0.5 s of speech",
    "← “[0.5 s of speech]” 0.5 s  turn 1",
    "→ “hello”",
    f"← “hello” {spoken_bytes('hello') / 48_000:.1f} s  turn 2",
    "→ “again”",
]


Emulated = Callable[..., Ran]
JavaScript = Callable[[str], list[str | Path]]


@pytest.fixture
def against_the_emulator(livecli_and_children: Callable[..., Ran]) -> Emulated:
    """Run a command in `livecli serve`."""

    def run(*command: str | Path, options: tuple[str, ...] = ()) -> Ran:
        return livecli_and_children("serve", *options, "--", *command)

    return run


def turns(ran: Ran) -> list[dict[str, object]]:
    assert ran.status == 0, ran.err
    return ran.summaries


@pytest.fixture
def javascript() -> JavaScript:
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
def test_python(against_the_emulator: Emulated, forked_python: str, platform: str) -> None:
    """With the credentials that the emulator requires."""
    required = ("--require-key", "any", "--require-token", "any")
    ran = against_the_emulator(forked_python, HERE / "program.py", platform, options=required)
    assert turns(ran) == TURNS
    lines = [line.partition(" [1] ")[2] for line in ran.err.splitlines()]
    assert [line[: len(start)] for line, start in zip(lines, LOG, strict=False)] == LOG
    assert lines[-1] == "○ closed by the client: 1000"


def test_python_with_nothing_set(against_the_emulator: Emulated) -> None:
    """The SDK opens no session without a key, so one is set that stands for none."""
    ran = against_the_emulator(sys.executable, HERE / "program.py", "from the environment")
    assert turns(ran) == TURNS
    assert "[1] ● developer v1" in ran.err


def test_python_on_vertex_with_no_project_in_code(against_the_emulator: Emulated, free_port: int) -> None:
    """The SDK then takes the other platform's base URL, as it is and without credentials."""
    here = [f"GOOGLE_GEMINI_BASE_URL=wss://localhost:{free_port}", "GOOGLE_GENAI_USE_VERTEXAI=true"]
    there = ["GOOGLE_CLOUD_PROJECT=p1", "GOOGLE_CLOUD_LOCATION=us-central1"]
    program = ["env", *here, *there, sys.executable, HERE / "program.py", "from the environment"]
    ran = against_the_emulator(*program, options=("--tls-port", str(free_port)))
    assert turns(ran) == TURNS
    assert "[1] ● vertex v1beta1" in ran.err


@pytest.mark.parametrize("platform", PLATFORMS)
def test_javascript(against_the_emulator: Emulated, javascript: JavaScript, platform: str) -> None:
    ran = against_the_emulator(*javascript("program.mjs"), platform, options=("-q",))
    assert turns(ran) == TURNS
    assert ran.err.strip() == "closed 1005"


CALLED: dict[str, object] = {"called": [["get_weather", {"city": "Bern"}]], "said": "", "interrupted": False}
ANSWERED: dict[str, object] = {"called": [], "said": "sunny in Bern", "interrupted": False}
STOPPED: dict[str, object] = {"called": [], "said": "stop", "interrupted": False}
AGENTS = [
    ("developer", "gemini-3.8-live", [CALLED, ANSWERED]),
    ("vertex", "gemini-3.8-live", [CALLED, ANSWERED]),
    ("vertex", "gemini-live-2.5-flash-native-audio", [CALLED, ANSWERED]),
]


def check_agent(ran: Ran, weather: list[dict[str, object]]) -> None:
    """Two connections ask for the weather, the second one without declaring the function; then a story is stopped."""
    *told, story, stopped = turns(ran)
    assert told == weather * 2
    assert story["interrupted"]
    assert 0 < len(str(story["said"])) < 20 * len("a long story ")
    assert stopped == STOPPED


@pytest.mark.parametrize(("platform", "model", "weather"), AGENTS)
def test_agent_in_python(
    against_the_emulator: Emulated, forked_python: str, platform: str, model: str, weather: list[dict[str, object]]
) -> None:
    program = [forked_python, HERE / "agent.py", platform, model]
    check_agent(against_the_emulator(*program, options=("-q", "--realtime")), weather)


@pytest.mark.parametrize(("platform", "model", "weather"), AGENTS)
def test_agent_in_javascript(
    against_the_emulator: Emulated,
    javascript: JavaScript,
    platform: str,
    model: str,
    weather: list[dict[str, object]],
) -> None:
    program = [*javascript("agent.mjs"), platform, model]
    check_agent(against_the_emulator(*program, options=("-q", "--realtime")), weather)


@pytest.mark.parametrize("platform", PLATFORMS)
def test_firebase(against_the_emulator: Emulated, javascript: JavaScript, platform: str) -> None:
    ran = against_the_emulator(*javascript("firebase.mjs"), platform)
    speech = "[1.1 s of speech]"
    assert turns(ran) == [
        {"audio": spoken_bytes("hello"), "heard": "", "said": "hello"},
        {"audio": 52_800, "heard": speech, "said": speech},
    ]
    assert f" [1] ● {platform} v1beta  " in ran.err.splitlines()[0]


KEY_INVALID = "1007 None. API key not valid. Please pass a valid API key."


@pytest.mark.parametrize(
    ("platform", "options", "says"),
    [
        ("developer", ("--require-key", "another"), KEY_INVALID),
        ("vertex", ("--require-token", "another"), "server rejected WebSocket connection: HTTP 401"),
    ],
)
def test_python_with_the_wrong_credential(
    against_the_emulator: Emulated, forked_python: str, platform: str, options: tuple[str, ...], says: str
) -> None:
    ran = against_the_emulator(forked_python, HERE / "program.py", platform, options=("-q", *options))
    assert ran.status == 1
    assert says in ran.err.splitlines()[-1]


def test_javascript_with_the_wrong_key(against_the_emulator: Emulated, javascript: JavaScript) -> None:
    ran = against_the_emulator(*javascript("program.mjs"), "developer", options=("-q", "--require-key", "another"))
    assert ran.status == 1
    assert "(code 1007): API key not valid. Please pass a valid API key." in ran.err


def test_python_sdk_makes_ephemeral_tokens_and_uses_them(against_the_emulator: Emulated, forked_python: str) -> None:
    ran = against_the_emulator(forked_python, HERE / "tokens.py", options=("--require-key", "the-key"))
    assert ran.status == 0, ran.err
    assert ran.out.splitlines() == ["auth_tokens", "True", "1007", "hello", "hello", "hello"]
    assert "closed by the server: 1007 Request had invalid authentication credentials." in ran.err
