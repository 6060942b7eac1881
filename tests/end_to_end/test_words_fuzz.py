"""Hostile command lines, variables and files: each is an error of the user's, or works; none is a bug (status 70).

A few examples of each run here, always the same ones. `make soak` runs thousands, and other ones each time. The
commands and their options are those that Typer has, so a new one is among them.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import platformdirs
import pytest
from hypothesis import HealthCheck, currently_in_test_context, event, given, settings
from hypothesis import strategies as st

from tests import hostile_words
from tests.cases import in_one_test
from tests.end_to_end.conftest import Ran, tone, write_wav
from tests.hostile_words import FILES, IN_ENVIRONMENTS, NUMBER_WORDS

COMMANDS = hostile_words.all_commands()

WRITTEN = {
    *("--env-file", "--log", "--junit", "--tap", "--write-expect", "--record", "--report", "--subtitles", "--output"),
    "--save-stereo",
}
"""The options that name a file which is written."""

STATUSES = {*range(9), 126, 127, 141}
"""The exit statuses of command lines that nothing interrupts. 126 and 127 are those of `serve -- COMMAND`."""

SECONDS_AT_MOST = 30.0
"""How long one command line may take: each has a time limit of a few seconds, and the machine other work."""

bounded = settings(
    deadline=None,
    derandomize=True,
    max_examples=6,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)

Check = Callable[..., Ran]


@pytest.fixture
def check(livecli: Callable[..., Ran], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Check:
    """Run a command line beside a short speech.wav, and fail if it is a bug of livecli, or does not end.

    `variables` are set meanwhile. Nothing but this machine is connected to.
    """
    monkeypatch.setenv("LIVECLI_BASE_URL", "ws://127.0.0.1:1")
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.fail.Keyring")
    lines = tmp_path / "lines.txt"
    lines.write_text("hello\n")

    def run(*argv: str, variables: dict[str, str] | None = None) -> Ran:
        write_wav(tmp_path / "speech.wav", tone(1600))
        stopped = threading.Event()

        def stop() -> None:
            stopped.set()
            os.kill(os.getpid(), signal.SIGINT)

        timer = threading.Timer(SECONDS_AT_MOST, stop)
        with pytest.MonkeyPatch.context() as patched, lines.open() as typed:
            patched.setattr(sys, "stdin", typed)
            for name, value in (variables or {}).items():
                patched.setenv(name, value)
            timer.start()
            ran = livecli(*argv)
            timer.cancel()
        if currently_in_test_context():
            event(f"status {ran.status}")
        assert not stopped.is_set(), "it did not end"
        assert ran.status in STATUSES, ran.err
        assert "Traceback" not in ran.err or "--debug" in argv, ran.err
        errors = ran.err.count("error: ")
        if ran.status == 2:
            assert (ran.out, errors) == ("", 1), "a usage error is one line on standard error"
        return ran

    return run


@pytest.fixture
def check_file(check: Check, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, bytes], Ran]:
    """As `check`, for a kind of file with this content."""
    gcloud = tmp_path / "home/gcloud"
    places = {
        "1.jsonl": platformdirs.user_state_path("livecli") / "conversations",
        "api-key.json": platformdirs.user_config_path("livecli"),
        "config_default": gcloud / "configurations",
        "active_config": gcloud,
        "application_default_credentials.json": gcloud,
    }
    variables = {"credentials.json": "GOOGLE_APPLICATION_CREDENTIALS", "authorities.pem": "SSL_CERT_FILE"}

    def run(name: str, content: bytes) -> Ran:
        folder = places.get(name, tmp_path)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
        (folder / name).chmod(0o600)
        return check(*FILES[name].argv, variables={variables[name]: name} if name in variables else None)

    return run


@pytest.mark.parametrize("name", FILES)
@bounded
@given(data=st.data())
def test_files(check_file, name, data):
    check_file(name, data.draw(FILES[name].contents))


@pytest.mark.parametrize("name", FILES)
def test_malformed_files(check_file, name):
    for content in FILES[name].malformed:
        check_file(name, content)


@in_one_test("path", COMMANDS)
def test_every_file_that_an_option_names_has_its_contents(path):
    """An option that reads a file: `FILES` has command lines with it."""
    named = [
        parameter.opts[0]
        for parameter in hostile_words.parameters_of(path)
        if "FILE" in (parameter.metavar or "") and parameter.opts[0].startswith("-")
    ]
    known = {word for file in FILES.values() for word in file.argv}
    assert not set(named) - known - WRITTEN


SAVED = b'{"schema":"livecli/conversation@2"}\n{"turn": %s, "question": "%s", "answer": "b"}'


@pytest.mark.parametrize(
    ("name", "content", "status", "said"),
    [
        ("tools.toml", b"\na = " + b"9" * 5000, 3, "tools.toml:2: a number has too many digits"),
        (
            "script.toml",
            b'[[turn]]\nmatch = "a{99999999999}"\nsay = "b"',
            3,
            "script.toml:2: 'a{99999999999}' is not a regular",
        ),
        ("session.log", b"<5000 " + b"9" * 5000, 3, "session.log:1: the frame is not JSON"),
        ("list.txt", b"a\x00b", 3, "the list list.txt contains a zero byte"),
        ("credentials.json", b"[" * hostile_words.DEEP, 4, "the credential file credentials.json is not JSON"),
        ("1.jsonl", SAVED % (b"9" * 5000, b"a"), 0, "is damaged"),
        ("1.jsonl", SAVED % (b"NaN", b"a"), 0, "is damaged"),
        ("1.jsonl", SAVED % (b"1", b"\\ud800"), 0, "is damaged"),
    ],
)
def test_an_error_names_its_file(check_file, name, content, status, said):
    ran = check_file(name, content)
    assert (ran.status, said in ran.err) == (status, True), ran.err


def test_a_deep_line_is_none_of_an_earlier_run(check_file):
    ran = check_file("done.jsonl", b"[" * hostile_words.DEEP + b"\n")
    assert (ran.status, "done.jsonl has no line of --json" in ran.err) == (3, True)


@pytest.mark.parametrize(
    "words", [(*path, name) for path in COMMANDS for name in hostile_words.numbers_of(path)], ids=" ".join
)
def test_numbers(check, words):
    """Every option that takes a number, with numbers at and beyond its bounds."""
    *path, name = words
    command = COMMANDS[tuple(path)]
    for number in NUMBER_WORDS:
        check(*path, *command.before, f"{name}={number}", *command.after)


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
@bounded
@given(data=st.data())
def test_words(check, path, data):
    check(*data.draw(hostile_words.command_lines(path)))


@pytest.mark.parametrize("words", IN_ENVIRONMENTS, ids=" ".join)
@bounded
@given(variables=hostile_words.environments)
def test_variables(check, words, variables):
    check(*words, variables=variables)
