"""Which requests `livecli serve` answers: those of this machine's programs and pages, and of those that are named."""

from __future__ import annotations

import http.client
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.end_to_end.conftest import Ran
from tests.end_to_end.test_serve import FREE, exports

NAMED = ("--tls-name", "*.googleapis.com", "--tls-name", "emulator.test", "--allow-host", "Emulator.internal")
ORIGINS = ("--allow-origin", "https://App.example", "--allow-origin", "http://10.0.2.2:8765/")
SERVICE = "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent"
UPGRADE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
}
REQUESTS: dict[str, tuple[str, str, dict[str, str], int]] = {
    "an upgrade": ("GET", SERVICE, UPGRADE, 101),
    "a health check": ("GET", "/healthz", {}, 200),
    "a token": ("POST", "/v1alpha/auth_tokens", {}, 200),
    "a preflight": ("OPTIONS", "/v1alpha/auth_tokens", {"Access-Control-Request-Headers": "x-goog-api-key"}, 204),
    "a preflight elsewhere": ("OPTIONS", "/healthz", {"Access-Control-Request-Method": "GET"}, 204),
    "the log": ("GET", "/log", {}, 200),
    "a path that is not there": ("GET", "/nowhere", {}, 404),
}

HOSTS = {
    "localhost": True,
    "LocalHost:1": True,
    "localhost.": True,
    "127.0.0.1:8765": True,
    "192.168.0.7": True,
    "[::1]:8765": True,
    "generativelanguage.googleapis.com": True,
    "emulator.test:8766": True,
    "emulator.internal:80": True,
    "googleapis.com": False,
    "a.b.googleapis.com": False,
    "evil.example": False,
    "localhost.evil.example": False,
    "localhost@evil.example": False,
    "evil.example@localhost": False,
    "127.0.0.1.evil.example": False,
    "": False,
    "[::1": False,
}
ALLOWED_ORIGINS = [
    *("http://localhost:5173", "https://localhost", "http://127.0.0.1:3000", "http://[::1]:8080"),
    *("https://app.example", "https://app.example:443", "http://10.0.2.2:8765"),
]
OTHER_ORIGINS = [
    *("null", "", "http://evil.example", "http://app.example", "https://app.example:8443", "http://10.0.2.2"),
    *("http://localhost.evil.example", "http://localhost@evil.example", "http://["),
]


@pytest.fixture
def ask(fork: Callable[..., Any]) -> Callable[..., http.client.HTTPResponse]:
    """Ask one emulator, in the clear: the response, whose body has been read."""
    address = urlsplit(exports(fork("serve", *FREE, "-q", *NAMED, *ORIGINS))["LIVECLI_BASE_URL"]).netloc

    def request(what: str, hosts: list[str], origins: list[str]) -> http.client.HTTPResponse:
        method, path, headers, _ = REQUESTS[what]
        connection = http.client.HTTPConnection(address, timeout=20)
        connection.putrequest(method, path, skip_host=True)
        for name, value in [
            *headers.items(),
            *(("Host", each) for each in hosts),
            *(("Origin", each) for each in origins),
        ]:
            connection.putheader(name, value)
        connection.endheaders()
        response = connection.getresponse()
        # A log has no end.
        if response.status != 101 and what != "the log":
            response.read()
        connection.close()
        return response

    return request


def test_the_host_must_be_this_machine_or_named(ask: Callable[..., http.client.HTTPResponse]) -> None:
    statuses = {(what, host): ask(what, [host], []).status for what in REQUESTS for host in HOSTS}
    assert statuses == {
        (what, host): REQUESTS[what][3] if allowed else 403 for what in REQUESTS for host, allowed in HOSTS.items()
    }
    for what in REQUESTS:
        assert ask(what, [], []).status == 403
        assert ask(what, ["localhost", "evil.example"], []).status == 403


def test_the_page_must_be_of_this_machine_or_named(ask: Callable[..., http.client.HTTPResponse]) -> None:
    for what, (_, _, _, status) in REQUESTS.items():
        for origin in ALLOWED_ORIGINS:
            response = ask(what, ["localhost"], [origin])
            if status == 101:
                # Browsers let a page read from a WebSocket without these headers.
                assert response.status == status, origin
                continue
            assert (response.status, response.headers["Access-Control-Allow-Origin"]) == (status, origin), what
            assert response.headers["Vary"] == "Origin"
        for origins in [[origin] for origin in OTHER_ORIGINS] + [["http://localhost", "http://evil.example"]]:
            response = ask(what, ["localhost"], origins)
            assert (response.status, response.headers["Access-Control-Allow-Origin"]) == (403, None), (what, origins)
        assert ask(what, ["evil.example"], ["http://localhost"]).status == 403


def test_a_refusal_names_the_option_in_the_log_and_to_the_client(fork: Callable[..., Any]) -> None:
    process = fork("serve", *FREE)
    connection = http.client.HTTPConnection(urlsplit(exports(process)["LIVECLI_BASE_URL"]).netloc, timeout=20)
    for headers in ({"Host": "emulator:8765"}, {"Origin": "https://app.example"}):
        connection.request("GET", "/healthz", headers=headers)
        text = connection.getresponse().read().decode()
        option = "--allow-host emulator" if "Host" in headers else "--allow-origin https://app.example"
        assert f"`livecli serve {option}`" in text
    connection.close()
    process.terminate()
    # Each line begins with the time.
    assert [line.partition(" ")[2] for line in process.communicate(timeout=20)[1].decode().splitlines()] == [
        "refused: 403 for the host 'emulator:8765' (allow it with `livecli serve --allow-host emulator`)",
        "refused: 403 for the page 'https://app.example' (allow it with `livecli serve --allow-origin https://app.example`)",
    ]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--allow-origin", "app.example"), "--allow-origin: 'app.example' is not an origin"),
        (("--allow-origin", "https://app.example/page"), "--allow-origin: 'https://app.example/page' is not an origin"),
        (("--allow-origin", "null"), "--allow-origin: 'null' is not an origin"),
        (("--allow-origin", "*"), "--allow-origin: '*' is not an origin"),
        (("--allow-host", "http://emulator"), "--allow-host: 'http://emulator' is not a host name"),
        (("--allow-host", "emulator:8765"), "--allow-host: 'emulator:8765' is not a host name"),
        (("--allow-host", ""), "--allow-host: '' is not a host name"),
    ],
)
def test_usage(livecli: Callable[..., Ran], words: tuple[str, ...], says: str) -> None:
    ran = livecli("serve", *FREE, *words)
    assert (ran.status, ran.out) == (2, "")
    assert ran.err.startswith(f"error: {says}")


@pytest.mark.parametrize(
    ("host", "warns"),
    [("127.0.0.1", False), ("localhost", False), ("127.0.0.2", False), ("0.0.0.0", True), ("", True)],
)
def test_listening_for_other_machines_is_warned_of(livecli: Callable[..., Ran], host: str, warns: bool) -> None:
    ran = livecli("serve", "-q", "--host", host, "--", "true")
    assert (ran.status, ran.out) == (0, "")
    assert [line.partition(":")[0] for line in ran.err.splitlines()] == ["warning"] * warns
    assert ("other machines can connect" in ran.err) is warns
