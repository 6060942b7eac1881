"""The password in HTTPS_PROXY is shown nowhere, neither in errors nor in tracebacks."""

from __future__ import annotations

import base64
import io
import json
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

import livecli as api

PASSWORD = "hunt3r"
PROXIES = [
    f"user:{PASSWORD}@127.0.0.1:1",
    f"user:{PASSWORD}@no-such-host.invalid",
    f"http://user:{PASSWORD}@",
    f"http://user:{PASSWORD}@127.0.0.1:1",
    f"http://user:{PASSWORD}@127.0.0.1:99999",
    f"http://user:{PASSWORD}@[::1",
    f"http://user:{PASSWORD}@a..b:1",
    f"http://user:{PASSWORD}%ff@127.0.0.1:1",
    f"http://user:{PASSWORD}@127.0.0.1:1/path?query#fragment",
    f"http:user:{PASSWORD}@127.0.0.1:1",
    f"http:/user:{PASSWORD}@127.0.0.1:1",
    f"http://{PASSWORD}@127.0.0.1:1",
    f"socks5://user:{PASSWORD}@127.0.0.1:1",
    f"socks9://user:{PASSWORD}@127.0.0.1:1",
    f"://user:{PASSWORD}@127.0.0.1:1",
    f"user:{PASSWORD}@two words:1",
    f"user:{PASSWORD}@127.0.0.1:port",
    f"http://user:p/{PASSWORD}@127.0.0.1:1",
]
FAR = "wss://no-such-host.invalid"
COMMANDS = [
    ("send", "--text", "hello", "--base-url", FAR, "--retries", "1", "-v", "--debug"),
    ("send", "--text", "hello", "--base-url", FAR, "--retries", "0", "--json", "--explain"),
    ("auth", "status", "--online", "--json", "--base-url", FAR),
    ("auth", "login", "--base-url", FAR),
    ("auth", "token", "--ephemeral", "--base-url", FAR),
]
USER = {"type": "authorized_user", "client_id": "c", "client_secret": "s", "refresh_token": "r"}


@pytest.mark.parametrize("proxy", PROXIES)
def test_the_password_is_not_shown(livecli: Callable[..., object], monkeypatch: pytest.MonkeyPatch, proxy: str) -> None:
    monkeypatch.setenv("GEMINI_API_KEY", "AIza-a-key-for-the-test")
    monkeypatch.setenv("HTTPS_PROXY", proxy)
    for words in COMMANDS:
        monkeypatch.setattr(sys, "stdin", io.StringIO("AIza-typed"))
        ran = livecli(*words)
        assert ran.status == 5, (words, ran.err)
        assert PASSWORD not in ran.out + ran.err, words
        assert "Traceback" not in ran.err or "--debug" in words


@pytest.mark.parametrize("proxy", PROXIES)
def test_nor_while_a_token_is_refreshed(
    livecli: Callable[..., object], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, proxy: str
) -> None:
    (tmp_path / "adc.json").write_text(json.dumps(USER))
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "adc.json"))
    monkeypatch.setenv("HTTPS_PROXY", proxy)
    for words in (("auth", "token"), ("send", "--text", "hello", "--project", "p", "--retries", "0", "--debug")):
        ran = livecli(*words)
        assert ran.status == 5, (words, ran.err)
        assert PASSWORD not in ran.out + ran.err, words


@pytest.mark.parametrize("proxy", PROXIES)
async def test_nor_in_the_traceback_of_a_program(monkeypatch: pytest.MonkeyPatch, proxy: str) -> None:
    monkeypatch.setenv("GEMINI_API_KEY", "AIza-a-key-for-the-test")
    monkeypatch.setenv("HTTPS_PROXY", proxy)
    with pytest.raises(api.ConnectError) as raised:
        async with api.connect(base_url=FAR):
            pass
    error: BaseException | None = raised.value
    while error is not None:
        assert PASSWORD not in "".join(traceback.format_exception(error))
        error = error.__context__


@pytest.fixture
def proxy() -> Iterator[tuple[int, list[tuple[str, str | None]]]]:
    """A proxy on loopback that refuses, its port, and what it was asked: the path, and the credential."""
    asked: list[tuple[str, str | None]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_CONNECT(self) -> None:
            asked.append((self.path, self.headers["Proxy-Authorization"]))
            self.send_error(407, f"not {self.headers['Proxy-Authorization']}")

        def log_message(self, *_: object) -> None:
            """Log nothing on standard error."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server.server_address[1], asked
    server.shutdown()
    server.server_close()
    thread.join(10)


@pytest.mark.parametrize("scheme", ["", "http://"])
@pytest.mark.parametrize("words", [COMMANDS[0], COMMANDS[4]])
def test_a_proxy_without_a_scheme_is_http(
    livecli: Callable[..., object],
    monkeypatch: pytest.MonkeyPatch,
    proxy: tuple[int, list[tuple[str, str | None]]],
    scheme: str,
    words: tuple[str, ...],
) -> None:
    port, asked = proxy
    monkeypatch.setenv("GEMINI_API_KEY", "AIza-a-key-for-the-test")
    monkeypatch.setenv("HTTPS_PROXY", f"{scheme}user:{PASSWORD}@127.0.0.1:{port}")
    ran = livecli(*words)
    credential = base64.b64encode(f"user:{PASSWORD}".encode()).decode()
    assert ran.status == 5
    assert asked[0] == ("no-such-host.invalid:443", f"Basic {credential}")
    assert "407" in ran.err
    assert credential not in ran.err


def test_a_host_that_needs_no_proxy(livecli: Callable[..., object], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GEMINI_API_KEY", "AIza-a-key-for-the-test")
    monkeypatch.setenv("HTTPS_PROXY", f"http://user:{PASSWORD}@127.0.0.1:1")
    monkeypatch.setenv("NO_PROXY", "no-such-host.invalid")
    assert "cannot find no-such-host.invalid" in livecli(*COMMANDS[0]).err
