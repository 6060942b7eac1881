"""GOOGLE_API_KEY=local: `serve` sets it for the SDKs where there is no key, and for livecli it is none."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from livecli.credentials import stored_key
from tests.serving import serving

Livecli = Callable[..., Any]
PRINT = [sys.executable, "-c", "import os; print(os.environ.get('GOOGLE_API_KEY'))"]
STATUS = ("auth", "status", "--json")
DECIDED = ("platform", "platform_why", "project", "location", "url", "credential", "notes")


@pytest.mark.parametrize(
    ("environ", "words", "key"),
    [
        ({}, (), "local"),
        ({"GOOGLE_API_KEY": "local"}, (), "local"),
        ({"GOOGLE_API_KEY": " "}, (), "local"),
        ({"GEMINI_API_KEY": "AIza-mine"}, (), "None"),
        ({"GOOGLE_API_KEY": "AIza-mine"}, (), "AIza-mine"),
        ({"LIVECLI_ACCESS_TOKEN": "ya29.mine"}, (), "None"),
        ({"GOOGLE_CLOUD_PROJECT": "p"}, (), "None"),
        ({"GOOGLE_APPLICATION_CREDENTIALS": "adc.json"}, (), "None"),
        ({}, ("--require-key", "the-right-one"), "None"),
        ({}, ("--require-token", "the-right-one"), "None"),
    ],
)
def test_it_is_set_where_nothing_else_is(
    livecli_and_children: Livecli,
    monkeypatch: pytest.MonkeyPatch,
    environ: dict[str, str],
    words: tuple[str, ...],
    key: str,
) -> None:
    for name, text in environ.items():
        monkeypatch.setenv(name, text)
    ran = livecli_and_children("serve", "-q", *words, "--", *PRINT)
    assert (ran.status, ran.out) == (0, f"{key}\n")


@pytest.mark.parametrize("is_vertex", [None, "true", "false"])
@pytest.mark.parametrize("has_stored_key", [False, True])
def test_livecli_decides_as_without_it(
    livecli_and_children: Livecli,
    forked_livecli: Path,
    monkeypatch: pytest.MonkeyPatch,
    is_vertex: str | None,
    has_stored_key: bool,
) -> None:
    if is_vertex:
        monkeypatch.setenv("GOOGLE_GENAI_USE_VERTEXAI", is_vertex)
    if has_stored_key:
        stored_key.store("AIza-stored", keyring=False)

    def decided(*through: str) -> dict[str, Any]:
        command = (*through, forked_livecli / "livecli", *STATUS)
        ran = livecli_and_children("serve", "-q", "--port", 0, "--tls-port", 0, "--", *command)
        assert ran.status == 0, ran.err
        found = json.loads(ran.out)
        found["url"] = found["url"].partition("/ws/")[2]
        return {name: found[name] for name in DECIDED}

    without = decided("env", "-u", "GOOGLE_API_KEY")
    assert decided() == without
    expected = "developer" if is_vertex == "false" or (has_stored_key and not is_vertex) else "vertex"
    assert without["platform"] == expected


def test_it_is_a_key_elsewhere(livecli: Livecli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOOGLE_API_KEY", "local")
    for url, platform in ((None, "developer"), ("wss://live.example", "developer"), ("ws://localhost:1", "vertex")):
        words = ("--base-url", url) if url else ()
        found = json.loads(livecli("auth", "status", "--json", *words).out)
        assert found["platform"] == platform
        assert found["credential"]["kind"] == ("none" if platform == "vertex" else "key")
    # The Developer API alone is on this machine: without the key, the session would go to Google.
    monkeypatch.setenv("GOOGLE_GEMINI_BASE_URL", "https://localhost:1")
    assert json.loads(livecli("auth", "status", "--json").out)["credential"]["kind"] == "key"


def test_another_key_comes_after_it(livecli: Livecli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOOGLE_API_KEY", "local")
    monkeypatch.setenv("GEMINI_API_KEY", "AIza-mine")
    with serving() as emulator:
        monkeypatch.setenv("LIVECLI_BASE_URL", emulator.url)
        found = json.loads(livecli("auth", "status", "--json").out)
    assert found["credential"]["source"] == "GEMINI_API_KEY"
    assert not found["notes"]


def test_an_invalid_base_url_is_still_the_error(livecli: Livecli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOOGLE_API_KEY", "local")
    ran = livecli("auth", "status", "--base-url", "no URL")
    assert ran.status == 2
    assert "the URL in --base-url contains a blank" in ran.err
