"""Fixtures of all tests: an environment without the user's credentials, and stand-ins for Google on loopback."""

from __future__ import annotations

import gc
import itertools
import json
import os
import re
import shutil
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest

from tests.environment import cleaned
from tests.fork_server import (
    forked_livecli,  # noqa: F401 - a fixture for every folder
    forked_python,  # noqa: F401 - likewise
    shared_by_processes,
)
from tests.sound_server import device_calls, sound_server  # noqa: F401 - fixtures for every folder
from tests.terminal import terminal, tmux  # noqa: F401 - likewise
from tests.virtual_screen import screen  # noqa: F401 - a fixture for every folder


def pytest_collection() -> None:
    """Collect no garbage while the tests are collected: there is none."""
    gc.disable()


def pytest_collection_finish() -> None:
    """Leave the ten thousand tests out of what the garbage collector looks through: it took a sixth of the time."""
    gc.freeze()
    gc.enable()


pytest_configure_node = pytest.hookimpl(optionalhook=True)(shared_by_processes)


@pytest.fixture(scope="session", autouse=True)
def clean_environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Remove the user's keys, tokens, proxies and folders, also for processes that outlive a test."""
    with pytest.MonkeyPatch.context() as patched:
        for name in os.environ.keys() - cleaned(os.environ).keys():
            patched.delenv(name)
        patched.setenv("HOME", str(tmp_path_factory.mktemp("home")))
        patched.setenv("TERM", "xterm-256color")
        yield


@pytest.fixture(scope="session", autouse=True)
def null_standard_input() -> None:
    """Standard input is the null device, also for processes: `send` without an INPUT sends what comes from a pipe."""
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)


NUMBERS = itertools.count()
"""Numbers for the folders of the tests of this process."""


@pytest.fixture
def tmp_path(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for the test, as that of pytest, which also keeps a link to the last of each name: twice the cost."""
    name = re.sub(r"\W", "_", request.node.name)[:30]
    path = tmp_path_factory.getbasetemp() / f"{name}{next(NUMBERS)}"
    path.mkdir(0o700)
    return path


@pytest.fixture(scope="session")
def shared_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home folder of the tests that need no folder."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture(autouse=True)
def empty_home(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, shared_home: Path) -> Iterator[None]:
    """An empty home folder, without gcloud, and a metadata server that refuses connections.

    It is in `tmp_path`, for a test that has one. Most have none, and take less time than it takes to make a folder.
    """
    home = shared_home
    if "tmp_path" in request.fixturenames:
        home = request.getfixturevalue("tmp_path") / "home"
        home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(home / "gcloud"))
    monkeypatch.setenv("GCE_METADATA_HOST", "127.0.0.1:1")
    yield
    if home is shared_home and any(home.iterdir()):
        shutil.rmtree(home)
        home.mkdir()


@dataclass
class Asked:
    """A request that a stand-in received."""

    method: str
    path: str
    headers: dict[str, str]
    form: dict[str, list[str]]
    body: str = ""


@dataclass
class StandIn:
    """An HTTP server that answers like a token endpoint: `script` first, then a fresh token for every request."""

    url: str = ""
    asked: list[Asked] = field(default_factory=list)
    script: list[tuple[int, Any]] = field(default_factory=list)
    replies: dict[str, Any] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    expires_in: int = 3600
    hold: threading.Event | None = None

    @property
    def host(self) -> str:
        return self.url.removeprefix("http://")

    def answer(self, path: str) -> tuple[int, Any]:
        if self.hold:
            self.hold.wait(20)
        if self.script:
            return self.script.pop(0)
        if path in self.replies:
            return 200, self.replies[path]
        token = {"access_token": f"ya29.fresh-{len(self.asked)}", "expires_in": self.expires_in, "token_type": "Bearer"}
        return 200, token


def handler_for(stand_in: StandIn) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
            stand_in.asked.append(Asked(self.command, self.path, dict(self.headers.items()), parse_qs(body), body))
            status, answer = stand_in.answer(self.path)
            text = answer if isinstance(answer, str) else json.dumps(answer)
            self.send_response(status)
            for name, value in stand_in.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Type", "text/plain" if isinstance(answer, str) else "application/json")
            self.send_header("Content-Length", str(len(text.encode())))
            self.end_headers()
            self.wfile.write(text.encode())

        do_GET = do_POST

        def log_message(self, *_: Any) -> None:
            """Log nothing on standard error."""

    return Handler


@pytest.fixture
def stand_in() -> Iterator[StandIn]:
    """A stand-in for a token endpoint or a metadata server, without TLS, on a free port of loopback."""
    made = StandIn()
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler_for(made))
    made.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield made
    if made.hold:
        made.hold.set()
    server.shutdown()
    server.server_close()
    thread.join(10)


@pytest.fixture(scope="session")
def private_key() -> str:
    """An RSA key in the format of a service account's JSON key."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


@pytest.fixture
def service_account(
    stand_in: StandIn, private_key: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Path]:
    """A function that writes a service account's key with tokens from `stand_in`, and sets it in the environment."""

    def write(**fields: Any) -> Path:
        info = {
            "type": "service_account",
            "project_id": "key-project",
            "private_key_id": "k1",
            "private_key": private_key,
            "client_email": "robot@key-project.iam.gserviceaccount.com",
            "token_uri": f"{stand_in.url}/token",
        }
        path = tmp_path / "key.json"
        path.write_text(json.dumps({**info, **fields}))
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(path))
        return path

    return write
