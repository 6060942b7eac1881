"""Requests that `livecli serve` refuses as the service does, seen by `livecli send`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from livecli.emulator.access import RequiredCredentials
from tests.serving import serving


@pytest.mark.parametrize(
    ("platform", "version"), [("vertex", "v1alpha"), ("vertex", "v1beta"), ("vertex", "v9"), ("developer", "v9")]
)
def test_an_api_version_without_a_live_api_is_404(livecli: Callable[..., Any], platform: str, version: str) -> None:
    with serving() as emulator:
        where = ("--base-url", emulator.url, "--platform", platform, "--api-version", version)
        ran = livecli("send", "--text", "hello", "--retries", 0, *where)
    assert ran.status == 5
    assert "refused the connection: 404 Not Found" in ran.err
    assert emulator.log == []


def test_a_session_of_the_developer_api_without_a_key_is_closed_with_1008(livecli: Callable[..., Any]) -> None:
    with serving(required=RequiredCredentials("the-key")) as emulator:
        ran = livecli("send", "--text", "hello", "--base-url", emulator.url, "--platform", "developer")
    assert ran.status == 4
    reason = (
        "Method doesn't allow unregistered callers (callers without established identity). "
        "Please use API Key or other form of API c"
    )
    assert emulator.log[1] == f"[1] ○ closed by the server: 1008 {reason}"
    assert len(reason) == 123
