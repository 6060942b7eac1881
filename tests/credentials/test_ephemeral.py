"""Requests for an ephemeral token: URL, key, body, and answers of every kind."""

from __future__ import annotations

import json
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from livecli.credentials import stored_key
from livecli.credentials.credential import Credential, CredentialKind
from livecli.credentials.ephemeral import Terms, mint, mint_url, minting_key
from livecli.errors import AuthError, ConnectError, DeadlineError, LivecliError, QuotaError, UsageError
from livecli.protocol.endpoint import Target

KEY = Credential("a test", CredentialKind.KEY, secret="AIza-not-to-be-seen")
NOW = datetime(2030, 1, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("target", "url"),
    [
        (Target(), "https://generativelanguage.googleapis.com/v1alpha/auth_tokens"),
        (Target(api_version="v1beta"), "https://generativelanguage.googleapis.com/v1beta/auth_tokens"),
        (Target(base_url="ws://127.0.0.1:8765"), "http://127.0.0.1:8765/v1alpha/auth_tokens"),
        (Target(base_url="wss://host/prefix/"), "https://host/prefix/v1alpha/auth_tokens"),
        (
            Target(base_url="wss://host/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent"),
            "https://host/v1alpha/auth_tokens",
        ),
    ],
)
def test_the_url(target: Target, url: str) -> None:
    assert mint_url(target, {"GOOGLE_GENAI_API_VERSION": "v1"}) == url


@pytest.mark.parametrize("target", [Target(base_url="ftp://host"), Target(api_version="v1/../x")])
def test_a_url_that_is_none_is_a_usage_error(target: Target) -> None:
    with pytest.raises(UsageError):
        mint_url(target, {})


@pytest.mark.parametrize(
    ("terms", "body"),
    [
        (Terms(), {"uses": 1, "expireTime": "2030-01-01T12:30:00Z"}),
        (
            Terms(3, timedelta(hours=1), timedelta(minutes=2)),
            {"uses": 3, "expireTime": "2030-01-01T13:00:00Z", "newSessionExpireTime": "2030-01-01T12:02:00Z"},
        ),
        (
            Terms(1, timedelta(minutes=1), timedelta(hours=1)),
            {"uses": 1, "expireTime": "2030-01-01T12:01:00Z", "newSessionExpireTime": "2030-01-01T12:01:00Z"},
        ),
        (
            Terms(model="m"),
            {
                "uses": 1,
                "expireTime": "2030-01-01T12:30:00Z",
                "bidiGenerateContentSetup": {"model": "models/m"},
                "fieldMask": "model",
            },
        ),
    ],
)
def test_the_body(terms: Terms, body: dict[str, Any]) -> None:
    assert terms.as_json(NOW) == body


def test_the_key_is_the_environments_or_the_stored_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    with pytest.raises(AuthError, match="an ephemeral token needs an API key"):
        minting_key(Target(), {})
    assert minting_key(Target(base_url="http://127.0.0.1:1"), {}).kind is CredentialKind.NONE
    stored_key.store("AIza-stored", keyring=False)
    assert minting_key(Target(), {}).headers() == {"x-goog-api-key": "AIza-stored"}
    assert minting_key(Target(), {"GEMINI_API_KEY": "AIza-other"}).headers() == {"x-goog-api-key": "AIza-other"}
    with pytest.raises(AuthError, match="GEMINI_API_KEY holds an ephemeral token, which mints no other"):
        minting_key(Target(), {"GEMINI_API_KEY": "auth_tokens/x"})


def test_the_key_goes_in_the_clear_to_this_machine_only() -> None:
    environ = {"GEMINI_API_KEY": "AIza-secret"}
    for url in ("https://host", "http://127.0.0.1:1", "http://[::1]"):
        assert minting_key(Target(base_url=url), environ).warning is None
    with pytest.raises(UsageError, match="to host in the clear"):
        minting_key(Target(base_url="http://host"), environ)
    assert "to host in the clear" in (minting_key(Target(base_url="http://host", insecure=True), environ).warning or "")


def test_the_key_goes_into_a_header_and_the_token_comes_back(stand_in: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    stand_in.script = [(200, {"name": "auth_tokens/abc"})]
    assert mint(f"{stand_in.url}/v1alpha/auth_tokens", KEY, Terms(uses=2), 10) == "auth_tokens/abc"
    [asked] = stand_in.asked
    assert (asked.method, asked.path) == ("POST", "/v1alpha/auth_tokens")
    assert {name.lower(): value for name, value in asked.headers.items()}["x-goog-api-key"] == KEY.secret
    assert json.loads(asked.body)["uses"] == 2


@pytest.mark.parametrize(
    ("status", "answer", "error", "message"),
    [
        (400, {"error": {"message": "bad expireTime"}}, AuthError, "gives no token: 400 Bad Request: bad expireTime"),
        (401, "", AuthError, "401 Unauthorized"),
        (403, "", AuthError, "403 Forbidden"),
        (404, "", ConnectError, "404 Not Found"),
        (429, "", QuotaError, "429 Too Many Requests"),
        (500, "", ConnectError, "500 Internal Server Error"),
        (200, "<html>", ConnectError, "answered without a token"),
        (200, {"name": "another/thing"}, ConnectError, "answered without a token"),
        (200, {"name": "auth_tokens/two lines\n"}, ConnectError, "answered without a token"),
        (200, ["auth_tokens/x"], ConnectError, "answered without a token"),
    ],
)
def test_a_refusal(stand_in: Any, status: int, answer: Any, error: type[LivecliError], message: str) -> None:
    stand_in.script = [(status, answer)]
    with pytest.raises(error, match=message) as caught:
        mint(stand_in.url, KEY, Terms(), 10)
    assert type(caught.value) is error


def test_the_key_is_elided_where_the_answer_quotes_it(stand_in: Any) -> None:
    stand_in.script = [(400, {"error": {"message": f"API key {KEY.secret} not valid"}})]
    with pytest.raises(AuthError) as caught:
        mint(stand_in.url, KEY, Terms(), 10)
    assert KEY.secret not in f"{caught.value} {caught.value.hint}"
    assert "not valid" in str(caught.value)


def test_a_redirection_is_not_followed_with_the_key(stand_in: Any) -> None:
    stand_in.script = [(302, "")]
    stand_in.headers = {"Location": f"{stand_in.url}/elsewhere"}
    with pytest.raises(ConnectError, match="302 Found"):
        mint(f"{stand_in.url}/here", KEY, Terms(), 10)
    assert [asked.path for asked in stand_in.asked] == ["/here"]


def test_no_server_and_one_that_does_not_answer(stand_in: Any) -> None:
    with pytest.raises(ConnectError, match=r"no token from 127\.0\.0\.1: Connection refused"):
        mint("http://127.0.0.1:1/", KEY, Terms(), 10)
    stand_in.hold = threading.Event()
    with pytest.raises(DeadlineError, match=r"no answer from 127\.0\.0\.1 in time"):
        mint(stand_in.url, KEY, Terms(), 0.1)
