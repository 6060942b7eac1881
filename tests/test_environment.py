"""The tests see nothing of the user's environment, in this process and in the ones that they start."""

import os

import pytest

from tests.environment import cleaned
from tests.needs import needs
from tests.sound_server import running
from tests.terminal import Tmux

USERS = {
    "LIVECLI_MODEL": "theirs",
    "GEMINI_API_KEY": "theirs",
    "GOOGLE_CLOUD_PROJECT": "theirs",
    "XDG_STATE_HOME": "/dev/null/theirs",
    "XDG_CONFIG_HOME": "/dev/null/theirs",
    "PULSE_SERVER": "unix:/dev/null/theirs",
    "https_proxy": "http://127.0.0.1:1",
    "WSS_PROXY": "http://127.0.0.1:1",
    "NO_COLOR": "1",
    "CI": "true",
}


@pytest.fixture
def users(monkeypatch):
    for name, value in USERS.items():
        monkeypatch.setenv(name, value)


def test_other_variables_stay():
    assert cleaned({**USERS, "PATH": "/bin", "TMPDIR": "/tmp", "VIRTUAL_ENV": "/v"}) == {
        "PATH": "/bin",
        "TMPDIR": "/tmp",
        "VIRTUAL_ENV": "/v",
    }


def test_a_test_begins_with_a_home_of_its_own(tmp_path):
    assert cleaned(os.environ).keys() == os.environ.keys() - {"CLOUDSDK_CONFIG", "GCE_METADATA_HOST"}
    assert os.environ["HOME"] == str(tmp_path / "home")
    assert not list((tmp_path / "home").iterdir())


def test_a_terminal_has_none_of_it(users):
    server = Tmux()
    try:
        names = {line.partition("=")[0] for line in server("show-environment", "-g").splitlines()}
    finally:
        server.close()
    assert not names & USERS.keys()
    assert "PATH" in names


def test_a_sound_server_has_none_of_it(users):
    with running(needs("pulseaudio")) as server:
        assert {name for name, value in server.env.items() if USERS.get(name) == value} == set()
