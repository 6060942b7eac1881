"""`livecli auth status` and `auth token`, through the real `main`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from livecli.__main__ import main

KEY = "AIza-not-to-be-seen"
TOKEN = "ya29.not-to-be-seen"
KEYS = {
    *("schema", "ok", "exit_code", "error", "platform", "platform_why", "project", "location", "quota_project"),
    *("model", "host", "url", "credential", "sources", "notes", "online"),
}


def status_json(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, dict[str, Any], str]:
    status = main(["auth", "status", "--json", *words])
    captured = capsys.readouterr()
    assert captured.out.count("\n") == 1
    assert "not-to-be-seen" not in captured.out + captured.err
    return status, json.loads(captured.out), captured.err


def test_status_of_a_key(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("GEMINI_API_KEY", KEY)
    status, said, _ = status_json(capsys)
    assert status == said["exit_code"] == 0
    assert set(said) == KEYS
    assert (said["schema"], said["ok"], said["error"]) == ("livecli/auth@1", True, None)
    assert (said["platform"], said["project"], said["location"]) == ("developer", None, None)
    assert said["host"] == "generativelanguage.googleapis.com"
    assert said["credential"] == {
        "source": "GEMINI_API_KEY",
        "kind": "key",
        "why": "the Developer API takes API keys",
        "expires_at": None,
    }
    assert [source["source"] for source in said["sources"] if source["used"]] == ["GEMINI_API_KEY"]


def test_status_of_a_service_account(service_account: Callable[..., Path], capsys: pytest.CaptureFixture[str]) -> None:
    service_account()
    status, said, _ = status_json(capsys, "--location", "global")
    assert status == 0
    assert (said["platform"], said["project"], said["location"]) == ("vertex", "key-project", "global")
    assert said["host"] == "aiplatform.googleapis.com"
    assert said["credential"]["kind"] == "adc"
    assert said["credential"]["expires_at"] is None


def test_status_without_any_credential(capsys: pytest.CaptureFixture[str]) -> None:
    status, said, err = status_json(capsys)
    assert status == said["exit_code"] == 4
    assert (said["ok"], said["credential"], said["error"]["kind"]) == (False, None, "auth")
    for way in ("GEMINI_API_KEY", "gcloud auth application-default login", "LIVECLI_ACCESS_TOKEN"):
        assert way in said["error"]["hint"]
        assert way in err


def test_status_in_plain_lines(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("LIVECLI_ACCESS_TOKEN", TOKEN)
    monkeypatch.setenv("GOOGLE_CLOUD_QUOTA_PROJECT", "payer")
    assert main(["auth", "status", "--project", "p1"]) == 0
    out, err = capsys.readouterr()
    assert "not-to-be-seen" not in out + err
    for line in (
        "platform       vertex (a project is named)",
        "project        p1",
        "location       us-central1",
        "host           us-central1-aiplatform.googleapis.com",
        "credential     LIVECLI_ACCESS_TOKEN (a ready token comes first on Vertex AI)",
        "quota project  payer",
        f"* LIVECLI_ACCESS_TOKEN            set, {len(TOKEN)} characters",
        "  metadata server                 not asked",
    ):
        assert line in out.splitlines()
    assert "\x1b" not in out


def test_plain_status_without_any_credential_still_lists_the_sources(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["auth", "status"]) == 4
    out, err = capsys.readouterr()
    assert "credential     no usable one" in out.splitlines()
    assert "GEMINI_API_KEY" in out
    assert "gcloud auth application-default login" in err


def test_status_of_local_needs_none(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("GEMINI_API_KEY", KEY)
    status, said, _ = status_json(capsys, "--local")
    assert status == 0
    assert (said["project"], said["host"], said["credential"]["kind"]) == ("local", "127.0.0.1", "none")
    assert main(["auth", "status", "--local", "--base-url", "ws://127.0.0.1:1"]) == 2


def test_a_usage_error_prints_nothing_on_stdout(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LIVECLI_ACCESS_TOKEN", TOKEN)
    assert main(["auth", "status", "--json"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert "--project" in err


def test_an_escape_sequence_in_a_path_does_not_reach_the_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", "/no/\x1b[31mfile")
    assert main(["auth", "status"]) == 4
    out, err = capsys.readouterr()
    assert "\x1b[31mfile" not in out + err


def test_token_prints_the_ready_one(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("LIVECLI_ACCESS_TOKEN", f"{TOKEN}\n")
    assert main(["auth", "token"]) == 0
    assert capsys.readouterr().out == f"{TOKEN}\n"


def test_token_is_refreshed_even_where_a_key_would_be_used_to_connect(
    service_account: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    service_account()
    monkeypatch.setenv("GEMINI_API_KEY", KEY)
    assert main(["auth", "token"]) == 0
    assert capsys.readouterr().out == "ya29.fresh-1\n"


@pytest.mark.parametrize("key", [KEY, None])
def test_no_token(key: str | None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    if key:
        monkeypatch.setenv("GEMINI_API_KEY", key)
    assert main(["auth", "token"]) == 4
    out, err = capsys.readouterr()
    assert out == ""
    assert ("bearer" in err) is bool(key)
    assert "not-to-be-seen" not in err


@pytest.mark.parametrize(
    ("script", "token_uri", "status"),
    [([(400, {"error": "invalid_grant"})], None, 4), ([], "http://127.0.0.1:1/token", 5)],
)
def test_token_refused_and_unreachable(
    stand_in: Any,
    service_account: Callable[..., Path],
    capsys: pytest.CaptureFixture[str],
    script: list[Any],
    token_uri: str | None,
    status: int,
) -> None:
    service_account(**({"token_uri": token_uri} if token_uri else {}))
    stand_in.script = script
    assert main(["auth", "token"]) == status
    assert capsys.readouterr().out == ""
