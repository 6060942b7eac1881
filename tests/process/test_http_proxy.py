"""The proxy for a URL: which variable names it, how it may be spelled, and which are not valid."""

from __future__ import annotations

import pytest

from livecli.errors import ConnectError
from livecli.process.http_proxy import proxy_for

URL = "wss://live.test/ws"


@pytest.mark.parametrize(
    ("url", "environ", "proxy"),
    [
        (URL, {}, None),
        (URL, {"HTTPS_PROXY": "http://a:1"}, "http://a:1"),
        (URL, {"HTTPS_PROXY": "http://a:1", "WSS_PROXY": "http://b:2"}, "http://b:2"),
        (URL, {"HTTP_PROXY": "http://a:1", "ALL_PROXY": "http://b:2"}, None),
        ("ws://live.test", {"HTTP_PROXY": "http://a:1"}, "http://a:1"),
        ("https://live.test", {"HTTPS_PROXY": "http://a:1"}, "http://a:1"),
        ("https://live.test", {"ALL_PROXY": "http://b:2"}, "http://b:2"),
        ("http://live.test", {"HTTPS_PROXY": "http://a:1"}, None),
        (URL, {"HTTPS_PROXY": "http://a:1", "NO_PROXY": "other.test,live.test"}, None),
        (URL, {"HTTPS_PROXY": "http://a:1", "NO_PROXY": "other.test"}, "http://a:1"),
        (URL, {"HTTPS_PROXY": ""}, None),
    ],
)
def test_the_variable(monkeypatch: pytest.MonkeyPatch, url: str, environ: dict[str, str], proxy: str | None) -> None:
    for name, text in environ.items():
        monkeypatch.setenv(name, text)
    assert proxy_for(url) == proxy


@pytest.mark.parametrize(
    ("text", "proxy"),
    [
        ("proxy.test:3128", "http://proxy.test:3128"),
        ("user:pass@proxy.test:3128", "http://user:pass@proxy.test:3128"),
        ("user@proxy.test", "http://user:@proxy.test"),
        ("HTTP://proxy.test:1/", "http://proxy.test:1"),
        ("http://user:p%40ss@[::1]:1", "http://user:p%40ss@[::1]:1"),
        ("socks5h://proxy.test", "socks5h://proxy.test"),
    ],
)
def test_a_spelling(monkeypatch: pytest.MonkeyPatch, text: str, proxy: str) -> None:
    monkeypatch.setenv("HTTPS_PROXY", text)
    assert proxy_for(URL) == proxy


@pytest.mark.parametrize(
    "text",
    [
        "http://",
        "http://user:secret@",
        "ftp://user:secret@proxy.test",
        "://user:secret@proxy.test",
        "http://user:secret@proxy.test:port",
        "http://user:secret@proxy.test:99999",
        "http://user:secret@[::1",
        "http://user:secret%ff@proxy.test",
        "http://user:secret@a..b",
        "http://user:secret@proxy.test/path",
        "http://user:secret@proxy.test?query",
        "user:secret@two words",
        "user:secret@proxy\x01.test",
    ],
)
def test_an_invalid_one_is_not_quoted(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("HTTPS_PROXY", text)
    with pytest.raises(ConnectError) as raised:
        proxy_for(URL)
    error = raised.value
    assert (error.message, error.hint) == ("the proxy does not connect: its URL is not valid", "see HTTPS_PROXY")
    assert error.__context__ is None and error.__cause__ is None
