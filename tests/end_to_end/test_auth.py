"""`livecli auth status` and `auth token`, through the real `main`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from livecli.__main__ import main
from livecli.credentials.credential import GOOGLE_CLOUD_HINT, SETUP_HINT

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
    ways = said["error"]["hint"].splitlines()
    parts = ["--local", "livecli auth login", "gcloud auth application-default login", "GEMINI_API_KEY"]
    assert all(part in way for part, way in zip(parts, ways, strict=True))
    assert err == f"error: no credential found\nhint: {ways[0]}\n      {ways[1]}\n      {ways[2]}\n      {ways[3]}\n"


def test_a_named_project_needs_a_credential_of_google_cloud(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "p")
    assert main(["send", "--text", "hello"]) == 4
    assert capsys.readouterr().err.startswith(
        "error: no credential found for Vertex AI\nhint: gcloud auth application-default login\n"
    )


@pytest.mark.parametrize("hint", [SETUP_HINT, GOOGLE_CLOUD_HINT])
def test_each_way_to_a_credential_fits_a_terminal(hint: str) -> None:
    assert all(len(f"hint: {line}") <= 80 for line in hint.splitlines())


def test_the_verdict_comes_first(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("GOOGLE_API_KEY", KEY)
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "p")
    assert main(["auth", "status", "--platform", "developer"]) == 0
    verdict, contradiction, details = capsys.readouterr().out.splitlines()
    assert verdict == f"✓ Gemini Developer API · GOOGLE_API_KEY ({len(KEY)} characters) · gemini-3.8-live"
    assert contradiction.startswith("! GOOGLE_API_KEY and a project (GOOGLE_CLOUD_PROJECT=p) are both there: ")
    assert details == "details: livecli auth status -v"


def test_the_marks_have_colours(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert main(["auth", "status"]) == 4
    assert capsys.readouterr().out.startswith("\x1b[1;31m✗\x1b[0m no usable credential\n")
    assert main(["auth", "status", "--local"]) == 0
    assert capsys.readouterr().out.startswith("\x1b[32m✓\x1b[0m Vertex AI · no credential needed · local · ")


def test_each_value_has_its_origin(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    (tmp_path / "livecli").mkdir()
    (tmp_path / "livecli" / "config.toml").write_text(
        '[default]\nvoice = "Kore"\n[profile.work]\nproject = "p"\nlocation = "us-east1"\n'
    )
    monkeypatch.setenv("LIVECLI_ACCESS_TOKEN", TOKEN)
    monkeypatch.setenv("LIVECLI_MODEL", "gemini-live-2.5-flash-native-audio")
    words = ["auth", "status", "-v", "--profile", "work"]
    assert main([*words, "--location", "us-central1", "--base-url", "ws://127.0.0.1:1"]) == 0
    lines = capsys.readouterr().out.splitlines()
    for line in (
        "project        p (profile work)",
        "location       us-central1 (--location)",
        "model          gemini-live-2.5-flash-native-audio (LIVECLI_MODEL)",
        "api version    v1 (default)",
        "host           127.0.0.1 (--base-url)",
        "voice          Kore ([default] in config.toml)",
    ):
        assert line in lines
    monkeypatch.setenv("LIVECLI_MODEL", "projects/a/locations/us/publishers/google/models/gemini-3.8-live")
    assert main(words) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "project        a (the model's full name)" in lines
    monkeypatch.delenv("LIVECLI_MODEL")
    assert main(["auth", "status", "-v", "--local", "--profile", "work"]) == 0
    assert "project        local (stands for none)" in capsys.readouterr().out.splitlines()


def test_status_in_plain_lines(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("LIVECLI_ACCESS_TOKEN", TOKEN)
    monkeypatch.setenv("GOOGLE_CLOUD_QUOTA_PROJECT", "payer")
    assert main(["auth", "status", "--project", "p1", "-v"]) == 0
    out, err = capsys.readouterr()
    assert "not-to-be-seen" not in out + err
    for line in (
        "platform       vertex (a project is named)",
        "project        p1 (--project)",
        "location       us-central1 (default)",
        "host           us-central1-aiplatform.googleapis.com (Google's)",
        "credential     LIVECLI_ACCESS_TOKEN (a ready token comes first on Vertex AI)",
        "quota project  payer",
        f"* LIVECLI_ACCESS_TOKEN            set, {len(TOKEN)} characters",
        "  metadata server                 not asked",
    ):
        assert line in out.splitlines()
    assert "\x1b" not in out


def test_plain_status_without_any_credential_still_lists_the_sources(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["auth", "status", "-v"]) == 4
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
