"""`livecli auth token --ephemeral`: what is asked for, what comes of it, and where the key never goes."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from livecli.credentials import stored_key
from livecli.emulator.access import RequiredCredentials
from tests.serving import serving

KEY = "AIza-not-to-be-seen"
MADE = {"name": "auth_tokens/made-for-you"}
PATH = "/v1alpha/auth_tokens"
Livecli = Callable[..., Any]


@pytest.fixture
def google(stand_in: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A stand-in for the service that makes tokens, and a key for it."""
    stand_in.replies = {PATH: MADE}
    monkeypatch.setenv("GEMINI_API_KEY", KEY)
    monkeypatch.setenv("GOOGLE_GEMINI_BASE_URL", stand_in.url)
    return stand_in


def test_the_token_is_printed_and_the_key_goes_in_a_header(livecli: Livecli, google: Any) -> None:
    ran = livecli("auth", "token", "--ephemeral")
    assert (ran.status, ran.out, ran.err) == (0, "auth_tokens/made-for-you\n", "")
    [asked] = google.asked
    assert (asked.method, asked.path) == ("POST", PATH)
    headers = {name.lower(): value for name, value in asked.headers.items()}
    assert headers["x-goog-api-key"] == KEY
    assert headers["content-type"] == "application/json"
    assert "authorization" not in headers


def moment(text: str) -> datetime:
    assert text.endswith("Z")
    return datetime.fromisoformat(text)


@pytest.mark.parametrize(
    ("words", "uses", "lasts", "opens"),
    [
        ([], 1, 1800, None),
        (["--uses", "3", "--expires", "2h", "--opens", "90s"], 3, 7200, 90),
        (["--expires", "45"], 1, 2700, None),
        (["--expires", "45m"], 1, 2700, None),
        (["--expires", "20s"], 1, 20, 20),
    ],
)
def test_what_it_is_good_for(
    livecli: Livecli, google: Any, words: list[str], uses: int, lasts: int, opens: int | None
) -> None:
    before = datetime.now(UTC).replace(microsecond=0)
    assert livecli("auth", "token", "--ephemeral", *words).status == 0
    after = datetime.now(UTC)
    said = json.loads(google.asked[0].body)
    assert said.pop("uses") == uses
    for name, seconds in {"expireTime": lasts, "newSessionExpireTime": opens}.items():
        if seconds is not None:
            length = timedelta(seconds=seconds)
            assert before + length <= moment(said.pop(name)) <= after + length
    assert said == {}


@pytest.mark.parametrize("model", ["gemini-3.8-live", "models/gemini-3.8-live"])
def test_a_token_for_one_model(livecli: Livecli, google: Any, model: str) -> None:
    assert livecli("auth", "token", "--ephemeral", "--model", model).status == 0
    said = json.loads(google.asked[0].body)
    assert said["bidiGenerateContentSetup"] == {"model": "models/gemini-3.8-live"}
    assert said["fieldMask"] == "model"


@pytest.mark.parametrize(
    ("base", "path"),
    [
        ("", PATH),
        ("/", PATH),
        ("/proxy/", f"/proxy{PATH}"),
        ("/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent", PATH),
    ],
)
@pytest.mark.parametrize("scheme", ["http", "ws"])
def test_where_it_is_asked_for(livecli: Livecli, google: Any, scheme: str, base: str, path: str) -> None:
    google.replies = {path: MADE}
    assert livecli("auth", "token", "--ephemeral", "--base-url", f"{scheme}://{google.host}{base}").status == 0
    assert [asked.path for asked in google.asked] == [path]


def test_another_version(livecli: Livecli, google: Any) -> None:
    google.replies = {"/v1beta/auth_tokens": MADE}
    assert livecli("auth", "token", "--ephemeral", "--api-version", "v1beta").status == 0


def test_the_stored_key_makes_one(livecli: Livecli, google: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GEMINI_API_KEY")
    stored_key.store("AIza-stored", keyring=False)
    assert livecli("auth", "token", "--ephemeral").status == 0
    assert "AIza-stored" in google.asked[0].headers.values()


@pytest.mark.parametrize(
    ("status", "answer", "exit_status"),
    [
        (400, {"error": {"message": f"API key not valid: {KEY}\x1b[31m"}}, 4),
        (401, {"error": {"message": "no"}}, 4),
        (403, "Forbidden", 4),
        (404, "<html>not here</html>", 5),
        (429, {"error": {"message": "Resource has been exhausted"}}, 8),
        (500, "oops", 5),
        (503, "busy", 8),
        (599, "", 5),
        (200, "no JSON", 5),
        (200, [], 5),
        (200, {"name": None}, 5),
        (200, {"name": f"other/{KEY}"}, 5),
        (200, {"name": "auth_tokens/\x1b[31m"}, 5),
        (200, "[" * 60_000, 5),
    ],
)
def test_statuses(livecli: Livecli, google: Any, status: int, answer: Any, exit_status: int) -> None:
    google.script = [(status, answer)]
    ran = livecli("auth", "token", "--ephemeral", "--uses", "2")
    assert (ran.status, ran.out) == (exit_status, "")
    assert ran.err.startswith("error: ")
    assert KEY not in ran.err
    assert "\x1b" not in ran.err


def test_a_redirect_is_not_followed(livecli: Livecli, google: Any) -> None:
    with serving() as other:
        google.headers = {"Location": other.url.replace("ws", "http") + PATH}
        google.script = [(307, "")]
        assert livecli("auth", "token", "--ephemeral").status == 5
    assert not other.log
    assert len(google.asked) == 1


def test_nobody_answers(livecli: Livecli, google: Any) -> None:
    google.hold = threading.Event()
    ran = livecli("auth", "token", "--ephemeral", "--timeout", "0.2")
    assert (ran.status, ran.out) == (7, "")


def test_nobody_is_there(livecli: Livecli, google: Any) -> None:
    ran = livecli("auth", "token", "--ephemeral", "--base-url", "http://127.0.0.1:1")
    assert ran.status == 5
    assert "Connection refused" in ran.err


def test_never_a_proxy_for_loopback_and_one_for_the_rest(
    livecli: Livecli, google: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    assert livecli("auth", "token", "--ephemeral").status == 0
    monkeypatch.setenv("HTTP_PROXY", google.url)
    url = "http://tokens.example"
    google.replies[f"{url}{PATH}"] = MADE
    ran = livecli("auth", "token", "--ephemeral", "--base-url", url, "--insecure")
    assert ran.status == 0, ran.err
    assert "the credential goes to tokens.example in the clear" in ran.err
    assert google.asked[-1].path == f"{url}{PATH}"


def test_without_a_key(livecli: Livecli, monkeypatch: pytest.MonkeyPatch) -> None:
    ran = livecli("auth", "token", "--ephemeral")
    assert ran.status == 4
    assert "livecli auth login" in ran.err
    monkeypatch.setenv("GEMINI_API_KEY", "auth_tokens/short-lived")
    ran = livecli("auth", "token", "--ephemeral")
    assert ran.status == 4
    assert "mints no other" in ran.err


@pytest.mark.parametrize(
    "words",
    [
        ["--uses", "2"],
        ["--expires", "5"],
        ["--base-url", "ws://127.0.0.1:1"],
        ["--ephemeral", "--uses", "0"],
        ["--ephemeral", "--expires", "0"],
        ["--ephemeral", "--expires", "20h"],
        ["--ephemeral", "--expires", "soon"],
        ["--ephemeral", "--expires", "60s", "--opens", "2m"],
        ["--ephemeral", "--model", "a b"],
        ["--ephemeral", "--timeout", "nan"],
        ["--ephemeral", "--base-url", "http://key@host"],
    ],
)
def test_usage(livecli: Livecli, google: Any, words: list[str]) -> None:
    ran = livecli("auth", "token", *words)
    assert (ran.status, ran.out) == (2, "")
    assert not google.asked


# --- against the emulator: without an account, from key to session


def send(livecli: Livecli, url: str, monkeypatch: pytest.MonkeyPatch, token: str) -> int:
    monkeypatch.setenv("LIVECLI_ACCESS_TOKEN", token)
    status = livecli("send", "--text", "hello", "--base-url", url, "-o", "r.wav", "-q").status
    monkeypatch.delenv("LIVECLI_ACCESS_TOKEN")
    return int(status)


def test_a_token_opens_as_many_sessions_as_it_has_uses(livecli: Livecli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GEMINI_API_KEY", KEY)
    with serving(required=RequiredCredentials(key=KEY)) as emulator:
        token = livecli("auth", "token", "--ephemeral", "--uses", "2", "--base-url", emulator.url).out.strip()
        monkeypatch.delenv("GEMINI_API_KEY")
        assert [send(livecli, emulator.url, monkeypatch, token) for _ in range(3)] == [0, 0, 4]
        assert send(livecli, emulator.url, monkeypatch, "auth_tokens/made-up") == 4
    assert token not in "".join(emulator.log)


def test_a_token_for_a_model_opens_sessions_with_that_model_only(
    livecli: Livecli, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving() as emulator:
        words = ("--model", "gemini-2.5-flash-native-audio-latest", "--uses", "2", "--base-url", emulator.url)
        token = livecli("auth", "token", "--ephemeral", *words).out.strip()
        monkeypatch.setenv("LIVECLI_ACCESS_TOKEN", token)
        ran = livecli("send", "--text", "hello", "--base-url", emulator.url, "-q", "--model", "no-such-model")
    assert ran.status == 0, ran.err
    assert "[1] the ephemeral token changes the setup" in emulator.log


def test_a_wrong_key_makes_none(livecli: Livecli, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(required=RequiredCredentials(key="another")) as emulator:
        assert livecli("auth", "token", "--ephemeral", "--base-url", emulator.url).status == 4
        monkeypatch.setenv("GEMINI_API_KEY", KEY)
        ran = livecli("auth", "token", "--ephemeral", "--base-url", emulator.url)
    assert ran.status == 4
    assert "API key not valid" in ran.err


def test_without_any_key_on_this_machine(livecli: Livecli, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving() as emulator:
        monkeypatch.setenv("LIVECLI_BASE_URL", emulator.url)
        ran = livecli("auth", "token", "--ephemeral")
        assert ran.status == 0, ran.err
        assert send(livecli, emulator.url, monkeypatch, ran.out.strip()) == 0
    assert "LIVECLI_ACCESS_TOKEN" not in os.environ
