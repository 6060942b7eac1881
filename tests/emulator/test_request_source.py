"""Names in `Host` and `Origin` headers, and which of them are refused; `serve` is tested with more, end to end."""

from __future__ import annotations

from livecli.emulator.request_source import THIS_MACHINE, AllowedSources, host_in, normalized_origin
from tests.cases import in_one_test


@in_one_test(
    ("header", "host"),
    [
        ("localhost", "localhost"),
        ("Example.COM.:80", "example.com"),
        ("[::1]:8765", "::1"),
        ("127.0.0.1:", "127.0.0.1"),
        ("a:b", None),
        ("a b", None),
        ("a/b", None),
        ("[::1", None),
        ("", None),
    ],
)
def test_the_host_in_a_header(header: str, host: str | None) -> None:
    assert host_in(header) == host


@in_one_test(
    ("origin", "normalized"),
    [
        ("https://App.Example:443/", "https://app.example"),
        ("http://app.example:443", "http://app.example:443"),
        ("http://[::1]:8080", "http://[::1]:8080"),
        ("chrome-extension://abc", "chrome-extension://abc"),
        ("https://app.example/page", None),
        ("https://app.example?", "https://app.example"),
        ("https://app.example:port", None),
        ("http://[", None),
        ("app.example", None),
        ("null", None),
        ("", None),
    ],
)
def test_an_origin_is_written_as_browsers_do(origin: str, normalized: str | None) -> None:
    assert normalized_origin(origin) == normalized


@in_one_test(
    ("hosts", "origins", "refusal"),
    [
        (["localhost"], [], None),
        (["localhost"], ["http://localhost:5173", "http://127.0.0.2:1"], None),
        ([], [], "the host ''"),
        (["a", "b"], [], "the host 'a, b' (allow it with `livecli serve --allow-host a`)"),
        (["a;b"], ["http://a"], "the host 'a;b' (allow it with `livecli serve --allow-host 'a;b'`)"),
        (["127.0.0.1"], ["null"], "the page 'null'"),
        (
            ["127.0.0.1"],
            ["http://localhost", "HTTP://A:80"],
            "the page 'HTTP://A:80' (allow it with `livecli serve --allow-origin http://a`)",
        ),
    ],
)
def test_a_refusal_names_the_source_and_the_option(hosts: list[str], origins: list[str], refusal: str | None) -> None:
    assert THIS_MACHINE.refusal(hosts, origins) == refusal


def test_a_wildcard_stands_for_one_label() -> None:
    sources = AllowedSources(hosts=("*.GoogleAPIs.com",))
    refused = [
        host for host in ("a.googleapis.com", "googleapis.com", "a.b.googleapis.com") if sources.refusal([host], [])
    ]
    assert refused == ["googleapis.com", "a.b.googleapis.com"]
