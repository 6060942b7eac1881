"""Hostile command lines and files: each is an error of the user's, or works; none is a bug of livecli (status 70).

A few examples of each run here, always the same ones. `make soak` runs thousands, and other ones each time.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import platformdirs
import pytest
from hypothesis import HealthCheck, currently_in_test_context, event, given, settings
from hypothesis import strategies as st

from livecli.errors import BUG_STATUS
from tests import hostile_words
from tests.end_to_end.conftest import Ran, tone, write_wav
from tests.hostile_words import COMMANDS, FILES, NUMBER_WORDS

bounded = settings(
    deadline=None,
    derandomize=True,
    max_examples=20,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)

Check = Callable[..., Ran]


@pytest.fixture
def check(livecli: Callable[..., Ran], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Check]:
    """Run a command line beside a short speech.wav, and fail if it is a bug of livecli."""

    def run(*argv: str) -> Ran:
        write_wav(tmp_path / "speech.wav", tone(8000))
        ran = livecli(*argv)
        if currently_in_test_context():
            event(f"status {ran.status}")
        assert ran.status != BUG_STATUS, ran.err
        assert "Traceback" not in ran.err or "--debug" in argv
        return ran

    with open(os.devnull) as nothing:
        monkeypatch.setattr(sys, "stdin", nothing)
        yield run


@pytest.fixture
def check_file(check: Check, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, bytes], Ran]:
    """As `check`, for a kind of file with this content."""
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", "credentials.json")
    places = {
        "conversation.json": platformdirs.user_state_path("livecli"),
        "api-key.json": platformdirs.user_config_path("livecli"),
        "config_default": tmp_path / "home/gcloud/configurations",
    }

    def run(name: str, content: bytes) -> Ran:
        folder = places.get(name, tmp_path)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
        (folder / name).chmod(0o600)
        return check(*FILES[name].argv)

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


SAVED = b'{"schema": "livecli/conversation@1", "at": %s, "handle": null, "entries": [["%s", "b"]]}'


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
        ("conversation.json", SAVED % (b"1e308", b"a"), 0, "it is damaged"),
        ("conversation.json", SAVED % (b"-1e300", b"a"), 0, "it is damaged"),
        ("conversation.json", SAVED % (b"NaN", b"a"), 0, "it is damaged"),
        ("conversation.json", SAVED % (b"1.0", b"\\ud800"), 0, "it is damaged"),
    ],
)
def test_an_error_names_its_file(check_file, name, content, status, said):
    ran = check_file(name, content)
    assert (ran.status, said in ran.err) == (status, True), ran.err


def test_a_deep_line_is_none_of_an_earlier_run(check_file):
    ran = check_file("done.jsonl", b"[" * hostile_words.DEEP + b"\n")
    assert (ran.status, "done.jsonl has no line of --json" in ran.err) == (3, True)


@pytest.mark.parametrize("command", COMMANDS)
def test_numbers(check, command):
    """Every option that takes a number, with numbers at and beyond its bounds."""
    before, after, excluded = COMMANDS[command]
    numeric = [name for name in hostile_words.options_of(command, numeric=True) if name not in excluded]
    assert numeric
    for name in numeric:
        for number in NUMBER_WORDS:
            check(*before, f"{name}={number}", *after)


@pytest.mark.parametrize("command", COMMANDS)
@bounded
@given(data=st.data())
def test_words(check, command, data):
    before, after, excluded = COMMANDS[command]
    check(*before, *data.draw(hostile_words.options(command, excluded)), *after)
